"""What a run says about itself in the log: what went in, what came out, and how."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, NamedTuple, TypeAlias
from uuid import UUID

from counterfoil.core.statement import Draft, Record, is_time
from counterfoil.errors import InvalidInput, MalformedEvidence
from counterfoil.provenance.lineage.telling import require_no_secret
from counterfoil.provenance.records import STREAM

__all__ = [
    "MATCHES",
    "MOST_LINKS",
    "OPENLINEAGE",
    "SNAPSHOT",
    "TRAINING",
    "Code",
    "Compared",
    "Rederivation",
    "RunRecord",
    "Status",
    "require_kind",
    "require_told_kind",
]

MOST_LINKS: Final = 128
"""Inputs, and outputs, of one run at most; a record has room for no more."""

TRAINING: Final = "training"
"""Kind of a run that makes a model: the home's rules for datasets hold for what goes in."""

SNAPSHOT: Final = "snapshot"
"""Kind of a run that fetched a snapshot: this program's own, which nobody tells it."""

OPENLINEAGE: Final = "openlineage"
"""System whose ids are UUIDs in lower case; runs that come as events have it, and are told again under the same id."""

MATCHES: Final = ("bytes", "table", "meaning")
"""What may be the same of an output: its bytes; of a table, its rows; of a model, what it means."""

Status: TypeAlias = Literal["succeeded", "failed"]

_KIND: Final = re.compile(r"[a-z][a-z-]{0,31}")
_SYSTEM: Final = re.compile(r"[a-z][a-z0-9-]{0,31}")
_UNMAPPED: Final = ("inputs", "outputs", "parameters")
_MOST_ID_CHARS: Final = 200
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Code:
    """What was run: its name, and the SHA-256 (hex) of its source."""

    name: str
    sha256: str


