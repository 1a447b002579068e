"""Signed notes: a text and the lines of those who signed it (C2SP signed-note).

    <text, ends with a newline>
    <empty line>
    — <key name> <base64(4-byte key id || signature)>

Two signature types are spoken here: Ed25519 over the text (0x01), and the
timestamped Ed25519 cosignature of a witness (0x04, C2SP tlog-cosignature). Lines
of unknown keys and types are kept and ignored, as the format asks.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from counterfoil.errors import InvalidInput, MalformedEvidence

__all__ = [
    "COSIGNATURE",
    "ED25519",
    "MAX_NOTE_BYTES",
    "Note",
    "Signature",
    "Signer",
    "VerifierKey",
    "is_key_name",
    "parse_note",
    "require_origin",
]

ED25519: Final = 0x01
COSIGNATURE: Final = 0x04
MAX_NOTE_BYTES: Final = 65_536
_MAX_SIGNATURES: Final = 100
_COSIGNATURE_BYTES: Final = 72
_MAX_NAME: Final = 256
_DASH: Final = "\u2014 "


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """A public key with the name it signs under.

    Attributes:
        name: The signer's name; for a log, its origin.
        kind: `ED25519` or `COSIGNATURE`.
        public: 32 bytes of an Ed25519 public key.
    """

    name: str
    kind: int
    public: bytes

    def __post_init__(self) -> None:
        if not is_key_name(self.name):
            raise InvalidInput(f"{self.name!r} cannot name a key", hint="no spaces and no plus sign")
        if self.kind not in (ED25519, COSIGNATURE) or len(self.public) != 32:
            raise InvalidInput("a verifier key holds 32 bytes of an Ed25519 key, type 1 or 4")

    @property
    def id(self) -> bytes:
        """The 4-byte key id: SHA-256(name || LF || type || key)[:4]."""
        return sha256(self.name.encode() + b"\n" + bytes([self.kind]) + self.public).digest()[:4]

    @property
    def fingerprint(self) -> str:
        """Name and key id, `bank.example+1a2b3c4d`: how records name their issuer."""
        return f"{self.name}+{self.id.hex()}"

    def __str__(self) -> str:
        return f"{self.fingerprint}+{b64encode(bytes([self.kind]) + self.public).decode()}"

    @classmethod
    def parse(cls, text: str) -> VerifierKey:
        """Reads `name+hex id+base64 key`.

        Raises:
            MalformedEvidence: When the text is something else or the id contradicts the key.
        """
        hint = "it looks like bank.example+1a2b3c4d+AVt5…"
        name, _, rest = text.strip().partition("+")
        key_id, _, material = rest.partition("+")
        try:
            raw = b64decode(material, validate=True)
            key = cls(name, raw[0], raw[1:])
        except (Base64Error, IndexError, ValueError, InvalidInput) as error:
            # Never quotes what was given: it may be a secret key, given by mistake.
            raise MalformedEvidence(
                "not an issuer's public key", hint=f"{hint}; a home keeps it in issuer.vkey, never in a .key file"
            ) from error
        if key.id.hex() != key_id:
            raise MalformedEvidence("the key id contradicts the key; one of them was altered", hint=hint)
        return key

    def is_signed(self, text: str, signature: bytes) -> bool:
        """Whether `signature` is this key's over `text`."""
        message = text.encode()
        if self.kind == COSIGNATURE:
            if len(signature) != _COSIGNATURE_BYTES:
                return False
            message = _cosigned(text, int.from_bytes(signature[:8], "big"))
            signature = signature[8:]
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, message)
        except (InvalidSignature, ValueError):
            return False
        return True


