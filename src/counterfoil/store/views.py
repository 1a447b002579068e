"""Searchable tables, derived from log and vault and remade at will.

Nothing in these tables is truth. Every capability brings a `View`: it is shown the
records in log order and keeps rows about them. A cursor says how far the tables have
read; each step moves rows and cursor in one transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Engine,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    create_engine,
    event,
    select,
)
from sqlalchemy.exc import DatabaseError, OperationalError
from sqlalchemy.pool import NullPool

from counterfoil.core.merkle import leaf_hash
from counterfoil.core.statement import Record, read_record
from counterfoil.errors import HomeDamaged, LogUnavailable, NotAllowed, NotFound
from counterfoil.store.archive import Archive
from counterfoil.store.streams import parse_time

__all__ = ["SCHEMA_VERSION", "Row", "View", "Views", "leaf8", "metadata", "naming_faults", "records"]

SCHEMA_VERSION: Final = 1
"""Version of all tables together; tables of another version are remade."""

BATCH: Final = 2_000

metadata: Final = MetaData()
"""Every view adds its tables here."""

cursor: Final = Table(
    "cursor",
    metadata,
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("size", BigInteger, nullable=False),
)
names: Final = Table(
    "names", metadata, Column("id", Integer, primary_key=True), Column("name", String, unique=True, nullable=False)
)
records: Final = Table(
    "records",
    metadata,
    Column("idx", Integer, primary_key=True, autoincrement=False),
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

    Args:
        path: The SQLite file.
        archive: Where records come from.
        views: One per capability.
    """

    def __init__(self, path: Path, archive: Archive, views: Sequence[View]) -> None:
        self._path = path
        self._archive = archive
        self._views = tuple(views)
        self._names: dict[str, int] = {}
        self._engine: Engine | None = None

    @property
    def engine(self) -> Engine:
        """The database; its tables are made anew when they are not those of this log and version."""
        if self._engine is not None:
            return self._engine
        with self._archive.lock:  # a lock of its own could wait for this one while somebody waits the other way
            if self._engine is None:
                try:
                    self._engine = self._opened()
                except DatabaseError:  # not a database any more: nothing in it is truth
                    self._remove()
                    self._engine = self._opened()
            return self._engine

    def _opened(self) -> Engine:
        self._names.clear()
        self._path.touch(mode=0o600)  # SQLite gives its side files the same
        # Errors go to logs; they must not quote labels and scores.
        engine = create_engine(f"sqlite:///{self._path}", poolclass=NullPool, hide_parameters=True)
        event.listen(engine, "connect", _configure)
        with engine.begin() as connection:
            metadata.create_all(connection, [cursor])
            known = connection.execute(select(cursor.c.version, cursor.c.size)).first()
            if known is None or known[0] != SCHEMA_VERSION or not self._is_of_this_log(connection, known[1]):
                _remake(connection)
        return engine

    def _is_of_this_log(self, connection: Connection, size: int) -> bool:
        """Whether the newest record the tables have read is the one in the log: a backup may have been restored."""
        if size == 0:
            return True
        found = connection.execute(select(records.c.leaf8).where(records.c.idx == size - 1)).scalar()
        return size <= self._archive.size and found == leaf8(leaf_hash(self._archive.entry(size - 1)))

    def _remove(self) -> None:
        for suffix in ("", "-wal", "-shm"):
            Path(f"{self._path}{suffix}").unlink(missing_ok=True)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Brings the tables up to date and opens them for a query.

        Raises:
            LogUnavailable: When the disk refuses.
            HomeDamaged: When the tables cannot be read.
        """
        with naming_faults():
            self.catch_up()
            with self.engine.connect() as connection:
                yield connection

    def catch_up(self, progress: Callable[[int, int], None] | None = None) -> int:
        """Reads what the log has gained; returns the number of records read."""
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
            LogUnavailable: When the disk refuses.
        """
        with self._archive.lock:
            self.close()
            self._remove()
        with naming_faults():
            return self.catch_up(progress)

    def forget_erased(self) -> bool:
        """Takes in newly logged erasures and empties the write-ahead file; returns whether it is empty."""
        try:
            self.catch_up()
            with self.engine.connect() as connection:
                busy = connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").scalar()
        except DatabaseError:  # e.g. a full disk; the next query reads the erasure before anything else
            return False
        return not busy

    def close(self) -> None:
        """Lets go of the database; the next query opens it again."""
        if self._engine is not None:
            self._engine.dispose()
            self._engine = None

    def name_id(self, connection: Connection, name: str) -> int:
        """Returns the small number that stands for a name in the tables."""
        known = self._names.get(name)
        if known is None:
            known = connection.execute(select(names.c.id).where(names.c.name == name)).scalar()
            if known is None:
                known = connection.execute(names.insert().values(name=name)).inserted_primary_key[0]  # type: ignore[index]
            self._names[name] = known
        return known

    def index_of(self, leaf_hex: str) -> int:
        """Returns the place of the record with this leaf hash.

        Raises:
            NotFound: When the log has no such record.
        """
        leaf = bytes.fromhex(leaf_hex)
        with self.reading() as connection:
            found = connection.execute(select(records.c.idx).where(records.c.leaf8 == leaf8(leaf))).scalars()
            for index in found:
                if leaf_hash(self._archive.entry(index)) == leaf:
                    return int(index)
        raise NotFound(f"the log has no record with the digest {leaf_hex[:16]}…")

    def values_of(self, index: int, record: Record | None = None) -> dict[str, Any] | None:
        """Returns a record's private values, None when there are none (any more)."""
        try:
            return self._archive.values(index, record or self._archive.record(index))
        except (NotFound, NotAllowed):
            return None

    def _size(self) -> int:
        with self.engine.connect() as connection:
            return int(connection.execute(select(cursor.c.size)).scalar_one())

    def _fold(self, pending: Sequence[tuple[int, bytes]]) -> None:
        """Takes one batch: rows and cursor in one transaction."""
        if not pending:
            return
        try:
            # Decrypted before the database is locked: reading waits for the log's lock, whose holder may
            # be waiting for the database.
            rows = self._rows(pending)
            self._fold_together(rows)
        except BaseException:
            self._names.clear()  # ids given in a transaction that was rolled back
            raise

    def _fold_together(self, ready: Sequence[Row]) -> None:
        with self.engine.begin() as connection:
            connection.exec_driver_sql("UPDATE cursor SET size = size")  # takes the write lock first
            done = int(connection.execute(select(cursor.c.size)).scalar_one())
            rows = [row for row in ready if row.index >= done]  # somebody else may have been faster
            if not rows:
                return
            for name in {name for row in rows for name in (row.record.kind, row.record.stream)} - self._names.keys():
                self.name_id(connection, name)
            known = self._names
            connection.exec_driver_sql(
                "INSERT INTO records VALUES (?, ?, ?, ?, ?, ?)",
                [
                    (r.index, known[r.record.kind], known[r.record.stream], r.record.seq, r.time_s, leaf8(r.leaf))
                    for r in rows
                ],
            )
            for view in self._views:
                wanted = [row for row in rows if row.record.kind in view.kinds]
                if wanted:
                    view.fold(connection, wanted)
            connection.execute(cursor.update().values(size=rows[-1].index + 1))

    def _rows(self, pending: Sequence[tuple[int, bytes]]) -> list[Row]:
        wanted = frozenset().union(*(view.kinds for view in self._views))
        read = [(index, leaf_hash(entry), read_record(entry)) for index, entry in pending]
        private = self._archive.values_many((index, record) for index, _, record in read if record.kind in wanted)
        nothing = (None, None)
        return [
            Row(index, leaf, record, _time_s(record.time), *private.get(index, nothing)) for index, leaf, record in read
        ]


