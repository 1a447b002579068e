"""Any value as canonical JSON: nothing is refused, and what JSON cannot hold is marked.

A marked value is an object with one member whose name begins with `$`:

    {"$number": "NaN"}           a number JSON has not: NaN, Infinity, integers beyond 2^53 - 1
    {"$bytes": "…"}              bytes, in base64
    {"$utf16": "…"}              text with half of a surrogate pair, UTF-16BE in base64
    {"$pairs": [[key, value]]}   an object with keys that are no text
    {"$repr": "…"}               anything else, as Python shows it; also what is nested too deep
    {"$object": {…}}             an object that would read like one of these
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence
from math import isfinite
from numbers import Integral, Real
from typing import Any, Final

from counterfoil.core.canonical import MAX_SAFE_INTEGER, JsonValue

__all__ = ["MOST_LEVELS", "plain"]

MOST_LEVELS: Final = 48
"""Most lists and objects inside one another; a private field holds up to 61."""

_MOST_SHOWN: Final = 10_000


def plain(value: Any, levels: int = MOST_LEVELS) -> JsonValue:
    """Returns `value` as JSON can hold it. Never raises for what it is given."""
    kind = type(value)
    if kind is str:
        return _text(value)
    if value is None or kind is bool:
        return value  # type: ignore[no-any-return]
    try:
        return _other(value, levels)
    except Exception:  # noqa: BLE001 - a value may be of any class, and none may stop its record
        return _shown(value)


def _other(value: Any, levels: int) -> JsonValue:
    if isinstance(value, str):
        return _text(str.__str__(value))
    if isinstance(value, Integral):
        number = int(value)
        return number if abs(number) <= MAX_SAFE_INTEGER else {"$number": f"{number:#x}"}
    if isinstance(value, Real):
        return _real(float(value))
    if isinstance(value, bytes | bytearray | memoryview):
        return {"$bytes": b64encode(bytes(value)).decode()}
    if levels <= 0 or not isinstance(value, Mapping | Sequence):
        return _shown(value)
    if isinstance(value, Mapping):
        return _object(value, levels - 1)
    return [plain(item, levels - 1) for item in value]


def _real(number: float) -> JsonValue:
    if isfinite(number):
        return number
    return {"$number": "NaN" if number != number else "Infinity" if number > 0 else "-Infinity"}


def _object(value: Mapping[Any, Any], levels: int) -> JsonValue:
    pairs = list(value.items())
    if not all(type(key) is str and _is_whole(key) for key, _ in pairs):
        return {"$pairs": [[plain(key, levels - 2), plain(item, levels - 2)] for key, item in pairs]}
    found = {key: plain(item, levels) for key, item in pairs}
    return {"$object": found} if len(found) == 1 and pairs[0][0].startswith("$") else found


def _text(text: str) -> JsonValue:
    return text if _is_whole(text) else {"$utf16": b64encode(text.encode("utf-16-be", "surrogatepass")).decode()}


def _is_whole(text: str) -> bool:
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _shown(value: Any) -> JsonValue:
    try:
        text = repr(value)
    except Exception:  # noqa: BLE001 - as above
        text = f"<{type(value).__name__}>"
    return {"$repr": text[:_MOST_SHOWN].encode("utf-8", "backslashreplace").decode()}
