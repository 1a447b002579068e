"""A block's header: what its hash vouches for, and the few fields that a check needs.

Fields are told by their place (Yellow Paper 4.4; EIP-1559, 4895, 4844, 4788, 7685 each
added some at the end), so that headers of later rules are read as well.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from counterfoil.core.keccak import keccak256
from counterfoil.core.rlp import Item, decode, parse_number
from counterfoil.errors import MalformedEvidence

__all__ = ["MAX_HEADER_BYTES", "BlockHeader"]

MAX_HEADER_BYTES: Final = 16_384

_LEAST_FIELDS: Final = 15
_MOST_FIELDS: Final = 64
_STATE_ROOT, _RECEIPTS_ROOT, _NUMBER, _TIME = 3, 5, 8, 11
_LAST_SECOND: Final = 253_402_300_799
"""9999-12-31T23:59:59Z, the last second that a time can name."""


@dataclass(frozen=True, slots=True)
class BlockHeader:
    """A block's header.

    Attributes:
        hash: 32 bytes: keccak256 of the whole header.
        number: The block's height; the first block is 0.
        time_s: Unix seconds by the clock of whoever made the block.
        state_root: 32-byte root of all accounts after the block.
        receipts_root: 32-byte root of what its transactions did.
    """

    hash: bytes
    number: int
    time_s: int
    state_root: bytes
    receipts_root: bytes

    @property
    def time(self) -> str:
        """The block's time as records write theirs, `2026-11-23T19:00:00Z`."""
        return datetime.fromtimestamp(self.time_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    @classmethod
    def parse(cls, data: bytes) -> BlockHeader:
        """Reads a header from its RLP.

        Raises:
            MalformedEvidence: When it is something else, larger than 16,384 bytes, or of a
                time that no calendar has.
        """
        if len(data) > MAX_HEADER_BYTES:
            raise MalformedEvidence(f"a block's header has {len(data)} bytes; {MAX_HEADER_BYTES} is the limit")
        fields = decode(data)
        if not isinstance(fields, list) or not _LEAST_FIELDS <= len(fields) <= _MOST_FIELDS:
            raise MalformedEvidence("a block's header is a list of 15 to 64 fields")
        time_s = parse_number(fields[_TIME], 8)
        if time_s > _LAST_SECOND:
            raise MalformedEvidence("a block's header names a time that no calendar has")
        return cls(
            keccak256(data),
            parse_number(fields[_NUMBER], 8),
            time_s,
            _root(fields[_STATE_ROOT]),
            _root(fields[_RECEIPTS_ROOT]),
        )


def _root(field: Item) -> bytes:
    if not isinstance(field, bytes) or len(field) != 32:
        raise MalformedEvidence("a root in a block's header is not 32 bytes")
    return field
