"""Lists of hashes on disk, 32 bytes each: the leaves of a content's tree, or of an encrypted file's.

One hash for each MiB. They are read where they lie, so that neither side holds the list
of a large content in memory.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from secrets import token_hex
from types import TracebackType
from typing import Final, Self

from counterfoil.core.merkle import HASH_SIZE_BYTES, Frontier, inclusion_path
from counterfoil.errors import HomeDamaged
from counterfoil.store.durable import sync_folder

__all__ = ["HashList", "write_hashes"]

_AT_ONCE: Final = 4096


class HashList:
    """A list on disk. Read only; safe to use from several threads.

    Args:
        path: The file.
        count: How many hashes it must have.

    Raises:
        HomeDamaged: It is not there, or has another length.
    """

    def __init__(self, path: Path, count: int) -> None:
        try:
            self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            raise HomeDamaged(f"a list of hashes cannot be opened: {error.strerror}") from error
        self.count = count
        if os.fstat(self._fd).st_size != count * HASH_SIZE_BYTES:
            self.close()
            raise HomeDamaged(f"a list of hashes has another length than {count:,} of them take")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def __getitem__(self, number: int) -> bytes:
        found = os.pread(self._fd, HASH_SIZE_BYTES, number * HASH_SIZE_BYTES) if number >= 0 else b""
        if len(found) != HASH_SIZE_BYTES:
            raise IndexError(number)
        return found

    def read(self, offset: int, size_bytes: int) -> bytes:
        """Returns bytes of the file as it lies there."""
        return os.pread(self._fd, size_bytes, offset)

    @property
    def size_bytes(self) -> int:
        """Length of the file."""
        return self.count * HASH_SIZE_BYTES

    def root(self) -> bytes:
        """Returns the root over all of them."""
        return self._root_of(0, self.count)

    def proof(self, number: int) -> tuple[bytes, ...]:
        """Returns the way from one of them to the root (RFC 9162 2.1.3.1)."""
        return tuple(inclusion_path(number, self.count, self._root_of))

    def close(self) -> None:
        """Lets go of the file."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _root_of(self, start: int, end: int) -> bytes:
        frontier = Frontier()
        for each in self._between(start, end):
            frontier.push(each)
        return frontier.root()

    def _between(self, start: int, end: int) -> Iterator[bytes]:
        while start < end:
            count = min(_AT_ONCE, end - start)
            data = self.read(start * HASH_SIZE_BYTES, count * HASH_SIZE_BYTES)
            for at in range(0, len(data), HASH_SIZE_BYTES):
                yield data[at : at + HASH_SIZE_BYTES]
            start += count


def write_hashes(path: Path, hashes: Iterable[bytes]) -> bytes:
    """Writes a list as its hashes come, whole or not at all, durably; returns the root over them."""
    frontier = Frontier()
    temporary = path.with_name(f"{path.name}.{token_hex(8)}.new")
    try:
        with temporary.open("xb") as file:
            for each in hashes:
                frontier.push(each)
                file.write(each)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)
    return frontier.root()
