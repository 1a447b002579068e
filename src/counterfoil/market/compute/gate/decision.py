"""The gate's decision over the outputs of one job: a document that receipts and records name by digest.

    {"format": "counterfoil gate 1", "job": "<64 hex>", "rules": "<64 hex>", "succeeded": true,
     "compared": {"columns": 31, "compared": 569, "rows": 569},
     "files": [{"name": "result.json", "outcome": "passed", "rule": "json", "why": "", "sha256": "…", "size": 96}]}

`sha256` and `size` are of what leaves, and null for what does not: a digest of a file that was refused would be a guess
confirmed, or data by itself. All files that no rule names are one entry, `*`. The same outputs, rules and data give the
same bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final, Literal

from counterfoil.core import canonical
from counterfoil.errors import MalformedEvidence

__all__ = ["DECISION_FORMAT", "FileDecision", "GateDecision", "Outcome"]

DECISION_FORMAT: Final = "counterfoil gate 1"

Outcome = Literal["passed", "held", "refused"]
"""It may leave; it may leave when the owner releases it; it does not leave."""


@dataclass(frozen=True, slots=True)
class FileDecision:
    """The decision over one file.

    Attributes:
        name: As the job wrote it.
        outcome: See `Outcome`.
        rule: What decided, in one word: the file's type where it passed.
        why: A sentence that quotes nothing of the file; empty where it passed.
        sha256, size: Of the bytes that leave, hex and count; None unless it passed.
    """

    name: str
    outcome: Outcome
    rule: str
    why: str
    sha256: str | None = None
    size: int | None = None

    def to_json(self) -> dict[str, Any]:
        """Returns it as the document has it."""
        return {
            "name": self.name,
            "outcome": self.outcome,
            "rule": self.rule,
            "sha256": self.sha256,
            "size": self.size,
            "why": self.why,
        }


@dataclass(frozen=True, slots=True)
class GateDecision:
    """The decision over a job's outputs.

    Attributes:
        job: SHA-256 (hex) of the job's specification.
        rules: SHA-256 (hex) of the gate's rules.
        succeeded: Whether the algorithm ended without a fault; its exit code itself does not leave.
        files: By name, in order.
        compared: Rows and columns of the data, and how many rows outputs were held against; None: none were.
    """

    job: str
    rules: str
    succeeded: bool
    files: tuple[FileDecision, ...]
    compared: Mapping[str, int] | None

    def to_json(self) -> dict[str, Any]:
        """Returns the document."""
        return {
            "compared": None if self.compared is None else dict(self.compared),
            "files": [each.to_json() for each in self.files],
            "format": DECISION_FORMAT,
            "job": self.job,
            "rules": self.rules,
            "succeeded": self.succeeded,
        }

    def encode(self) -> bytes:
        """Returns the document's canonical bytes."""
        return canonical.dumps(self.to_json())

    @property
    def digest_hex(self) -> str:
        """SHA-256 of the document."""
        return sha256(self.encode()).hexdigest()

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> GateDecision:
        """Reads a decision back.

        Raises:
            MalformedEvidence: It is none, or of another version.
        """
        try:
            files = tuple(_read_file(each) for each in value["files"])
            decision = cls(value["job"], value["rules"], value["succeeded"], files, value["compared"])
        except (KeyError, TypeError) as error:
            raise MalformedEvidence("a gate's decision lacks a part") from error
        if decision.to_json() != value:
            raise MalformedEvidence("a gate's decision is of another version, or holds more than it should")
        return decision


def _read_file(value: Mapping[str, Any]) -> FileDecision:
    return FileDecision(value["name"], value["outcome"], value["rule"], value["why"], value["sha256"], value["size"])
