"""A file of tables that hold what the ledger told: damaged or missing, it is made anew, for the ledger has it all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, MetaData, create_engine, event
from sqlalchemy.exc import DatabaseError, OperationalError
from sqlalchemy.pool import NullPool

from counterfoil.errors import LogUnavailable, MalformedEvidence

__all__ = ["open_told"]


@contextmanager
def open_told(path: Path, tables: MetaData, require_readable: Callable[[Engine], None]) -> Iterator[Engine]:
    """Opens the file.

    Args:
        path: The SQLite file.
        tables: Made when they are not there.
        require_readable: Raises MalformedEvidence when a row cannot be read.

    Raises:
        LogUnavailable: When the disk refuses.
    """
    try:
        engine = _opened(path, tables, require_readable)
    except OperationalError as error:
        raise LogUnavailable(f"{path.name} cannot be used: {error.orig}", hint="free some disk space") from error
    except (DatabaseError, MalformedEvidence):
        for suffix in ("", "-wal", "-shm"):
            Path(f"{path}{suffix}").unlink(missing_ok=True)
        engine = _opened(path, tables, require_readable)
    try:
        yield engine
    finally:
        engine.dispose()


def _opened(path: Path, tables: MetaData, require_readable: Callable[[Engine], None]) -> Engine:
    path.touch(mode=0o600)
    engine = create_engine(f"sqlite:///{path}", poolclass=NullPool, hide_parameters=True)
    event.listen(engine, "connect", _configure)
    tables.create_all(engine)
    with engine.connect() as connection:
        found = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar()
    if found != "ok":
        raise MalformedEvidence(f"{path.name} is damaged: {found}")
    require_readable(engine)
    return engine


def _configure(connection: Any, _record: Any) -> None:
    for pragma in ("busy_timeout=10000", "journal_mode=WAL", "synchronous=NORMAL"):
        connection.execute(f"PRAGMA {pragma}")
