"""The header of the age format, version 1, for X25519 recipients (https://age-encryption.org/v1).

    age-encryption.org/v1
    -> X25519 <ephemeral share, base64 without padding>
    <file key, wrapped: 32 bytes in base64>
    --- <HMAC-SHA256 over all of the above, base64>

After its newline come 16 bytes of nonce and the payload: see `age_payload`. All is a
function of its arguments: whoever encrypts brings the file key, the ephemeral secret and
the nonce, and gets the same bytes every time. They must be random, or derived from a
secret so that no two files share them.
"""

from __future__ import annotations

import hmac
import re
from base64 import b64decode, b64encode
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from counterfoil.core.bech32 import decode_bech32, encode_bech32
from counterfoil.errors import DoesNotMatch, InvalidInput, MalformedEvidence

__all__ = [
    "AGE_VERSION_LINE",
    "FILE_KEY_BYTES",
    "KEY_BYTES",
    "MAX_HEADER_BYTES",
    "NONCE_BYTES",
    "AgeHeader",
    "Stanza",
    "derived",
    "make_header",
    "open_header",
    "parse_header",
    "read_recipient",
    "read_secret",
    "recipient_of",
    "recipient_text",
    "secret_text",
]

AGE_VERSION_LINE: Final = b"age-encryption.org/v1\n"
FILE_KEY_BYTES: Final = 16
KEY_BYTES: Final = 32
NONCE_BYTES: Final = 16
MAX_HEADER_BYTES: Final = 2**16
"""Longest header that is read; one with a single recipient has 168 bytes."""

_RECIPIENT: Final = "age"
_SECRET: Final = "AGE-SECRET-KEY-"  # noqa: S105 - the prefix of every secret key, itself no secret
_WRAP_INFO: Final = b"age-encryption.org/v1/X25519"
_WRAPPED_BYTES: Final = FILE_KEY_BYTES + 16
_LINE_CHARS: Final = 64
_ZERO_NONCE: Final = bytes(12)
_ARGUMENT: Final = re.compile(rb"[\x21-\x7e]+")
_MAC_LINE: Final = re.compile(rb"--- ([A-Za-z0-9+/]{43})")


@dataclass(frozen=True, slots=True)
class Stanza:
    """The file key for one recipient: what kind of recipient, its arguments, and the wrapped key."""

    kind: str
    arguments: tuple[str, ...]
    body: bytes


@dataclass(frozen=True, slots=True)
class AgeHeader:
    """A header as it was read. Nothing in it is authentic before `open_header` gave the file key.

    Attributes:
        stanzas: One for each recipient, in order.
        signed: The bytes that the MAC is over.
        mac: 32 bytes.
        size_bytes: Length of the whole header; the nonce of the payload comes next.
    """

    stanzas: tuple[Stanza, ...]
    signed: bytes
    mac: bytes
    size_bytes: int


def recipient_of(secret: bytes) -> bytes:
    """Returns the 32-byte X25519 public key of a 32-byte secret."""
    return _private(secret).public_key().public_bytes_raw()


def recipient_text(recipient: bytes) -> str:
    """Returns a 32-byte public key as the age tool takes it, `age1…`."""
    return encode_bech32(_RECIPIENT, _sized(recipient, KEY_BYTES, "a recipient"))


def secret_text(secret: bytes) -> str:
    """Returns a 32-byte secret as the age tool takes it, `AGE-SECRET-KEY-1…`."""
    return encode_bech32(_SECRET.lower(), _sized(secret, KEY_BYTES, "an age secret")).upper()


def read_recipient(text: str) -> bytes:
    """Returns the 32 bytes of `age1…`.

    Raises:
        InvalidInput: When it is something else.
    """
    prefix, data = decode_bech32(text)
    if prefix != _RECIPIENT or len(data) != KEY_BYTES:
        raise InvalidInput("that is no recipient of age for X25519", hint="it looks like age1…, 62 characters")
    return data


def read_secret(text: str) -> bytes:
    """Returns the 32 bytes of `AGE-SECRET-KEY-1…`.

    Raises:
        InvalidInput: When it is something else; it is not quoted.
    """
    prefix, data = decode_bech32(text)
    if prefix != _SECRET or len(data) != KEY_BYTES:
        raise InvalidInput("that is no secret key of age for X25519", hint="it looks like AGE-SECRET-KEY-1…")
    return data


