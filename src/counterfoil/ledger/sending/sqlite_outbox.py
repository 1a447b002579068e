"""The outbox in a file: made whole or not at all, locked by one process, checked before it is used."""

from __future__ import annotations

import errno
import fcntl
import os
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.exc import DatabaseError, IntegrityError, OperationalError, ProgrammingError
from sqlalchemy.pool import NullPool

from counterfoil.errors import HomeDamaged, LedgerBusy, LogUnavailable
from counterfoil.ledger.sending.database import RESTORE, read_meta, require_version
from counterfoil.ledger.sending.tables import SCHEMA_VERSION, metadata, outbox_meta
from counterfoil.store.durable import sync_folder

__all__ = ["SqliteOutbox", "naming_faults", "set_aside"]

_READING: Final = "reading"
"""Execution option of a connection that only reads: it needs no lock for writing."""

POOL_SIZE: Final = 4
"""Connections that stay open between uses."""

_BUSY_TIMEOUT_MS: Final = 10_000


class SqliteOutbox:
    """An outbox in one file, with a lock file beside it.

    Args:
        path: The file; made when it is not there.

    Attributes:
        where: The file, for messages.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.where = str(path)
        self._lock_fd = -1
        self._engine: Engine | None = None

    def exists(self) -> bool:
        """Whether the file is there."""
        return self.path.exists()

    def open(self, facts: Mapping[str, str]) -> None:
        """Takes the lock, then opens the file; makes it, with `facts`, when there is none.

        Raises:
            LedgerBusy: Another process, or another part of this one, holds it.
            HomeDamaged: The file is torn; it is left as it is.
            NotSetUp: It was written by another version.
            LogUnavailable: The disk refuses.
        """
        self._lock_fd = _hold_lock(self.path)
        try:
            self._engine = _open_engine(self.path, facts)
        except BaseException:
            self.close()
            raise

    def hold(self) -> int:
        """Returns 0: the kernel takes this lock from nobody who lives."""
        return 0

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Opens a transaction that is on the disk when the block has ended."""
        assert self._engine is not None
        with naming_faults(), self._engine.begin() as connection:
            yield connection

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Opens the tables as they are at one moment."""
        assert self._engine is not None
        with naming_faults(), self._engine.connect().execution_options(**{_READING: True}) as connection:
            yield connection

    def close(self) -> None:
        """Lets go of the file and of the lock."""
        if self._engine is not None:
            self._engine.dispose()
            self._engine = None
        if self._lock_fd >= 0:
            os.close(self._lock_fd)
            self._lock_fd = -1

    def set_aside(self, time_s: int) -> None:
        """Renames the file with its side files."""
        set_aside(self.path, time_s)


def set_aside(path: Path, time_s: int) -> None:
    """Renames a database with its side files, so that nothing is lost and nobody goes on from it."""
    for suffix in ("", "-wal", "-shm"):
        file = Path(f"{path}{suffix}")
        if file.exists():
            file.replace(path.with_name(f"set-aside-{time_s}-{path.name}{suffix}"))


def _hold_lock(path: Path) -> int:
    """Takes the lock beside an outbox; returns the open file, to be closed to let it go.

    The kernel lets it go when the process ends, however it ends.

    Raises:
        LedgerBusy: Another process, or another part of this one, holds it.
        LogUnavailable: The disk refuses.
    """
    name = path.with_name(path.name + ".lock")
    try:
        fd = os.open(name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise LogUnavailable(f"the outbox {path} cannot be locked: {error.strerror}") from error
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.ftruncate(fd, 0)
        os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
    except OSError as error:
        holder = os.pread(fd, 40, 0).decode(errors="replace").strip()
        os.close(fd)
        if error.errno not in (errno.EAGAIN, errno.EACCES):
            raise LogUnavailable(f"the outbox {path} cannot be locked: {error.strerror}") from error
        who = f"process {holder}" if holder.isdigit() else "another process"
        if holder == str(os.getpid()):
            who = f"this process ({holder}) itself"
        raise LedgerBusy(
            f"{who} is sending from {path}",
            hint="one process sends for an account: close it there first, or let that process do it",
        ) from error
    return fd


def _open_engine(path: Path, facts: Mapping[str, str]) -> Engine:
    """Opens an outbox's database; makes it when there is none. The caller holds the lock.

    Args:
        path: The SQLite file.
        facts: Rows of `outbox_meta` for a new one.

    Raises:
        HomeDamaged: The file is torn; it is left as it is.
        NotSetUp: It was written by another version.
        LogUnavailable: The disk refuses.
    """
    if not path.exists():
        _create(path, facts)
    _check(path)
    engine = create_engine(_address(path), hide_parameters=True, pool_size=POOL_SIZE, max_overflow=-1)
    event.listen(engine, "connect", _configure)
    event.listen(engine, "begin", _begin)
    return engine


@contextmanager
def naming_faults() -> Iterator[None]:
    """Turns the database's errors into ours, by who must act."""
    try:
        yield
    except IntegrityError as error:
        raise HomeDamaged(f"the outbox contradicts itself: {error.orig}", hint=RESTORE) from error
    except ProgrammingError:
        raise
    except OperationalError as error:
        if getattr(error.orig, "sqlite_errorname", "") == "SQLITE_ERROR":  # a table or column that must be there
            raise HomeDamaged(f"the outbox cannot be read: {error.orig}", hint=RESTORE) from error
        raise LogUnavailable(
            f"the outbox cannot be used: {error.orig}", hint="free some disk space, check the disk, then try again"
        ) from error
    except DatabaseError as error:
        raise HomeDamaged(f"the outbox is damaged: {error.orig}", hint=RESTORE) from error


