"""The stub a person keeps: a receipt, or the promise of one.

A receipt holds one record, the person's own fields, the way to the log's head, the
signed head, and, where there is one, the proof that a head is on a shared ledger. A
promise is given while the log is away: the issuer signs the leaf hash and the time by
which it will be in the log.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from counterfoil.core import canonical
from counterfoil.core.anchor import Anchor
from counterfoil.core.fields import Disclosure
from counterfoil.core.merkle import leaf_hash
from counterfoil.core.note import Signer, require_origin
from counterfoil.core.proofs import decode_hashes, encode_hashes
from counterfoil.core.schema import Schema
from counterfoil.core.statement import is_time
from counterfoil.errors import InvalidInput, MalformedEvidence

__all__ = ["MAX_RECEIPT_BYTES", "Promise", "Receipt", "parse_receipt", "promise_text"]

MAX_RECEIPT_BYTES: Final = 16 * 1_048_576
_RECEIPT: Final = "counterfoil-receipt/1"
_PROMISE: Final = "counterfoil-promise/1"
_PROMISE_HEADER: Final = "counterfoil.dev/promise/v1"
_SHARED: Final = {"disclosures", "entry", "fieldProof", "format", "handovers", "origin", "schema"}


@dataclass(frozen=True, slots=True)
class Shown:
    """What receipts and promises have in common: a record and the fields it shows."""

    origin: str
    entry: bytes
    schema: Schema | None
    disclosure: Disclosure
    handovers: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Returns the shared members."""
        return {
            "disclosures": list(self.disclosure.shown),
            "entry": self.entry.decode(),
            "fieldProof": encode_hashes(self.disclosure.proof),
            "handovers": list(self.handovers),
            "origin": self.origin,
            "schema": self.schema.to_json() if self.schema else None,
        }


@dataclass(frozen=True, slots=True)
class Receipt:
    """A record, some of its fields, and its place under a signed head.

    Attributes:
        shown: The record and the fields it shows.
        index: Position in the log.
        path: Inclusion path, hashes of 32 bytes.
        checkpoint: The signed head, as text.
        anchor_by: Time by which the head will be on a shared ledger, None without one.
        anchor: The proof that a head of this log is on one, None while there is none.
    """

    shown: Shown
    index: int
    path: tuple[bytes, ...]
    checkpoint: str
    anchor_by: str | None = None
    anchor: Anchor | None = None

    @property
    def leaf(self) -> bytes:
        """32-byte leaf hash of the record."""
        return leaf_hash(self.shown.entry)

    def encode(self) -> bytes:
        """Returns the receipt file."""
        return canonical.dumps(
            self.shown.to_json()
            | {
                "anchor": self.anchor.to_json() if self.anchor else None,
                "anchorBy": self.anchor_by,
                "checkpoint": self.checkpoint,
                "format": _RECEIPT,
                "inclusion": encode_hashes(self.path),
                "index": self.index,
            }
        )


@dataclass(frozen=True, slots=True)
class Promise:
    """A signed word that a record will be in the log by a time.

    Attributes:
        shown: The record and the fields it shows.
        note: The signed promise, as text.
    """

    shown: Shown
    note: str

    @property
    def leaf(self) -> bytes:
        """32-byte leaf hash of the record."""
        return leaf_hash(self.shown.entry)

    @classmethod
    def make(cls, shown: Shown, append_by: str, signer: Signer) -> Promise:
        """Signs a promise. `append_by` is UTC in whole seconds."""
        return cls(shown, signer.sign(promise_text(shown.origin, leaf_hash(shown.entry), append_by)))

    def encode(self) -> bytes:
        """Returns the promise file."""
        return canonical.dumps(self.shown.to_json() | {"format": _PROMISE, "promise": self.note})


def promise_text(origin: str, leaf: bytes, append_by: str) -> str:
    """Returns the text that a promise signs."""
    return f"{_PROMISE_HEADER}\n{origin}\n{encode_hashes([leaf])[0]}\n{append_by}\n"


def parse_receipt(data: bytes) -> Receipt | Promise:
    """Reads a receipt or promise file. Nothing in it is trusted yet.

    Raises:
        MalformedEvidence: When it is neither.
    """
    if len(data) > MAX_RECEIPT_BYTES:
        raise MalformedEvidence(f"a receipt of {len(data)} bytes is too large; {MAX_RECEIPT_BYTES} is the limit")
    try:
        value = canonical.loads_canonical(data.rstrip())
    except InvalidInput as error:
        raise MalformedEvidence(error.message, hint=error.hint) from error
    if not isinstance(value, dict):
        raise MalformedEvidence("not a receipt: the file holds no JSON object")
    if value.get("format") == _PROMISE:
        _require_members(value, _SHARED | {"promise"})
        return Promise(_shown(value), _text(value, "promise"))
    if value.get("format") != _RECEIPT:
        raise MalformedEvidence(
            f"not a receipt this version can read: its format is {str(value.get('format'))[:40]!r}",
            hint=f"expected {_RECEIPT} or {_PROMISE}",
        )
    _require_members(value, _SHARED | {"anchor", "anchorBy", "checkpoint", "inclusion", "index"})
    index, anchor_by, anchor = value["index"], value["anchorBy"], value["anchor"]
    if not isinstance(index, int) or isinstance(index, bool) or index < 0:
        raise MalformedEvidence("a receipt's index is not a number from 0")
    if anchor_by is not None and not (isinstance(anchor_by, str) and is_time(anchor_by)):
        raise MalformedEvidence("a receipt's anchor time is not a time")
    return Receipt(
        _shown(value),
        index,
        decode_hashes(value["inclusion"], "a receipt"),
        _text(value, "checkpoint"),
        anchor_by,
        None if anchor is None else Anchor.from_json(anchor),
    )


def _shown(value: dict[str, Any]) -> Shown:
    schema = value["schema"]
    return Shown(
        require_origin(_text(value, "origin")),
        _text(value, "entry").encode(),
        None if schema is None else Schema.from_json(schema),
        Disclosure(_texts(value, "disclosures"), decode_hashes(value["fieldProof"], "a receipt")),
        _texts(value, "handovers"),
    )


def _require_members(value: dict[str, Any], expected: set[str]) -> None:
    if set(value) != expected:
        wrong = sorted(set(value) ^ expected)[0]
        raise MalformedEvidence(f"a receipt has a missing or unknown part: {wrong[:60]!r}")


def _text(value: dict[str, Any], name: str) -> str:
    if not isinstance(value[name], str):
        raise MalformedEvidence(f"the part {name!r} of a receipt is not text")
    return str(value[name])


def _texts(value: dict[str, Any], name: str) -> tuple[str, ...]:
    items = value[name]
    if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
        raise MalformedEvidence(f"the part {name!r} of a receipt is not a list of texts")
    return tuple(items)
