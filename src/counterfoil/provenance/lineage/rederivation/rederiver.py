"""Runs a recorded run again, and records whether the same came out.

1. The run is on record, came to its end, and says what came out of it.
2. The code handed over has the digest on record. A run that says nothing of its code is refused.
3. Every input handed over has the digest on record; models come from this home itself.
4. In an empty folder with copies of these, and nothing else, the work is done.
5. Every output is there, else nothing is compared or recorded: a slip in a name says nothing of the run.
   Each is compared with its record: bytes first; of a table then its rows, of a model then
   what it means.
6. What was found is recorded, the same or not. Work that fails records nothing.

What is run is what the caller hands over: never anything that a record or a bundle names.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeAlias

from counterfoil.errors import InvalidInput, NotFound
from counterfoil.provenance.dataset_content import content_of
from counterfoil.provenance.datasets import Dataset
from counterfoil.provenance.lineage.capture import CodeSource, source_of
from counterfoil.provenance.lineage.environment import installed_packages
from counterfoil.provenance.lineage.records import Compared, Rederivation, RunRecord
from counterfoil.provenance.lineage.rederivation.command import run_command
from counterfoil.provenance.lineage.rederivation.outputs import Made, compare, default_name, keys_of, require_made
from counterfoil.provenance.lineage.rederivation.workplace import Workplace, file_name_of
from counterfoil.provenance.lineage.runs import Run
from counterfoil.provenance.model_register import Model
from counterfoil.provenance.models.artefact import runtime

if TYPE_CHECKING:
    from counterfoil.provenance.provenance import Provenance

__all__ = ["TIMEOUT_S", "BuiltIn", "Rederived", "Rederiver", "Work"]

TIMEOUT_S: Final = 600.0
"""Longest that a command takes, where nobody says otherwise."""

Work: TypeAlias = "Callable[[Path], Mapping[str, Made] | None] | Sequence[str] | None"
"""What is done again: a function that is given the folder, and may say where its outputs are; or a command."""


class BuiltIn(Protocol):
    """Work that this program does itself, so that nobody has to hand over a command; kept by kind of run."""

    def rerun(self, run: RunRecord, inputs: Mapping[str, Path], folder: Path) -> Mapping[str, Made]:
        """Does a run again.

        Args:
            run: What is on record of it.
            inputs: Copies of its inputs, by name.
            folder: Where to write.

        Returns:
            What came out, by the name of the output.

        Raises:
            InvalidInput: When the record says nothing that it could do, or another version is needed.
        """


@dataclass(frozen=True, slots=True)
class Rederived:
    """What came of running a run again, and where its record stands."""

    index: int
    record: Rederivation

    @property
    def is_same(self) -> bool:
        """Whether the same came out."""
        return self.record.is_same

    @property
    def outputs(self) -> tuple[Compared, ...]:
        """Every output, compared."""
        return self.record.outputs


class Rederiver:
    """Runs recorded runs again.

    Args:
        provenance: What is on record.
        built_in: Work that needs no command, by kind of run.
        artefact: Returns the bytes of a model that this home keeps.
    """

    def __init__(
        self, provenance: Provenance, built_in: Mapping[str, BuiltIn], artefact: Callable[[Model], bytes]
    ) -> None:
        self._provenance = provenance
        self._built_in = built_in
        self._artefact = artefact

    def rederive(
        self,
        run: Run,
        work: Work,
        *,
        inputs: Mapping[str, Path | str],
        code: CodeSource,
        outputs: Mapping[str, str],
        timeout_s: float,
    ) -> Rederived:
        """See `Provenance.rederive`, and the steps above."""
        made_of = [self._provenance.with_leaf(leaf) for leaf in run.record.outputs]
        if run.record.status != "succeeded" or not made_of:
            raise InvalidInput(
                f"run {run.index} says of nothing that it came out, so there is nothing to compare",
                hint="only runs that succeeded and name their outputs can be run again",
            )
        built_in = self._built_in.get(run.record.kind) if work is None else None
        with Workplace.made() as place:
            if built_in is None:
                _require_code(run, work, _put_code(place, code))
            given = self._put_inputs(place, run, inputs)
            if built_in is not None:
                made = built_in.rerun(run.record, given, place.folder)
            else:
                made = _worked(work, place, _wanted(place, made_of, outputs), timeout_s)
            _require_known(made, made_of, "output")
            require_made(made_of, made, place)
            for key, each in made.items():  # a link may lead to what was put there
                if isinstance(each, str | Path):
                    place.require_free(f"the output {key}", each)
            named = zip(keys_of(made_of), made_of, strict=True)
            compared = [compare(each, made[key], place) for key, each in named]
        return self._recorded(run, compared, "built-in" if built_in else "function" if callable(work) else "command")

    def _put_inputs(self, place: Workplace, run: Run, inputs: Mapping[str, Path | str]) -> dict[str, Path]:
        """Step 3, and copies what fits into the folder; what is checked is the copy that will be read."""
        used = [self._provenance.with_leaf(leaf) for leaf in run.record.inputs]
        keys = keys_of(used)
        _require_known(inputs, used, "input")
        missing = [key for key, each in zip(keys, used, strict=True) if isinstance(each, Dataset) and key not in inputs]
        if missing:
            raise InvalidInput(
                f"run {run.index} read {', '.join(missing)}, which was not handed over",
                hint=f"add --input {missing[0]}=FILE (in Python: inputs={{{missing[0]!r}: FILE}})",
            )
        return {key: self._put_input(place, key, each, inputs.get(key)) for key, each in zip(keys, used, strict=True)}

    def _put_input(self, place: Workplace, key: str, used: Dataset | Model, given: Path | str | None) -> Path:
        if isinstance(used, Model):
            source = self._artefact(used) if given is None else _bytes_of(key, Path(given))
            if sha256(source).hexdigest() != used.record.file_sha256:
                raise _other_content(key, used.record.file_sha256, sha256(source).hexdigest())
            return place.put(f"the input {key}", source, file_name_of("", used.record.name))
        assert given is not None
        name = file_name_of(used.record.file_name, used.record.name)
        path = place.put(f"the input {key}", Path(given), name)
        found = content_of(path, file_name=used.record.file_name).sha256
        if found != used.record.sha256:
            raise _other_content(key, used.record.sha256, found)
        return path

    def _recorded(self, run: Run, compared: Sequence[Compared], by: str) -> Rederived:
        """Step 6."""
        runs = self._provenance.runs
        environment: dict[str, Any] = runtime() | {"packagesSha256": runs.keep(installed_packages())}
        found = Rederivation(run.leaf, tuple(compared), environment, by)
        return Rederived(runs.rederived(run, found), found)


def _wanted(place: Workplace, made_of: Sequence[Dataset | Model], outputs: Mapping[str, str]) -> dict[str, Made]:
    """Returns where each output is looked for: where the caller says, else under the name that its file had."""
    _require_known(outputs, made_of, "output")
    wanted = {key: default_name(each) for key, each in zip(keys_of(made_of), made_of, strict=True)} | dict(outputs)
    for key, name in wanted.items():
        place.require_free(f"the output {key}", name)
    return dict(wanted)


def _worked(work: Work, place: Workplace, wanted: dict[str, Made], timeout_s: float) -> dict[str, Made]:
    """Step 4: does the work, and returns what came out by name."""
    if callable(work):
        return wanted | dict(work(place.folder) or {})
    assert work is not None
    run_command(work, place.folder, timeout_s)
    return wanted


def _require_code(run: Run, work: Work, code: CodeSource) -> None:
    """Step 2."""
    if isinstance(work, str):
        raise InvalidInput("a command is a list of program and arguments", hint='for example ["python", "clean.py"]')
    if not work:
        raise InvalidInput(
            f"a run of the kind {run.record.kind} is run again by a command of yours",
            hint="counterfoil lineage rederive RUN --code FILE --input NAME=FILE -- COMMAND",
        )
    known = run.record.code
    if known is None:
        raise InvalidInput(
            f"run {run.index} says nothing of its code, so nothing tells that this is what was run",
            hint="record the run with its code; then it can be run again",
        )
    given = source_of(code)
    found = "none" if given is None else sha256(given[1]).hexdigest()
    if found != known.sha256:
        raise InvalidInput(
            f"the code handed over is not what was run: {known.name} has the digest {known.sha256[:16]}… on record, "
            f"this has {found[:16]}{'…' if given else ''}",
            hint="hand over the recorded version, the same files in the same order; a function, from Python",
        )


def _put_code(place: Workplace, code: CodeSource) -> CodeSource:
    """Copies files of code into the folder and returns the copies, so that what is compared is what can run there."""
    if code is None or callable(code):
        return code
    paths = [Path(code)] if isinstance(code, str | Path) else [Path(each) for each in code]
    return [place.put("the code", path, path.name) for path in paths]


def _bytes_of(key: str, path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise NotFound(f"the input {key}, {path}, cannot be read: {error.strerror}") from error


def _require_known(given: Mapping[str, Any], records: Sequence[Dataset | Model], what: str) -> None:
    keys = keys_of(records)
    wrong = next((name for name in given if name not in keys), None)
    if wrong is not None:
        raise InvalidInput(f"the run has no {what} {wrong[:60]!r}", hint=f"its {what}s are {', '.join(keys) or 'none'}")


def _other_content(key: str, known: str, found: str) -> InvalidInput:
    return InvalidInput(
        f"{key} is not what the run read: on record is {known[:16]}…, this has {found[:16]}…",
        hint="hand over the file as it was then",
    )
