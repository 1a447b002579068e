"""A passport as somebody wrote it, read member by member, with errors that name the key."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Final

from counterfoil.core import canonical
from counterfoil.errors import InvalidInput

__all__ = ["MOST_ITEMS", "MOST_TEXT", "Told", "is_day", "is_sha256"]

MOST_TEXT: Final = 4_000
"""Longest text in a passport, in characters."""

MOST_ITEMS: Final = 64
"""Most parents, reports, files and the like in one list."""

_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
_DAY: Final = re.compile(r"[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])")


def is_sha256(text: str) -> bool:
    """Whether a text is 64 lower-case hex digits."""
    return _DIGEST.fullmatch(text) is not None


class Told:
    """One table of a passport. What is left out reads as empty; `require_known` refuses what is not read.

    Args:
        value: The table.
        place: Its key, with those above it: `parents[2]`; empty for the whole passport.

    Raises:
        InvalidInput: It is no table.
    """

    def __init__(self, value: Any, place: str = "") -> None:
        if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
            raise InvalidInput(f"the passport's {place or 'content'} is {_kind(value)}; expected a table of keys")
        self._value: Mapping[str, Any] = value
        self._place = place
        self._read: set[str] = set()

    def has(self, key: str) -> bool:
        """Whether the key is there; the member still has to be read."""
        return key in self._value

    def text(self, key: str, *, most: int = MOST_TEXT) -> str:
        """Returns a text, its white space made single blanks; empty when it is left out."""
        value = self._take(key)
        if value is None:
            return ""
        if not isinstance(value, str):
            raise self.error(key, f"is {_kind(value)}; expected text")
        found = " ".join(value.split())
        if not found.isprintable():
            raise self.error(key, "holds characters that cannot be printed")
        if len(found) > most:
            raise self.error(key, f"has {len(found):,} characters; {most:,} is the limit")
        return found

    def digest(self, key: str) -> str:
        """Returns a SHA-256 in hex; empty when it is left out."""
        found = self.text(key)
        if found and not is_sha256(found):
            raise self.error(key, f"is {found[:20]!r}; expected a SHA-256, 64 lower-case hex digits")
        return found

    def day(self, key: str) -> str:
        """Returns a day, `2026-11-25`; empty when it is left out."""
        value = self._value.get(key)
        if isinstance(value, date) and not isinstance(value, datetime):
            self._read.add(key)
            return value.isoformat()
        found = self.text(key)
        if found and not is_day(found):
            raise self.error(key, f"is {found[:20]!r}; expected a day such as 2026-11-25")
        return found

    def one_of(self, key: str, known: tuple[str, ...]) -> str:
        """Returns one of the known words; empty when it is left out."""
        found = self.text(key)
        if found and found not in known:
            raise self.error(key, f"is {found[:60]!r}; expected one of: {', '.join(known)}")
        return found

    def whole(self, key: str) -> int | None:
        """Returns a whole number from 0; None when it is left out."""
        value = self._take(key)
        if value is None:
            return None
        if type(value) is not int or not 0 <= value <= canonical.MAX_SAFE_INTEGER:
            raise self.error(key, f"is {_kind(value)}; expected a whole number from 0 to 2^53 - 1")
        return int(value)

    def texts(self, key: str) -> tuple[str, ...]:
        """Returns a list of texts."""
        items = self._items(key, MOST_ITEMS)
        each = Told({str(place): item for place, item in enumerate(items, 1)}, self._key(key))
        return tuple(each.text(str(place)) for place in range(1, len(items) + 1))

    def named(self, key: str, most: int) -> dict[str, str]:
        """Returns a table of names and plain values, each value as text."""
        value = self._take(key)
        if value is None:
            return {}
        table = Told(value, self._key(key))
        if len(table._value) > most:
            raise self.error(key, f"has {len(table._value):,} keys; {most:,} is the limit")
        plain = {name: item if isinstance(item, str) else _plain(table, name, item) for name, item in value.items()}
        shown = Told(plain, self._key(key))
        return {name: shown.text(name) for name in sorted(plain)}

    def table(self, key: str) -> Told | None:
        """Returns a table; None when it is left out."""
        value = self._take(key)
        return None if value is None else Told(value, self._key(key))

    def tables(self, key: str, most: int = MOST_ITEMS) -> list[Told]:
        """Returns a list of tables."""
        return [Told(item, f"{self._key(key)}[{place}]") for place, item in enumerate(self._items(key, most), 1)]

    def require_known(self) -> None:
        """Refuses keys that nobody has read: a misspelt one would otherwise be dropped unseen."""
        unknown = sorted(set(self._value) - self._read)
        if unknown:
            known = ", ".join(sorted(self._read))
            raise InvalidInput(
                f"a passport has no key {self._key(unknown[0])[:80]!r}", hint=f"known there are: {known}"
            )

    def error(self, key: str, what: str) -> InvalidInput:
        """Returns the error that says what is wrong with a member."""
        return InvalidInput(f"the passport's {self._key(key)[:80]} {what}")

    def _key(self, key: str) -> str:
        return f"{self._place}.{key}" if self._place else key

    def _take(self, key: str) -> Any:
        self._read.add(key)
        return self._value.get(key)

    def _items(self, key: str, most: int) -> list[Any]:
        value = self._take(key)
        if value is None:
            return []
        if not isinstance(value, list):
            raise self.error(key, f"is {_kind(value)}; expected a list")
        if len(value) > most:
            raise self.error(key, f"has {len(value):,} items; {most:,} is the limit")
        return value


def is_day(text: str) -> bool:
    """Whether a text is a day of the calendar, `2026-11-25`."""
    if not _DAY.fullmatch(text):
        return False
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _plain(table: Told, name: str, value: Any) -> str:
    if not isinstance(value, bool | int | float):
        raise table.error(name, f"is {_kind(value)}; expected text, a number, true or false")
    return canonical.dumps(value).decode()


def _kind(value: Any) -> str:
    """Returns what a value is, in words."""
    if value is None or isinstance(value, bool):
        return str(canonical.dumps(value), "ascii")
    names = {str: "text", int: f"the number {str(value)[:20]}", float: f"the number {str(value)[:20]}", list: "a list"}
    return names.get(type(value), "a table" if isinstance(value, Mapping) else "something else")
