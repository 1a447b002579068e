"""Reading what a JSON-RPC call was given: strictly, with errors that say which argument is wrong."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from counterfoil.ledger.rpc.rpc import RpcError

__all__ = [
    "INVALID_PARAMS",
    "address",
    "argument",
    "boolean",
    "bytes_of",
    "digest",
    "invalid",
    "mapping",
    "number",
    "raw_transaction",
    "slot",
]

INVALID_PARAMS: Final = -32_602

_QUANTITY: Final = re.compile(r"0x(?:0|[1-9a-fA-F][0-9a-fA-F]{0,63})")
_DATA: Final = re.compile(r"0x(?:[0-9a-fA-F]{2})*")
_SLOT: Final = re.compile(r"0x[0-9a-fA-F]{1,64}")
_SHOWN: Final = 80
"""Characters of a wrong value that an error repeats."""


def argument(params: Sequence[Any], place: int, what: str) -> Any:
    """Returns an argument that must be there."""
    if place >= len(params) or params[place] is None:
        raise RpcError(INVALID_PARAMS, f"missing value for required argument {place}: {what}")
    return params[place]


def number(value: Any, what: str) -> int:
    """Reads a quantity below 2**256."""
    if not isinstance(value, str) or not _QUANTITY.fullmatch(value):
        raise invalid(value, what, "a number such as 0x1f")
    return int(value, 16)


def bytes_of(value: Any, what: str, size_bytes: int | None = None) -> bytes:
    """Reads bytes, exactly `size_bytes` of them unless that is None."""
    if not isinstance(value, str) or not _DATA.fullmatch(value):
        raise invalid(value, what, "bytes such as 0x001f")
    found = bytes.fromhex(value[2:])
    if size_bytes is not None and len(found) != size_bytes:
        raise invalid(value, what, f"{size_bytes} bytes")
    return found


def address(value: Any, what: str = "address") -> bytes:
    """Reads 20 bytes."""
    return bytes_of(value, what, 20)


def digest(value: Any, what: str = "hash") -> bytes:
    """Reads 32 bytes."""
    return bytes_of(value, what, 32)


def slot(value: Any) -> int:
    """Reads a slot's number, with or without leading zeros."""
    if not isinstance(value, str) or not _SLOT.fullmatch(value):
        raise invalid(value, "storage slot", "up to 32 bytes such as 0x0")
    return int(value, 16)


def boolean(value: Any, what: str) -> bool:
    """Reads true or false."""
    if not isinstance(value, bool):
        raise invalid(value, what, "true or false")
    return value


def mapping(value: Any, what: str) -> Mapping[str, Any]:
    """Reads an object."""
    if not isinstance(value, Mapping):
        raise invalid(value, what, "an object")
    return value


def raw_transaction(params: Sequence[Any]) -> bytes:
    """Reads the one argument of eth_sendRawTransaction."""
    if len(params) > 1:
        raise RpcError(INVALID_PARAMS, "too many arguments, want at most 1")
    return bytes_of(argument(params, 0, "transaction"), "transaction")


def invalid(value: Any, what: str, expected: str) -> RpcError:
    """Returns the error for a value that is something else."""
    shown = str(value)
    shown = shown if len(shown) <= _SHOWN else shown[:_SHOWN] + "…"
    return RpcError(INVALID_PARAMS, f"invalid {what}: expected {expected}, not {shown!r}")
