"""The payload of an age file: 64 KiB chunks under ChaCha20-Poly1305, each by itself (STREAM).

    nonce (16 bytes) || chunk 0 || chunk 1 || ... || last chunk

A chunk is encrypted under HKDF-SHA256(file key, salt nonce, info "payload") with the
nonce `number (11 bytes, big-endian) || 1 where it is the last, else 0`, so any chunk can be
made or opened alone, and none left out, moved or added. Only an empty file has an empty chunk.
"""

from __future__ import annotations

from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from counterfoil.core.age import FILE_KEY_BYTES, NONCE_BYTES, derived, open_header, parse_header
from counterfoil.errors import DoesNotMatch, InvalidInput, MalformedEvidence

__all__ = [
    "AGE_CHUNK_BYTES",
    "TAG_BYTES",
    "Payload",
    "decrypt",
    "encrypt",
    "opened_size",
    "sealed_size",
]

AGE_CHUNK_BYTES: Final = 65_536
TAG_BYTES: Final = 16
_SEALED_BYTES: Final = AGE_CHUNK_BYTES + TAG_BYTES

Buffer = bytes | bytearray | memoryview


def sealed_size(plain_bytes: int) -> int:
    """Returns the length of the chunks of a payload over so many bytes, without the nonce."""
    return plain_bytes + max(1, -(-plain_bytes // AGE_CHUNK_BYTES)) * TAG_BYTES


def opened_size(sealed_bytes: int) -> int:
    """Returns how many bytes the chunks of a payload of this length hold.

    Raises:
        MalformedEvidence: When no payload is so long.
    """
    plain_bytes = sealed_bytes - max(1, -(-sealed_bytes // _SEALED_BYTES)) * TAG_BYTES
    if plain_bytes < 0 or sealed_size(plain_bytes) != sealed_bytes:
        raise MalformedEvidence(f"an age payload of {sealed_bytes:,} bytes cannot be: it was cut")
    return plain_bytes


class Payload:
    """The cipher of one payload. Stateless; chunks are made and opened in any order.

    Args:
        file_key: 16 bytes.
        nonce: 16 bytes, of this file alone.
    """

    __slots__ = ("_cipher",)

    def __init__(self, file_key: bytes, nonce: bytes) -> None:
        if len(file_key) != FILE_KEY_BYTES or len(nonce) != NONCE_BYTES:
            raise InvalidInput("an age payload is made with a file key and a nonce of 16 bytes each")
        self._cipher = ChaCha20Poly1305(derived(file_key, b"payload", salt=nonce))

    def seal(self, data: Buffer, first: int, *, ends: bool) -> list[bytes]:
        """Returns consecutive chunks over `data`.

        Args:
            data: Whole chunks of 64 KiB; only where the file ends may the last be shorter, or the only one empty.
            first: Number of the first chunk.
            ends: Whether the file ends with `data`.
        """
        view = memoryview(data)
        count = max(1, -(-len(view) // AGE_CHUNK_BYTES))
        if not ends and (len(view) != count * AGE_CHUNK_BYTES):
            raise InvalidInput("only the last chunk of an age payload is shorter than 64 KiB")
        encrypt_chunk = self._cipher.encrypt
        return [
            encrypt_chunk(
                _nonce(first + at, ends and at == count - 1),
                view[at * AGE_CHUNK_BYTES : (at + 1) * AGE_CHUNK_BYTES],
                None,
            )
            for at in range(count)
        ]

    def open(self, data: Buffer, first: int, *, ends: bool) -> list[bytes]:
        """Returns the contents of consecutive chunks; the arguments are those of `seal`, of the sealed form.

        Raises:
            DoesNotMatch: When a chunk was altered, or is at another place than its own.
            MalformedEvidence: When it was cut, or an empty chunk follows others.
        """
        view = memoryview(data)
        count = max(1, -(-len(view) // _SEALED_BYTES))
        last_bytes = len(view) - (count - 1) * _SEALED_BYTES
        if last_bytes < TAG_BYTES or (not ends and last_bytes != _SEALED_BYTES):
            raise MalformedEvidence("an age payload was cut within a chunk")
        if last_bytes == TAG_BYTES and first + count > 1:
            raise MalformedEvidence("an age payload ends in an empty chunk")
        decrypt_chunk = self._cipher.decrypt
        try:
            return [
                decrypt_chunk(
                    _nonce(first + at, ends and at == count - 1),
                    view[at * _SEALED_BYTES : (at + 1) * _SEALED_BYTES],
                    None,
                )
                for at in range(count)
            ]
        except InvalidTag as error:
            raise DoesNotMatch(f"chunks {first} to {first + count - 1} of an age payload were altered") from error


def encrypt(data: bytes, header: bytes, file_key: bytes, nonce: bytes) -> bytes:
    """Returns a whole small file of the age format under a header from `make_header`."""
    return header + nonce + b"".join(Payload(file_key, nonce).seal(data, 0, ends=True))


def decrypt(data: bytes, secret: bytes) -> bytes:
    """Returns the contents of a whole small file of the age format.

    Raises:
        MalformedEvidence: When it is none, or was cut.
        DoesNotMatch: When it is for others, or was altered.
    """
    header = parse_header(data)
    file_key = open_header(header, secret)
    start = header.size_bytes + NONCE_BYTES
    if len(data) < start + TAG_BYTES:
        raise MalformedEvidence("an age file ends before its payload")
    payload = Payload(file_key, data[header.size_bytes : start])
    return b"".join(payload.open(memoryview(data)[start:], 0, ends=True))


def _nonce(number: int, is_last: bool) -> bytes:
    return number.to_bytes(11, "big") + (b"\x01" if is_last else b"\x00")
