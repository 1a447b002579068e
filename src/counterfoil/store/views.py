"""Searchable tables, derived from log and vault and remade at will.

Nothing in these tables is truth. Every capability brings a `View`: it is shown the
records in log order and keeps rows about them. A cursor says how far the tables have
read; each step moves rows and cursor in one transaction.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, Protocol

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Engine,
    Index,
    Integer,
    MetaData,
    Select,
    String,
    Table,
    select,
)
from sqlalchemy.exc import DatabaseError, DBAPIError

from counterfoil.core.merkle import leaf_hash
from counterfoil.core.statement import Record, read_record
from counterfoil.errors import CounterfoilError, NotAllowed, NotFound
from counterfoil.store.archive import Archive
from counterfoil.store.streams import parse_time
from counterfoil.store.view_database import ViewDatabase, insert_rows

__all__ = ["SCHEMA_VERSION", "Place", "Row", "View", "Views", "leaf8", "metadata", "records"]

SCHEMA_VERSION: Final = 10
"""Version of all tables together; tables of another version are remade."""

BATCH: Final = 2_000

_OPENINGS: Final = 3
"""How often tables are looked at anew while another process takes them over, before a read goes on."""

Place: Final = BigInteger().with_variant(Integer, "sqlite")
"""A place in the log. SQLite's `INTEGER` holds 64 bits, and as primary key costs nothing."""

metadata: Final = MetaData()
"""Every view adds its tables here."""

cursor: Final = Table(
    "cursor",
    metadata,
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("size", BigInteger, nullable=False),
    Column("owner", String, nullable=False),
    Column("is_scrub_due", Boolean, nullable=False),
)
"""One row: how far the tables have read, who keeps them, and whether an erasure left old versions of rows behind."""

