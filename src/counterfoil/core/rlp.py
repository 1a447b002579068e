"""RLP, the bytes of Ethereum's headers, receipts and tree nodes: read strictly, written one way.

Every value has exactly one encoding (Yellow Paper, appendix B). Whatever could be
written shorter is refused, so that nobody can give one value two hashes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TypeAlias

from counterfoil.errors import MalformedEvidence

__all__ = ["MAX_DEPTH", "Encodable", "Item", "decode", "encode", "encode_number", "parse_number"]

Item: TypeAlias = "bytes | list[Item]"
"""What RLP can say: bytes, or a list of items."""

Encodable: TypeAlias = "bytes | int | Sequence[Encodable]"
"""What `encode` takes: an item, in which whole numbers from 0 may stand for their bytes."""

MAX_DEPTH: Final = 16
"""Most lists inside one another; a receipt has four."""

_SHORT: Final = 55
"""Longest content whose length fits in the first byte."""


def decode(data: bytes) -> Item:
    """Reads one item that fills all of `data`.

    Raises:
        MalformedEvidence: When it is cut off, longer than it says, nested deeper than 16
            lists, or could be written shorter.
    """
    item, end = _item(data, 0, len(data), MAX_DEPTH)
    if end != len(data):
        raise MalformedEvidence("bytes follow where a ledger's data end")
    return item


def encode(item: Encodable) -> bytes:
    """Returns the bytes of an item."""
    if isinstance(item, int):
        return encode(encode_number(item))
    if isinstance(item, bytes):
        return item if len(item) == 1 and item[0] < 0x80 else _prefix(0x80, len(item)) + item
    content = b"".join(encode(each) for each in item)
    return _prefix(0xC0, len(content)) + content


def encode_number(number: int) -> bytes:
    """Returns a number from 0 as RLP holds it: big-endian, no leading zeros, 0 as nothing."""
    return number.to_bytes((number.bit_length() + 7) // 8, "big")


def parse_number(item: Item, size_bytes: int = 32) -> int:
    """Reads a number from 0 of at most `size_bytes`.

    Raises:
        MalformedEvidence: When it is a list, longer, or starts with a zero.
    """
    if not isinstance(item, bytes) or len(item) > size_bytes or item[:1] == b"\0":
        raise MalformedEvidence("a number in a ledger's data is none, or is written too long")
    return int.from_bytes(item, "big")


def _item(data: bytes, at: int, end: int, levels: int) -> tuple[Item, int]:
    """Returns the item that starts at `at` and ends at `end` or before, and where it ends."""
    if at >= end:
        raise MalformedEvidence("a ledger's data are cut off")
    first = data[at]
    if first < 0x80:
        return data[at : at + 1], at + 1
    start, stop = _content(data, at, end)
    if first < 0xC0:
        if stop - start == 1 and data[start] < 0x80:
            raise MalformedEvidence("a byte in a ledger's data is written longer than need be")
        return data[start:stop], stop
    if not levels:
        raise MalformedEvidence(f"a ledger's data are nested deeper than {MAX_DEPTH} lists")
    items: list[Item] = []
    while start < stop:
        item, start = _item(data, start, stop, levels - 1)
        items.append(item)
    return items, stop


def _content(data: bytes, at: int, end: int) -> tuple[int, int]:
    """Returns where the content of the item at `at` starts and stops."""
    first = data[at]
    size = first - (0xC0 if first >= 0xC0 else 0x80)
    start = at + 1
    if size > _SHORT:
        digits = data[start : start + size - _SHORT]
        start += size - _SHORT
        size = int.from_bytes(digits, "big")
        if start > end or digits[0] == 0 or size <= _SHORT:
            raise MalformedEvidence("a length in a ledger's data is cut off, or written longer than need be")
    if start + size > end:
        raise MalformedEvidence("a ledger's data are cut off")
    return start, start + size


def _prefix(kind: int, size: int) -> bytes:
    if size <= _SHORT:
        return bytes([kind + size])
    digits = encode_number(size)
    return bytes([kind + _SHORT + len(digits)]) + digits
