"""The tables of a catalogue: one SQLite file that holds nothing of its own; it can be made anew at any time.

`offers` is what the ledger says, `found` and `words` what its sheet says, `wanted` the sheets that were not found
yet: each offer has a row in one of the two. `texts` are what the documents of the reviews that count say: one row a
digest, author and number of stars, for who names somebody else's document has not written it. `seen` are the events
that the ledger may still take back.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Engine, MetaData
from sqlalchemy.exc import OperationalError

from counterfoil.errors import LogUnavailable, MalformedEvidence
from counterfoil.ledger.told_file import open_told

__all__ = ["VERSION", "delete", "open_tables", "reading", "rows", "writing"]

VERSION: Final = 2
"""Of the tables; a file of another version is made anew."""


_TABLES: Final = (
    """CREATE TABLE IF NOT EXISTS place (
        one INTEGER PRIMARY KEY CHECK (one = 1), version INTEGER NOT NULL, block INTEGER NOT NULL,
        event INTEGER NOT NULL, settled INTEGER NOT NULL, revision INTEGER NOT NULL)""",
    f"INSERT OR IGNORE INTO place VALUES (1, {VERSION}, -1, -1, -1, 0)",  # noqa: S608 - our own number
    """CREATE TABLE IF NOT EXISTS seen (
        block INTEGER, event INTEGER, sha256 TEXT NOT NULL, offer TEXT NOT NULL, asset TEXT NOT NULL,
        PRIMARY KEY (block, event)) WITHOUT ROWID""",
    """CREATE TABLE IF NOT EXISTS offers (
        id INTEGER PRIMARY KEY, offer TEXT NOT NULL UNIQUE, asset TEXT NOT NULL, number TEXT NOT NULL,
        seller TEXT NOT NULL, kind INTEGER NOT NULL, token TEXT NOT NULL, price TEXT NOT NULL,
        duration_s INTEGER NOT NULL, delivery_s INTEGER NOT NULL, window_s INTEGER NOT NULL,
        referrer_bps INTEGER NOT NULL, sheet TEXT NOT NULL, "left" INTEGER, is_open INTEGER NOT NULL,
        block INTEGER NOT NULL, event INTEGER NOT NULL, stars_micro INTEGER, reviews INTEGER NOT NULL)""",
    "CREATE INDEX IF NOT EXISTS offers_by_asset ON offers (asset)",
    """CREATE TABLE IF NOT EXISTS found (
        id INTEGER PRIMARY KEY, digest TEXT NOT NULL, category TEXT NOT NULL, title TEXT NOT NULL,
        licence TEXT NOT NULL, seller_name TEXT NOT NULL, origin TEXT NOT NULL, "rows" INTEGER,
        missing_micro INTEGER, duplicates_micro INTEGER, size_bytes INTEGER, node TEXT NOT NULL)""",
    # Apart, for whoever counts the rows above would read past them.
    "CREATE TABLE IF NOT EXISTS files (id INTEGER PRIMARY KEY, data BLOB NOT NULL)",
    """CREATE TABLE IF NOT EXISTS wanted (
        id INTEGER PRIMARY KEY, digest TEXT NOT NULL, tries INTEGER NOT NULL, next_s INTEGER NOT NULL,
        state TEXT NOT NULL, why TEXT NOT NULL)""",
    "CREATE INDEX IF NOT EXISTS wanted_by_time ON wanted (next_s)",
    "CREATE TABLE IF NOT EXISTS tags (id INTEGER, tag TEXT, PRIMARY KEY (id, tag)) WITHOUT ROWID",
    "CREATE INDEX IF NOT EXISTS tags_by_tag ON tags (tag)",
    """CREATE TABLE IF NOT EXISTS reviews (
        id INTEGER, block INTEGER, event INTEGER, author TEXT NOT NULL, stars INTEGER NOT NULL,
        digest TEXT NOT NULL, hidden TEXT NOT NULL, PRIMARY KEY (id, block, event)) WITHOUT ROWID""",
    """CREATE TABLE IF NOT EXISTS texts (
        id INTEGER, digest TEXT, author TEXT, stars INTEGER, tries INTEGER NOT NULL, next_s INTEGER NOT NULL,
        text TEXT, PRIMARY KEY (id, digest, author, stars)) WITHOUT ROWID""",
    """CREATE VIRTUAL TABLE IF NOT EXISTS words USING fts5 (
        title, tags, description, more, tokenize = 'unicode61 remove_diacritics 2', prefix = '2 3')""",
)


@contextmanager
def open_tables(path: Path) -> Iterator[Engine]:
    """Opens the file; made anew when it is missing, damaged or of another version.

    Raises:
        LogUnavailable: The disk refuses.
    """
    with open_told(path, MetaData(), _prepare) as engine:
        yield engine


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """Gives the tables to one writer, from its first look on; commits at the end.

    Raises:
        LogUnavailable: The disk refuses, or another writer does not end.
    """
    try:
        with engine.connect() as connection:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            yield connection
            connection.commit()
    except OperationalError as error:
        raise LogUnavailable(f"the catalogue cannot be written: {error.orig}", hint="free some disk space") from error


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """Gives the tables as they are at one moment.

    Raises:
        LogUnavailable: The disk refuses.
    """
    try:
        with engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA temp_store = MEMORY")
            connection.exec_driver_sql("BEGIN")
            yield connection
    except OperationalError as error:
        raise LogUnavailable(f"the catalogue cannot be read: {error.orig}", hint="try again") from error


def rows(connection: Connection, sql: str, *values: Any) -> list[Any]:
    """Returns what a question finds."""
    return list(connection.exec_driver_sql(sql, values))


def delete(connection: Connection, tables: Sequence[str], row: int | None = None) -> None:
    """Takes an offer's rows out of tables; all rows where none is named."""
    for table in tables:
        where, values = ("", ()) if row is None else (f" WHERE {'rowid' if table == 'words' else 'id'} = ?", (row,))
        connection.exec_driver_sql(f"DELETE FROM {table}{where}", values)  # noqa: S608 - names of ours


def _prepare(engine: Engine) -> None:
    with engine.connect() as connection:
        for each in _TABLES:
            connection.exec_driver_sql(each)
        connection.commit()
        version = connection.exec_driver_sql("SELECT version FROM place").scalar()
    if version != VERSION:
        raise MalformedEvidence(f"the catalogue is of version {version}, and {VERSION} is expected")
