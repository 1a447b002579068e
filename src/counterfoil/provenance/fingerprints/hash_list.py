"""Hashes of 32 bytes each, one after the other in one value: of the chunks of a file, of the rows of a table."""

from __future__ import annotations

from collections.abc import Iterator

from counterfoil.core.merkle import HASH_SIZE_BYTES

__all__ = ["differing_runs", "hashes_in", "read_hash"]


def hashes_in(data: bytes | bytearray) -> list[bytes]:
    """Returns each hash, 32 bytes, in order."""
    listed = bytes(data)
    return [listed[start : start + HASH_SIZE_BYTES] for start in range(0, len(listed), HASH_SIZE_BYTES)]


def read_hash(text: str) -> bytes:
    """Returns the 32 bytes that 64 small hexadecimal digits say (ValueError for anything else)."""
    found = bytes.fromhex(text)
    if len(found) != HASH_SIZE_BYTES or text != found.hex():
        raise ValueError(text)
    return found


def differing_runs(before: bytes, after: bytes) -> Iterator[tuple[int, int]]:
    """Yields (first, behind the last) of each run of places at which two lists differ; a place that one lacks does."""
    count = max(len(before), len(after)) // HASH_SIZE_BYTES
    start: int | None = None
    for number in range(count + 1):
        part = slice(number * HASH_SIZE_BYTES, (number + 1) * HASH_SIZE_BYTES)
        is_other = number < count and before[part] != after[part]
        if is_other and start is None:
            start = number
        elif not is_other and start is not None:
            yield start, number
            start = None
