"""What the gate, the release desk and the privacy budget say about themselves in the log."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from counterfoil.core.schema import Schema, SchemaField
from counterfoil.core.statement import Draft, Record
from counterfoil.errors import MalformedEvidence
from counterfoil.market.compute.gate.decision import GateDecision
from counterfoil.market.compute.gate.desk import Settled
from counterfoil.market.compute.gate.privacy import Cost
from counterfoil.market.records import STREAM

__all__ = ["GATE", "PRIVACY_SPENDING", "RELEASE", "GateRecord", "ReleaseRecord", "SpendingRecord"]

GATE: Final = "gate-decision"
PRIVACY_SPENDING: Final = "privacy-spending"
RELEASE: Final = Schema("release", (SchemaField("/by", "Who decided on the file", "string"),))


@dataclass(frozen=True, slots=True)
class GateRecord:
    """That a job's outputs went through the gate.

    Attributes:
        job: SHA-256 (hex) of the job's specification.
        decision: SHA-256 (hex) of the decision.
        passed, held, refused: How many files.
    """

    job: str
    decision: str
    passed: int
    held: int
    refused: int

    @classmethod
    def of(cls, decision: GateDecision) -> GateRecord:
        """Returns the record of a decision."""
        outcomes = [each.outcome for each in decision.files]
        counts = (outcomes.count("passed"), outcomes.count("held"), outcomes.count("refused"))
        return cls(decision.job, decision.digest_hex, *counts)

    def draft(self) -> Draft:
        """Returns the record to be written."""
        files = {"held": self.held, "passed": self.passed, "refused": self.refused}
        return Draft(GATE, STREAM, f"job {self.job}", (), {"files": files, "job": self.job}, sha256=self.decision)

    @classmethod
    def read(cls, record: Record) -> GateRecord:
        """Reads it back (MalformedEvidence for anything else)."""
        try:
            files = record.about["files"]
            counts = (int(files["passed"]), int(files["held"]), int(files["refused"]))
            return cls(str(record.about["job"]), record.digest.hex(), *counts)
        except (KeyError, TypeError, ValueError) as error:
            raise MalformedEvidence("a gate's record lacks a part") from error


@dataclass(frozen=True, slots=True)
class ReleaseRecord:
    """That the owner let a held file leave, or kept it. Who that was is private: `RELEASE`.

    Attributes:
        job: SHA-256 (hex) of the job's specification.
        name: Of the file.
        sha256: Of the file (hex) where it was released; None where it stays: a digest would confirm a guess.
        verdict: `released` or `withheld`.
        reason: Why, in public.
    """

    job: str
    name: str
    sha256: str | None
    verdict: str
    reason: str

    @classmethod
    def of(cls, settled: Settled) -> ReleaseRecord:
        """Returns the record of a decision at the desk."""
        digest = settled.sha256 if settled.verdict == "released" else None
        return cls(settled.job, settled.name, digest, settled.verdict, settled.reason)

    def draft(self, request: Mapping[str, str]) -> Draft:
        """Returns the public part of the record; `request` marks the request that it answers, if there is one."""
        about: dict[str, Any] = {"job": self.job, "name": self.name, "reason": self.reason, "sha256": self.sha256}
        return Draft("release", STREAM, f"job {self.job}", (), {**about, "verdict": self.verdict, **request})

    @classmethod
    def read(cls, record: Record) -> ReleaseRecord:
        """Reads it back (MalformedEvidence for anything else)."""
        about = record.about
        try:
            digest = None if about["sha256"] is None else str(about["sha256"])
            return cls(str(about["job"]), str(about["name"]), digest, str(about["verdict"]), str(about["reason"]))
        except (KeyError, TypeError) as error:
            raise MalformedEvidence("a release's record lacks a part") from error


@dataclass(frozen=True, slots=True)
class SpendingRecord:
    """That a job used up some of a privacy budget. The buyer is named by its order alone.

    Attributes:
        job: SHA-256 (hex) of the job's specification.
        order: The order's id, `0x` and 64 hex digits.
        dataset: Content root (hex) of the dataset.
        cost, left: What it cost, and what is left of the buyer's budget.
        mechanism: How noise was added: `discrete Laplace`.
    """

    job: str
    order: str
    dataset: str
    cost: Cost
    left: Cost
    mechanism: str

    def draft(self) -> Draft:
        """Returns the record to be written."""
        about = {
            "cost": _amount(self.cost),
            "dataset": self.dataset,
            "job": self.job,
            "left": _amount(self.left),
            "mechanism": self.mechanism,
            "order": self.order,
        }
        return Draft(PRIVACY_SPENDING, STREAM, f"job {self.job}", (), about)

    @classmethod
    def read(cls, record: Record) -> SpendingRecord:
        """Reads it back (MalformedEvidence for anything else)."""
        about = record.about
        try:
            names = (str(about["job"]), str(about["order"]), str(about["dataset"]))
            return cls(*names, _cost(about["cost"]), _cost(about["left"]), str(about["mechanism"]))
        except (KeyError, TypeError, ValueError) as error:
            raise MalformedEvidence("a spending's record lacks a part") from error


def _amount(cost: Cost) -> dict[str, int]:
    return {"deltaFemto": cost.delta_femto, "epsilonMillionths": cost.epsilon_millionths}


def _cost(value: Any) -> Cost:
    return Cost(int(value["epsilonMillionths"]), int(value["deltaFemto"]))
