"""What is searched for, and the conditions in SQL that it comes to. No word of it is ever a part of the SQL itself."""

from __future__ import annotations

import json
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from counterfoil.errors import InvalidInput, Stale
from counterfoil.ledger.market.prices import MAX_PRICE, amount_key
from counterfoil.market.sheets.wares import CATEGORIES, KINDS

__all__ = ["MOST_LIMIT", "ORDERS", "Condition", "Place", "Query", "SortKey"]

ORDERS: Final = ("relevance", "newest", "price", "rating")
MOST_LIMIT: Final = 100
MOST_WORDS: Final = 16
MOST_CHARACTERS: Final = 400
MOST_VALUES: Final = 50

_WORD: Final = re.compile(r"\w+", re.UNICODE)
_ADDRESS: Final = re.compile(r"0x[0-9a-f]{40}")
_HIGHEST_NUMBER: Final = 2**63 - 1  # of the database


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition in SQL, and the values that it names with question marks."""

    sql: str
    values: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class SortKey:
    """By what a page is ordered: an expression in SQL, ties by `id`; the first first, or the last."""

    sql: str
    is_falling: bool


_KEYS: Final = {
    # Of a table with one row a hit; `rank` is that of FTS5, smaller for better.
    "relevance": SortKey("rank", is_falling=False),
    "newest": SortKey("o.block * 1000000 + o.event", is_falling=True),
    "price": SortKey("o.price", is_falling=False),
    "rating": SortKey("coalesce(o.stars_micro, 0) * 1000000 + min(o.reviews, 999999)", is_falling=True),
}


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page begins: after the hit with this key and number, in an order, at a state of the words."""

    order: str
    key: str | int | float
    row: int
    revision: int

    def __str__(self) -> str:
        told = json.dumps([self.order, self.key, self.row, self.revision], separators=(",", ":"))
        return urlsafe_b64encode(told.encode()).decode().rstrip("=")

    @classmethod
    def parse(cls, text: str, order: str) -> Place:
        """Reads it.

        Raises:
            InvalidInput: It is none, or of another order.
        """
        try:
            if len(text) > 400:
                raise ValueError
            told = json.loads(urlsafe_b64decode(text.encode() + b"=" * (-len(text) % 4)))
            found, key, row, revision = told
        except (ValueError, TypeError, Base64Error, RecursionError) as error:
            raise InvalidInput("that is no place in what was found", hint="take `next` of the page before") from error
        is_key = isinstance(key, str) if order == "price" else isinstance(key, int | float)
        numbers = [key, row, revision] if isinstance(key, int) else [row, revision]
        are_numbers = all(type(each) is int and abs(each) <= _HIGHEST_NUMBER for each in numbers)
        if found != order or not is_key or not are_numbers:
            raise InvalidInput("that is no place in what was found in this order", hint="begin with the first page")
        return cls(order, key, row, revision)


