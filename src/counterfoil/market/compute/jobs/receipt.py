"""The execution receipt: what was run on what, what came out and what left, signed by whoever holds the data.

    {"format": "counterfoil execution 1", "order", "offer", "job", "inputs", "algorithm", "parameters", "environment",
     "exit": "finished" or "failed", "outputs": [{"name", "sha256", "size"}], "gate", "usage": {…},
     "rerun": {"differing": […], "environment": […]}, "started", "ended"}

Its SHA-256 goes on the ledger when the job is delivered. `outputs` are those that left; of what did not leave
nothing is said but the gate's decision, whose digest `gate` is. Times and sizes are rounded up.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from counterfoil.core.signed_document import SignedDocument, read_document
from counterfoil.errors import DoesNotMatch, MalformedEvidence

__all__ = ["RECEIPT_FORMAT", "ExecutionReceipt", "Left", "read_receipt", "require_receipt"]

RECEIPT_FORMAT: Final = "counterfoil execution 1"
_MEMBERS: Final = (
    "algorithm",
    "ended",
    "environment",
    "exit",
    "format",
    "gate",
    "inputs",
    "job",
    "offer",
    "order",
    "outputs",
    "parameters",
    "started",
    "usage",
)
_TEXTS: Final = tuple(name for name in _MEMBERS if name not in ("format", "outputs", "usage"))


@dataclass(frozen=True, slots=True)
class Left:
    """An output that left: its name, its SHA-256 in hex, its size in bytes."""

    name: str
    sha256: str
    size: int

    def to_json(self) -> dict[str, Any]:
        """Returns it as the receipt has it."""
        return {"name": self.name, "sha256": self.sha256, "size": self.size}


@dataclass(frozen=True, slots=True)
class ExecutionReceipt:
    """What is said of one job; digests are 64 hexadecimal digits.

    Attributes:
        order: The order's id, `0x` and 64 digits; so is `offer`.
        offer: The offer's id.
        job: Digest of the job's specification.
        inputs: Root of the contents it ran on.
        algorithm: Digest of the bytes that ran; empty for statistics, which the owner's own program makes.
        parameters: Digest of the parameters.
        environment: Digest of what it ran with.
        exit: `finished` or `failed`; why is for the owner alone.
        outputs: What left.
        gate: Digest of the gate's decision; empty where there was nothing to decide.
        usage: In whole numbers, rounded up.
        started: RFC 3339, UTC; so is `ended`.
        ended: When it ended.
        rerun: What differed when it was run again, None where it was not.
    """

    order: str
    offer: str
    job: str
    inputs: str
    algorithm: str
    parameters: str
    environment: str
    exit: str
    outputs: tuple[Left, ...]
    gate: str
    usage: Mapping[str, int]
    started: str
    ended: str
    rerun: Mapping[str, list[str]] | None = None

    def to_json(self) -> dict[str, Any]:
        """Returns the document that is signed."""
        told: dict[str, Any] = {name: getattr(self, name) for name in _MEMBERS if name not in ("format", "outputs")}
        told |= {"format": RECEIPT_FORMAT, "outputs": [each.to_json() for each in self.outputs]}
        told["usage"] = dict(self.usage)
        return told | ({"rerun": dict(self.rerun)} if self.rerun is not None else {})


def read_receipt(given: bytes | str | Mapping[str, Any]) -> tuple[ExecutionReceipt, SignedDocument]:
    """Reads a signed receipt and checks its signature; whose key that is, the offer sheet says.

    Raises:
        MalformedEvidence: It is none.
        DoesNotMatch: The signature is not the key's.
    """
    signed = read_document(given, RECEIPT_FORMAT).require_members(_MEMBERS, {"rerun"})
    told = dict(signed.document)
    told.pop("format")
    try:
        outputs = tuple(Left(str(each["name"]), str(each["sha256"]), int(each["size"])) for each in told.pop("outputs"))
        receipt = ExecutionReceipt(outputs=outputs, **told)
        texts = (getattr(receipt, name) for name in _TEXTS)
        if not all(isinstance(each, str) for each in texts):
            raise ValueError("a text is none")
        if receipt.to_json() != signed.document or receipt.exit not in ("finished", "failed"):
            raise ValueError("something is written otherwise")
        if not all(isinstance(value, int) and value >= 0 for value in receipt.usage.values()):
            raise ValueError("what was used is counted in whole numbers")
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise MalformedEvidence("an execution receipt lacks a part or holds another type") from error
    return receipt, signed


def require_receipt(receipt: ExecutionReceipt, **expected: str) -> None:
    """Refuses a receipt that is about something else than was bought.

    Args:
        receipt: The receipt.
        expected: Members that are known, by name.

    Raises:
        DoesNotMatch: One of them differs.
    """
    for name, value in expected.items():
        if getattr(receipt, name) != value:
            raise DoesNotMatch(
                f"the execution receipt is for another {name} than was bought",
                hint="keep it: it is signed, and shows what the seller ran",
            )
