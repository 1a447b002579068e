"""A document of somebody else, read member by member; an error names the member that is missing, unknown or wrong."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any, Final

from counterfoil.core import canonical
from counterfoil.core.strict_table import is_real_time
from counterfoil.errors import InvalidInput

__all__ = ["Members"]

_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
_ASSET: Final = re.compile(r"0x[0-9a-f]{64}")
_ADDRESS: Final = re.compile(r"0x[0-9a-f]{40}")


class Members:
    """One object of a document. A member that is left out reads as None only where that is asked for.

    Texts are taken as they are, never tidied: what was signed is what is read.

    Args:
        value: The object.
        place: Its name, with those above it: `sample.rows[2]`; empty for the whole document.
        whose: The document, as an error calls it.

    Raises:
        InvalidInput: It is no object.
    """

    def __init__(self, value: Any, place: str = "", whose: str = "the offer sheet") -> None:
        if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
            raise InvalidInput(f"{whose}'s {place or 'content'} is {kind_words(value)}; expected an object")
        self._value: Mapping[str, Any] = value
        self._place = place
        self._whose = whose
        self._read: set[str] = set()

    def has(self, key: str) -> bool:
        """Whether the member is there; it still has to be read."""
        return self._value.get(key) is not None

    def text(self, key: str, most: int, *, lines: bool = False, needed: bool = True) -> str:
        """Returns a text without blanks at its ends; of several lines where `lines`; empty when it is left out."""
        value = self._take(key, needed=needed)
        if value is None:
            return ""
        if not isinstance(value, str):
            raise self.error(key, f"is {kind_words(value)}; expected text")
        if len(value) > most:
            raise self.error(key, f"has {len(value):,} characters; {most:,} is the limit")
        if not (value.replace("\n", " ") if lines else value).isprintable():
            raise self.error(key, "holds characters that cannot be printed")
        if value != value.strip() or not value:
            raise self.error(key, "is empty, or begins or ends with a blank")
        return value

    def cell(self, key: str, most: int) -> str | None:
        """Returns a text that may be anything printable but empty, or None for null."""
        value = self._take(key, needed=False)
        if value is None:
            return None
        if not isinstance(value, str) or not 0 < len(value) <= most or not value.isprintable():
            raise self.error(key, f"is no printable text of 1 to {most:,} characters")
        return value

    def one_of(self, key: str, known: Sequence[str], *, needed: bool = True) -> str:
        """Returns one of the known words; empty when it is left out."""
        found = self.text(key, 60, needed=needed)
        if found and found not in known:
            raise self.error(key, f"is {found!r}; expected one of: {', '.join(known)}")
        return found

    def digest(self, key: str, *, needed: bool = True) -> str:
        """Returns a SHA-256 or another 32 bytes in hex; empty when it is left out."""
        return self._like(key, _DIGEST, "64 lower-case hex digits", needed=needed)

    def asset(self, key: str) -> str:
        """Returns an asset's id, `0x` and 64 digits."""
        return self._like(key, _ASSET, "an asset's id, 0x and 64 lower-case hex digits")

    def address(self, key: str, *, needed: bool = True) -> str:
        """Returns a contract's or account's address in lower case; empty when it is left out."""
        return self._like(key, _ADDRESS, "an address, 0x and 40 lower-case hex digits", needed=needed)

    def time(self, key: str) -> str:
        """Returns a moment in UTC, `2026-11-26T08:00:00Z`."""
        found = self.text(key, 20)
        if not is_real_time(found):
            raise self.error(key, f"is {found!r}; expected a moment in UTC such as 2026-11-26T08:00:00Z")
        return found

    def whole(self, key: str, *, least: int = 0, most: int = canonical.MAX_SAFE_INTEGER) -> int:
        """Returns a whole number within bounds."""
        value = self._take(key)
        if type(value) is not int or not least <= value <= most:
            raise self.error(key, f"is {kind_words(value)}; expected a whole number from {least:,} to {most:,}")
        return int(value)

    def some(self, key: str, *, most: int = canonical.MAX_SAFE_INTEGER) -> int | None:
        """Returns a whole number from 0; None when it is left out."""
        return self.whole(key, most=most) if self.has(key) else self._take(key, needed=False)

    def number(self, key: str) -> float:
        """Returns a finite number."""
        value = self._take(key)
        if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
            raise self.error(key, f"is {kind_words(value)}; expected a number")
        return float(value)

    def texts(self, key: str, most_items: int, most: int) -> tuple[str, ...]:
        """Returns a list of texts, no one twice; empty when it is left out."""
        items = self._items(key, most_items, needed=False)
        each = self.places(key, items)
        found = tuple(each.text(str(place), most) for place in range(1, len(items) + 1))
        if len(set(found)) != len(found):
            raise self.error(key, "names one thing twice")
        return found

    def places(self, key: str, items: Sequence[Any]) -> Members:
        """Returns the items of a list as members called by their places, "1", "2", …, to be read each by its kind."""
        return Members({str(place): item for place, item in enumerate(items, 1)}, self.key(key), self._whose)

    def table(self, key: str) -> Members:
        """Returns an object."""
        return Members(self._take(key), self.key(key), self._whose)

    def tables(self, key: str, most: int) -> list[Members]:
        """Returns a list of objects; empty when it is left out."""
        items = self._items(key, most, needed=False)
        return [Members(item, f"{self.key(key)}[{place}]", self._whose) for place, item in enumerate(items, 1)]

    def rows(self, key: str, most: int) -> list[Sequence[Any]]:
        """Returns a list of lists."""
        items = self._items(key, most)
        for item in items:
            if not isinstance(item, list):
                raise self.error(key, f"holds {kind_words(item)}; expected a list of lists")
        return items

    def plain(self, key: str) -> Mapping[str, Any]:
        """Returns an object as it is, for a reader of its own."""
        value = self._take(key)
        if not isinstance(value, Mapping):
            raise self.error(key, f"is {kind_words(value)}; expected an object")
        return value

    def require_known(self) -> None:
        """Refuses members that nobody has read: no version of the format has them."""
        unknown = sorted(set(self._value) - self._read)
        if unknown:
            known = ", ".join(sorted(self._read))
            raise InvalidInput(
                f"{self._whose} has no member {self.key(unknown[0])[:80]!r}", hint=f"known there are: {known}"
            )

    def error(self, key: str, what: str) -> InvalidInput:
        """Returns the error that says what is wrong with a member."""
        return InvalidInput(f"{self._whose}'s {self.key(key)[:80]} {what}")

    def key(self, key: str) -> str:
        """Returns a member's name, with those above it."""
        return f"{self._place}.{key}" if self._place else key

    def _like(self, key: str, pattern: re.Pattern[str], expected: str, *, needed: bool = True) -> str:
        found = self.text(key, 80, needed=needed)
        if found and not pattern.fullmatch(found):
            raise self.error(key, f"is {found[:20]!r}; expected {expected}")
        return found

    def _take(self, key: str, *, needed: bool = True) -> Any:
        self._read.add(key)
        value = self._value.get(key)
        if value is None and needed:
            raise self.error(key, "is left out")
        return value

    def _items(self, key: str, most: int, *, needed: bool = True) -> list[Any]:
        value = self._take(key, needed=needed)
        if value is None:
            return []
        if not isinstance(value, list):
            raise self.error(key, f"is {kind_words(value)}; expected a list")
        if len(value) > most:
            raise self.error(key, f"has {len(value):,} items; {most:,} is the limit")
        return value


def kind_words(value: Any) -> str:
    """Returns what a value is, in words."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return f"the number {str(value)[:20]}"
    if isinstance(value, str | list):
        return "text" if isinstance(value, str) else "a list"
    return "an object" if isinstance(value, Mapping) else "something else"
