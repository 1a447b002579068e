"""Tiles: a log cut into files that never change (C2SP tlog-tiles).

Tile (level, n) holds up to 256 hashes; hash i of a level-L tile is the root over
256^L consecutive records. An entry bundle holds the records themselves, each as a
2-byte length and its bytes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from counterfoil.errors import InvalidInput, MalformedEvidence

__all__ = [
    "MAX_ENTRY_BYTES",
    "TILE_WIDTH",
    "cover",
    "decode_bundle",
    "encode_bundle",
    "entries_path",
    "tile_path",
    "tile_width",
]

TILE_WIDTH: Final = 256
MAX_ENTRY_BYTES: Final = 65_535


def tile_path(level: int, number: int, width: int = TILE_WIDTH) -> str:
    """Returns `tile/<level>/<number>[.p/<width>]`, the number in groups of three."""
    return f"tile/{level}/{_grouped(number)}{_partial(width)}"


def entries_path(number: int, width: int = TILE_WIDTH) -> str:
    """Returns `tile/entries/<number>[.p/<width>]`."""
    return f"tile/entries/{_grouped(number)}{_partial(width)}"


def tile_width(size: int, level: int, number: int) -> int:
    """Returns how many hashes tile (level, number) holds in a log of `size` records."""
    return max(0, min(TILE_WIDTH, (size >> 8 * level) - TILE_WIDTH * number))


def cover(start: int, end: int) -> Iterator[tuple[int, int]]:
    """Yields (level, index): the coarsest tile hashes that cover records start..end-1.

    Each hash stands for 256^level records starting at index * 256^level.
    """
    while start < end:
        level = 0
        while start % 256 ** (level + 1) == 0 and start + 256 ** (level + 1) <= end:
            level += 1
        yield level, start >> 8 * level
        start += 256**level


def encode_bundle(entries: Sequence[bytes]) -> bytes:
    """Returns entries as one bundle.

    Raises:
        InvalidInput: When one has more than 65,535 bytes.
    """
    parts: list[bytes] = []
    for entry in entries:
        if len(entry) > MAX_ENTRY_BYTES:
            raise InvalidInput(f"a record of {len(entry)} bytes is too large; {MAX_ENTRY_BYTES} is the limit")
        parts.append(len(entry).to_bytes(2, "big"))
        parts.append(entry)
    return b"".join(parts)


def decode_bundle(data: bytes) -> list[bytes]:
    """Returns the entries of a bundle.

    Raises:
        MalformedEvidence: When a length points past the end.
    """
    entries: list[bytes] = []
    offset, total = 0, len(data)
    while offset < total:
        end = offset + 2 + int.from_bytes(data[offset : offset + 2], "big")
        if end > total or offset + 2 > total:
            raise MalformedEvidence("an entry bundle is cut off in the middle of a record")
        entries.append(data[offset + 2 : end])
        offset = end
    return entries


def _grouped(number: int) -> str:
    digits = f"{number:03d}"
    digits = digits.zfill(-(-len(digits) // 3) * 3)
    groups = [digits[i : i + 3] for i in range(0, len(digits), 3)]
    return "/".join([f"x{group}" for group in groups[:-1]] + groups[-1:])


def _partial(width: int) -> str:
    if not 0 < width <= TILE_WIDTH:
        raise InvalidInput(f"a tile holds 1 to 256 hashes, not {width}")
    return "" if width == TILE_WIDTH else f".p/{width}"
