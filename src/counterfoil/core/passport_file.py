"""The file in which a passport is handed out: the receipt of its record and, as a rule, a whole fingerprint.

The receipt is a receipt like any other (see `receipt`) and shows the record that the
passport is. The fingerprint lists every file with its digest, so that whoever has the
data can say which file, rows or column changed; the record binds it by its SHA-256.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

from counterfoil.core import canonical
from counterfoil.core.receipt import MAX_RECEIPT_BYTES, Promise, Receipt, parse_receipt
from counterfoil.errors import InvalidInput, MalformedEvidence

__all__ = ["MAX_PASSPORT_BYTES", "PASSPORT_FORMAT", "PassportFile", "is_passport_file", "parse_passport_file"]

PASSPORT_FORMAT: Final = "counterfoil-passport/1"

MAX_PASSPORT_BYTES: Final = 2**28
"""Largest passport file: a fingerprint of about a million files beside a receipt."""

_BYTES_PER_GROUP: Final = 24
_BYTES_PER_MEMBER: Final = 6
_FREE: Final = 1_000
"""Lists and objects, and members of them, that a file of its size may have; a fingerprint has far fewer, for it is
mostly digests. Without these bounds a file of empty objects would take thirty times its size in memory."""

_START: Final = b'{"fingerprint":'
_MEMBERS: Final = {"fingerprint", "format", "receipt"}


@dataclass(frozen=True, slots=True)
class PassportFile:
    """What a passport file holds.

    Attributes:
        receipt: Of the record that is the passport.
        fingerprint: The whole fingerprint, as its own file has it; None where only the record names it.
    """

    receipt: Receipt
    fingerprint: Mapping[str, Any] | None

    @property
    def fingerprint_sha256(self) -> str:
        """SHA-256 (hex) of the fingerprint in canonical JSON; empty without one."""
        return sha256(canonical.dumps(self.fingerprint)).hexdigest() if self.fingerprint is not None else ""

    def encode(self) -> bytes:
        """Returns the file: canonical JSON."""
        receipt = canonical.loads(self.receipt.encode())
        return canonical.dumps({"fingerprint": self.fingerprint, "format": PASSPORT_FORMAT, "receipt": receipt})


def is_passport_file(start: bytes) -> bool:
    """Whether a file that begins so can be a passport: no receipt and no fingerprint does."""
    return start.startswith(_START)


def parse_passport_file(data: bytes) -> PassportFile:
    """Reads a passport file. Nothing in it is trusted yet.

    Raises:
        MalformedEvidence: When it is none.
    """
    if len(data) > MAX_PASSPORT_BYTES:
        raise MalformedEvidence(f"a passport of {len(data):,} bytes is too large; {MAX_PASSPORT_BYTES:,} is the limit")
    if (
        data.count(b"{") + data.count(b"[") > len(data) // _BYTES_PER_GROUP + _FREE
        or data.count(b",") > len(data) // _BYTES_PER_MEMBER + _FREE
    ):
        raise MalformedEvidence("that is no passport: it has more parts than a fingerprint of its size")
    try:
        value = canonical.loads_canonical(data.rstrip())
    except InvalidInput as error:
        raise MalformedEvidence(error.message, hint=error.hint) from error
    if not isinstance(value, dict) or value.get("format") != PASSPORT_FORMAT:
        raise MalformedEvidence("not a passport this version can read", hint=f"expected the format {PASSPORT_FORMAT}")
    if set(value) != _MEMBERS:
        wrong = sorted(set(value) ^ _MEMBERS)[0]
        raise MalformedEvidence(f"a passport has a missing or unknown part: {wrong[:60]!r}")
    fingerprint, receipt = value["fingerprint"], value["receipt"]
    if fingerprint is not None and not isinstance(fingerprint, dict):
        raise MalformedEvidence("the fingerprint in a passport is not an object")
    if not isinstance(receipt, dict):
        raise MalformedEvidence("the receipt in a passport is not an object")
    encoded = canonical.dumps(receipt)
    if len(encoded) > MAX_RECEIPT_BYTES:
        raise MalformedEvidence("the receipt in a passport is too large")
    stub = parse_receipt(encoded)
    if isinstance(stub, Promise):
        raise MalformedEvidence("a passport holds the promise of a receipt, where a receipt is expected")
    return PassportFile(stub, fingerprint)
