"""A function whose every call is a run on record."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import wraps
from pathlib import Path
from typing import Any, Final, ParamSpec, TypeVar

from counterfoil.errors import InvalidInput
from counterfoil.provenance.datasets import Dataset
from counterfoil.provenance.fingerprints.content import file_sha256
from counterfoil.provenance.lineage.capture import Capture, CodeSource, source_of
from counterfoil.provenance.lineage.records import TRAINING
from counterfoil.provenance.lineage.register import Input, Register
from counterfoil.provenance.lineage.telling import is_parameter
from counterfoil.provenance.model_register import Model

__all__ = ["Step", "with_content"]

P = ParamSpec("P")
R = TypeVar("R")

_PARENTHESES: Final = "write @org.provenance.step() with its parentheses"


@dataclass(frozen=True, slots=True)
class Step:
    """Makes functions whose every call is recorded as a run; see `Provenance.step`.

    Args:
        register: Where what goes in and comes out is on record.
        name: What is done; the function's own name when empty.
        inputs: What goes in besides the arguments.
        kind: Of the run.
        parameters: What it is run with besides the arguments.
        code: What is recorded as its code; the function when None.
        seed: Of its random numbers.
    """

    register: Register
    name: str
    inputs: Sequence[Input]
    kind: str
    parameters: Mapping[str, Any]
    code: CodeSource
    seed: int | None

    def __post_init__(self) -> None:
        if not isinstance(self.name, str):
            raise InvalidInput("a step has a name, or none", hint=_PARENTHESES)

    def __call__(self, function: Callable[P, R]) -> Callable[P, R]:
        """Returns the function, its calls recorded; it takes and returns what it did.

        Raises:
            InvalidInput: When its source cannot be read, or its answer is not there when it returns.
        """
        if inspect.iscoroutinefunction(function) or inspect.isgeneratorfunction(function):
            raise InvalidInput(
                "what this function makes is not there when it returns, so it cannot be recorded then",
                hint="use `with org.provenance.run(…) as run:` inside it",
            )
        source_of(self.code or function)  # told now, not at the first call
        signature = inspect.signature(function)
        name = self.name or function.__name__

        @wraps(function)
        def recorded(*args: P.args, **kwargs: P.kwargs) -> R:
            bound = signature.bind(*args, **kwargs)
            bound.apply_defaults()
            with self._begun(name, _Told.of(self.register, _arguments(bound)), self.code or function) as run:
                made = function(*args, **kwargs)
                _record_outputs(run, "the result", made)
            return made

        return recorded

    def _begun(self, name: str, told: _Told, code: CodeSource) -> Capture:
        what, is_training = f"the run {name[:60]!r}", self.kind == TRAINING
        inputs = [
            self.register.find_usable(each, what, is_training=is_training) for each in (*self.inputs, *told.inputs)
        ]
        return Capture(
            self.register,
            name,
            inputs,
            self.kind,
            told.parameters | dict(self.parameters),
            code,
            self.seed,
            {"inputs": told.other_inputs, "parameters": [each for each in told.others if each not in self.parameters]},
        )


@dataclass(frozen=True, slots=True)
class _Told:
    """What the arguments of a call say.

    Attributes:
        inputs: Datasets and models among them, and what is on record with the content of a path among them.
        other_inputs: Names of arguments that are paths to something else.
        parameters: Arguments that are short values.
        others: Names of all other arguments; nothing of what they hold is recorded.
    """

    inputs: list[Dataset | Model] = field(default_factory=list)
    other_inputs: list[str] = field(default_factory=list)
    parameters: dict[str, Any] = field(default_factory=dict)
    others: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, register: Register, arguments: Mapping[str, Any]) -> _Told:
        """Sorts the arguments of a call."""
        told = cls()
        for name, value in arguments.items():
            parts = list(_parts(value))
            on_record = [each for each in parts if isinstance(each, Dataset | Model)]
            if on_record and len(on_record) == len(parts):
                told.inputs.extend(on_record)
            elif isinstance(value, Path):
                found = with_content(register, value)
                if found is not None:
                    told.inputs.append(found)
                else:
                    told.other_inputs.append(f"the argument {name}")
            elif is_parameter(name, value):
                told.parameters[name] = value
            else:
                told.inputs.extend(on_record)
                told.others.append(name)
        return told


def _arguments(bound: inspect.BoundArguments) -> dict[str, Any]:
    """Returns the arguments of a call by name; those that came as keywords of any name are among them."""
    found: dict[str, Any] = {}
    for name, value in bound.arguments.items():
        if bound.signature.parameters[name].kind is inspect.Parameter.VAR_KEYWORD:
            found |= value
        elif bound.signature.parameters[name].kind is not inspect.Parameter.VAR_POSITIONAL or value:
            found[name] = list(value) if isinstance(value, tuple) else value
    return found


def _parts(value: Any) -> Iterator[Any]:
    if isinstance(value, list | tuple):
        yield from value
    elif isinstance(value, Mapping):
        yield from value.values()
    else:
        yield value


def with_content(register: Register, path: Path) -> Dataset | None:
    """Returns the dataset on record that holds what a file or folder holds now."""
    if path.is_file():
        return register.dataset_with(file_sha256(path))
    if path.is_dir():
        from counterfoil.provenance.fingerprints.reading import fingerprint_of

        return register.dataset_with(fingerprint_of(path).root.hex())
    return None


def _record_outputs(run: Capture, what: str, made: Any, name: str = "") -> None:
    """Puts what a function returned on record: paths, datasets, models; of anything else only that there was some."""
    if made is None:
        return
    if isinstance(made, Path | Dataset):
        run.output(made, name=name)
    elif isinstance(made, Model) or hasattr(made, "predict_proba"):
        run.model(made, name=name)
    elif isinstance(made, Mapping):
        for key, each in made.items():
            _record_outputs(run, f"{what} {key}", each, str(key))
    elif isinstance(made, list | tuple):
        for number, each in enumerate(made, start=1):
            _record_outputs(run, f"{what} {number}", each)
    else:
        run.left_out(f"{what}: {type(made).__name__}")
