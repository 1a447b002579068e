"""A delivery: how content is cut into pieces and encrypted, and what the seller signs before the first byte.

Content is chunks of 1 MiB, the last one shorter; its root is that of the tree over
SHA-256(0x00 || chunk) (RFC 6962). What is sent is one file of the age format, seen as pieces:

    piece 0      age header || nonce of the payload
    piece i + 1  the sealed form of chunk i: 16 chunks of the age payload

with a root of its own over SHA-256(0x00 || piece). Piece and chunk go together, so each is
checked, opened and checked again by itself, and evidence about a chunk is two pieces.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

from counterfoil.core.age import (
    FILE_KEY_BYTES,
    NONCE_BYTES,
    derived,
    make_header,
    open_header,
    parse_header,
    recipient_of,
)
from counterfoil.core.age_payload import AGE_CHUNK_BYTES, Payload, sealed_size
from counterfoil.core.signed_document import SignedDocument, read_document
from counterfoil.core.statement import is_time
from counterfoil.errors import MalformedEvidence

__all__ = [
    "CHUNK_BYTES",
    "DELIVERY_FORMAT",
    "HEAD_BYTES",
    "MAX_CONTENT_BYTES",
    "Content",
    "DeliveryPlan",
    "DeliverySecrets",
    "DeliveryStatement",
    "chunk_leaf",
    "delivery_secrets",
    "open_head",
    "open_piece",
    "parse_hex32",
    "read_content",
    "read_statement",
    "seal_chunk",
]

DELIVERY_FORMAT: Final = "counterfoil delivery 1"
CHUNK_BYTES: Final = 1 << 20
MAX_CONTENT_BYTES: Final = 1 << 42
"""Largest content, 4 TiB: its list of hashes takes 128 MiB."""

HEAD_BYTES: Final = 168 + NONCE_BYTES
"""Length of piece 0: a header with one recipient, and the nonce."""

_LEAF: Final = sha256(b"\x00")
_AGE_CHUNKS: Final = CHUNK_BYTES // AGE_CHUNK_BYTES
_FULL_PIECE_BYTES: Final = sealed_size(CHUNK_BYTES)
_KEYS_INFO: Final = b"counterfoil delivery keys 1\n"
_HEX32: Final = re.compile(r"[0-9a-f]{64}")
_WORD: Final = re.compile(r"0x[0-9a-f]{64}")
_ADDRESS: Final = re.compile(r"0x[0-9a-f]{40}")
_MEMBERS: Final = (
    *("chainId", "ciphertext", "content", "created"),
    *("market", "offer", "order", "recipient", "sheet"),
)


@dataclass(frozen=True, slots=True)
class Content:
    """Some bytes, by their root (32 bytes) and their length."""

    root: bytes
    size_bytes: int

    def to_json(self) -> dict[str, Any]:
        """Returns it as offers and statements have it."""
        return {"root": self.root.hex(), "size": self.size_bytes}


@dataclass(frozen=True, slots=True)
class DeliveryPlan:
    """Where everything lies, for content of `size_bytes`, which is at least 1: nothing cannot be sold."""

    size_bytes: int

    @property
    def chunks(self) -> int:
        """How many chunks the content has, and leaves its tree."""
        return -(-self.size_bytes // CHUNK_BYTES)

    @property
    def pieces(self) -> int:
        """How many pieces are sent, and leaves their tree has."""
        return 1 + self.chunks

    @property
    def sent_bytes(self) -> int:
        """Length of the encrypted file."""
        return HEAD_BYTES + sealed_size(self.size_bytes)

    def chunk_bytes(self, number: int) -> int:
        """Returns the length of a chunk."""
        return min(CHUNK_BYTES, self.size_bytes - number * CHUNK_BYTES)

    def piece_bytes(self, number: int) -> int:
        """Returns the length of a piece."""
        return HEAD_BYTES if number == 0 else sealed_size(self.chunk_bytes(number - 1))

    def piece_start(self, number: int) -> int:
        """Returns where a piece begins in the encrypted file."""
        return 0 if number == 0 else HEAD_BYTES + (number - 1) * _FULL_PIECE_BYTES

    def piece_at(self, offset: int) -> int:
        """Returns the number of the piece in which a byte of the encrypted file lies."""
        return 0 if offset < HEAD_BYTES else 1 + (offset - HEAD_BYTES) // _FULL_PIECE_BYTES

    def is_last(self, number: int) -> bool:
        """Whether the content ends with this chunk."""
        return number == self.chunks - 1


@dataclass(frozen=True, slots=True)
class DeliverySecrets:
    """All that a seller needs to make the same encrypted file again: the first piece, and the payload's cipher."""

    head: bytes
    payload: Payload