names: Final = Table(
    "names", metadata, Column("id", Integer, primary_key=True), Column("name", String, unique=True, nullable=False)
)
records: Final = Table(
    "records",
    metadata,
    Column("idx", Place, primary_key=True, autoincrement=False),
    Column("kind", Integer, nullable=False),
    Column("stream", Integer, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("time_s", BigInteger, nullable=False),
    Column("leaf8", BigInteger, nullable=False),
    Index("records_by_leaf", "leaf8"),
)


@dataclass(slots=True)
class Row:
    """One record as the views see it."""

    index: int
    leaf: bytes
    record: Record
    time_s: int
    values: dict[str, Any] | None
    """The private values; None when there are none (any more)."""
    subject: bytes | None
    """The 16-byte tag of the person; None when there is none (any more)."""


class View(Protocol):
    """What one capability keeps about records."""

    kinds: frozenset[str]
    """The kinds of records it wants to see."""

    def fold(self, connection: Connection, rows: Sequence[Row]) -> None:
        """Takes records in log order; the caller commits."""


class Views:
    """The derived tables of one home.

    Several processes may be pointed at the same tables, as when a copy of a home is opened:
    whoever opened them last keeps them, and the others look anew whether they are theirs.

    Args:
        database: Where the tables are.
        archive: Where records come from.
        views: One per capability.
    """

    def __init__(self, database: ViewDatabase, archive: Archive, views: Sequence[View]) -> None:
        self._database = database
        self._archive = archive
        self._views = tuple(views)
        self._names: tuple[int, dict[str, int]] = (0, {})  # ids of names, as of a size that was committed
        self._engine: Engine | None = None
        self._owner = os.urandom(16).hex()
        self._is_scrub_due = False
        self._generation = 0  # one more for each rebuild

    @property
    def engine(self) -> Engine:
        """The database; its tables are made anew when they are not those of this log and version."""
        if self._engine is not None:
            return self._engine
        self._database.reach()  # nobody who records waits for a server that does not answer
        with self._archive.lock:  # a lock of its own could wait for this one while somebody waits the other way
            if self._engine is None:
                try:
                    self._engine = self._opened()
                except DatabaseError as error:
                    if not self._database.is_torn(error):
                        raise
                    self._database.remove()
                    self._engine = self._opened()
            return self._engine

    def _opened(self) -> Engine:
        self._names = (0, {})
        engine = self._database.open()
        try:
            with engine.begin() as connection:
                self._database.prepare(connection)
                metadata.create_all(connection, [cursor])
                known = connection.execute(select(cursor.c.version, cursor.c.size)).first()
                if known is None or known[0] != SCHEMA_VERSION or not self._is_of_this_log(connection, known[1]):
                    _remake(connection)
                connection.execute(cursor.update().values(owner=self._owner))
                self._is_scrub_due = bool(connection.execute(select(cursor.c.is_scrub_due)).scalar_one())
        except BaseException:
            engine.dispose()
            raise
        return engine

    def _is_of_this_log(self, connection: Connection, size: int) -> bool:
        """Whether the newest record the tables have read is the one in the log: a backup may have been restored."""
        if size == 0:
            return True
        found = connection.execute(select(records.c.leaf8).where(records.c.idx == size - 1)).scalar()
        return size <= self._archive.size and found == leaf8(self._archive.leaf(size - 1))

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Brings the tables up to date and opens them for a query.

        Raises:
            LogUnavailable: When the disk refuses, or the database server is away.
            HomeDamaged: When the tables cannot be read.
            NotSetUp: When a package is missing, or the server forbids.
        """
        with self.naming_faults(), self._connected() as connection:
            yield connection

    def _connected(self) -> Connection:
        """Returns a connection to tables that are up to date; never to those that a rebuild has just emptied."""
        while True:
            generation = self._generation
            self._catch_up()
            connection = self.engine.connect()
            if generation == self._generation:
                return connection
            connection.close()

    def catch_up(self, progress: Callable[[int, int], None] | None = None) -> int:
        """Reads what the log has gained; returns the number of records read.

        Raises:
            LogUnavailable: When the disk refuses, or the database server is away.
            HomeDamaged: When the tables cannot be read.
        """
        with self.naming_faults():
            return self._catch_up(progress)

    def size(self) -> int:
        """Returns how many records the tables have read.

        Raises:
            LogUnavailable: When the disk refuses, or the database server is away.
        """
        with self.naming_faults():
            return self._size()

    def _catch_up(self, progress: Callable[[int, int], None] | None = None) -> int:
        """Reads on, and wipes what an erasure emptied where that makes no reader wait."""
        count = self._read_on(progress)
        if self._is_scrub_due and self._database.scrubs_beside_readers:
            self._scrub()
        return count

    def _read_on(self, progress: Callable[[int, int], None] | None = None) -> int:
        size = self._archive.size
        done = self._size()
        if done >= size:
            return 0
        start = done
        pending: list[tuple[int, bytes]] = []
        for index, entry in enumerate(self._archive.entries(start, size), start):
            pending.append((index, entry))
            if len(pending) == BATCH:
                self._fold(pending)
                done += len(pending)
                pending = []
                if progress is not None:
                    progress(done - start, size - start)
        self._fold(pending)
        if progress is not None:
            progress(size - start, size - start)
        return size - start

    def rebuild(self, progress: Callable[[int, int], None] | None = None) -> int:
        """Remakes every table from log and vault; returns the number of records.

        Raises:
            LogUnavailable: When the disk refuses, or the database server is away.
        """
        with self.naming_faults():
            self._database.reach()
            with self._archive.lock:
                self._generation += 1  # first: see `_connected`
                self.close()
                self._database.remove()
            return self._catch_up(progress)

    def forget_erased(self) -> bool:
        """Takes in newly logged erasures and wipes what they emptied; returns whether nothing is left of it.

        Where that fails, the next query reads the erasure before anything else, and the next
        call wipes.
        """
        try:
            with self.naming_faults():
                self._read_on()
                return self._scrub()
        except CounterfoilError:  # e.g. a full disk, or a server that is away
            return False

    def _scrub(self) -> bool:
        self._is_scrub_due = not self._database.scrub(self.engine, [table.name for table in metadata.sorted_tables])
        if not self._is_scrub_due:
            with self.engine.begin() as connection:
                connection.execute(cursor.update().values(is_scrub_due=False))
        return not self._is_scrub_due

    def close(self) -> None:
        """Lets go of the database; the next query opens it again."""
        engine, self._engine = self._engine, None
        if engine is not None:
            engine.dispose()

    def index_of(self, leaf_hex: str) -> int:
        """Returns the place of the record with this leaf hash.

        Raises:
            NotFound: When the log has no such record.
        """
        leaf = bytes.fromhex(leaf_hex)
        with self.reading() as connection:
            found = connection.execute(select(records.c.idx).where(records.c.leaf8 == leaf8(leaf))).scalars()
            for index in found:
                if self._archive.leaf(index) == leaf:
                    return int(index)
        raise NotFound(f"the log has no record with the digest {leaf_hex[:16]}…")

    def places(self, query: Select[Any]) -> list[int]:
        """Returns what a query of one column of places in the log finds, in its order; raises as `reading` does."""
        with self.reading() as connection:
            return [int(place) for place in connection.execute(query).scalars()]

    def values_of(self, index: int, record: Record | None = None) -> dict[str, Any] | None:
        """Returns a record's private values, None when there are none (any more)."""
        try:
            return self._archive.values(index, record or self._archive.record(index))
        except (NotFound, NotAllowed):
            return None

    def _size(self) -> int:
        """Returns how far the tables have read; looks anew whose they are when somebody else opened them."""
        for _ in range(_OPENINGS):
            with self.engine.connect() as connection:
                size, owner = connection.execute(select(cursor.c.size, cursor.c.owner)).one()
            if owner == self._owner:
                break
            self.close()
        return int(size)

    def _fold(self, pending: Sequence[tuple[int, bytes]]) -> None:
        """Takes one batch: rows and cursor in one transaction."""
        if pending:
            # Decrypted before the database is locked: reading waits for the log's lock, whose holder may
            # be waiting for the database.
            self._fold_together(self._rows(pending))

    def _fold_together(self, ready: Sequence[Row]) -> None:
        with self.engine.begin() as connection:
            # Takes the write lock first; does nothing to tables that somebody else keeps by now.
            ours = connection.execute(cursor.update().where(cursor.c.owner == self._owner).values(size=cursor.c.size))
            if not ours.rowcount:
                return
            done = int(connection.execute(select(cursor.c.size)).scalar_one())
            rows = [row for row in ready if row.index >= done]  # somebody else may have been faster
            if not rows or rows[0].index != done:
                return
            ids = self._ids(connection, done, {name for row in rows for name in (row.record.kind, row.record.stream)})
            insert_rows(
                connection,
                records,
                [
                    (r.index, ids[r.record.kind], ids[r.record.stream], r.record.seq, r.time_s, leaf8(r.leaf))
                    for r in rows
                ],
            )
            for view in self._views:
                wanted = [row for row in rows if row.record.kind in view.kinds]
                if wanted:
                    view.fold(connection, wanted)
            end = rows[-1].index + 1
            change: dict[str, Any] = {"size": end}
            if any(row.record.kind == "erasure" for row in rows):
                change["is_scrub_due"] = self._is_scrub_due = True
            connection.execute(cursor.update().values(change))
        self._names = (end, ids)

    def _ids(self, connection: Connection, done: int, wanted: set[str]) -> dict[str, int]:
        """Returns the small numbers that stand for names in the tables.

        What is known from before holds for tables that stand where they were left: a server
        that crashed may have lost its newest commits, and with them a name.
        """
        size, known = self._names
        ids = dict(known) if size == done else {}
        for name in wanted - ids.keys():
            found = connection.execute(select(names.c.id).where(names.c.name == name)).scalar()
            if found is None:
                found = connection.execute(names.insert().values(name=name)).inserted_primary_key[0]  # type: ignore[index]
            ids[name] = int(found)
        return ids

    def _rows(self, pending: Sequence[tuple[int, bytes]]) -> list[Row]:
        wanted = frozenset().union(*(view.kinds for view in self._views))
        read = [(index, leaf_hash(entry), read_record(entry)) for index, entry in pending]
        private = self._archive.values_many((index, record) for index, _, record in read if record.kind in wanted)
        nothing = (None, None)
        return [
            Row(index, leaf, record, _time_s(record.time), *private.get(index, nothing)) for index, leaf, record in read
        ]

    @contextmanager
    def naming_faults(self) -> Iterator[None]:
        """Turns the database's errors into ours."""
        try:
            yield
        except DBAPIError as error:
            raise self._database.fault(error) from error


_times: dict[str, int] = {}


def _time_s(text: str) -> int:
    """Returns UTC text as seconds; neighbours in the log mostly share it."""
    known = _times.get(text)
    if known is None:
        _times.clear()
        known = _times[text] = parse_time(text)
    return known


def leaf8(leaf: bytes) -> int:
    """Returns the first 8 bytes of a leaf hash as a signed 64-bit integer."""
    return int.from_bytes(leaf[:8], "big", signed=True)


def _remake(connection: Connection) -> None:
    metadata.drop_all(connection)
    metadata.create_all(connection)
    connection.execute(cursor.insert().values(version=SCHEMA_VERSION, size=0, owner="", is_scrub_due=False))
