"""One file of a fingerprint: its name, its size and the hash of its content, bound together."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Mapping
from hashlib import sha256
from typing import Any, Final, Literal, NamedTuple, TypeAlias

from counterfoil.core.merkle import HASH_SIZE_BYTES, root_of
from counterfoil.errors import InvalidInput
from counterfoil.provenance.fingerprints.algorithm import Algorithm, new_hash
from counterfoil.provenance.fingerprints.hash_list import hashes_in, read_hash

__all__ = ["CHUNK_BYTES", "WHOLE_BYTES", "Entry", "Kind", "chunk_root", "chunks_of"]

WHOLE_BYTES: Final = 64 * 2**20
"""Files up to this size are hashed in one piece: their hash is what `sha256sum` or `b3sum` prints."""

CHUNK_BYTES: Final = 4 * 2**20
"""Larger files are hashed in chunks of this size, so that threads can share the work and a change has a place."""

Kind: TypeAlias = Literal["whole", "chunks", "link"]

_CODES: Final[dict[tuple[Kind, Algorithm], bytes]] = {
    ("whole", "sha256"): b"\x00",
    ("chunks", "sha256"): b"\x01",
    ("whole", "blake3"): b"\x02",
    ("chunks", "blake3"): b"\x03",
    ("link", "sha256"): b"\x04",
    ("link", "blake3"): b"\x04",
}


class Entry(NamedTuple):
    """A file, or a link that was not followed.

    Attributes:
        path: Its name below the folder, as the disk has it, parts separated by `/`.
        size_bytes: Of the file; of a link, the length of what it says.
        kind: How `digest` was made.
        digest: 32 bytes: of the content (`whole`), the root over `chunks`, or SHA-256 of what a `link` says.
        chunks: The hashes of all chunks, one after the other; empty for other kinds.
        target: What a link says.
    """

    path: bytes
    size_bytes: int
    kind: Kind
    digest: bytes
    chunks: bytes = b""
    target: bytes = b""

    def leaf(self, algorithm: Algorithm) -> bytes:
        """Returns the leaf hash, 32 bytes: SHA-256(0x00 || code (1) || size (8, big-endian) || digest (32) || path)."""
        code = _CODES[self.kind, algorithm]
        return sha256(b"\x00" + code + self.size_bytes.to_bytes(8, "big") + self.digest + self.path).digest()

    @property
    def name(self) -> str:
        """The path as people read it; bytes that are no UTF-8 stand as escapes."""
        return self.path.decode("utf-8", "backslashreplace")

    def to_json(self, algorithm: Algorithm) -> dict[str, Any]:
        """Returns the entry as a fingerprint's file has it."""
        shown: dict[str, Any] = _text("path", self.path) | {"size": self.size_bytes}
        if self.kind == "link":
            return shown | _text("link", self.target)
        if self.kind == "whole":
            return shown | {algorithm: self.digest.hex()}
        return shown | {f"{algorithm}Chunks": [each.hex() for each in hashes_in(self.chunks)]}

    @classmethod
    def from_json(cls, told: Mapping[str, Any], algorithm: Algorithm) -> Entry:
        """Reads an entry back.

        Raises:
            InvalidInput: It is none.
        """
        try:
            path, size_bytes = _bytes("path", told), told["size"]
            if type(size_bytes) is not int or not 0 <= size_bytes < 2**63 or not path or b"\x00" in path:
                raise ValueError
            if "link" in told or "linkBase64" in told:
                target = _bytes("link", told)
                return cls(path, len(target), "link", sha256(target).digest(), target=target)
            if algorithm in told:
                return cls(path, size_bytes, "whole", read_hash(told[algorithm]))
            chunks = b"".join(read_hash(each) for each in told[f"{algorithm}Chunks"])
            if len(chunks) // HASH_SIZE_BYTES != chunks_of(size_bytes):
                raise ValueError
            return cls(path, size_bytes, "chunks", chunk_root(chunks, algorithm), chunks)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InvalidInput(
                "the fingerprint holds an entry that is none", hint="make it again: counterfoil fingerprint"
            ) from error


def chunks_of(size_bytes: int) -> int:
    """Returns the number of chunks that a file of this size has."""
    return -(-size_bytes // CHUNK_BYTES)


def chunk_root(chunks: bytes, algorithm: Algorithm) -> bytes:
    """Returns the root over chunk hashes, 32 bytes: the tree of RFC 6962 with the algorithm's own hash.

    Args:
        chunks: The hashes, one after the other; each is H(0x00 || chunk).
        algorithm: H.
    """
    level = hashes_in(chunks)
    if algorithm == "sha256":
        return root_of(level)

    make = new_hash(algorithm)
    while len(level) > 1:
        above = [bytes(make(b"\x01" + a + b).digest()) for a, b in zip(level[::2], level[1::2], strict=False)]
        level = above + ([level[-1]] if len(level) & 1 else [])
    return level[0]


def _text(name: str, data: bytes) -> dict[str, str]:
    """Returns a member: text where it is UTF-8, as Base64 under another name where it is not."""
    try:
        return {name: data.decode("utf-8")}
    except UnicodeDecodeError:
        return {f"{name}Base64": b64encode(data).decode()}


def _bytes(name: str, told: Mapping[str, Any]) -> bytes:
    if name in told:
        text: str = told[name]
        return text.encode("utf-8")
    return b64decode(told[f"{name}Base64"], validate=True)
