"""The vault's SQLite file: its tables, how it is opened, and what its faults mean.

    payloads   one row a record: its wrapped key, its lock, its state
    bodies     its sealed body, while that is here; a depot may have it instead
    resealed   the sealed body that took its place; this one counts where there are two
    parts      which bodies a part in the depot was seen to have, the same as here

Rows that hold keys never change their size and are never deleted, short of a record that
never reached the log. SQLite's secure_delete wipes what it frees, but a page that is split
or merged keeps stale copies of its neighbours; a key that is overwritten in place has no
copies. That is why erased values become zeros instead of NULL, states are one letter, and
bodies, which open nothing and may leave, have tables of their own.

Space that bodies leave is given back in small steps (`VaultBodies.give_back`). That moves
whole pages, keys too, towards the start of the file; the pages they came from are cut off
with its end, by the same checkpoint that empties the write-ahead file (`scrub`).
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from counterfoil.errors import HomeBusy, HomeDamaged, InvalidInput, LogUnavailable, NotSetUp

__all__ = [
    "ERASED",
    "RESTRICTED",
    "STORED",
    "VAULT_VERSION",
    "committing",
    "connect",
    "create_file",
    "naming_faults",
    "read_meta",
    "scrub",
]

VAULT_VERSION: Final = 2

STORED: Final = "S"
RESTRICTED: Final = "R"
ERASED: Final = "E"

_BUSY_TIMEOUT_S: Final = 1.0
"""How long one process waits for another that reads; the caller is told afterwards."""

_CACHE_KIB: Final = 16_384
_WAL_PAGES: Final = 4_096
"""Pages (4 KiB) in the write-ahead file before SQLite moves them; fewer moves, fewer syncs."""

_TABLES: Final = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE subjects (
    id INTEGER PRIMARY KEY,
    tag BLOB NOT NULL UNIQUE,
    wrapped_key BLOB NOT NULL,
    state TEXT NOT NULL
);
CREATE TABLE payloads (
    idx INTEGER PRIMARY KEY,
    subject INTEGER REFERENCES subjects (id),
    wrapped_rk BLOB NOT NULL,
    retain_until_s INTEGER NOT NULL,
    state TEXT NOT NULL
);
CREATE TABLE bodies (idx INTEGER PRIMARY KEY, body BLOB NOT NULL);
CREATE INDEX payloads_subject ON payloads (subject) WHERE subject IS NOT NULL;
CREATE INDEX payloads_erased ON payloads (idx) WHERE state = 'E';
CREATE TABLE resealed (idx INTEGER PRIMARY KEY, body BLOB NOT NULL);
CREATE TABLE restrictions (idx INTEGER PRIMARY KEY, until_s INTEGER NOT NULL);
"""
_PARTS: Final = """
CREATE TABLE IF NOT EXISTS parts (number INTEGER PRIMARY KEY, sha256 BLOB NOT NULL, places BLOB NOT NULL);
"""


def create_file(path: Path) -> sqlite3.Connection:
    """Makes the file (mode 0600; SQLite gives its side files the same) with empty tables."""
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    except FileExistsError as error:
        raise InvalidInput(f"there is a vault already: {path}") from error
    except OSError as error:
        raise LogUnavailable(f"the vault cannot be created: {error}") from error
    with naming_faults("create the vault"):
        db = _configured(sqlite3.connect(path, timeout=_BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False))
        db.execute("PRAGMA auto_vacuum = INCREMENTAL")  # before the first table, or not at all
        db.execute("PRAGMA journal_mode = WAL")
        db.executescript(_TABLES + _PARTS)
        return db


def connect(path: Path, *, read_only: bool) -> sqlite3.Connection:
    """Opens an existing vault file.

    Raises:
        NotSetUp: No file, or one written by another version.
        HomeDamaged: Not a vault.
    """
    if not path.is_file():
        raise NotSetUp(f"there is no vault at {path}", hint="restore it from a backup; without it nobody's data opens")
    address = f"{path.absolute().as_uri()}?mode={'ro' if read_only else 'rw'}"
    with naming_faults("open the vault"):
        db = sqlite3.connect(address, uri=True, timeout=_BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False)
        try:
            _require_version(_configured(db))
            if not read_only:
                db.execute(_PARTS)  # it follows from the others and the depot, so a vault may come without it
        except BaseException:
            db.close()
            raise
        return db


@contextmanager
def committing(db: sqlite3.Connection) -> Iterator[None]:
    """Commits on leaving, durably; rolls everything back when anything fails."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


def scrub(db: sqlite3.Connection) -> bool:
    """Empties the write-ahead file, which may hold keys from before an erasure.

    Returns:
        False when somebody still reads from it; try again later.
    """
    try:
        busy, _, _ = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    except sqlite3.OperationalError:
        return False
    return not busy


@contextmanager
def naming_faults(doing: str) -> Iterator[None]:
    """Turns SQLite's errors into ours, by who must act."""
    try:
        yield
    except sqlite3.IntegrityError as error:
        raise HomeDamaged(f"could not {doing}: the vault contradicts itself ({error})") from error
    except sqlite3.ProgrammingError:
        raise
    except sqlite3.DatabaseError as error:
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
        message = f"could not {doing}: {error}"
        if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            raise HomeBusy(message, hint="close the other program that has the vault open") from error
        if code in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN):
            raise LogUnavailable(message, hint="free some disk space, check the disk, then try again") from error
        raise HomeDamaged(message, hint="restore the vault from a backup") from error


def read_meta(db: sqlite3.Connection, name: str) -> bytes:
    """Returns one value of the table `meta`, empty when it is missing."""
    row = db.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
    return bytes(row[0]) if row else b""


def _configured(db: sqlite3.Connection) -> sqlite3.Connection:
    for setting in (
        "synchronous = FULL",
        "secure_delete = ON",
        "foreign_keys = ON",
        "temp_store = MEMORY",  # no page with keys goes to a temporary file
        f"cache_size = -{_CACHE_KIB}",
        f"wal_autocheckpoint = {_WAL_PAGES}",
    ):
        db.execute(f"PRAGMA {setting}")
    return db


def _require_version(db: sqlite3.Connection) -> None:
    row = db.execute("SELECT value FROM meta WHERE name = 'version'").fetchone()
    version = row[0] if row else None
    if not isinstance(version, int):
        raise HomeDamaged("the vault does not name its version", hint="restore the vault from a backup")
    if version > VAULT_VERSION:
        raise NotSetUp("this vault was written by a newer Counterfoil", hint="install the newer version")
    if version < VAULT_VERSION:
        raise NotSetUp("this vault was written by an older Counterfoil", hint="run `counterfoil migrate`")
