"""The outbox in PostgreSQL: a schema for each account, held by one session.

Everything is written through the session that took the lock, an advisory lock of
PostgreSQL. When that session is lost, so is the right to write: whatever was in the middle
fails, and another process may take over. The lock is asked for again before the next
write; a step that had begun before does not go on (see `Journal.begin_step`).
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from hashlib import sha256
from typing import Final

from sqlalchemy import Connection, Engine, inspect, text
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError

from counterfoil.errors import HomeDamaged, LedgerBusy, NotSetUp
from counterfoil.ledger.sending.database import read_meta, require_version
from counterfoil.ledger.sending.tables import SCHEMA_VERSION, metadata, outbox_meta
from counterfoil.store.postgres import database_fault, ensure_schema, open_engine, schema_name

__all__ = ["RESTORE", "PostgresOutbox", "outbox_schema"]

RESTORE: Final = "nothing was changed; restore the database from a backup made after the last sending"

LOCK_WAIT_MS: Final = 2_000
"""How long the lock is waited for: a server needs a moment to notice that a killed process is gone."""

_LOCK_NOT_AVAILABLE: Final = "55P03"
_SESSION: Final = {
    "synchronous_commit": "on",
    "tcp_keepalives_idle": "15",  # seconds: the server lets go of the lock of a machine that vanished
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
}


def outbox_schema(chain_id: int, account: bytes) -> str:
    """Returns the schema of one account's outbox on one chain, the same for every home that uses the account."""
    return schema_name("outbox", f"{chain_id}-{account.hex()[:8]}", chain_id.to_bytes(32, "big") + account)


