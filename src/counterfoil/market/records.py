"""What a log says of the market beside the ledger: offers, who was let in and why, deliveries, computations.

What the ledger shows of the same orders is on record as `trade` (see `ledger.market`).
Who asked to be let in and what for are private fields; the rule that decided is public.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from counterfoil.core.schema import Schema, SchemaField
from counterfoil.core.statement import Draft, Record
from counterfoil.errors import MalformedEvidence

__all__ = [
    "ADMISSION",
    "STREAM",
    "AdmissionRecord",
    "DeliveryRecord",
    "ExecutionRecord",
    "ListingRecord",
    "ReceivedRecord",
]

STREAM: Final = "market"

ADMISSION: Final = Schema(
    "admission",
    (
        SchemaField("/organisation", "Who asked, by the origin it signed with", "string"),
        SchemaField("/purpose", "What for, as it was stated", "string"),
        SchemaField("/jurisdiction", "Where it is to be used, as it was stated", "string"),
    ),
)
"""The private fields of an `admission` record."""


@dataclass(frozen=True, slots=True)
class ListingRecord:
    """An offer as it was listed.

    Attributes:
        offer: The offer's id, `0x` and 64 digits.
        asset: The asset's id, likewise.
        sheet: SHA-256 of the offer sheet, 64 hexadecimal digits.
        content: Root of the contents that are promised, 64 hexadecimal digits; empty where none are.
        of: Leaf hash of the record of what is offered, hex; empty where that is not in this log.
    """

    offer: str
    asset: str
    sheet: str
    content: str = ""
    of: str = ""

    def draft(self) -> Draft:
        """Returns the record to be written."""
        about = {"asset": self.asset, "content": self.content or None, "offer": self.offer, "sheet": self.sheet}
        return Draft("listing", STREAM, self.offer, (self.of,) if self.of else (), about)


@dataclass(frozen=True, slots=True)
class AdmissionRecord:
    """That somebody who bought was let in, or was not, and by which rule.

    Attributes:
        order: The order's id, `0x` and 64 digits.
        offer: The offer's id, likewise.
        sheet: SHA-256 of the offer sheet whose terms decided, 64 hexadecimal digits.
        is_allowed: Whether access was given.
        rule: Name of the rule that decided; "default" where none did.
    """

    order: str
    offer: str
    sheet: str
    is_allowed: bool
    rule: str

    def draft(self, request: Mapping[str, str]) -> Draft:
        """Returns the public part of the record; `request` marks the request that it answers, if there is one."""
        about = {
            "allowed": self.is_allowed,
            "offer": self.offer,
            "order": self.order,
            "rule": self.rule,
            "sheet": self.sheet,
        }
        return Draft("admission", STREAM, self.order, (), {**about, **request})

    @classmethod
    def read(cls, record: Record) -> AdmissionRecord:
        """Reads it back (MalformedEvidence where the record says something else)."""
        about = record.about
        try:
            texts = (str(about["order"]), str(about["offer"]), str(about["sheet"]))
            return cls(*texts, bool(about["allowed"]), str(about["rule"]))
        except (KeyError, TypeError) as error:
            raise MalformedEvidence("the record of an admission lacks a part") from error


@dataclass(frozen=True, slots=True)
class DeliveryRecord:
    """What a seller promised to send for an order, before the first byte.

    Attributes:
        order: The order's id.
        offer: The offer's id.
        statement: SHA-256 of the delivery statement, 64 hexadecimal digits.
        content: Root of the contents, likewise.
        ciphertext: Root of what is sent, likewise.
        size_bytes: Of the contents.
    """

    order: str
    offer: str
    statement: str
    content: str
    ciphertext: str
    size_bytes: int

    def draft(self) -> Draft:
        """Returns the record to be written."""
        about = {
            "ciphertext": self.ciphertext,
            "content": self.content,
            "offer": self.offer,
            "order": self.order,
            "size": self.size_bytes,
            "statement": self.statement,
        }
        return Draft("delivery", STREAM, self.order, (), about)


@dataclass(frozen=True, slots=True)
class ReceivedRecord:
    """That a buyer holds, checked, what was promised for an order.

    Attributes:
        order: The order's id.
        offer: The offer's id.
        statement: SHA-256 of what the seller signed: a delivery statement, or a job's execution receipt.
        content: Root of the contents, 64 hexadecimal digits.
        size_bytes: Of the contents.
    """

    order: str
    offer: str
    statement: str
    content: str
    size_bytes: int

    def draft(self) -> Draft:
        """Returns the record to be written."""
        about = {
            "content": self.content,
            "offer": self.offer,
            "order": self.order,
            "size": self.size_bytes,
            "statement": self.statement,
        }
        return Draft("received", STREAM, self.order, (), about)


@dataclass(frozen=True, slots=True)
class ExecutionRecord:
    """That a job was run next to the data, by the digest of its execution receipt.

    Attributes:
        order: The order's id.
        offer: The offer's id.
        job: SHA-256 of the job's specification, as it was bought.
        receipt: SHA-256 of the execution receipt.
        algorithm: Digest of the algorithm that ran.
        inputs: Root of the contents it ran on.
        exit: How it ended, in a word.
        released: Outputs that left, by SHA-256.
    """

    order: str
    offer: str
    job: str
    receipt: str
    algorithm: str
    inputs: str
    exit: str
    released: tuple[str, ...] = ()

    def draft(self) -> Draft:
        """Returns the record to be written."""
        about: dict[str, Any] = {
            "algorithm": self.algorithm,
            "exit": self.exit,
            "inputs": self.inputs,
            "job": self.job,
            "offer": self.offer,
            "order": self.order,
            "receipt": self.receipt,
            "released": list(self.released),
        }
        return Draft("execution", STREAM, self.order, (), about)