def delivery_secrets(secret: bytes, order: bytes, content: Content, recipient: bytes) -> DeliverySecrets:
    """Derives the keys of one order's encrypted file; the same for the same arguments, others for any other.

    The content's root goes in, so that a keystream never meets two contents.

    Args:
        secret: 32 bytes that the seller keeps.
        order: 32 bytes.
        content: What is sent.
        recipient: The order's public key, 32 bytes.

    Raises:
        InvalidInput: The recipient is no key that hides anything.
    """
    info = _KEYS_INFO + content.root + content.size_bytes.to_bytes(8, "big") + recipient
    made = derived(secret, info, salt=order, size_bytes=FILE_KEY_BYTES + NONCE_BYTES + 32)
    file_key, nonce = made[:FILE_KEY_BYTES], made[FILE_KEY_BYTES : FILE_KEY_BYTES + NONCE_BYTES]
    ephemeral = made[FILE_KEY_BYTES + NONCE_BYTES :]
    return DeliverySecrets(make_header(file_key, [(recipient, ephemeral)]) + nonce, Payload(file_key, nonce))


def seal_chunk(payload: Payload, number: int, chunk: bytes | memoryview, *, is_last: bool) -> list[bytes]:
    """Returns piece `number` + 1 in parts: the sealed form of a chunk."""
    return payload.seal(chunk, number * _AGE_CHUNKS, ends=is_last)


def open_head(head: bytes, secret: bytes) -> Payload:
    """Returns the payload's cipher, from piece 0 and the 32-byte secret of the order's key.

    Raises:
        DoesNotMatch: It is for another key, or was altered.
        MalformedEvidence: It is no header for one X25519 key with a nonce after it, `HEAD_BYTES` in all.
    """
    if len(head) != HEAD_BYTES:
        raise MalformedEvidence(f"it has {len(head)} bytes; a header for one key and a nonce have {HEAD_BYTES}")
    header = parse_header(head)
    if len(header.stanzas) != 1 or header.size_bytes != HEAD_BYTES - NONCE_BYTES:
        raise MalformedEvidence("its header is for another number of keys than one")
    return Payload(open_header(header, secret), head[header.size_bytes :])


def chunk_leaf(*parts: bytes | memoryview) -> bytes:
    """Returns SHA-256(0x00 || parts), 32 bytes: the leaf of a chunk or piece, which need not be in one part."""
    hashed = _LEAF.copy()
    for part in parts:
        hashed.update(part)
    return hashed.digest()


def open_piece(payload: Payload, number: int, piece: bytes | memoryview, *, is_last: bool) -> list[bytes]:
    """Returns chunk `number` in parts, from its sealed form.

    Raises:
        DoesNotMatch: It was altered, or sealed with another key.
        MalformedEvidence: It was cut.
    """
    return payload.open(piece, number * _AGE_CHUNKS, ends=is_last)


