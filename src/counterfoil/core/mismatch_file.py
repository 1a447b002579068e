"""The file by which a buyer shows that a seller delivered something else than it published.

Canonical JSON, with what both sides signed and the pieces that contradict it; see
`check_mismatch` for what follows from it. One of three things is shown:

    chunk    a piece opens to another chunk than the published one, or does not open
    head     the first piece does not open for the order's key
    neither  the statement itself promises other content than the sheet it names
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from counterfoil.core import canonical
from counterfoil.core.age import read_secret, secret_text
from counterfoil.core.delivery import Content, DeliveryStatement, parse_hex32, read_content, read_statement
from counterfoil.core.signed_document import SignedDocument, read_document
from counterfoil.errors import DoesNotMatch, InvalidInput, MalformedEvidence

__all__ = [
    "MAX_MISMATCH_BYTES",
    "MISMATCH_FORMAT",
    "OFFER_FORMAT",
    "ChunkShown",
    "MismatchFile",
    "PieceShown",
    "content_of_sheet",
    "is_mismatch_file",
    "parse_mismatch_file",
]

MISMATCH_FORMAT: Final = "counterfoil mismatch 1"
OFFER_FORMAT: Final = "counterfoil offer 1"
MAX_MISMATCH_BYTES: Final = 2**22
_MAX_PROOF: Final = 64
_START: Final = b'{"chunk":'
_MEMBERS: Final = {"chunk", "format", "head", "secret", "sheet", "statement"}


@dataclass(frozen=True, slots=True)
class PieceShown:
    """A piece of the encrypted file, and the way from it to the signed root."""

    data: bytes
    proof: tuple[bytes, ...]

    def to_json(self) -> dict[str, Any]:
        """Returns it as the file has it."""
        return {"piece": b64encode(self.data).decode(), "proof": [each.hex() for each in self.proof]}


@dataclass(frozen=True, slots=True)
class ChunkShown:
    """What is said of one chunk.

    Attributes:
        number: Of the chunk, from 0; its piece is the one after.
        leaf: SHA-256(0x00 || chunk) as it was published.
        leaf_proof: The way from it to the content's root.
        piece: What was sent for it.
    """

    number: int
    leaf: bytes
    leaf_proof: tuple[bytes, ...]
    piece: PieceShown

    def to_json(self) -> dict[str, Any]:
        """Returns it as the file has it."""
        proof = [each.hex() for each in self.leaf_proof]
        return {"leaf": self.leaf.hex(), "leafProof": proof, "number": self.number} | self.piece.to_json()


@dataclass(frozen=True, slots=True)
class MismatchFile:
    """What the file holds. The signatures in it are valid, each under the key it names; nothing else was looked at.

    Attributes:
        sheet: The offer sheet.
        published: The content that it publishes.
        statement: What the seller said it would send.
        signed_statement: The same, with its key.
        secret: The secret key of the order, 32 bytes; None where none is needed.
        head: The first piece.
        chunk: The chunk that is not as published.
    """

    sheet: SignedDocument
    published: Content
    statement: DeliveryStatement
    signed_statement: SignedDocument
    secret: bytes | None = None
    head: PieceShown | None = None
    chunk: ChunkShown | None = None

    def encode(self) -> bytes:
        """Returns the file: canonical JSON."""
        return canonical.dumps(
            {
                "chunk": self.chunk.to_json() if self.chunk else None,
                "format": MISMATCH_FORMAT,
                "head": self.head.to_json() if self.head else None,
                "secret": secret_text(self.secret) if self.secret else None,
                "sheet": self.sheet.envelope(),
                "statement": self.signed_statement.envelope(),
            }
        )


def is_mismatch_file(start: bytes) -> bool:
    """Whether a file that begins so can show a mismatch: no receipt, passport or proof about rows does."""
    return start.startswith(_START)


def content_of_sheet(sheet: SignedDocument) -> Content:
    """Returns what a signed offer sheet publishes.

    Raises:
        MalformedEvidence: It publishes no content.
    """
    told = sheet.document.get("content")
    if not isinstance(told, Mapping):
        raise MalformedEvidence("the offer sheet publishes no content")
    return read_content({name: told[name] for name in ("root", "size") if name in told})


def parse_mismatch_file(data: bytes) -> MismatchFile:
    """Reads such a file and checks the two signatures.

    Raises:
        MalformedEvidence: It is none.
        DoesNotMatch: A signature is wrong.
    """
    if len(data) > MAX_MISMATCH_BYTES:
        raise MalformedEvidence(f"evidence of {len(data):,} bytes is too large; {MAX_MISMATCH_BYTES:,} is the limit")
    try:
        value = canonical.loads_canonical(data.removesuffix(b"\n"))
    except InvalidInput as error:
        raise MalformedEvidence(error.message, hint=error.hint) from error
    if not isinstance(value, dict) or value.get("format") != MISMATCH_FORMAT or set(value) != _MEMBERS:
        raise MalformedEvidence("not evidence this version can read", hint=f"expected the format {MISMATCH_FORMAT}")
    if not isinstance(value["sheet"], dict) or not isinstance(value["statement"], dict):
        raise MalformedEvidence("evidence holds a sheet and a statement, both signed")
    sheet = read_document(value["sheet"], OFFER_FORMAT)
    statement, signed = read_statement(value["statement"])
    head = _piece(value["head"]) if value["head"] is not None else None
    chunk = _chunk(value["chunk"]) if value["chunk"] is not None else None
    secret = _secret(value["secret"]) if value["secret"] is not None else None
    if (chunk is not None and head is None) or (head is None) != (secret is None):
        raise MalformedEvidence("evidence about a piece holds the first piece and the order's secret, too")
    return MismatchFile(sheet, content_of_sheet(sheet), statement, signed, secret, head, chunk)


def _piece(value: Any) -> PieceShown:
    if not isinstance(value, Mapping) or set(value) != {"piece", "proof"} or not isinstance(value["piece"], str):
        raise MalformedEvidence("a piece in evidence has the members 'piece' and 'proof' alone")
    try:
        data = b64decode(value["piece"], validate=True)
    except ValueError as error:
        raise MalformedEvidence("a piece in evidence is not base64") from error
    return PieceShown(data, _proof(value["proof"]))


def _chunk(value: Any) -> ChunkShown:
    if not isinstance(value, Mapping) or set(value) != {"leaf", "leafProof", "number", "piece", "proof"}:
        raise MalformedEvidence("a chunk in evidence has a missing or unknown member")
    number = value["number"]
    if not isinstance(number, int) or isinstance(number, bool) or number < 0:
        raise MalformedEvidence("a chunk in evidence has no number")
    piece = _piece({"piece": value["piece"], "proof": value["proof"]})
    return ChunkShown(number, parse_hex32(value["leaf"], "leaf"), _proof(value["leafProof"]), piece)


def _proof(value: Any) -> tuple[bytes, ...]:
    if not isinstance(value, list) or len(value) > _MAX_PROOF:
        raise MalformedEvidence(f"a proof in evidence is a list of at most {_MAX_PROOF} hashes")
    return tuple(parse_hex32(each, "proof") for each in value)


def _secret(value: Any) -> bytes:
    try:
        return read_secret(value if isinstance(value, str) else "")
    except InvalidInput as error:
        raise DoesNotMatch("the secret in the evidence is no key of the age format") from error
