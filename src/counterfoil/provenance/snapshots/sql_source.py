"""What a query on a database gives, as a Parquet file."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from sqlalchemy import URL, Connection, Engine, create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError

from counterfoil.errors import InvalidInput, NodeUnreachable, NotSetUp
from counterfoil.provenance.snapshots.source import Fetched, Limits, Progress, Writer
from counterfoil.provenance.snapshots.sql_table import RowFile

__all__ = ["SqlSource", "require_no_password"]

_ROWS: Final = 4_096
_CONNECT_S: Final = 10
_MOST_QUERY: Final = 100_000
_PLAIN_POSTGRES: Final = ("postgresql", "postgres")
_SQLITE: Final = "sqlite"
_READING: Final = (
    sqlite3.SQLITE_SELECT,
    sqlite3.SQLITE_READ,
    sqlite3.SQLITE_FUNCTION,
    sqlite3.SQLITE_RECURSIVE,
)
_HARMLESS: Final = ((sqlite3.SQLITE_PRAGMA, "data_version"), (sqlite3.SQLITE_UPDATE, "sqlite_master"))
"""Asked for when a table for searching texts is read; the file, opened for reading, keeps a real update out."""

_POSTGRES: Final = "postgresql"
_MYSQL: Final = ("mysql", "mariadb")
_ONE_STATE: Final = "READ ONLY, ISOLATION LEVEL REPEATABLE READ"


@dataclass(frozen=True, slots=True)
class SqlSource:
    """What a query gives.

    Attributes:
        url: A database, as SQLAlchemy names it: `postgresql://reader@db.example/rates`, `sqlite:////data/rates.db`.
        query: One SELECT.
        secret: The password.
    """

    url: str = field(repr=False)  # its query may hold a secret
    query: str
    secret: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        self._parsed()
        if not self.query.strip() or len(self.query) > _MOST_QUERY:
            raise InvalidInput(f"the query is empty, or longer than {_MOST_QUERY:,} characters")

    def describe(self) -> dict[str, Any]:
        """Returns what is known of it without asking it: never who asks, nor by which password."""
        url = self._parsed()
        told = {
            "database": Path(url.database or "").name if url.get_backend_name() == _SQLITE else url.database,
            "dialect": url.get_backend_name(),
            "host": url.host,
            "kind": "sql",
            "querySha256": sha256(self.query.encode()).hexdigest(),
        }
        return {name: value for name, value in told.items() if value}

    def fetch(self, folder: Path, limits: Limits, progress: Progress | None) -> Fetched:
        """Writes the rows into `folder`; see `Source.fetch`.

        Raises:
            InvalidInput: The database refuses the query, or a column has no one type.
            NotSetUp: A package for this kind of database is missing.
        """
        rows_path, path = folder / "rows", folder / "rows.parquet"
        with rows_path.open("xb") as spooled:
            writer = Writer(spooled, limits, progress)
            rows = RowFile(writer)
            is_read_only = self._read(rows, limits)
        with path.open("xb") as file:
            count = rows.to_parquet(rows_path, Writer(file, limits, ends_s=writer.ends_s))
        rows_path.unlink()
        return Fetched(
            path, self.describe() | {"count": count, "readOnly": is_read_only}, is_unordered=True, query=self.query
        )

    def _read(self, rows: RowFile, limits: Limits) -> bool:
        """Reads all rows in one transaction; returns whether the database itself forbids writing in it."""
        url = self._parsed()
        try:
            engine = _engine(url.set(password=self.secret or url.password))
        except NoSuchModuleError:
            raise InvalidInput(f"there is no kind of database {url.drivername[:40]!r}") from None
        except ImportError as error:
            raise NotSetUp(f"the package for {url.drivername} is missing", hint="install it") from error
        try:
            with engine.connect() as connection:
                try:
                    is_read_only = _forbid_writing(connection, limits)
                    for names, some in _batches(connection, self.query):
                        rows.add(names, some)
                finally:
                    connection.rollback()
            return is_read_only
        except DBAPIError as error:
            raise _refused(error, url) from None
        except SQLAlchemyError as error:
            raise InvalidInput(f"the query cannot be run: {type(error).__name__}") from None
        finally:
            engine.dispose()

    def _parsed(self) -> URL:
        try:
            url = make_url(self.url)
        except (ArgumentError, ValueError):
            raise InvalidInput(
                "that names no database", hint="like postgresql://reader@db.example/rates or sqlite:////data/rates.db"
            ) from None
        if url.get_backend_name() == _SQLITE and not (url.database and Path(url.database).is_file()):
            raise InvalidInput("there is no SQLite file of that name", hint="like sqlite:////data/rates.db")
        if url.get_backend_name() == _SQLITE:
            return url.set(drivername=_SQLITE)  # the one driver that can open a file for reading alone
        return url.set(drivername="postgresql+psycopg") if url.drivername in _PLAIN_POSTGRES else url


def require_no_password(url: str) -> None:
    """Raises InvalidInput where an address holds a password: on a command line others can read it."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        return  # SqlSource says what is wrong with it
    if parsed.password or any("passw" in name.lower() for name in parsed.query):
        raise InvalidInput(
            "the database's address holds a password, and others on this machine can read command lines",
            hint="keep it in a file of mode 0600: --secret-file; and change it, as it was shown",
        )


