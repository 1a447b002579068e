"""Records that a home goes on to work with, kept here when the part of the log that has them leaves for a depot.

Few records say what rules and models there are; deciding needs them, whether the depot answers or not. The leaf
hashes of the log stay here, so whoever reads one holds it against its hash.

    magic line; of each record: index (8 bytes, big-endian), length (2), entry
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from pathlib import Path
from threading import Lock
from typing import Final

from counterfoil.errors import HomeDamaged, LogUnavailable
from counterfoil.store.durable import replace_file

__all__ = ["WorkingRecords"]

_MAGIC: Final = b"counterfoil working records 1\n"
_HEAD: Final = struct.Struct(">QH")
_KINDS: Final = (
    *("identity", "key", "policy", "dataset", "model", "deployment", "ledger"),
    *("recall", "recall-end"),
)
_MARKS: Final = tuple(f"/{kind}/v1".encode() for kind in _KINDS)


class WorkingRecords:
    """The kept records of one home. Safe to use from several threads.

    Args:
        path: The file; it is made when there is something to keep.

    Raises:
        HomeDamaged: The file was cut or altered.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = Lock()  # one change at a time; the table is replaced, never altered
        self._entries: Mapping[int, bytes] = dict(_read(path)) if path.exists() else {}

    def find(self, index: int) -> bytes | None:
        """Returns a kept entry, which the caller holds against the log; None where it is not kept."""
        return self._entries.get(index)

    def among(self, start: int, end: int) -> frozenset[int]:
        """Returns the indices of kept records from `start` to before `end`."""
        return frozenset(index for index in self._entries if start <= index < end)

    def keep(self, entries: Iterable[tuple[int, bytes]]) -> int:
        """Keeps those of some entries, (index, bytes), that the home works with.

        Returns:
            The bytes by which the file became longer.

        Raises:
            LogUnavailable: The disk refuses.
        """
        wanted = {index: entry for index, entry in entries if any(mark in entry for mark in _MARKS)}
        with self._lock:
            if wanted.keys() <= self._entries.keys():
                return 0
            kept = dict(self._entries) | wanted
            before = self._path.stat().st_size if self._entries else 0
            rows = [_HEAD.pack(index, len(entry)) + entry for index, entry in sorted(kept.items())]
            data = _MAGIC + b"".join(rows)
            try:
                replace_file(self._path, data)
            except OSError as error:
                raise LogUnavailable(f"{self._path.name} could not be saved: {error.strerror or error}") from error
            self._entries = kept
            return len(data) - before


def _read(path: Path) -> Iterable[tuple[int, bytes]]:
    data = path.read_bytes()
    place = len(_MAGIC)
    if not data.startswith(_MAGIC):
        raise HomeDamaged(f"{path.name} cannot be read", hint="restore it from a backup, or from the log in the depot")
    while place < len(data):
        if place + _HEAD.size > len(data):
            raise HomeDamaged(f"{path.name} is cut off", hint="restore it from a backup")
        index, length = _HEAD.unpack_from(data, place)
        place += _HEAD.size + length
        if place > len(data):
            raise HomeDamaged(f"{path.name} is cut off", hint="restore it from a backup")
        yield index, data[place - length : place]