class Signer:
    """A secret Ed25519 key with the name it signs under. Signing is deterministic."""

    __slots__ = ("_secret", "key")

    def __init__(self, name: str, secret: bytes, kind: int = ED25519) -> None:
        if len(secret) != 32:
            raise InvalidInput("an Ed25519 secret key is 32 bytes")
        self._secret = Ed25519PrivateKey.from_private_bytes(secret)
        self.key = VerifierKey(name, kind, self._secret.public_key().public_bytes_raw())

    def sign(self, text: str, *, time_s: int = 0) -> str:
        """Returns `text` as a note with this key's signature line.

        Args:
            text: The text, ending with a newline.
            time_s: Unix seconds, used by cosignatures only.
        """
        if not text.endswith("\n"):
            raise InvalidInput("a note's text ends with a newline")
        return f"{text}\n{self.line(text, time_s=time_s)}"

    def line(self, text: str, *, time_s: int = 0) -> str:
        """Returns only the signature line over `text`, newline included."""
        if self.key.kind == COSIGNATURE:
            signature = time_s.to_bytes(8, "big") + self._secret.sign(_cosigned(text, time_s))
        else:
            signature = self._secret.sign(text.encode())
        return str(Signature(self.key.name, self.key.id, signature))


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature line: who claims to have signed, and the bytes."""

    name: str
    key_id: bytes
    value: bytes

    def __str__(self) -> str:
        """Returns the line, newline included."""
        return f"{_DASH}{self.name} {b64encode(self.key_id + self.value).decode()}\n"


@dataclass(frozen=True, slots=True)
class Note:
    """A parsed note. Nothing is trusted until `signed_by` says so."""

    text: str
    signatures: tuple[Signature, ...]

    def data(self) -> str:
        """Returns the note as text, as `parse_note` reads it."""
        return f"{self.text}\n{''.join(map(str, self.signatures))}"

    def only(self, *lines: Signature) -> Note:
        """Returns the same text with these signature lines alone."""
        return Note(self.text, lines)

    def signed_by(self, key: VerifierKey) -> bool:
        """Whether at least one line is a valid signature of `key`."""
        return any(
            line.name == key.name and line.key_id == key.id and key.is_signed(self.text, line.value)
            for line in self.signatures
        )

    def is_cosigned(self, key: VerifierKey) -> bool:
        """Whether any line is long enough to be a witness's, or says that it is of `key`; it need not be valid."""
        return any(
            len(line.value) == _COSIGNATURE_BYTES or (line.name == key.name and line.key_id == key.id)
            for line in self.signatures
        )

    def cosigned_at(self, key: VerifierKey) -> int | None:
        """Returns when the witness `key` signed this, in Unix seconds, the newest of its lines; None if it did not.

        The time is the witness's own word. One beyond 2^63 - 1 makes a line invalid (C2SP tlog-cosignature).
        """
        times = [
            int.from_bytes(line.value[:8], "big")
            for line in self.signatures
            if key.kind == COSIGNATURE
            and line.name == key.name
            and line.key_id == key.id
            and len(line.value) == _COSIGNATURE_BYTES
            and line.value[0] < 0x80
            and key.is_signed(self.text, line.value)
        ]
        return max(times, default=None)


def parse_note(data: str) -> Note:
    """Reads a signed note.

    Raises:
        MalformedEvidence: When it has another shape, control characters, no
            signature line, more than 100 of them, or more than 65,536 bytes.
    """
    if len(data) > MAX_NOTE_BYTES:
        raise MalformedEvidence(f"a signed head is {len(data)} characters long; {MAX_NOTE_BYTES} is the limit")
    if any((ch < " " and ch != "\n") or "\ud800" <= ch <= "\udfff" for ch in data):
        raise MalformedEvidence("a signed head holds control characters, or halves of characters")
    text, blank, lines = data.rpartition("\n\n")
    if not blank or not lines.endswith("\n"):
        raise MalformedEvidence("a signed head needs a text, an empty line and at least one signature line")
    rows = lines[:-1].split("\n")
    if len(rows) > _MAX_SIGNATURES:
        raise MalformedEvidence(f"a signed head carries {len(rows)} signatures; {_MAX_SIGNATURES} is the limit")
    return Note(text + "\n", tuple(_parse_line(row) for row in rows))


def is_key_name(name: str) -> bool:
    """Whether `name` may name a key: not empty, no spaces, no plus, no controls."""
    return bool(name) and "+" not in name and name.isprintable() and not any(ch.isspace() for ch in name)


def require_origin(name: str) -> str:
    """Returns a log's name as a file gives it, fit to be shown to people.

    Raises:
        MalformedEvidence: When it could not name a key, or is longer than 256 characters.
    """
    if not is_key_name(name) or len(name) > _MAX_NAME:
        raise MalformedEvidence(f"{name[:80]!r} cannot name a log")
    return name


def _parse_line(row: str) -> Signature:
    name, _, value = row.removeprefix(_DASH).partition(" ")
    try:
        raw = b64decode(value, validate=True)
    except (Base64Error, ValueError) as error:
        raise MalformedEvidence("a signature line is not base64") from error
    if not row.startswith(_DASH) or not is_key_name(name) or len(raw) < 5 or b64encode(raw).decode() != value:
        raise MalformedEvidence("a signature line has another shape than '— name base64'")
    return Signature(name, raw[:4], raw[4:])


def _cosigned(text: str, time_s: int) -> bytes:
    """Returns what a witness signs (C2SP tlog-cosignature, Ed25519)."""
    return f"cosignature/v1\ntime {time_s}\n{text}".encode()