def _engine(url: URL) -> Engine:
    backend = url.get_backend_name()
    if backend == _SQLITE:
        return create_engine(url, creator=lambda: _opened_sqlite(url.database or ""))
    return create_engine(url, connect_args={"connect_timeout": _CONNECT_S} if backend in (_POSTGRES, *_MYSQL) else {})


def _opened_sqlite(database: str) -> sqlite3.Connection:
    """Opens a file for reading alone: `query_only` does not keep a PRAGMA, ATTACH or VACUUM INTO from writing."""
    path = quote(str(Path(database).absolute()))
    return sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=_CONNECT_S, check_same_thread=False)


def _allowed(action: int, first: str | None, *_more: str | None) -> int:
    """Answers SQLite, which asks for each thing that a statement would do: nothing but reading is allowed."""
    return sqlite3.SQLITE_OK if action in _READING or (action, first) in _HARMLESS else sqlite3.SQLITE_DENY


def _forbid_writing(connection: Connection, limits: Limits) -> bool:
    """Opens one transaction that sees one state and writes nothing, where the database has that."""
    backend = connection.dialect.name
    milliseconds = max(1, int(limits.timeout_s * 1000))
    if backend == _POSTGRES:
        connection.execute(text(f"SET SESSION CHARACTERISTICS AS TRANSACTION {_ONE_STATE}"))
        connection.execute(text(f"SET SESSION statement_timeout = {milliseconds}"))
        connection.commit()
    elif backend == _SQLITE:
        connection.execute(text("PRAGMA query_only = ON"))
        connection.commit()
        opened = connection.connection.dbapi_connection
        assert isinstance(opened, sqlite3.Connection)
        opened.set_authorizer(_allowed)
    elif backend in _MYSQL:
        connection.execute(text("SET SESSION TRANSACTION READ ONLY"))
        connection.commit()
    else:
        return False
    return True


def _batches(connection: Connection, query: str) -> Iterator[tuple[Sequence[str], Sequence[Sequence[Any]]]]:
    """Yields the names of the columns and some rows, a batch at a time; at least one, without rows."""
    streamed = connection.execution_options(stream_results=True, yield_per=_ROWS)
    result = streamed.exec_driver_sql(query.strip().rstrip(";"))
    if not result.returns_rows:
        raise InvalidInput("the query gives no rows", hint="a snapshot is taken of one SELECT")
    with closing(result):
        names = list(result.keys())
        yield names, []
        for some in result.partitions(_ROWS):
            yield names, some


def _refused(error: DBAPIError, url: URL) -> Exception:
    """Returns why a database did not answer: its own words name places in the query, and can repeat values of it."""
    kind = type(error.orig).__name__
    if error.connection_invalidated or (kind == "OperationalError" and url.get_backend_name() != _SQLITE):
        return NodeUnreachable(
            f"the database at {url.host or 'this machine'} does not answer, or refuses who asks",
            hint="check its address, its name and the secret",
        )
    return InvalidInput(
        f"the database refuses the query ({kind})", hint="try it with the database's own tool; it must be one SELECT"
    )
