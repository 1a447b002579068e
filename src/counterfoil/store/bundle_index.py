"""Entries in a segment's bytes, and the index of where each bundle of 256 starts."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from io import FileIO
from itertools import pairwise
from pathlib import Path
from sys import byteorder

__all__ = ["BUNDLE_ENTRIES", "LENGTH_BYTES", "derive", "load", "save", "whole_entries"]

BUNDLE_ENTRIES = 256
"""Entries in a full C2SP entry bundle."""

LENGTH_BYTES = 2
"""Before each entry: its length, uint16 big-endian."""

_READ_BYTES = 1 << 20


def whole_entries(file: FileIO, limit: int) -> Iterator[bytes]:
    """Yields up to `limit` entries from where `file` stands, reading ahead 1 MiB.

    Stops where the file ends, where an entry is cut short, and at an empty entry:
    a log has none, and a tail of zeros would otherwise read as thousands of them.
    """
    data, position = b"", 0
    while limit:
        more = file.read(_READ_BYTES)
        if not more:
            return
        data, position = data[position:] + more, 0
        available = len(data)
        while limit and (begin := position + LENGTH_BYTES) <= available:
            end = begin + (data[position] << 8 | data[position + 1])
            if end == begin:
                return
            if end > available:
                break
            yield data[begin:end]
            position = end
            limit -= 1


def derive(file: FileIO, count: int) -> list[int]:
    """Returns where the first `count` bundles start, fewer when the file holds fewer."""
    starts: list[int] = []
    offset = 0
    for position, entry in enumerate(whole_entries(file, count * BUNDLE_ENTRIES)):
        if position % BUNDLE_ENTRIES == 0:
            starts.append(offset)
        offset += LENGTH_BYTES + len(entry)
    return starts


def load(path: Path, count: int, end: int) -> list[int] | None:
    """Returns the first `count` starts from an index file, None when it cannot be right.

    Args:
        path: The index file: u64 big-endian offsets.
        count: Number of bundles wanted.
        end: Where the last of them ends at the latest, in bytes.
    """
    if count == 0:
        return []
    numbers = array("Q")
    try:
        numbers.frombytes(path.read_bytes()[: count * numbers.itemsize])
    except (OSError, ValueError):
        return None
    starts = _big_endian(numbers).tolist()
    rising = all(a < b for a, b in pairwise([*starts, end]))
    return starts if len(starts) == count and starts[0] == 0 and rising else None


def save(path: Path, starts: Sequence[int]) -> None:
    """Writes an index file, without syncing it: it can be derived (OSError)."""
    path.write_bytes(_big_endian(array("Q", starts)).tobytes())


def _big_endian(numbers: array[int]) -> array[int]:
    if byteorder == "little":
        numbers.byteswap()
    return numbers
