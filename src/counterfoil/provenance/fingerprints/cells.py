"""Values of a table as bytes that depend on what they say, and not on the file they come from.

Every cell is a letter for its type and the value: an integer is its decimal digits however many bytes a column gave
it, a number the 64 bits of IEEE 754, an instant its nanoseconds since 1970. A cell is framed by its length, so that
no two rows give the same bytes unless they say the same.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from counterfoil.core import canonical
from counterfoil.errors import InvalidInput

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["EMPTY", "framed_cells", "type_name"]

EMPTY: Final = "empty"
"""Type of a column in which every value is missing, whatever the file calls it."""

_PER_NS: Final = {"s": "000000000", "ms": "000000", "us": "000", "ns": ""}
_LETTERS: Final = {"duration": b"P", "instant": b"I", "time": b"T", "local time": b"L"}
_NAN_BITS: Final = struct.unpack(">q", struct.pack(">d", math.nan))[0]


def type_name(kind: pa.DataType) -> str:
    """Returns what a type is called here, whatever its width.

    Raises:
        InvalidInput: There is no way to say its values.
    """
    import pyarrow as pa

    checks = (
        (pa.types.is_null, EMPTY),
        (pa.types.is_boolean, "boolean"),
        (pa.types.is_integer, "integer"),
        (pa.types.is_floating, "number"),
        (pa.types.is_decimal, "decimal"),
        (_is_text, "text"),
        (_is_binary, "bytes"),
        (pa.types.is_date, "date"),
        (pa.types.is_time, "time"),
        (pa.types.is_duration, "duration"),
        (_is_list, "list"),
        (pa.types.is_map, "map"),
        (pa.types.is_struct, "struct"),
    )
    if pa.types.is_dictionary(kind):
        return type_name(kind.value_type)
    if isinstance(kind, pa.BaseExtensionType):
        return type_name(kind.storage_type)
    if pa.types.is_timestamp(kind):
        return "instant" if kind.tz is not None else "local time"
    found = next((name for is_kind, name in checks if is_kind(kind)), "")
    if not found:
        raise InvalidInput(f"values of the type {kind} have no fingerprint", hint="convert that column")
    return found


def framed_cells(column: pa.Array) -> pa.Array:
    """Returns each cell as its length, a colon and its bytes: an array of large binaries, as long as the column."""
    import pyarrow as pa
    import pyarrow.compute as pc

    cells = pc.fill_null(_cells(column), pa.scalar(b"n", pa.large_binary()))
    lengths = _as_binary(pc.binary_length(cells))
    return pc.binary_join_element_wise(lengths, cells, pa.scalar(b":", pa.large_binary()))


def _cells(column: pa.Array) -> pa.Array:
    """Returns each cell as its letter and its value; null where it is missing."""
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = column.type
    if isinstance(kind, pa.BaseExtensionType):
        return _cells(column.storage)
    if pa.types.is_dictionary(kind):
        return _cells(column.dictionary_decode())
    if pa.types.is_null(kind):
        return pa.nulls(len(column), pa.large_binary())
    if pa.types.is_boolean(kind) or pa.types.is_integer(kind):
        return _tagged(b"b" if pa.types.is_boolean(kind) else b"i", _as_binary(column))
    if pa.types.is_floating(kind):
        return _tagged(b"f", _as_binary(_bits(column.cast(pa.float64()))))
    if _is_text(kind) or _is_binary(kind):
        return _tagged(b"s" if _is_text(kind) else b"x", column.cast(pa.large_binary()))
    if pa.types.is_date(kind):
        return _tagged(b"D", _as_binary(column.cast(pa.date32()).cast(pa.int32())))
    if pa.types.is_timestamp(kind) or pa.types.is_duration(kind) or pa.types.is_time(kind):
        letter = _LETTERS[type_name(kind)]
        whole = column.cast(pa.int32()).cast(pa.int64()) if pa.types.is_time32(kind) else column.cast(pa.int64())
        zeros = pa.scalar(_PER_NS[kind.unit].encode(), pa.large_binary())
        nothing = pa.scalar(b"", pa.large_binary())
        text = pc.binary_join_element_wise(_as_binary(whole), zeros, nothing)
        return _tagged(letter, pc.if_else(pc.equal(whole, 0), pa.scalar(b"0", pa.large_binary()), text))
    values = [None if value is None else _nested(value) for value in column.to_pylist()]
    return pa.array(values, pa.large_binary())


def _tagged(letter: bytes, values: pa.Array) -> pa.Array:
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = pa.large_binary()
    return pc.binary_join_element_wise(pa.scalar(letter, kind), values, pa.scalar(b"", kind))


def _as_binary(values: pa.Array) -> pa.Array:
    import pyarrow as pa

    return values.cast(pa.large_string()).cast(pa.large_binary())


def _bits(numbers: pa.Array) -> pa.Array:
    """Returns the bits of numbers as integers; every NaN has the same."""
    import pyarrow as pa
    import pyarrow.compute as pc

    bits = numbers.view(pa.int64())
    return pc.if_else(pc.is_nan(numbers), pa.scalar(_NAN_BITS, pa.int64()), bits)


def _nested(value: Any) -> bytes:
    """Returns a cell that no vector operation makes: a decimal, or a list or struct as canonical JSON."""
    if isinstance(value, Decimal):
        return b"d" + _decimal(value).encode()
    return b"j" + canonical.dumps(_plain(value))


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int):
        return {"i": str(value)}
    if isinstance(value, float):
        return {"f": str(_NAN_BITS if math.isnan(value) else struct.unpack(">q", struct.pack(">d", value))[0])}
    if isinstance(value, bytes):
        return {"x": value.hex()}
    if isinstance(value, Decimal):
        return {"d": _decimal(value)}
    if isinstance(value, datetime | date | timedelta) or hasattr(value, "isoformat"):
        return {"t": value.isoformat() if hasattr(value, "isoformat") else repr(value)}
    if isinstance(value, Mapping):
        return {"m": [[_plain(key), _plain(each)] for key, each in value.items()]}
    if isinstance(value, Sequence):
        return [_plain(each) for each in value]
    raise InvalidInput(f"a value of the type {type(value).__name__} has no fingerprint", hint="convert that column")


def _decimal(value: Decimal) -> str:
    """Returns a decimal without the zeros that only say how wide its column is."""
    text = format(value.normalize(), "f")
    return "0" if text == "-0" else text


def _is_text(kind: pa.DataType) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _is_binary(kind: pa.DataType) -> bool:
    import pyarrow as pa

    checks = (pa.types.is_binary, pa.types.is_large_binary, pa.types.is_fixed_size_binary, pa.types.is_binary_view)
    return any(is_kind(kind) for is_kind in checks)


def _is_list(kind: pa.DataType) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind))
