"""Searches the tables: what meets the conditions once, then its page, its number and its facets from that."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Connection

from counterfoil.market.catalogue.listing import Found, Listing, Told
from counterfoil.market.catalogue.query import Condition, Place, Query
from counterfoil.market.catalogue.tables import rows
from counterfoil.market.sheets.wares import KINDS

__all__ = ["listings", "search"]

MOST_FACETS: Final = 20
"""Values told of each facet."""

_WEIGHTS: Final = "8.0, 5.0, 1.0, 2.0"
"""How much a word counts in the title, the tags, the description, and the rest (bm25 of FTS5)."""

_KINDS: Final = {number: word for word, number in KINDS.items()}

_FACETS: Final = {
    "kind": "SELECT o.kind, count(*) FROM hits JOIN offers o USING (id) GROUP BY 1",
    "category": "SELECT f.category, count(*) FROM hits JOIN found f USING (id) GROUP BY 1",
    "licence": "SELECT f.licence, count(*) FROM hits JOIN found f USING (id) GROUP BY 1",
    "origin": "SELECT f.origin, count(*) FROM hits JOIN found f USING (id) GROUP BY 1",
    "tag": "SELECT tag, count(*) FROM hits JOIN tags USING (id) GROUP BY 1",
    "token": "SELECT o.token, count(*) FROM hits JOIN offers o USING (id) GROUP BY 1",
    "sheet": "SELECT coalesce(w.state, 'found'), count(*) FROM hits LEFT JOIN wanted w USING (id) GROUP BY 1",
}


def search(connection: Connection, query: Query) -> Found:
    """Returns one page of what a search finds.

    Raises:
        InvalidInput: The page begins nowhere in this order.
        Stale: The order by relevance changed since the page before.
    """
    revision = rows(connection, "SELECT revision FROM place")[0].revision
    place = query.place(revision)
    _collect(connection, query)
    total = rows(connection, "SELECT count(*) AS n FROM hits")[0].n
    without = rows(connection, "SELECT count(*) AS n FROM wanted")[0].n
    page = _page(connection, query, place)
    shown = page[: query.limit]
    following = ""
    if len(page) > query.limit:
        last = shown[-1]
        following = str(Place(query.sort, last.sort_key, last.id, revision))
    facets = {name: _facet(connection, name, sql) for name, sql in _FACETS.items()}
    return Found(tuple(listings(connection, shown)), total, following, facets, without)


def listings(connection: Connection, found: Sequence[Any]) -> list[Listing]:
    """Returns rows of `LISTING` as listings, in their order."""
    tags: dict[int, list[str]] = {each.id: [] for each in found}
    ids = json.dumps(list(tags))
    for row, tag in rows(connection, "SELECT id, tag FROM tags WHERE id IN (SELECT value FROM json_each(?))", ids):
        tags[row].append(tag)
    return [_listing(each, tags[each.id]) for each in found]


LISTING: Final = """
    SELECT o.id, o.offer, o.asset, o.number, o.kind, o.seller, o.token, o.price, o.duration_s, o.sheet,
        o."left" AS units,
        o.is_open, o.block, o.stars_micro, o.reviews, f.id AS sheet_row, f.title, f.category, f.licence, f.seller_name,
        f.origin, f."rows" AS table_rows, f.missing_micro, f.duplicates_micro, f.size_bytes, w.state, w.why,
        {key} AS sort_key
    FROM offers o LEFT JOIN found f ON f.id = o.id LEFT JOIN wanted w ON w.id = o.id"""


def _collect(connection: Connection, query: Query) -> None:
    """Puts what meets the conditions into a table of this connection's own."""
    conditions = query.conditions()
    values = [value for each in conditions for value in each.values]
    match = query.match()
    joined, rank = "", "0.0"
    if match:
        joined, rank = "JOIN words ON words.rowid = o.id", f"bm25(words, {_WEIGHTS})"
        conditions.append(Condition("words MATCH ?"))
        values.append(match)
    where = " AND ".join(each.sql for each in conditions) or "1"
    sql = f"SELECT o.id AS id, {rank} AS rank FROM offers o LEFT JOIN found f ON f.id = o.id {joined} WHERE {where}"  # noqa: S608
    connection.exec_driver_sql(f"CREATE TEMP TABLE hits AS {sql}", tuple(values))


def _page(connection: Connection, query: Query, place: Place | None) -> list[Any]:
    key = query.key
    values: list[Any] = []
    where = ""
    if place is not None:
        sign = "<" if key.is_falling else ">"
        where = f"WHERE ({key.sql}, o.id) {sign} (?, ?)"
        values += [place.key, place.row]
    way = "DESC" if key.is_falling else "ASC"
    sql = (
        f"{LISTING.format(key=key.sql)} JOIN hits h ON h.id = o.id {where} ORDER BY {key.sql} {way}, o.id {way} LIMIT ?"
    )
    return rows(connection, sql, *values, query.limit + 1)


def _facet(connection: Connection, name: str, sql: str) -> tuple[tuple[str, int], ...]:
    found = rows(connection, f"{sql} ORDER BY 2 DESC, 1 LIMIT ?", MOST_FACETS)
    return tuple((_KINDS.get(value, str(value)) if name == "kind" else str(value), count) for value, count in found)


def _listing(row: Any, tags: Sequence[str]) -> Listing:
    is_found = row.sheet_row is not None
    told = Told()
    if is_found:
        told = Told(
            row.title,
            row.category,
            row.licence,
            row.seller_name,
            row.origin,
            tuple(sorted(tags)),
            row.table_rows,
            row.missing_micro,
            row.duplicates_micro,
            row.size_bytes,
        )
    return Listing(
        row.offer,
        row.asset,
        int(row.number),
        _KINDS.get(row.kind, str(row.kind)),
        row.seller,
        row.token,
        int(row.price),
        row.duration_s,
        row.sheet,
        "found" if is_found else row.state,
        "" if is_found else row.why,
        row.units,
        bool(row.is_open) and is_found,
        row.block,
        row.stars_micro,
        row.reviews,
        told,
    )