def _create(path: Path, facts: Mapping[str, str]) -> None:
    """Makes the file beside its place and moves it there whole, so that a torn one is never taken for a new one."""
    if Path(f"{path}-wal").exists():
        raise HomeDamaged(f"the outbox {path} is gone, and what was written to it last is there", hint=RESTORE)
    fresh = path.with_name(path.name + ".new")
    try:
        fresh.unlink(missing_ok=True)
        os.close(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        engine = create_engine(_address(fresh), poolclass=NullPool, hide_parameters=True)
        with naming_faults(), engine.begin() as connection:
            metadata.create_all(connection)
            rows = {"version": str(SCHEMA_VERSION), **facts}
            connection.execute(outbox_meta.insert(), [{"name": name, "value": value} for name, value in rows.items()])
        fd = os.open(fresh, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)
        fresh.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        raise LogUnavailable(f"no outbox can be made at {path}: {error.strerror}") from error


def _check(path: Path) -> None:
    """Reads every page of the file, without the right to change any."""
    _require_whole_pages(path)
    address = f"{path.absolute().as_uri()}?mode=ro"
    engine = create_engine("sqlite://", creator=lambda: sqlite3.connect(address, uri=True), poolclass=NullPool)
    with naming_faults(), engine.connect() as connection:
        found = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar()
        if found != "ok":
            raise HomeDamaged(f"the outbox {path} is damaged: {found}", hint=RESTORE)
        require_version(f"the outbox {path}", read_meta(connection), RESTORE)


def _require_whole_pages(path: Path) -> None:
    """SQLite takes zeros for what is cut off the last page; where nothing is to be moved there, that is a loss."""
    side = Path(f"{path}-wal")
    if side.exists() and side.stat().st_size:
        return
    with path.open("rb") as file:
        header = file.read(18)
    page_bytes = int.from_bytes(header[16:18], "big")
    page_bytes = 65_536 if page_bytes == 1 else page_bytes  # SQLite file format, 1.3.2
    if page_bytes == 0 or path.stat().st_size % page_bytes:
        raise HomeDamaged(f"the outbox {path} is cut off", hint=RESTORE)


def _address(path: Path) -> URL:
    return URL.create("sqlite", database=str(path))


def _configure(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # transactions begin where `_begin` says, not at the first change
    for pragma in (f"busy_timeout={_BUSY_TIMEOUT_MS}", "journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin(connection: Connection) -> None:
    """A transaction that writes takes the lock first: one that read before could not take it any more."""
    reads = connection.get_execution_options().get(_READING, False)
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")
