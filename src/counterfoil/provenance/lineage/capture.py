"""Captures a run while it happens, and records it at its end."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, Final, Self, TypeAlias

from counterfoil.errors import CounterfoilError, InvalidInput, NotFound
from counterfoil.provenance.datasets import Dataset
from counterfoil.provenance.lineage.environment import installed_packages
from counterfoil.provenance.lineage.records import TRAINING, Code, RunRecord, Status, require_told_kind
from counterfoil.provenance.lineage.register import Register
from counterfoil.provenance.lineage.runs import Run
from counterfoil.provenance.lineage.telling import few_names, number_of, plain_name, require_no_secret
from counterfoil.provenance.model_register import Model
from counterfoil.provenance.models.artefact import runtime

__all__ = ["Capture", "CodeSource", "code_of"]

CodeSource: TypeAlias = "Callable[..., Any] | Path | str | Sequence[Path | str] | None"
"""A function, or one or several files."""

_OURS: Final = "counterfoil."


class Capture:
    """A run that is happening. Made by `Provenance.run`; not safe to use from several threads.

    Attributes:
        recorded: The run on record, once it ended; None before.
    """

    def __init__(
        self,
        register: Register,
        name: str,
        inputs: Sequence[Dataset | Model],
        kind: str,
        parameters: Mapping[str, Any],
        code: CodeSource,
        seed: int | None,
        unmapped: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        require_told_kind(kind)
        require_no_secret(parameters)  # what no record can hold is told before the work, not after it
        self.recorded: Run | None = None
        self._register = register
        self._name = name
        self._inputs = list(inputs)
        self._kind = kind
        self._parameters = dict(parameters)
        self._source = source_of(code) if code is not None else _calling_source()
        self._seed = seed
        self._outputs: list[Dataset | Model] = []
        self._results: dict[str, int | float | str] = {}
        self._unmapped = {each: list((unmapped or {}).get(each, ())) for each in ("inputs", "outputs", "parameters")}
        self._started = ""

    def __enter__(self) -> Self:
        self._record("succeeded", {}).draft()  # what the record would refuse is told now
        self._started = self._register.runs.now()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        try:
            self.recorded = self._ended("succeeded" if error is None else "failed")
        except CounterfoilError as fault:
            if error is None:
                raise
            error.add_note(f"the run is not on record: {fault.message}")  # what went wrong first is what is raised

    def _ended(self, status: Status) -> Run:
        runs = self._register.runs
        if self._source is not None:
            runs.keep(self._source[1])
        return runs.record(self._record(status, runtime() | {"packagesSha256": runs.keep(installed_packages())}))

    def _record(self, status: Status, environment: Mapping[str, Any]) -> RunRecord:
        code = None if self._source is None else Code(self._source[0], sha256(self._source[1]).hexdigest())
        return RunRecord(
            self._name,
            self._kind,
            _leaves(self._inputs),
            _leaves(self._outputs),
            code,
            self._parameters,
            environment,
            self._seed,
            self._started,
            self._register.runs.now(),
            status,
            {},
            self._results,
            {name: few_names(told) for name, told in self._unmapped.items()},
        )

    def input(self, used: Dataset | Model | str | int) -> Dataset | Model:
        """Adds something on record that the run turned out to use.

        Raises:
            NotFound: When it is not on record.
            Recalled: When it rests on something under recall.
            NotAllowed: When the run trains a model, and this home's rules keep the dataset from models.
        """
        found = self._register.find_usable(used, f"the run {self._name[:60]!r}", is_training=self._kind == TRAINING)
        self._inputs.append(found)
        return found

    def output(self, made: Path | str | Dataset, *, name: str = "", **told: Any) -> Dataset:
        """Registers a file or folder that the run made, and returns it as a dataset; see `register_dataset`."""
        found = made if isinstance(made, Dataset) else self._register.register_dataset(made, name=name, **told)
        self._outputs.append(found)
        return found

    def model(self, made: Any, *, name: str = "", **told: Any) -> Model:
        """Registers a model that the run trained, and returns it; see `register_model`.

        Without `training` it counts as trained on the first dataset that went in.

        Raises:
            Recalled: When a dataset that went in rests on something under recall.
            NotAllowed: When this home's rules keep one of them from models.
        """
        for each in self._inputs:
            if isinstance(each, Dataset):
                self._register.find_usable(each, f"a model of the run {self._name[:60]!r}", is_training=True)
        told.setdefault("training", next((each for each in self._inputs if isinstance(each, Dataset)), None))
        register = self._register.register_model
        found = made if isinstance(made, Model) else register(made, name=name or self._name, **told)
        self._outputs.append(found)
        return found

    def result(self, name: str, value: Any) -> None:
        """Records a number that the run measured, such as how well the model does on data kept back.

        Raises:
            InvalidInput: When it is no number, or its name no short line of text.
        """
        if not name or plain_name(name) != name:
            raise InvalidInput(f"{name[:60]!r} cannot name a result", hint="a short line of text, without quotes")
        self._results[name] = number_of(value)

    def left_out(self, what: str) -> None:
        """Records that something came out that is no dataset or model on record; `what` names it in a few words."""
        self._unmapped["outputs"].append(what)


def source_of(code: CodeSource) -> tuple[str, bytes] | None:
    """Returns name and source of what is run; of several files, one after the other, each behind its name.

    Raises:
        NotFound: When a file is not there.
        InvalidInput: When the source of a function cannot be read.
    """
    if code is None:
        return None
    if callable(code):
        try:
            return f"{code.__module__}.{code.__qualname__}", inspect.getsource(code).encode()
        except (OSError, TypeError, AttributeError) as error:
            raise InvalidInput(
                "the source of the function cannot be read, so it cannot be put on record",
                hint="define it in a file, or give the file itself as code=",
            ) from error
    paths = [Path(code)] if isinstance(code, str | Path) else [Path(each) for each in code]
    texts = [_text_of(path) for path in paths]
    if len(paths) == 1:
        return paths[0].name, texts[0]
    parts = [f"{path.name} {len(text)}\n".encode() + text for path, text in zip(paths, texts, strict=True)]
    return ", ".join(path.name for path in paths)[:200], b"".join(parts)


def code_of(code: CodeSource) -> Code | None:
    """Returns what a record says of `code`; see `source_of`."""
    found = source_of(code)
    return None if found is None else Code(found[0], sha256(found[1]).hexdigest())


def _text_of(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise NotFound(f"the code {path} cannot be read: {error.strerror}") from error


def _calling_source() -> tuple[str, bytes] | None:
    """Returns the file that called us; None at a prompt or in a notebook, where there is none."""
    frame: FrameType | None = sys._getframe()
    while frame is not None and str(frame.f_globals.get("__name__", "")).startswith(_OURS):
        frame = frame.f_back
    file = frame.f_code.co_filename if frame is not None else ""
    if not file or not Path(file).is_file():
        return None
    return Path(file).name, Path(file).read_bytes()


def _leaves(made: Sequence[Dataset | Model]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(each.leaf for each in made))