@dataclass(frozen=True, slots=True)
class RunRecord:
    """A run: a transformation, a training, or whatever else makes data and models from others.

    Attributes:
        name: What was done.
        kind: `transformation`, `training`, `deidentification`, …; `snapshot` of our own fetches alone
        inputs: Leaf hashes (hex) of the datasets and models that went in.
        outputs: Leaf hashes (hex) of those that came out.
        code: What was run; None where that is not known.
        parameters: What it was run with.
        environment: Versions and processor, and `packagesSha256`: of the list of installed packages.
        seed: Of its random numbers; None where none was told.
        started: UTC, whole seconds.
        ended: UTC, whole seconds.
        status: Whether it came to its end.
        source: `system` and `id`: where the run was told from, such as mlflow, and what it is called there (of
            openlineage, a UUID in lower case); empty for our own.
        results: Numbers that it measured, such as how well a model does, by name; as told.
        unmapped: Names of `inputs`, `outputs` and `parameters` that were told, and are not on record: no record of
            this home was known to be what was meant, or the value is not for others' eyes.
    """

    name: str
    kind: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    code: Code | None
    parameters: Mapping[str, Any]
    environment: Mapping[str, Any]
    seed: int | None
    started: str
    ended: str
    status: Status = "succeeded"
    source: Mapping[str, str] = field(default_factory=dict)
    results: Mapping[str, Any] = field(default_factory=dict)
    unmapped: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def draft(self) -> Draft:
        """Returns the record to be written.

        Raises:
            InvalidInput: When it has too many inputs or outputs, or one twice, or a part cannot stand in a record.
        """
        require_kind(self.kind)
        _require_links("inputs", self.inputs)
        _require_links("outputs", self.outputs)
        require_no_secret(self.parameters)
        require_no_secret(self.environment)
        _require_source(self.source)
        _require_told(self.code, self.started, self.ended)
        return Draft("run", STREAM, self.name, (*self.inputs, *self.outputs), self.about)

    @property
    def about(self) -> dict[str, Any]:
        """The public part of its record."""
        return {
            "code": {"name": self.code.name, "sha256": self.code.sha256} if self.code else None,
            "ended": self.ended,
            "environment": dict(self.environment),
            "inputs": list(self.inputs),
            "kind": self.kind,
            "name": self.name,
            "outputs": list(self.outputs),
            "parameters": dict(self.parameters),
            "results": dict(self.results),
            "seed": self.seed,
            "source": dict(self.source),
            "started": self.started,
            "status": self.status,
            "unmapped": {name: list(self.unmapped.get(name, ())) for name in _UNMAPPED},
        }

    @classmethod
    def read(cls, record: Record) -> RunRecord:
        """Reads a run back from its record.

        Raises:
            MalformedEvidence: When the record says something else.
        """
        return cls.from_about(record.about)

    @classmethod
    def from_about(cls, about: Mapping[str, Any]) -> RunRecord:
        """Reads a run from the public part of its record; see `read`."""
        try:
            code, seed = about["code"], about["seed"]
            return cls(
                str(about["name"]),
                str(about["kind"]),
                tuple(str(leaf) for leaf in about["inputs"]),
                tuple(str(leaf) for leaf in about["outputs"]),
                None if code is None else Code(str(code["name"]), str(code["sha256"])),
                dict(about["parameters"]),
                dict(about["environment"]),
                None if seed is None else int(seed),
                str(about["started"]),
                str(about["ended"]),
                "succeeded" if about["status"] == "succeeded" else "failed",
                {str(key): str(value) for key, value in about["source"].items()},
                dict(about["results"]),
                {name: tuple(str(each) for each in about["unmapped"][name]) for name in _UNMAPPED},
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise MalformedEvidence("a run's record lacks a part or holds another type") from error


class Compared(NamedTuple):
    """An output that was made again.

    Attributes:
        name: What is on record under this name and version.
        recorded: Its digest on record, hex.
        found: The digest of what came out now; empty where nothing did.
        match: What was compared, and is the same or not: see `MATCHES`.
    """

    name: str
    recorded: str
    found: str
    match: str = "bytes"

    @property
    def is_same(self) -> bool:
        """Whether both digests are the same."""
        return self.recorded == self.found


@dataclass(frozen=True, slots=True)
class Rederivation:
    """A run that this home ran again, and whether the same came out.

    Attributes:
        run: Leaf hash (hex) of the run's record.
        outputs: Each output of the run, in order.
        environment: Where it was run again.
        by: What was run: a `command`, a `function`, or this program itself (`built-in`).
    """

    run: str
    outputs: tuple[Compared, ...]
    environment: Mapping[str, Any]
    by: str = "command"

    @property
    def is_same(self) -> bool:
        """Whether every output was the same; never where none is named."""
        return bool(self.outputs) and all(each.is_same for each in self.outputs)

    def draft(self, name: str) -> Draft:
        """Returns the record to be written; `name` is the run's."""
        return Draft("rederivation", STREAM, name, (self.run,), self.about)

    @property
    def about(self) -> dict[str, Any]:
        """The public part of its record."""
        return {
            "by": self.by,
            "environment": dict(self.environment),
            "outputs": [
                {"found": each.found, "match": each.match, "name": each.name, "recorded": each.recorded}
                for each in self.outputs
            ],
            "run": self.run,
            "same": self.is_same,
        }

    @classmethod
    def read(cls, record: Record) -> Rederivation:
        """Reads it back from its record.

        Raises:
            MalformedEvidence: When the record says something else.
        """
        about = record.about
        try:
            outputs = tuple(
                Compared(str(each["name"]), str(each["recorded"]), str(each["found"]), str(each["match"]))
                for each in about["outputs"]
            )
            return cls(str(about["run"]), outputs, dict(about["environment"]), str(about["by"]))
        except (KeyError, TypeError, ValueError) as error:
            raise MalformedEvidence("a rederivation's record lacks a part or holds another type") from error


def require_kind(kind: str) -> None:
    """Raises InvalidInput for what cannot name a kind of run."""
    if not _KIND.fullmatch(kind):
        raise InvalidInput(
            f"{kind[:60]!r} cannot name a kind of run", hint="lower-case letters and dashes, such as transformation"
        )


def require_told_kind(kind: str) -> None:
    """Raises InvalidInput for what cannot be the kind of a run that somebody tells."""
    require_kind(kind)
    if kind == SNAPSHOT:
        raise InvalidInput(
            "a run of the kind snapshot is one that this program fetched itself; nobody tells it",
            hint="take it: counterfoil snapshot take; or call what was fetched elsewhere something else, such as fetch",
        )


def _require_links(what: str, leaves: Sequence[str]) -> None:
    if len(leaves) > MOST_LINKS:
        raise InvalidInput(
            f"a run has {len(leaves)} {what}; {MOST_LINKS} is the limit",
            hint="register them together, as one folder",
        )
    if len(set(leaves)) < len(leaves):
        raise InvalidInput(f"one of the {what} of a run is named twice", hint="name each once")


def _require_source(source: Mapping[str, str]) -> None:
    """Refuses what cannot say where a run was told from: `system` and `id`, or nothing."""
    if not source:
        return
    if source.keys() != {"system", "id"} or not _SYSTEM.fullmatch(source["system"]):
        raise InvalidInput('a run\'s source is {"system": "mlflow", "id": "…"}', hint="or nothing, for your own runs")
    if not source["id"].isprintable() or not 0 < len(source["id"]) <= _MOST_ID_CHARS:
        raise InvalidInput(f"a run's id elsewhere has 1 to {_MOST_ID_CHARS} characters that can be printed")
    if source["system"] == OPENLINEAGE and not _is_uuid(source["id"]):
        raise InvalidInput(
            f"{source['id'][:60]!r} cannot be the id of a run of OpenLineage; that is a UUID in lower case",
            hint="its runId, such as 01939a5c-9a1e-7c3b-8d1e-0242ac120002; or name the system that gave this id",
        )


def _is_uuid(text: str) -> bool:
    """Whether a text is a UUID as RFC 9562 section 4 writes it: one UUID has one such text, so one run one source."""
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False


def _require_told(code: Code | None, *times: str) -> None:
    """Refuses a digest or a time that is none; a time may be unknown."""
    if code is not None and (not _DIGEST.fullmatch(code.sha256) or not code.name.isprintable()):
        raise InvalidInput("the code of a run is a name and a SHA-256 in hexadecimal")
    wrong = next((time for time in times if time and not is_time(time)), None)
    if wrong is not None:
        raise InvalidInput(f"{wrong[:40]!r} is not a time", hint="UTC in whole seconds, such as 2026-11-23T19:00:00Z")
