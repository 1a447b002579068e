"""What of somebody's words and values may stand in a record: short, printable, and no secret."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate
from math import isinf, isnan
from typing import Any, Final

from counterfoil.core import canonical
from counterfoil.errors import InvalidInput

__all__ = [
    "MOST_NAMES",
    "few_names",
    "fitting",
    "is_parameter",
    "is_secret_name",
    "number_of",
    "plain_name",
    "require_no_secret",
]

MOST_NAMES: Final = 128
"""Names of one kind that a record lists; of more it says how many are left out."""

MOST_NAMES_BYTES: Final = 8_000
"""All names of one list together, so that the record of a run has room for three lists."""

_SECRET: Final = re.compile(
    r"passw|passphrase|secret|credential|bearer|(api|private|access|account)[_-]?key|connection[_-]?string|token$",
    re.IGNORECASE,
)
"""Names of secrets. `max_tokens` and `tokenizer` are none."""

_USER: Final = re.compile(r"//[^/@\s]*@")
_UNFIT: Final = re.compile(r'["\\]')
_MOST_NAME_CHARS: Final = 200
_MOST_TEXT_CHARS: Final = 200
_MOST_VALUE_BYTES: Final = 1_000
_MOST_VALUES_BYTES: Final = 12_000


def is_secret_name(name: str) -> bool:
    """Whether what is called so is a secret, by its name."""
    return _SECRET.search(name) is not None


def require_no_secret(parameters: Mapping[str, Any]) -> None:
    """Raises InvalidInput for what no record can hold, and where a name, at any depth, says that it is a secret."""
    canonical.dumps(dict(parameters))  # first: it ends at values that hold themselves
    wrong = next((name for name in _names(parameters) if is_secret_name(name)), None)
    if wrong is not None:
        raise InvalidInput(
            f"the parameter {wrong[:60]!r} looks like a secret, and records are read by others",
            hint="leave it out, or record a name that stands for it",
        )


def is_parameter(name: str, value: Any) -> bool:
    """Whether a value may be recorded without anybody having said so: a short text, a number, or a few of them.

    Longer values may well be the data itself, and data never stands in a record.
    """
    try:
        if len(canonical.dumps(value)) > _MOST_VALUE_BYTES:
            return False
    except InvalidInput:
        return False
    if any(isinstance(each, str) and len(each) > _MOST_TEXT_CHARS for each in _values(value)):
        return False
    return name.isprintable() and not any(is_secret_name(each) for each in (name, *_names(value)))


def fitting(told: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Returns of somebody's values those that a record may hold and has room for, and the names of the others."""
    kept: dict[str, Any] = {}
    others: list[str] = []
    room = _MOST_VALUES_BYTES
    for name, value in sorted(told.items()):
        key = plain_name(name)
        size = len(canonical.dumps(key)) + len(canonical.dumps(value)) if is_parameter(key, value) else room + 1
        if size > room or key in kept:
            others.append(key)
        else:
            kept[key] = value
            room -= size
    return kept, others


def number_of(value: Any) -> int | float | str:
    """Returns a measured number as a record holds it: what is no finite number as `NaN`, `Infinity`, `-Infinity`.

    Raises:
        InvalidInput: When it is none.
    """
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) <= canonical.MAX_SAFE_INTEGER:
        return int(value)
    try:
        found = float(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise InvalidInput(f"a result is a number; this is a {type(value).__name__}") from error
    if isnan(found):
        return "NaN"
    if isinf(found):
        return "Infinity" if found > 0 else "-Infinity"
    return found


def plain_name(told: str) -> str:
    """Returns somebody's name for something as a record may hold it: printable, without quotes, of a bearable length.

    What stands before an `@` in an address may be a password, and is left out.
    """
    text = "".join(char if char.isprintable() else " " for char in told)
    text = _UNFIT.sub("'", _USER.sub("//", text)).strip()
    return text if len(text) <= _MOST_NAME_CHARS else text[: _MOST_NAME_CHARS - 1] + "…"


def few_names(names: Sequence[str]) -> tuple[str, ...]:
    """Returns names, each once and as `plain_name` has it; of too many the first, and how many more there are."""
    found = tuple(dict.fromkeys(filter(None, map(plain_name, names))))
    sizes = accumulate(len(name.encode()) for name in found)
    fitting = sum(size <= MOST_NAMES_BYTES for size in sizes)
    if len(found) <= MOST_NAMES and fitting == len(found):
        return found
    shown = min(MOST_NAMES - 1, fitting)
    return (*found[:shown], f"… and {len(found) - shown} more")


def _names(value: Any) -> Iterator[str]:
    """Yields the names in a value, at any depth."""
    waiting = [value]
    while waiting:
        each = waiting.pop()
        if isinstance(each, Mapping):
            yield from map(str, each)
            waiting.extend(each.values())
        elif isinstance(each, list | tuple):
            waiting.extend(each)


def _values(value: Any) -> Iterator[Any]:
    """Yields the values in a value, at any depth."""
    waiting = [value]
    while waiting:
        each = waiting.pop()
        if isinstance(each, Mapping):
            waiting.extend(each.values())
        elif isinstance(each, list | tuple):
            waiting.extend(each)
        else:
            yield each