@dataclass(frozen=True, slots=True)
class Query:
    """What is searched for. What is left empty is not asked.

    Attributes:
        words: All of them have to be there, in the title, tags, description, seller, licence or columns; each also
            finds longer words that begin with it.
        tags: All of them.
        kinds: Any of them: `licence`, `period`, `job`, `sale`.
        categories: Any of them: `dataset`, `model`, `service`.
        licences: Any of these names.
        origins: Of any of these sellers' logs.
        seller: Of this address, `0x…` in lower case.
        asset: Of this asset.
        token: In this token, likewise; a price is compared only within one. What is free costs no more in another, and
            is found with `most_units` alone.
        least_units: At least this price, in the token's smallest unit.
        most_units: At most this price.
        is_free: Only what costs nothing.
        least_rows: At least so many rows.
        most_missing_micro: At most so many values missing, in millionths; what tells no quality is left out.
        most_duplicates_micro: At most so many rows twice, likewise.
        least_stars_micro: At least this mean of stars, in millionths.
        is_open: Only what can be bought now.
        order: One of `ORDERS`; empty for relevance where words are given, else the newest first.
        limit: At most so many on a page, up to `MOST_LIMIT`.
        after: Where the page begins: `next` of the one before.
    """

    words: str = ""
    tags: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    licences: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    seller: str = ""
    asset: str = ""
    token: str = ""
    least_units: int | None = None
    most_units: int | None = None
    is_free: bool = False
    least_rows: int | None = None
    most_missing_micro: int | None = None
    most_duplicates_micro: int | None = None
    least_stars_micro: int | None = None
    is_open: bool = True
    order: str = ""
    limit: int = 20
    after: str = ""

    def __post_init__(self) -> None:
        for values, known in ((self.kinds, KINDS), (self.categories, CATEGORIES), ((self.order or ORDERS[0],), ORDERS)):
            for value in values:
                if value not in known:
                    raise InvalidInput(f"there is no {value[:40]!r}", hint=f"one of: {', '.join(known)}")
        if max(len(each) for each in (self.tags, self.licences, self.origins)) > MOST_VALUES:
            raise InvalidInput(f"more than {MOST_VALUES} tags, licences or sellers are asked for at once")
        for address in (self.seller, self.token):
            if address and not _ADDRESS.fullmatch(address):
                raise InvalidInput(f"{address[:60]!a} is no address", hint="0x and 40 digits, in lower case")
        self._require_prices()
        if not 0 < self.limit <= MOST_LIMIT:
            raise InvalidInput(f"a page has 1 to {MOST_LIMIT} offers, not {self.limit}")
        if len(self.words) > MOST_CHARACTERS:
            raise InvalidInput(f"more than {MOST_CHARACTERS} characters are searched for")
        if len(self.terms()) > MOST_WORDS:
            raise InvalidInput(f"more than {MOST_WORDS} words are searched for", hint="leave out what is common")
        if self.order == "relevance" and not self.terms():
            raise InvalidInput("without words nothing is more relevant", hint="order by newest")

    def _require_prices(self) -> None:
        if any(units is not None and not 0 <= units <= MAX_PRICE for units in (self.least_units, self.most_units)):
            raise InvalidInput("a price is from 0 to below 2^96 of the token's smallest unit")
        if not self.token and (self.order == "price" or self.least_units or self.most_units):
            raise InvalidInput("prices in different tokens cannot be compared", hint="name the token")

    @property
    def sort(self) -> str:
        """The order that it comes to."""
        return self.order or ("relevance" if self.terms() else "newest")

    @property
    def key(self) -> SortKey:
        """By what pages are ordered."""
        return _KEYS[self.sort]

    def terms(self) -> list[str]:
        """Returns the words, without signs."""
        return _WORD.findall(self.words)

    def match(self) -> str:
        """Returns the words as FTS5 reads them: each quoted, each may go on; empty without any."""
        return " ".join(f'"{word}"*' for word in self.terms())

    def place(self, revision: int) -> Place | None:
        """Returns where the page begins; None for the first.

        Args:
            revision: Of the words now.

        Raises:
            InvalidInput: `after` is no place in this order.
            Stale: The words changed since, and with them how relevant each hit is.
        """
        if not self.after:
            return None
        place = Place.parse(self.after, self.sort)
        if self.sort == "relevance" and place.revision != revision:
            raise Stale("the catalogue changed between the pages, and with it the order", hint="search again")
        return place

    def conditions(self) -> list[Condition]:
        """Returns what has to hold of the offer `o` and of its sheet `f`."""
        found = [
            *_any("o.kind", [KINDS[each] for each in self.kinds]),
            *_any("f.category", self.categories),
            *_any("f.licence", self.licences),
            *_any("f.origin", self.origins),
            *_any("o.seller", [self.seller] if self.seller else []),
            *_any("o.asset", [self.asset] if self.asset else []),
            *self._in_token(),
        ]
        tags = dict.fromkeys(tag.casefold() for tag in self.tags)
        found += [Condition("o.id IN (SELECT id FROM tags WHERE tag = ?)", (tag,)) for tag in tags]
        bounds = (
            ("o.price >= ?", None if self.least_units is None else amount_key(self.least_units)),
            ("o.price <= ?", None if self.most_units is None else amount_key(self.most_units)),
            ("o.price <= ?", amount_key(0) if self.is_free else None),
            ('f."rows" >= ?', self.least_rows),
            ("f.missing_micro <= ?", self.most_missing_micro),
            ("f.duplicates_micro <= ?", self.most_duplicates_micro),
            ("o.stars_micro >= ?", self.least_stars_micro),
        )
        found += [Condition(sql, (value,)) for sql, value in bounds if value is not None]
        return found + ([Condition("o.is_open AND f.id IS NOT NULL")] if self.is_open else [])

    def _in_token(self) -> list[Condition]:
        if not self.token:
            return []
        if self.most_units is None or self.least_units:
            return [Condition("o.token = ?", (self.token,))]
        return [Condition("(o.token = ? OR o.price = ?)", (self.token, amount_key(0)))]


def _any(column: str, values: Sequence[Any]) -> list[Condition]:
    if not values:
        return []
    return [Condition(f"{column} IN (SELECT value FROM json_each(?))", (json.dumps(list(values)),))]  # noqa: S608
