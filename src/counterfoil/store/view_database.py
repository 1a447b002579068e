"""Where the searchable tables are: a SQLite file in the home, or a schema in PostgreSQL.

Either way the tables are derived: they need not survive a crash whole, for what is
missing is read again from the log, and what is erased is taken out of them for good.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final, Protocol

from sqlalchemy import Connection, Engine, Table, create_engine, event, text
from sqlalchemy.exc import DatabaseError, DBAPIError, OperationalError, ProgrammingError
from sqlalchemy.pool import NullPool

from counterfoil.errors import CounterfoilError, HomeDamaged, LogUnavailable
from counterfoil.store.postgres import copy_rows, database_fault, ensure_schema, open_engine

__all__ = ["PostgresViews", "SqliteViews", "ViewDatabase", "add_to_counts", "insert_new", "insert_rows", "table_text"]

REBUILD: Final = "run `counterfoil rebuild`; nothing is lost"


class ViewDatabase(Protocol):
    """Where the tables are."""

    scrubs_beside_readers: bool
    """Whether `scrub` waits for nobody who reads."""

    def reach(self) -> None:
        """Makes sure that the database answers, where finding out may take long; called without any lock."""

    def open(self) -> Engine:
        """Returns the database; it may be empty."""

    def prepare(self, connection: Connection) -> None:
        """Makes room for the tables, before the first is made."""

    def remove(self) -> None:
        """Takes away all tables, torn ones too; nothing of this process has them open."""

    def is_torn(self, error: DatabaseError) -> bool:
        """Whether an error at opening means that the tables must be made anew."""

    def scrub(self, engine: Engine, tables: Sequence[str]) -> bool:
        """Wipes what was erased out of reach of queries, too; returns whether that is done."""

    def fault(self, error: DBAPIError) -> CounterfoilError:
        """Returns our error for one of the database's."""


class SqliteViews:
    """The tables in one file. What is erased is overwritten at once (`secure_delete`).

    Args:
        path: The file; its side files lie beside it.
    """

    scrubs_beside_readers = False

    def __init__(self, path: Path) -> None:
        self._path = path

    def reach(self) -> None:
        """A file is there or is made."""

    def open(self) -> Engine:
        self._path.touch(mode=0o600)  # SQLite gives its side files the same
        # Errors go to logs; they must not quote labels and scores.
        engine = create_engine(f"sqlite:///{self._path}", poolclass=NullPool, hide_parameters=True)
        event.listen(engine, "connect", _configure)
        return engine

    def prepare(self, connection: Connection) -> None:
        """The file is there."""

    def remove(self) -> None:
        for suffix in ("", "-wal", "-shm"):
            Path(f"{self._path}{suffix}").unlink(missing_ok=True)

    def is_torn(self, error: DatabaseError) -> bool:
        return True  # not a database any more: nothing in it is truth

    def scrub(self, engine: Engine, tables: Sequence[str]) -> bool:
        """Empties the write-ahead file."""
        with engine.connect() as connection:
            return not connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").scalar()

    def fault(self, error: DBAPIError) -> CounterfoilError:
        if isinstance(error, OperationalError):
            return LogUnavailable(
                f"the searchable tables cannot be used: {error.orig}", hint="free some disk space, then try again"
            )
        return HomeDamaged(f"the searchable tables are damaged: {error.orig}", hint=REBUILD)


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


class PostgresViews:
    """The tables in a schema of their own. A commit does not wait for the disk, as above.

    Args:
        url: The database, as libpq reads it, without a password.
        schema: Returns the schema's name; it is made on first use.
    """

    scrubs_beside_readers = True

    def __init__(self, url: str, schema: Callable[[], str]) -> None:
        self._url = url
        self._schema = schema

    def reach(self) -> None:
        engine = self.open()
        try:
            with engine.connect():
                pass
        finally:
            engine.dispose()

    def open(self) -> Engine:
        return open_engine(self._url, self._schema(), {"synchronous_commit": "off"})

    def prepare(self, connection: Connection) -> None:
        ensure_schema(connection, self._schema())

    def remove(self) -> None:
        """Drops every table in the schema; the schema and its grants stay."""
        engine, schema = self.open(), self._schema()
        try:
            with engine.begin() as connection:
                listed = text("SELECT tablename FROM pg_tables WHERE schemaname = :name")
                for table in connection.execute(listed, {"name": schema}).scalars().all():
                    connection.exec_driver_sql(f'DROP TABLE "{schema}"."{table}" CASCADE')
        finally:
            engine.dispose()

    def is_torn(self, error: DatabaseError) -> bool:
        """A table or column is not what it should be; a server that is away, or forbids, is another matter."""
        return isinstance(error, ProgrammingError) and getattr(error.orig, "sqlstate", None) != "42501"

    def scrub(self, engine: Engine, tables: Sequence[str]) -> bool:
        """Has the server take the emptied rows' old versions out of tables and indexes."""
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            for table in tables:
                connection.exec_driver_sql(f'VACUUM (INDEX_CLEANUP ON) "{table}"')
        return True

    def fault(self, error: DBAPIError) -> CounterfoilError:
        return database_fault("the searchable tables", error, REBUILD)


# What the two write differently; names of tables and columns are this program's own


def insert_rows(connection: Connection, table: Table, rows: Sequence[Sequence[Any]]) -> None:
    """Adds many rows, each with all of the table's columns in their order; COPY where there is one."""
    if not rows:
        return
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(_sqlite_insert(table), [tuple(row) for row in rows])
        return
    copy_rows(connection, _copy(table), rows)


def insert_new(connection: Connection, table: Table, values: Mapping[str, Any]) -> None:
    """Adds a row unless one with its keys is there."""
    names = list(values)
    marks = ", ".join(f":{name}" for name in names)
    connection.execute(
        text(f"INSERT INTO {table.name} ({', '.join(names)}) VALUES ({marks}) ON CONFLICT DO NOTHING"),  # noqa: S608
        values,
    )


def add_to_counts(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]], count: str) -> None:
    """Adds to the column `count` of rows, found by the primary key; makes those that are missing."""
    if not rows:
        return
    names = [column.name for column in table.columns]
    keys = ", ".join(column.name for column in table.primary_key.columns)
    marks = ", ".join(f":{name}" for name in names)
    statement = text(
        f"INSERT INTO {table.name} ({', '.join(names)}) VALUES ({marks}) "  # noqa: S608
        f"ON CONFLICT ({keys}) DO UPDATE SET {count} = {table.name}.{count} + excluded.{count}"
    )
    connection.execute(statement, list(rows))


def table_text(value: str | None) -> str | None:
    """Returns text as every database holds it: without zero characters and halves of characters."""
    return value.replace("\0", "\ufffd").encode("utf-8", "replace").decode() if value is not None else None


@cache
def _sqlite_insert(table: Table) -> str:
    return f"INSERT INTO {table.name} VALUES ({', '.join('?' * len(table.columns))})"  # noqa: S608


@cache
def _copy(table: Table) -> str:
    names = ", ".join(f'"{column.name}"' for column in table.columns)
    return f'COPY "{table.name}" ({names}) FROM STDIN'