class PostgresOutbox:
    """An outbox in a schema of its own.

    Args:
        url: The database, as libpq reads it, without a password.
        schema: From `outbox_schema`; made on first use.

    Attributes:
        where: The schema, for messages.
    """

    def __init__(self, url: str, schema: str) -> None:
        self.where = f"{schema} in PostgreSQL"
        self._url = url
        self._schema = schema
        self._lock_key = int.from_bytes(sha256(schema.encode()).digest()[:8], "big", signed=True)
        self._tenures = 0
        self._engine: Engine | None = None
        self._holder: Connection | None = None  # the session that has the lock, and writes

    def open(self, facts: Mapping[str, str]) -> None:
        """Takes the lock, then looks at the tables; makes them, with `facts`, where there are none."""
        self._engine = open_engine(self._url, self._schema, {"application_name": _who(), **_SESSION})
        try:
            with self._naming_faults():
                self.hold()
                with self.writing() as connection:
                    self._make_or_check(connection, facts)
        except BaseException:
            self.close()
            raise

    def hold(self) -> int:
        """Takes the lock, when this process does not hold it (any more); returns how often it was taken."""
        if self._is_held():
            return self._tenures
        self._let_go()
        assert self._engine is not None
        with self._naming_faults():
            connection = self._engine.connect()
            try:
                self._take_lock(connection)
            except BaseException:
                connection.invalidate()
                connection.close()
                raise
        self._holder = connection
        self._tenures += 1
        return self._tenures

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Opens a transaction in the session that holds the lock; the disk has it when the block has ended."""
        assert self._holder is not None
        with self._naming_faults(), self._holder.begin():
            yield self._holder

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Opens the tables as they are at one moment, in another session."""
        assert self._engine is not None
        with self._naming_faults(), self._engine.connect() as connection:
            yield connection.execution_options(isolation_level="REPEATABLE READ")

    def close(self) -> None:
        """Ends all sessions, and with its own the lock."""
        self._let_go()
        if self._engine is not None:
            self._engine.dispose()
            self._engine = None

    def set_aside(self, time_s: int) -> None:
        """Renames the schema."""
        with self._apart() as connection:
            if connection.execute(_NAMED, {"name": self._schema}).scalar() is not None:
                aside = f"set_aside_{time_s}_{sha256(self._schema.encode()).hexdigest()[:16]}"
                connection.exec_driver_sql(f'ALTER SCHEMA "{self._schema}" RENAME TO "{aside}"')

    def exists(self) -> bool:
        """Whether the schema is there and holds tables."""
        with self._apart() as connection:
            return bool(inspect(connection).get_table_names(schema=self._schema))

    @contextmanager
    def _apart(self) -> Iterator[Connection]:
        """Opens a transaction without holding the lock."""
        engine = open_engine(self._url, self._schema, _SESSION)
        try:
            with self._naming_faults(), engine.begin() as connection:
                yield connection
        finally:
            engine.dispose()

    def _is_held(self) -> bool:
        """Whether the session lives; one that dies right after this cannot commit."""
        holder = self._holder
        if holder is None or holder.invalidated or holder.closed:
            return False
        try:
            holder.exec_driver_sql("SELECT 1")
            holder.rollback()
        except DBAPIError:
            return False
        return True

    def _let_go(self) -> None:
        holder, self._holder = self._holder, None
        if holder is not None:
            with suppress(DBAPIError):
                holder.invalidate()  # ends the session: a pooled one would go on holding the lock
            holder.close()

    def _take_lock(self, connection: Connection) -> None:
        try:
            connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{LOCK_WAIT_MS}ms'")
            connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": self._lock_key})
            connection.commit()
        except OperationalError as error:
            if getattr(error.orig, "sqlstate", None) != _LOCK_NOT_AVAILABLE:
                raise
            connection.rollback()
        else:
            return
        holder = connection.execute(
            _HOLDER, {"high": self._lock_key >> 32 & 0xFFFFFFFF, "low": self._lock_key & 0xFFFFFFFF}
        )
        who = str(holder.scalar() or "another process").removeprefix("counterfoil ")
        if who == _who().removeprefix("counterfoil "):
            who = f"this process ({os.getpid()}) itself"
        raise LedgerBusy(
            f"{who} is sending from {self.where}",
            hint="one process sends for an account: close it there first, or let that process do it",
        )

    def _make_or_check(self, connection: Connection, facts: Mapping[str, str]) -> None:
        """All tables are made in one transaction, so either all are there or none."""
        if connection.exec_driver_sql("SHOW fsync").scalar() != "on":
            raise NotSetUp(
                "this PostgreSQL server runs with fsync = off: it may forget what it has confirmed",
                hint="an outbox needs a server that keeps its word; set fsync = on",
            )
        ensure_schema(connection, self._schema)
        known = set(inspect(connection).get_table_names(schema=self._schema))
        wanted = {table.name for table in metadata.sorted_tables}
        if known and not wanted <= known:
            lost = ", ".join(sorted(wanted - known))
            raise HomeDamaged(f"the outbox {self.where} lacks the table {lost}", hint=RESTORE)
        if not known:
            metadata.create_all(connection)
            rows = {"version": str(SCHEMA_VERSION), **facts}
            connection.execute(outbox_meta.insert(), [{"name": name, "value": value} for name, value in rows.items()])
        require_version(f"the outbox {self.where}", read_meta(connection), RESTORE)

    @contextmanager
    def _naming_faults(self) -> Iterator[None]:
        try:
            yield
        except IntegrityError as error:
            raise HomeDamaged(f"the outbox contradicts itself: {error.orig}", hint=RESTORE) from error
        except DBAPIError as error:
            raise database_fault("the outbox", error, RESTORE) from error


_NAMED: Final = text("SELECT 1 FROM pg_namespace WHERE nspname = :name")
_HOLDER: Final = text(
    "SELECT a.application_name FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid "
    "WHERE l.locktype = 'advisory' AND l.granted AND l.classid::bigint = :high AND l.objid::bigint = :low"
)


def _who() -> str:
    """Names this process to whoever asks the server; 63 bytes at most are kept."""
    return f"counterfoil process {os.getpid()} on {socket.gethostname()}"[:63]