@dataclass(frozen=True, slots=True)
class DeliveryStatement:
    """What a seller signs before it sends: for this order, this content, in this encrypted file.

    Attributes:
        order: `0x` and 64 digits, as on the ledger; so are `offer` and `recipient`.
        offer: The offer that was bought.
        chain_id: Of the ledger.
        market: Address of the contract, in small letters.
        recipient: X25519 public key of the order.
        sheet: SHA-256 (hex) of the offer sheet that published the content.
        content: What was published.
        ciphertext: The encrypted file.
        created: RFC 3339, UTC.
    """

    order: str
    offer: str
    chain_id: int
    market: str
    recipient: str
    sheet: str
    content: Content
    ciphertext: Content
    created: str

    @property
    def plan(self) -> DeliveryPlan:
        """Where everything lies in the encrypted file."""
        return DeliveryPlan(self.content.size_bytes)

    @property
    def recipient_key(self) -> bytes:
        """The order's public key, 32 bytes."""
        return bytes.fromhex(self.recipient[2:])

    def to_json(self) -> dict[str, Any]:
        """Returns the document to be signed."""
        return {
            "format": DELIVERY_FORMAT,
            "chainId": self.chain_id,
            "ciphertext": self.ciphertext.to_json(),
            "content": self.content.to_json(),
            "created": self.created,
            "market": self.market,
            "offer": self.offer,
            "order": self.order,
            "recipient": self.recipient,
            "sheet": self.sheet,
        }

    def is_for(self, secret: bytes) -> bool:
        """Whether `secret` is the one of the order's public key."""
        return recipient_of(secret) == self.recipient_key


def read_statement(given: bytes | str | Mapping[str, Any]) -> tuple[DeliveryStatement, SignedDocument]:
    """Reads a signed delivery statement; whose it is, is the caller's to check.

    Raises:
        MalformedEvidence: It is none.
        DoesNotMatch: The signature is wrong.
    """
    signed = read_document(given, DELIVERY_FORMAT, max_bytes=4096).require_members(_MEMBERS)
    told = signed.document
    for name, form in (("order", _WORD), ("offer", _WORD), ("recipient", _WORD), ("market", _ADDRESS)):
        if not isinstance(told[name], str) or not form.fullmatch(told[name]):
            raise MalformedEvidence(f"{name!r} in a delivery statement is not 0x and digits in small letters")
    chain_id, created = told["chainId"], told["created"]
    if not isinstance(chain_id, int) or isinstance(chain_id, bool) or chain_id < 1:
        raise MalformedEvidence("'chainId' in a delivery statement is no number of a chain")
    if not isinstance(created, str) or not is_time(created):
        raise MalformedEvidence("'created' in a delivery statement is no time, 2027-01-31T12:00:00Z")
    statement = DeliveryStatement(
        *(told["order"], told["offer"], chain_id, told["market"], told["recipient"]),
        parse_hex32(told["sheet"], "sheet").hex(),
        read_content(told["content"]),
        read_content(told["ciphertext"], most_bytes=2 * MAX_CONTENT_BYTES),
        created,
    )
    if statement.ciphertext.size_bytes != statement.plan.sent_bytes:
        raise MalformedEvidence(
            f"a delivery statement tells of {statement.ciphertext.size_bytes:,} encrypted bytes",
            hint=f"content of {statement.content.size_bytes:,} bytes takes {statement.plan.sent_bytes:,}",
        )
    return statement, signed


def read_content(value: Any, *, most_bytes: int = MAX_CONTENT_BYTES) -> Content:
    """Reads `{"root": hex, "size": bytes}`; other members are the caller's matter where it allows them.

    Raises:
        MalformedEvidence: It is something else.
    """
    if not isinstance(value, Mapping) or set(value) != {"root", "size"}:
        raise MalformedEvidence("content is told by its members 'root' and 'size' alone")
    size = value["size"]
    if not isinstance(size, int) or isinstance(size, bool) or not 1 <= size <= most_bytes:
        raise MalformedEvidence(f"a content's size is a number of bytes from 1 to {most_bytes:,}")
    return Content(parse_hex32(value["root"], "root"), size)


def parse_hex32(value: Any, name: str) -> bytes:
    """Returns the 32 bytes of 64 hexadecimal digits in small letters.

    Raises:
        MalformedEvidence: It is something else.
    """
    if not isinstance(value, str) or not _HEX32.fullmatch(value):
        raise MalformedEvidence(f"{name!r} is not 64 hexadecimal digits in small letters")
    return bytes.fromhex(value)
