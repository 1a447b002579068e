"""State beside the truth, in one SQLite file: what is under way, what must still be done.

Unlike the searchable tables it cannot be made anew, so every change is synced before it counts;
unlike the log it may be lost without any record being lost.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Column, Connection, Engine, LargeBinary, MetaData, String, Table, create_engine, event, select
from sqlalchemy.exc import DatabaseError, OperationalError
from sqlalchemy.pool import QueuePool

from counterfoil.errors import HomeDamaged, LogUnavailable, NotSetUp

__all__ = ["STATE_VERSION", "StateFile"]

STATE_VERSION: Final = b"1"

facts: Final = Table(
    "facts", MetaData(), Column("name", String, primary_key=True), Column("value", LargeBinary, nullable=False)
)


class StateFile:
    """One such file. Safe to use from many threads.

    Args:
        path: The file; made when missing, readable by its owner only.
        metadata: Its tables; what is missing of them is made.

    Attributes:
        path: The file.
        secret: 32 random bytes of its own.

    Raises:
        HomeDamaged: It is no such file.
        NotSetUp: It was written by another version.
        LogUnavailable: The disk refuses.
    """

    def __init__(self, path: Path, metadata: MetaData) -> None:
        self.path = path
        with _naming_faults(path):
            path.touch(mode=0o600)
            self._engine = _engine(path)
            with self._engine.begin() as connection:
                facts.metadata.create_all(connection)
                metadata.create_all(connection)
                version = self._fact(connection, "version", STATE_VERSION)
                self.secret = self._fact(connection, "secret", os.urandom(32))
        if version != STATE_VERSION:
            raise NotSetUp(f"{path.name} was written by another version of Counterfoil", hint="install that version")

    def make(self, *tables: Table) -> None:
        """Makes tables that are missing: those of parts that were not known when the file was opened."""
        with _naming_faults(self.path), self._engine.begin() as connection:
            for table in tables:
                table.create(connection, checkfirst=True)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Opens the state for queries."""
        with _naming_faults(self.path), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Opens the state for changes, durable when the block ends, or none of them."""
        with _naming_faults(self.path), self._engine.connect() as connection:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                connection.rollback()
                raise
            connection.commit()

    def empty_journal(self) -> None:
        """Takes what was overwritten off the disk: until then the journal of changes has it still."""
        with self.reading() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        """Lets go of the file."""
        self._engine.dispose()

    @staticmethod
    def _fact(connection: Connection, name: str, fresh: bytes) -> bytes:
        """Returns a fact about this state, written down the first time."""
        found = connection.execute(select(facts.c.value).where(facts.c.name == name)).scalar()
        if found is None:
            connection.execute(facts.insert().values(name=name, value=fresh))
            return fresh
        return bytes(found)


def _engine(path: Path) -> Engine:
    # Errors go to logs; they must not quote digests of keys.
    engine = create_engine(f"sqlite:///{path}", poolclass=QueuePool, pool_size=4, hide_parameters=True)
    event.listen(engine, "connect", _configure)
    return engine


def _configure(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # transactions begin where `writing` says so
    for pragma in ("busy_timeout=10000", "journal_mode=WAL", "synchronous=FULL", "secure_delete=ON"):
        connection.execute(f"PRAGMA {pragma}")


@contextmanager
def _naming_faults(path: Path) -> Iterator[None]:
    try:
        yield
    except (OperationalError, OSError) as error:
        said = error.orig if isinstance(error, OperationalError) else error.strerror
        raise LogUnavailable(
            f"{path.name} cannot be used: {said}", hint="free some disk space, then try again"
        ) from error
    except DatabaseError as error:
        raise HomeDamaged(f"{path.name} is damaged: {error.orig}", hint="restore it from a backup") from error
