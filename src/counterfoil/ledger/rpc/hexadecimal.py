"""Numbers and bytes as JSON-RPC writes them: `0x1f` for a quantity, `0x001f` for data.

Reading is strict: a node that answers something else is not believed.
"""

from __future__ import annotations

import re
from typing import Any, Final

from counterfoil.errors import LedgerContradicts

__all__ = ["data", "parse_data", "parse_quantity", "quantity"]

_QUANTITY: Final = re.compile(r"0x(?:0|[1-9a-f][0-9a-f]{0,63})")
_DATA: Final = re.compile(r"0x(?:[0-9a-fA-F]{2})*")


def quantity(number: int) -> str:
    """Returns a number of at least 0 as `0x…` without leading zeros."""
    return hex(number)


def data(value: bytes) -> str:
    """Returns bytes as `0x…`, two digits each."""
    return "0x" + value.hex()


def parse_quantity(value: Any, what: str) -> int:
    """Reads a quantity below 2**256.

    Args:
        value: What the node answered.
        what: What it should be, for the error.

    Raises:
        LedgerContradicts: When it is something else.
    """
    if not isinstance(value, str) or not _QUANTITY.fullmatch(value):
        raise _unreadable(value, what)
    return int(value, 16)


def parse_data(value: Any, what: str, size_bytes: int | None = None) -> bytes:
    """Reads bytes, exactly `size_bytes` of them unless that is None.

    Raises:
        LedgerContradicts: When it is something else.
    """
    if not isinstance(value, str) or not _DATA.fullmatch(value):
        raise _unreadable(value, what)
    raw = bytes.fromhex(value[2:])
    if size_bytes is not None and len(raw) != size_bytes:
        raise _unreadable(value, what)
    return raw


def _unreadable(value: Any, what: str) -> LedgerContradicts:
    return LedgerContradicts(
        f"the ledger's node gave {str(value)[:60]!r} for {what}",
        hint="nothing it said was believed; try another node, with another --rpc",
    )
