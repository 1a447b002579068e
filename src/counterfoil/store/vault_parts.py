"""A vault part: the sealed bodies of 65,536 neighbouring records in one file, made to be kept in a depot.

    25 bytes           `counterfoil vault part 1` and a line feed
    65,537 x 8 bytes   where each body starts in the file, and where the last one ends (unsigned, little-endian)
    the rest           the bodies, one after the other

A record whose number equals the next one's has no body here. Bodies are as `seal_body` made
them; the keys that open them never leave the vault.
"""

from __future__ import annotations

import os
import sys
from array import array
from collections.abc import Iterable
from io import FileIO
from pathlib import Path
from typing import Final

from counterfoil.errors import HomeDamaged, InvalidInput
from counterfoil.store.segment import SEGMENT_ENTRIES

__all__ = ["PART_RECORDS", "part_of", "part_size_bytes", "places_in", "read_body", "vault_part_key", "write_part"]

PART_RECORDS: Final = SEGMENT_ENTRIES
"""Part n is about the records of the log's segment n."""

_MAGIC: Final = b"counterfoil vault part 1\n"
_NUMBER_BYTES: Final = 8
_HEAD_BYTES: Final = len(_MAGIC) + _NUMBER_BYTES * (PART_RECORDS + 1)


def vault_part_key(number: int) -> str:
    """Returns what a part is called in a depot."""
    return f"vault/{number:03d}.bodies"


def part_of(number: int) -> tuple[int, int]:
    """Returns the first index of a part, and the first beyond it."""
    return number * PART_RECORDS, (number + 1) * PART_RECORDS


def part_size_bytes(bodies_bytes: int) -> int:
    """Returns how long a part's file is, from the bytes of its bodies."""
    return _HEAD_BYTES + bodies_bytes


def write_part(path: Path, number: int, bodies: Iterable[tuple[int, bytes]]) -> None:
    """Writes a part's file (mode 0600), holding one body and the table at a time.

    Args:
        path: The file; it must not exist.
        number: Which part.
        bodies: (index in the log, sealed body), ascending.

    Raises:
        InvalidInput: A body of another part, or out of order.
        OSError: The disk refuses.
    """
    first, stop = part_of(number)
    starts = array("Q", [_HEAD_BYTES]) * (PART_RECORDS + 1)
    end, following = _HEAD_BYTES, first
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as file:
        file.write(bytes(_HEAD_BYTES))
        for index, sealed in bodies:
            if not following <= index < stop:
                raise InvalidInput(f"record {index} is not the next one of vault part {number}")
            _fill(starts, following - first, index - first + 1, end)
            file.write(sealed)
            end, following = end + len(sealed), index + 1
        _fill(starts, following - first, PART_RECORDS + 1, end)
        if sys.byteorder == "big":
            starts.byteswap()
        file.seek(0)
        file.write(_MAGIC + starts.tobytes())


def _fill(starts: array[int], begin: int, stop: int, value: int) -> None:
    starts[begin:stop] = array("Q", [value]) * (stop - begin)


def read_body(file: FileIO, place: int) -> bytes:
    """Returns the sealed body at a place (0 to 65,535) of an opened part; empty where there is none.

    Raises:
        HomeDamaged: The file is not a whole part.
    """
    starts = _starts(file, place, 2)
    data = os.pread(file.fileno(), starts[1] - starts[0], starts[0])
    if len(data) != starts[1] - starts[0]:
        raise _damaged()
    return data


def places_in(file: FileIO) -> frozenset[int]:
    """Returns the places that have a body in an opened part (HomeDamaged when it is not a whole one)."""
    starts = _starts(file, 0, PART_RECORDS + 1)
    return frozenset(place for place in range(PART_RECORDS) if starts[place] < starts[place + 1])


def _starts(file: FileIO, place: int, count: int) -> array[int]:
    """Returns numbers of the table, each checked to lie in the file and not before the one before."""
    fd = file.fileno()
    data = os.pread(fd, _NUMBER_BYTES * count, len(_MAGIC) + _NUMBER_BYTES * place)
    if os.pread(fd, len(_MAGIC), 0) != _MAGIC or len(data) != _NUMBER_BYTES * count:
        raise _damaged()
    starts = array("Q", data)
    if sys.byteorder == "big":
        starts.byteswap()
    bounds = [_HEAD_BYTES, *starts, os.fstat(fd).st_size]
    if sorted(bounds) != bounds:
        raise _damaged()
    return starts


def _damaged() -> HomeDamaged:
    return HomeDamaged(
        "a vault part that came from the depot is not whole",
        hint="delete the folder cache of the home; if that does not help, restore the object from an earlier version",
    )
