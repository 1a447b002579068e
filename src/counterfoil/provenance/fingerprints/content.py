"""Hashes the content of one file, and refuses it when it was changed since the walk found it."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from hashlib import file_digest
from pathlib import Path
from typing import Final

from counterfoil.errors import InvalidInput
from counterfoil.provenance.fingerprints.algorithm import Hash
from counterfoil.provenance.fingerprints.entry import CHUNK_BYTES
from counterfoil.provenance.fingerprints.walk import Found

__all__ = ["BUFFER_BYTES", "chunk_hashes", "file_sha256", "whole_hash"]

BUFFER_BYTES: Final = 2**20
"""Read at a time: enough that reading costs little beside hashing, and little enough for a processor's cache."""

_FLAGS: Final = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK  # a file that became a pipe must not hold anybody up


def file_sha256(path: Path) -> str:
    """Returns the SHA-256 (hex) of a file's bytes, as `sha256sum` prints it (OSError where it cannot be read)."""
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


def whole_hash(found: Found, make: Hash, buffer: memoryview) -> bytes:
    """Returns the hash of a file's content, 32 bytes.

    Args:
        found: The file.
        make: Makes hash objects.
        buffer: At least one byte of room; longer files are read in pieces of its size.

    Raises:
        InvalidInput: It was changed, or cannot be read.
    """
    left, made = found.stamp.size_bytes, None
    try:
        fd = os.open(found.full, _FLAGS)
        try:
            count = os.readv(fd, [buffer])
            if count < left:
                made = make(buffer[:count])
                while (left := left - count) > 0 and (count := os.readv(fd, [buffer])):
                    made.update(buffer[:count])
            _require_unchanged(found, fd)
        finally:
            os.close(fd)
    except OSError as error:
        raise _unreadable(found, error) from error
    # Most files fit into the buffer: they are hashed when they are closed, in one go, for other threads' sake.
    return bytes((made or make(buffer[:count])).digest())


def chunk_hashes(found: Found, numbers: Iterable[int], make: Hash, buffer: memoryview) -> Iterator[bytes]:
    """Yields H(0x00 || chunk) of some chunks of a file, 32 bytes each.

    Raises:
        InvalidInput: It was changed, or cannot be read.
    """
    try:
        fd = os.open(found.full, _FLAGS)
        try:
            for number in numbers:
                made, place = make(b"\x00"), number * CHUNK_BYTES
                end = min(place + CHUNK_BYTES, found.stamp.size_bytes)
                while place < end and (count := os.preadv(fd, [buffer[: end - place]], place)):
                    made.update(buffer[:count])
                    place += count
                yield bytes(made.digest())
            _require_unchanged(found, fd)
        finally:
            os.close(fd)
    except OSError as error:
        raise _unreadable(found, error) from error


def _require_unchanged(found: Found, fd: int) -> None:
    now = os.fstat(fd)
    stamp = (now.st_size, now.st_mtime_ns, now.st_ctime_ns, now.st_ino, now.st_dev)
    if stamp != found.stamp or not stat.S_ISREG(now.st_mode):
        raise InvalidInput(
            f"{_name(found)} was changed while it was read", hint="wait until nothing writes to it, then try again"
        )


def _unreadable(found: Found, error: OSError) -> InvalidInput:
    return InvalidInput(
        f"{_name(found)} cannot be read: {error.strerror}", hint="mend that, or leave it out with --ignore"
    )


def _name(found: Found) -> str:
    return found.path.decode("utf-8", "backslashreplace")
