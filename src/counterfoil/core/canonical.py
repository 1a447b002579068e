"""Canonical JSON: one value, one sequence of bytes (RFC 8785).

Two programs that hold the same value must hash the same bytes. `dumps` writes
exactly the bytes RFC 8785 asks for; `loads` reads JSON and refuses everything on
which two readers could disagree. orjson is used when it is installed and only
where its bytes are provably the same.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any

from counterfoil.errors import InvalidInput

try:
    import orjson
except ImportError:  # the accelerator is optional; the bytes are the same without it
    orjson = None  # type: ignore[assignment]

__all__ = [
    "MAX_DEPTH",
    "MAX_SAFE_INTEGER",
    "JsonValue",
    "dumps",
    "encode_number",
    "loads",
    "loads_all",
    "loads_canonical",
]

_JSON_TYPES = "JSON values are None, bool, int, float, str, list and dict with str keys"

JsonValue = None | bool | int | float | str | list[Any] | dict[str, Any]
"""A JSON value as Python holds it."""

MAX_SAFE_INTEGER = 2**53 - 1
"""Largest integer every JSON reader keeps exactly (RFC 7493 2.2)."""

MAX_DEPTH = 64
"""Most lists and objects inside one another, read or written; deeper input is refused."""

_SAFE_LEVELS = 500
_NESTING = re.compile(r'"(?:[^"\\]|\\.)*+"?|[\[\]{}]', re.DOTALL)
"""A string as a whole, up to the end where nothing closes it, or a bracket."""

_TOO_DEEP = f"nested deeper than {MAX_DEPTH} levels"

_ESCAPES = {i: f"\\u{i:04x}" for i in range(0x20)} | {
    0x08: "\\b",
    0x09: "\\t",
    0x0A: "\\n",
    0x0C: "\\f",
    0x0D: "\\r",
    0x22: '\\"',
    0x5C: "\\\\",
}

# Within these bounds orjson lays out a float that is no integer as RFC 8785 asks;
# beyond them it writes exponents and trailing zeros of its own.
_PLAIN_FROM = 1e-4
_PLAIN_BELOW = 1e15
_BEYOND_BASIC_PLANE = re.compile(rb"[\xf0-\xf4]")


def dumps(value: Any) -> bytes:
    """Returns the RFC 8785 bytes of `value`.

    Raises:
        InvalidInput: For NaN, infinities, integers beyond 2^53 - 1, unpaired
            surrogates, keys that are not strings, deep nesting or other types.
    """
    fast = _dumps_fast(value)
    if fast is not None:
        return fast
    parts: list[str] = []
    _write(value, parts, 0)
    return _encode("".join(parts))


def loads(data: bytes | str) -> Any:
    """Reads JSON strictly.

    Raises:
        InvalidInput: For malformed JSON, duplicate keys, NaN, infinities,
            integers beyond 2^53 - 1 that are not what `dumps` writes for a float,
            unpaired surrogates or deep nesting.
    """
    if isinstance(data, str):
        _encode(data)
    try:
        text = data if isinstance(data, str) else bytes(data).decode("utf-8")
        _require_scannable(text)
        value = _DECODER.decode(text)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"not valid JSON: {error}") from error
    if text.count("[") + text.count("{") > MAX_DEPTH:
        _require_shallow(value, MAX_DEPTH)
    if "\\u" in text:
        _require_paired(value)
    return value


def loads_canonical(data: bytes) -> Any:
    """Reads JSON that must be in canonical form, byte for byte.

    Raises:
        InvalidInput: As `loads`, and when `dumps` would write other bytes.
    """
    try:
        value = _parse_loosely(data)
        # What reads loosely (doubled keys, other spellings) does not write the same bytes again.
        if dumps(value) == data:
            return value
    except (ValueError, RecursionError, InvalidInput):
        pass  # the exact reader decides and words the error
    value = loads(data)
    if dumps(value) != data:
        raise InvalidInput("the JSON is not in canonical form")
    return value


def loads_all(texts: Sequence[str]) -> list[Any]:
    """Reads several JSON texts, each of which must be in canonical form.

    Raises:
        InvalidInput: As `loads_canonical`.
    """
    try:
        values = [_parse_loosely(text) for text in texts]
        # Each text is one JSON value by itself, so none can stray into its neighbour,
        # and one comparison of all shows that each is canonical.
        if dumps(values) == _encode(f"[{','.join(texts)}]"):
            return values
    except (ValueError, RecursionError, InvalidInput):
        pass  # read one by one, to word the error
    return [loads_canonical(_encode(text)) for text in texts]


def _parse_loosely(data: bytes | str) -> Any:
    """Reads JSON as fast as can be, for those who compare what it would be written as."""
    if orjson is not None:
        return orjson.loads(data)
    text = data if isinstance(data, str) else data.decode("utf-8")
    _require_scannable(text)
    return _SCANNER.decode(text)


def encode_number(value: int | float) -> str:
    """Returns a number as ECMAScript writes it (RFC 8785 3.2.2.3).

    Raises:
        InvalidInput: For NaN, infinities and integers beyond 2^53 - 1.
    """
    if isinstance(value, int):
        if -MAX_SAFE_INTEGER <= value <= MAX_SAFE_INTEGER:
            return int.__repr__(value)
        raise InvalidInput(
            "an integer is beyond 2^53 - 1, where JSON readers disagree",
            hint="write it as a string",
        )
    if not isfinite(value):
        raise InvalidInput(f"{value!r} is not a JSON number", hint="use null for a missing value")
    if value == 0:
        return "0"
    text = float.__repr__(value)
    if "e" not in text and len(text) < 18 and not text.startswith(("0.0000", "-0.0000")):
        return text[:-2] if text.endswith(".0") else text
    return _ecmascript(text)


def _ecmascript(text: str) -> str:
    """Rewrites Python's shortest digits of a float in ECMAScript's layout."""
    sign, text = ("-", text[1:]) if text[0] == "-" else ("", text)
    mantissa, _, exponent = text.partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + fraction).lstrip("0")
    lead = len(whole + fraction) - len(digits)
    point = len(whole) - lead + int(exponent or 0)  # decimal point after this many digits
    digits = digits.rstrip("0")
    count = len(digits)
    if count <= point <= 21:
        return sign + digits + "0" * (point - count)
    if 0 < point <= 21:
        return f"{sign}{digits[:point]}.{digits[point:]}"
    if -6 < point <= 0:
        return f"{sign}0.{'0' * -point}{digits}"
    shown = digits if count == 1 else f"{digits[0]}.{digits[1:]}"
    return f"{sign}{shown}e{point - 1:+d}"


def _dumps_fast(value: Any) -> bytes | None:
    """Returns a compiled writer's bytes where they are the canonical ones, else None."""
    if not _is_plain(value, MAX_DEPTH):
        return None
    try:
        if orjson is None:
            data = _ENCODER.encode(value).encode()
        else:
            data = orjson.dumps(value, option=_ORJSON_OPTIONS)
    except (TypeError, ValueError):  # the exact path decides and words the error
        return None
    # Keys beyond the basic plane are sorted by code point there, by UTF-16 unit here.
    if not data.isascii() and _BEYOND_BASIC_PLANE.search(data) is not None:
        return None
    return data


