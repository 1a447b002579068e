"""Strict reading of nested tables: each key is asked for by type, and what nobody asked for is refused."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from math import isfinite
from typing import Any, Final, cast

from counterfoil.core.canonical import MAX_SAFE_INTEGER
from counterfoil.core.statement import is_time
from counterfoil.core.wording import did_you_mean
from counterfoil.errors import InvalidInput

__all__ = ["StrictTable", "is_real_time"]

REQUIRED: Final = object()
_TIME: Final = "2026-11-23T19:00:00Z"


def is_real_time(text: str) -> bool:
    """Whether `text` is a time as records write it, on a day that there is."""
    try:
        return is_time(text) and datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False


class StrictTable:
    """One table of a document.

    Every reading method takes a key, checks its value and raises InvalidInput that
    names the place; `require_empty` then refuses the keys that were never asked for.
    """

    def __init__(self, values: Mapping[str, Any], place: str) -> None:
        self.place = place
        self._values = values
        self._asked: list[str] = []

    def text(
        self,
        key: str,
        *,
        default: Any = REQUIRED,
        pattern: re.Pattern[str] | None = None,
        like: str = "",
        may_be_blank: bool = False,
    ) -> str:
        value = self._take(key, default, str, "text")
        return cast(str, value) if value is default else self._checked(key, value, pattern, like, may_be_blank)

    def texts(
        self, key: str, *, default: Any = REQUIRED, pattern: re.Pattern[str] | None = None, like: str = ""
    ) -> list[str]:
        values = self._take(key, default, list, "a list of texts")
        if not values:
            raise InvalidInput(f"{key} in {self.place} is empty", hint="list at least one")
        for value in values:
            if not isinstance(value, str):
                raise self._wrong(key, value, "a list of texts")
            self._checked(key, value, pattern, like, may_be_blank=False)
            if values.count(value) > 1:
                raise InvalidInput(f"{key} in {self.place} lists {value[:60]!r} twice", hint="keep one of them")
        return list(values)

    def whole(self, key: str, least: int, greatest: int, *, default: Any = REQUIRED) -> Any:
        value = self._take(key, default, int, "a whole number")
        if value is not None and not least <= value <= greatest:
            raise InvalidInput(f"{key} in {self.place} is {value}, and {least} to {greatest} is expected")
        return value

    def number(self, key: str, *, default: Any = REQUIRED) -> Any:
        value = self._take(key, default, int | float, "a number")
        if value is not None and (not isfinite(value) or abs(value) > MAX_SAFE_INTEGER):
            raise InvalidInput(f"{key} in {self.place} is {value}, and a finite number is expected")
        return value

    def flag(self, key: str, *, default: bool) -> bool:
        return cast(bool, self._take(key, default, bool, "true or false"))

    def choice(self, key: str, choices: tuple[Any, ...], *, default: Any = REQUIRED) -> Any:
        value = self._take(key, default, str, f"one of {', '.join(choices)}")
        if value not in choices:
            raise InvalidInput(
                f"{key} in {self.place} is {value[:60]!r}",
                hint=did_you_mean(value, choices) or f"expected one of {', '.join(choices)}",
            )
        return value

    def day(self, key: str) -> date:
        value = self._take(key, REQUIRED, date | str, "a date like 2026-09-01")
        if isinstance(value, str):
            try:
                value = date.fromisoformat(value)
            except ValueError as error:
                raise self._wrong(key, value, "a date like 2026-09-01") from error
        if isinstance(value, datetime):
            raise self._wrong(key, value, "a date without a time")
        return cast(date, value)

    def time(self, key: str, *, default: Any = REQUIRED) -> Any:
        """Returns a time as records write it: UTC, whole seconds. TOML's own times may have an offset."""
        value = self._take(key, default, datetime | str, f"a time like {_TIME}")
        if isinstance(value, datetime) and value.tzinfo is not None and not value.microsecond:
            value = value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        if value is not default and (not isinstance(value, str) or not is_real_time(value)):
            raise self._wrong(key, value, f"a time like {_TIME}")
        return value

    def has(self, key: str) -> bool:
        """Whether the key is there at all."""
        return key in self._values

    def table(self, key: str, *, default: Any = REQUIRED) -> StrictTable:
        return StrictTable(self._take(key, default, Mapping, "a table"), f"{self.place}, {key}")

    def mapping(self, key: str) -> Mapping[str, Any]:
        """Returns a table that something else reads."""
        return cast(Mapping[str, Any], self._take(key, REQUIRED, Mapping, "a table"))

    def tables(self, key: str, called: str, *, default: Any = REQUIRED) -> list[StrictTable]:
        values = self._take(key, default, list, f"[[{key}]] tables")
        for value in values:
            if not isinstance(value, Mapping):
                raise self._wrong(key, value, f"[[{key}]] tables")
        return [StrictTable(value, f"{called} number {number}") for number, value in enumerate(values, 1)]

    def take_keys(self) -> list[str]:
        if not self._values:
            raise InvalidInput(f"{self.place} is empty", hint="add at least one entry")
        for key in self._values:
            if not isinstance(key, str):
                raise self._wrong(str(key), key, "a text as key")
        return list(self._values)

    def require_known(self, keys: Sequence[str]) -> None:
        """Refuses a misspelt key before anything else is found missing; other unknown keys are left for the end."""
        for key in self._values:
            if key not in keys and (hint := did_you_mean(str(key), keys)):
                raise InvalidInput(f"{self.place} has the unknown key {str(key)[:60]!r}", hint=hint)

    def require_empty(self, why: str = "") -> None:
        for key in self._values:
            if key not in self._asked:
                hint = did_you_mean(str(key), self._asked) or why or f"it may have {', '.join(self._asked)}"
                raise InvalidInput(f"{self.place} has the unknown key {str(key)[:60]!r}", hint=hint)

    def _take(self, key: str, default: Any, kind: Any, expected: str) -> Any:
        self._asked.append(key)
        if key not in self._values:
            if default is not REQUIRED:
                return default
            raise InvalidInput(f"{self.place} has no {key}", hint=self._misspelt(key) or f"add {key}: {expected}")
        value = self._values[key]
        # bool is a kind of int to Python, never to a document
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise self._wrong(key, value, expected)
        return value

    def _misspelt(self, key: str) -> str:
        near = did_you_mean(key, [each for each in self._values if each not in self._asked])
        return f"{near[:-1]} to be {key!r}?" if near else ""

    def _checked(self, key: str, value: str, pattern: re.Pattern[str] | None, like: str, may_be_blank: bool) -> str:
        if not value.strip() and not may_be_blank:
            raise InvalidInput(f"{key} in {self.place} is blank", hint="give it a text")
        if any("\ud800" <= character <= "\udfff" for character in value):
            raise InvalidInput(f"{key} in {self.place} holds half of a surrogate pair, which is not a character")
        if pattern is not None and not pattern.fullmatch(value):
            raise InvalidInput(f"{key} in {self.place} is {value[:60]!r}", hint=f"write it like {like}")
        return value

    def _wrong(self, key: str, value: Any, expected: str) -> InvalidInput:
        shown = repr(value)[:60] if isinstance(value, str | int | float | bool | date) else f"a {type(value).__name__}"
        return InvalidInput(f"{key} in {self.place} is {shown}, and {expected} is expected")
