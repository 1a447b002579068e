"""The catalogue of one market: follows the ledger, fetches what is wanted, answers searches.

It holds nothing of its own: everything comes from the ledger and from files that the ledger names by digest, and can
be made anew at any time.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

from sqlalchemy import Engine

from counterfoil.errors import NotFound
from counterfoil.market.catalogue.fetching import Fetcher, Wanted
from counterfoil.market.catalogue.following import follow
from counterfoil.market.catalogue.listing import Detail, Found, ShownReview
from counterfoil.market.catalogue.node_reader import base_of
from counterfoil.market.catalogue.query import Query
from counterfoil.market.catalogue.searching import LISTING, listings, search
from counterfoil.market.catalogue.source import OfferSource
from counterfoil.market.catalogue.tables import delete, open_tables, reading, rows, writing
from counterfoil.market.catalogue.taking import MarketPlace, take_answers
from counterfoil.market.sheets.checks import SheetChecks
from counterfoil.market.sheets.sheet import read_sheet

__all__ = ["Catalogue", "Refreshed"]

MOST_FETCHED: Final = 5_000
"""Files that are asked for in one refresh."""

_AT_ONCE: Final = 200
"""Files that are written down in one commit."""


@dataclass(frozen=True, slots=True)
class Refreshed:
    """What one refresh did.

    Attributes:
        taken: Events that were new.
        taken_back: Events that the ledger no longer has.
        found: Sheets that were found.
        waiting: Offers whose sheet was not found, or does not match; each is asked for again later.
    """

    taken: int
    taken_back: int
    found: int
    waiting: int


class Catalogue:
    """One market's catalogue. Safe to use from several threads and processes.

    Args:
        engine: Of the tables; see `open`.
        place: Which market.
        source: The ledger.
        fetcher: Fetches files.
        checks: What reads the parts of sheets that have rules of their own.
        nodes: Addresses of other nodes that may have a file where the asset's own does not.
    """

    def __init__(
        self,
        engine: Engine,
        place: MarketPlace,
        source: OfferSource,
        fetcher: Fetcher,
        checks: SheetChecks | None = None,
        nodes: tuple[str, ...] = (),
    ) -> None:
        self._engine = engine
        self._place = place
        self._source = source
        self._fetcher = fetcher
        self._checks = checks or SheetChecks()
        self._nodes = nodes
        self._refreshing = threading.Lock()  # one refresh at a time asks the nodes

    @classmethod
    @contextmanager
    def open(
        cls,
        path: Path,
        place: MarketPlace,
        source: OfferSource,
        fetcher: Fetcher,
        checks: SheetChecks | None = None,
        nodes: tuple[str, ...] = (),
    ) -> Iterator[Self]:
        """Opens the catalogue, made anew when its file is missing or damaged.

        Args:
            path: The SQLite file.
            place: Which market.
            source: The ledger.
            fetcher: Fetches files.
            checks: What reads the parts of sheets that have rules of their own.
            nodes: Addresses of other nodes that may have a file.

        Raises:
            LogUnavailable: The disk refuses.
        """
        with open_tables(path) as engine:
            yield cls(engine, place, source, fetcher, checks, nodes)

    def refresh(self, now_s: int) -> Refreshed:
        """Follows the ledger to its end, and fetches the files whose time has come.

        Args:
            now_s: Unix seconds.

        Raises:
            LogUnavailable: The disk refuses. What was committed before stays.
        """
        with self._refreshing:
            taken = taken_back = 0
            while True:
                step = follow(self._engine, self._source, now_s)
                taken, taken_back = taken + step.taken, taken_back + step.taken_back
                if step.is_end:
                    break
            found = self._fetch(now_s)
        with reading(self._engine) as connection:
            waiting = rows(connection, "SELECT count(*) AS n FROM wanted")[0].n
        return Refreshed(taken, taken_back, found, waiting)

    def rebuild(self, now_s: int) -> Refreshed:
        """Forgets everything and reads it again; see `refresh`."""
        with writing(self._engine) as connection:
            delete(connection, ("seen", "offers", "found", "files", "wanted", "tags", "reviews", "texts", "words"))
            connection.exec_driver_sql("UPDATE place SET block = -1, event = -1, settled = -1, revision = revision + 1")
        return self.refresh(now_s)

    def search(self, query: Query) -> Found:
        """Returns one page of what a search finds.

        Raises:
            InvalidInput: The page begins nowhere in this order.
            Stale: The order by relevance changed since the page before.
        """
        with reading(self._engine) as connection:
            return search(connection, query)

    def show(self, offer: str) -> Detail:
        """Returns all that is known of an offer.

        Raises:
            NotFound: The ledger has none with this id, as far as it was read.
        """
        with reading(self._engine) as connection:
            found = rows(connection, f"{LISTING.format(key='0')} WHERE o.offer = ?", offer)
            if not found:
                raise NotFound(f"there is no offer {offer[:20]}… in the catalogue", hint="refresh it, or check the id")
            row = found[0].id
            data = rows(connection, "SELECT data FROM files WHERE id = ?", row)
            reviews = rows(
                connection,
                "SELECT r.author, r.stars, r.hidden, r.block, t.text FROM reviews r LEFT JOIN texts t"
                " ON t.id = r.id AND t.digest = r.digest AND t.author = r.author AND t.stars = r.stars"
                " WHERE r.id = ? ORDER BY r.block DESC, r.event DESC",
                row,
            )
            listing = listings(connection, found)[0]
        shown = (_review(each) for each in reviews)
        return Detail(listing, read_sheet(data[0].data, self._checks) if data else None, tuple(shown))

    def _fetch(self, now_s: int) -> int:
        """Fetches what is wanted now; returns how many sheets were found."""
        with reading(self._engine) as connection:
            due = self._due(connection, now_s)
        found, some = 0, []
        for answer in self._fetcher.fetch(due):
            some.append(answer)
            if len(some) == _AT_ONCE:
                found += self._take(some, now_s)
                some = []
        return found + (self._take(some, now_s) if some else 0)

    def _take(self, answers: list[Any], now_s: int) -> int:
        with writing(self._engine) as connection:
            return take_answers(connection, self._place, answers, self._checks, now_s)

    def _due(self, connection: Any, now_s: int) -> list[Wanted]:
        """Returns the files whose time has come, those that failed least often first."""
        sheets = rows(
            connection,
            "SELECT w.id, w.digest, o.asset FROM wanted w JOIN offers o USING (id) WHERE w.next_s <= ?"
            " ORDER BY w.tries, w.next_s LIMIT ?",
            now_s,
            MOST_FETCHED,
        )
        texts = rows(
            connection,
            "SELECT t.id, t.digest, o.asset, coalesce(f.node, '') AS node FROM texts t JOIN offers o USING (id)"
            " LEFT JOIN found f USING (id) WHERE t.text IS NULL AND t.next_s <= ? GROUP BY t.id, t.digest"
            " ORDER BY min(t.tries), min(t.next_s) LIMIT ?",
            now_s,
            MOST_FETCHED,
        )
        assets = list(dict.fromkeys(each.asset for each in (*sheets, *texts)))
        uris = self._source.uris(assets) if assets else {}
        bases = {asset: base_of(uris.get(asset, "")) for asset in assets}
        return [
            *(Wanted(each.id, "sheets", each.digest, self._bases(bases[each.asset])) for each in sheets),
            *(Wanted(each.id, "reviews", each.digest, self._bases(each.node, bases[each.asset])) for each in texts),
        ]

    def _bases(self, *first: str) -> tuple[str, ...]:
        return tuple(dict.fromkeys(each.rstrip("/") for each in (*first, *self._nodes) if each))


def _review(row: Any) -> ShownReview:
    text = "" if row.hidden or row.text is None else row.text
    return ShownReview(row.author, row.stars, text, row.hidden, row.block)