def _is_plain(value: Any, levels: int) -> bool:
    """Whether all writers write `value` alike, apart from the order of keys.

    Judged by type and size, not by what they write: orjson turns NaN into null, and
    writes enumerations, UUIDs and prepared fragments; the standard library turns
    numbers that are keys into strings.
    """
    kind = type(value)
    if kind is dict:
        for key in value:
            if type(key) is not str:
                return False
    items = value.values() if kind is dict else value if kind is list or kind is tuple else (value,)
    for item in items:  # one flat loop: this runs once per record, over all of its public part
        kind = type(item)
        if kind is str or kind is bool or item is None:
            continue
        if kind is int:
            if not -MAX_SAFE_INTEGER <= item <= MAX_SAFE_INTEGER:
                return False
        elif kind is float:
            if not _PLAIN_FROM <= abs(item) < _PLAIN_BELOW or item.is_integer():
                return False
        elif (
            (kind is not dict and kind is not list and kind is not tuple)
            or levels < 2
            or not _is_plain(item, levels - 1)
        ):
            return False
    return True


_ORJSON_OPTIONS = 0
if orjson is not None:
    _ORJSON_OPTIONS = orjson.OPT_SORT_KEYS | orjson.OPT_PASSTHROUGH_SUBCLASS


def _write(value: Any, parts: list[str], depth: int) -> None:
    """Appends the canonical text of `value` to `parts`."""
    if isinstance(value, str):
        parts.append(_string(value))
    elif value is None:
        parts.append("null")
    elif value is True:
        parts.append("true")
    elif value is False:
        parts.append("false")
    elif isinstance(value, int | float):
        parts.append(encode_number(value))
    elif depth >= MAX_DEPTH and isinstance(value, Mapping | Sequence):
        raise InvalidInput(_TOO_DEEP)
    elif isinstance(value, Mapping):
        _write_object(value, parts, depth)
    elif isinstance(value, Sequence) and not isinstance(value, bytes | bytearray | memoryview):
        for position, item in enumerate(value):
            parts.append("," if position else "[")
            _write(item, parts, depth + 1)
        parts.append("]" if value else "[]")
    else:
        raise InvalidInput(f"a {type(value).__name__} is not a JSON value", hint=_JSON_TYPES)


