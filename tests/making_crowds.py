"""Many orders or offers in a home's book, for what shows long lists; on the ledger they would take minutes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import select

from counterfoil.ledger.market import tables
from counterfoil.organisation import Organisation

__all__ = ["crowded"]

_TABLES = {"order": (tables.orders, tables.events), "offer": (tables.offers,)}


@contextmanager
def crowded(org: Organisation, kind: str, like: str, count: int = 10_000) -> Iterator[None]:
    """Puts so many of a kind, `order` or `offer`, like this one, before everything that a home's book tells."""
    book = org.ledger.market.opened.book
    with book.engine.begin() as connection:
        for table in _TABLES[kind]:
            row = connection.execute(select(table).where(table.c[kind] == like)).first()
            assert row is not None
            ids = ({kind: f"0x{number:064x}", "block": 0, "event": number} for number in range(count))
            connection.execute(table.insert(), [row._asdict() | each for each in ids])
    try:
        yield
    finally:
        with book.engine.begin() as connection:
            for table in _TABLES[kind]:
                connection.execute(table.delete().where(table.c.block == 0))
