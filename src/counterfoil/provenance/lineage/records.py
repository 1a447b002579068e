"""What a run says about itself in the log: what went in, what came out, and how."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeAlias

from counterfoil.core.statement import Draft, Record
from counterfoil.errors import InvalidInput, MalformedEvidence
from counterfoil.provenance.records import STREAM

__all__ = ["MOST_LINKS", "Code", "Rederivation", "RunRecord", "Status"]

MOST_LINKS: Final = 128
"""Inputs, and outputs, of one run at most; a record has room for no more."""

Status: TypeAlias = Literal["succeeded", "failed"]

_KIND: Final = re.compile(r"[a-z][a-z-]{0,31}")
_SECRET: Final = re.compile(r"passw|secret|token|api_?key|credential|private_?key", re.IGNORECASE)


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
        kind: `transformation`, `training`, `deidentification`, `snapshot`, …
        inputs: Leaf hashes (hex) of the datasets and models that went in.
        outputs: Leaf hashes (hex) of those that came out.
        code: What was run; None where that is not known.
        parameters: What it was run with.
        environment: Versions and processor, and `packagesSha256`: of the list of installed packages.
        seed: Of its random numbers; None where none was told.
        started: UTC, whole seconds.
        ended: UTC, whole seconds.
        status: Whether it came to its end.
        source: Where the run was told from, such as MLflow, and what it is called there; empty for our own.
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

    def draft(self) -> Draft:
        """Returns the record to be written.

        Raises:
            InvalidInput: When it has too many inputs or outputs, or a part cannot stand in a record.
        """
        require_kind(self.kind)
        _require_few("inputs", self.inputs)
        _require_few("outputs", self.outputs)
        require_no_secret(self.parameters)
        about = {
            "code": {"name": self.code.name, "sha256": self.code.sha256} if self.code else None,
            "ended": self.ended,
            "environment": dict(self.environment),
            "inputs": list(self.inputs),
            "kind": self.kind,
            "name": self.name,
            "outputs": list(self.outputs),
            "parameters": dict(self.parameters),
            "seed": self.seed,
            "source": dict(self.source),
            "started": self.started,
            "status": self.status,
        }
        return Draft("run", STREAM, self.name, (*self.inputs, *self.outputs), about)

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
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise MalformedEvidence("a run's record lacks a part or holds another type") from error


@dataclass(frozen=True, slots=True)
class Rederivation:
    """A run that this home ran again, and whether the same came out.

    Attributes:
        run: Leaf hash (hex) of the run's record.
        is_same: Whether every output had the digest that is on record.
        outputs: (name, digest on record, digest found) of each output, hex.
        environment: Where it was run again.
    """

    run: str
    is_same: bool
    outputs: tuple[tuple[str, str, str], ...]
    environment: Mapping[str, Any]

    def draft(self, name: str) -> Draft:
        """Returns the record to be written; `name` is the run's."""
        about = {
            "environment": dict(self.environment),
            "outputs": [{"found": found, "name": name, "recorded": known} for name, known, found in self.outputs],
            "run": self.run,
            "same": self.is_same,
        }
        return Draft("rederivation", STREAM, name, (self.run,), about)

    @classmethod
    def read(cls, record: Record) -> Rederivation:
        """Reads it back from its record.

        Raises:
            MalformedEvidence: When the record says something else.
        """
        about = record.about
        try:
            outputs = tuple((str(each["name"]), str(each["recorded"]), str(each["found"])) for each in about["outputs"])
            return cls(str(about["run"]), about["same"] is True, outputs, dict(about["environment"]))
        except (KeyError, TypeError, ValueError) as error:
            raise MalformedEvidence("a rederivation's record lacks a part or holds another type") from error


def require_kind(kind: str) -> None:
    """Raises InvalidInput for what cannot name a kind of run."""
    if not _KIND.fullmatch(kind):
        raise InvalidInput(
            f"{kind[:60]!r} cannot name a kind of run", hint="lower-case letters and dashes, such as transformation"
        )


def require_no_secret(parameters: Mapping[str, Any]) -> None:
    """Raises InvalidInput where a parameter's name says that it is a secret: records are read by others."""
    wrong = next((name for name in parameters if _SECRET.search(str(name))), None)
    if wrong is not None:
        raise InvalidInput(
            f"the parameter {str(wrong)[:60]!r} looks like a secret, and records are read by others",
            hint="leave it out, or record a name that stands for it",
        )


def _require_few(what: str, leaves: Sequence[str]) -> None:
    if len(leaves) > MOST_LINKS:
        raise InvalidInput(
            f"a run has {len(leaves)} {what}; {MOST_LINKS} is the limit",
            hint="register them together, as one folder",
        )