def _write_object(value: Mapping[Any, Any], parts: list[str], depth: int) -> None:
    """Appends an object, its keys sorted by UTF-16 code units (RFC 8785 3.2.3)."""
    for key in value:
        if not isinstance(key, str):
            raise InvalidInput(f"an object key is {type(key).__name__}, not a string", hint=_JSON_TYPES)
    for position, key in enumerate(sorted(value, key=_utf16)):
        parts.append("," if position else "{")
        parts.append(_string(key))
        parts.append(":")
        _write(value[key], parts, depth + 1)
    parts.append("}" if value else "{}")


def _string(text: str) -> str:
    if text.isascii() and text.isprintable() and '"' not in text and "\\" not in text:
        return f'"{text}"'
    return f'"{text.translate(_ESCAPES)}"'


def _utf16(key: str) -> bytes:
    return key.encode("utf-16-be", "surrogatepass")


def _encode(text: str) -> bytes:
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise InvalidInput("a string holds half of a surrogate pair, which is not a character") from error


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        twice, _ = Counter(key for key, _ in pairs).most_common(1)[0]
        raise InvalidInput(f"the key {twice[:60]!r} appears twice in one object")
    return found


def _refuse_constant(name: str) -> Any:
    raise InvalidInput(f"{name} is not a JSON number")


def _parse_int(digits: str) -> int | float:
    """Reads digits without point or exponent.

    RFC 8785 writes floats up to 10^21 that way; beyond 2^53 - 1 the digits are taken
    only when they are the ones of a float, which every reader then rounds to itself.
    """
    if len(digits) <= 17 and abs(int(digits)) <= MAX_SAFE_INTEGER:
        return int(digits)
    if len(digits) > 22 or encode_number(value := float(digits)) != digits:
        raise InvalidInput("an integer is beyond 2^53 - 1, where JSON readers disagree")
    return value


def _parse_float(digits: str) -> float:
    value = float(digits)
    if not isfinite(value):
        raise InvalidInput(f"the number {digits[:40]} is out of range")
    return value


def _require_scannable(text: str) -> None:
    """Refuses deep nesting before Python's reader sees it.

    That reader counts on the interpreter's recursion limit, which other packages raise so
    far (py_ecc: to 100,000) that the process would run out of stack and die.
    """
    if text.count("[") + text.count("{") <= _SAFE_LEVELS:
        return
    depth = 0
    for token in _NESTING.finditer(text):
        mark = token[0]
        if mark in "[{":
            depth += 1
            if depth > MAX_DEPTH:
                raise InvalidInput(_TOO_DEEP)
        elif mark in "]}":
            depth -= 1


def _require_shallow(value: Any, levels: int) -> None:
    """Refuses more than `levels` lists and objects inside one another."""
    if isinstance(value, dict | list):
        if not levels:
            raise InvalidInput(_TOO_DEEP)
        for item in value.values() if isinstance(value, dict) else value:
            _require_shallow(item, levels - 1)


def _require_paired(value: Any) -> None:
    """Refuses strings with unpaired surrogates, which JSON escapes can smuggle in."""
    if isinstance(value, str):
        _encode(value)
    elif isinstance(value, dict):
        for key, item in value.items():
            _encode(key)
            _require_paired(item)
    elif isinstance(value, list):
        for item in value:
            _require_paired(item)


_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"), sort_keys=True)
_SCANNER = json.JSONDecoder()
_DECODER = json.JSONDecoder(
    object_pairs_hook=_unique_keys,
    parse_constant=_refuse_constant,
    parse_int=_parse_int,
    parse_float=_parse_float,
)