def make_header(file_key: bytes, recipients: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Returns the header that gives `file_key` to X25519 recipients.

    Args:
        file_key: 16 secret bytes, of this file alone.
        recipients: (public key, ephemeral secret), 32 bytes each; every secret of this stanza alone.

    Raises:
        InvalidInput: For a public key that would wrap for everybody (a point of low order).
    """
    _sized(file_key, FILE_KEY_BYTES, "a file key")
    lines = [AGE_VERSION_LINE]
    for recipient, ephemeral in recipients:
        share = recipient_of(ephemeral)
        try:
            wrap_key = _wrap_key(ephemeral, recipient, share, recipient)
        except ValueError as error:
            raise InvalidInput("that recipient's key is no point that hides anything", hint="make a new key") from error
        body = ChaCha20Poly1305(wrap_key).encrypt(_ZERO_NONCE, file_key, None)
        lines.append(b"-> X25519 " + _base64(share) + b"\n" + _base64(body) + b"\n")
    signed = b"".join(lines) + b"---"
    return signed + b" " + _base64(_mac(file_key, signed)) + b"\n"


def parse_header(data: bytes) -> AgeHeader:
    """Reads the header at the start of `data`; what follows it may be cut anywhere.

    Raises:
        MalformedEvidence: When there is none, byte for byte as the format has it.
    """
    if not data.startswith(AGE_VERSION_LINE):
        raise MalformedEvidence("not a file of the age format, version 1", hint=f"it begins {AGE_VERSION_LINE!r}")
    at = len(AGE_VERSION_LINE)
    stanzas: list[Stanza] = []
    while data.startswith(b"-> ", at):
        stanza, at = _stanza(data, at)
        stanzas.append(stanza)
    line, end = _line(data, at)
    found = _MAC_LINE.fullmatch(line)
    if found is None or not stanzas:
        raise MalformedEvidence("an age header has no recipient, or ends in another line than '--- ' and its MAC")
    return AgeHeader(tuple(stanzas), data[: at + 3], _unbase64(found[1]), end)


def open_header(header: AgeHeader, secret: bytes) -> bytes:
    """Returns the 16-byte file key that a header holds for the owner of `secret`.

    Raises:
        DoesNotMatch: When it is for others, or was altered.
        MalformedEvidence: When a stanza for X25519 has another form.
    """
    own = recipient_of(secret)
    keys = [_unwrapped(stanza, secret, own) for stanza in header.stanzas if stanza.kind == "X25519"]
    file_key = next((key for key in keys if key is not None), None)
    if file_key is None:
        raise DoesNotMatch("the file is encrypted to other keys than this one")
    if not hmac.compare_digest(_mac(file_key, header.signed), header.mac):
        raise DoesNotMatch("the header of the file was altered: its MAC is wrong")
    return file_key


def derived(key: bytes, info: bytes, *, salt: bytes = b"", size_bytes: int = KEY_BYTES) -> bytes:
    """Returns HKDF-SHA256 (RFC 5869) of `key`."""
    return HKDF(algorithm=SHA256(), length=size_bytes, salt=salt or None, info=info).derive(key)


def _unwrapped(stanza: Stanza, secret: bytes, own: bytes) -> bytes | None:
    """Returns the file key in a stanza for X25519, None where it is for somebody else."""
    if len(stanza.arguments) != 1 or len(stanza.body) != _WRAPPED_BYTES:
        raise MalformedEvidence("a recipient's part of an age header has another form than one for X25519")
    share = _unbase64(stanza.arguments[0].encode())
    if len(share) != KEY_BYTES:
        raise MalformedEvidence("the share in an age header is not 32 bytes")
    try:
        wrap_key = _wrap_key(secret, share, share, own)
    except ValueError as error:
        raise MalformedEvidence("the share in an age header is a point of low order") from error
    try:
        return ChaCha20Poly1305(wrap_key).decrypt(_ZERO_NONCE, stanza.body, None)
    except InvalidTag:
        return None


def _wrap_key(secret: bytes, other: bytes, share: bytes, recipient: bytes) -> bytes:
    """Returns the key that wraps a file key; ValueError when the shared secret is all zeros (RFC 7748 6.1)."""
    shared = _private(secret).exchange(X25519PublicKey.from_public_bytes(_sized(other, KEY_BYTES, "a recipient")))
    return derived(shared, _WRAP_INFO, salt=share + recipient)


def _mac(file_key: bytes, signed: bytes) -> bytes:
    return hmac.digest(derived(file_key, b"header"), signed, "sha256")


def _stanza(data: bytes, at: int) -> tuple[Stanza, int]:
    """Returns the stanza that begins at `at`, and where it ends."""
    line, at = _line(data, at)
    words = line[3:].split(b" ")
    if not all(_ARGUMENT.fullmatch(word) for word in words):
        raise MalformedEvidence("a recipient's line in an age header has another form than '-> KIND ARGUMENTS'")
    body: list[bytes] = []
    while True:
        line, at = _line(data, at)
        if len(line) > _LINE_CHARS:
            raise MalformedEvidence("a line of a wrapped key is longer than 64 characters")
        body.append(line)
        if len(line) < _LINE_CHARS:
            break
    kind, *arguments = (word.decode() for word in words)
    return Stanza(kind, tuple(arguments), _unbase64(b"".join(body))), at


def _line(data: bytes, at: int) -> tuple[bytes, int]:
    """Returns the line at `at` without its newline, and where the next begins."""
    end = data.find(b"\n", at, MAX_HEADER_BYTES)
    if end < 0:
        raise MalformedEvidence(f"an age header does not end within {MAX_HEADER_BYTES:,} bytes, or was cut")
    return data[at:end], end + 1


def _base64(data: bytes) -> bytes:
    return b64encode(data).rstrip(b"=")


def _unbase64(text: bytes) -> bytes:
    """Reads base64 without padding, in its one spelling."""
    try:
        data = b64decode(text + b"=" * (-len(text) % 4), validate=True)
    except ValueError as error:
        raise MalformedEvidence("an age header holds what is no base64") from error
    if _base64(data) != text:
        raise MalformedEvidence("an age header holds base64 in another spelling than its own")
    return data


def _private(secret: bytes) -> X25519PrivateKey:
    return X25519PrivateKey.from_private_bytes(_sized(secret, KEY_BYTES, "an age secret"))


def _sized(data: bytes, size_bytes: int, what: str) -> bytes:
    if len(data) != size_bytes:
        raise InvalidInput(f"{what} is {size_bytes} bytes long, not {len(data)}")
    return data