@contextmanager
def naming_faults() -> Iterator[None]:
    """Turns the database's errors into ours."""
    try:
        yield
    except OperationalError as error:
        raise LogUnavailable(
            f"the searchable tables cannot be used: {error.orig}", hint="free some disk space, then try again"
        ) from error
    except DatabaseError as error:
        raise HomeDamaged(
            f"the searchable tables are damaged: {error.orig}", hint="run `counterfoil rebuild`; nothing is lost"
        ) from error


_times: dict[str, int] = {}


def _time_s(text: str) -> int:
    """Returns UTC text as seconds; neighbours in the log mostly share it."""
    known = _times.get(text)
    if known is None:
        _times.clear()
        known = _times[text] = parse_time(text)
    return known


def leaf8(leaf: bytes) -> int:
    """Returns the first 8 bytes of a leaf hash as SQLite's signed integer."""
    return int.from_bytes(leaf[:8], "big", signed=True)


def _remake(connection: Connection) -> None:
    metadata.drop_all(connection)
    metadata.create_all(connection)
    connection.execute(cursor.insert().values(version=SCHEMA_VERSION, size=0))


def _configure(connection: Any, _record: Any) -> None:
    """Derived tables need no fsync: what a crash takes is read again from the log. What is erased is wiped."""
    for pragma in (
        "busy_timeout=10000",
        "journal_mode=WAL",
        "synchronous=OFF",
        "temp_store=MEMORY",
        "secure_delete=ON",
    ):
        connection.execute(f"PRAGMA {pragma}")
