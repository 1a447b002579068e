"""Brings a vault of version 1, which kept keys and bodies in one table, to this version.

1. A new file is filled beside the old one, with the same meta and rows, and synced.
2. The old file gets a second name, and the new one takes its place at once.
3. The old bytes are overwritten with zeros, as far as the disk overwrites in place, and deleted.

It may be killed anywhere and done again: before step 2 the old vault is the vault, after it the new one,
and opening the home does step 3 (`destroy_older`), so that no erasure leaves a key behind in the old bytes.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from typing import Final

from counterfoil.errors import HomeBusy, HomeDamaged, LogUnavailable, NotSetUp
from counterfoil.store.durable import sync_data, sync_folder, write_all
from counterfoil.store.vault_file import VAULT_VERSION, committing, create_file, naming_faults

__all__ = ["destroy_older", "migrate_vault"]

_COPY_ROWS: Final = 10_000
_ZERO_BYTES: Final = 1 << 20
_SIDE_FILES: Final = ("-wal", "-shm", "-journal")


def migrate_vault(path: Path) -> bool:
    """Brings the vault at `path` to this version; returns whether it was older.

    Raises:
        HomeBusy: Another program has it open.
        LogUnavailable: The disk refuses; the old vault is still the vault.
        NotSetUp: A newer version wrote it.
        HomeDamaged: It is not a vault.
    """
    fresh, old = path.with_name(path.name + ".new"), _older(path)
    try:
        is_older = _is_older(path)
        if is_older:
            _remove(fresh)
            old.unlink(missing_ok=True)  # a second name of `path`, from a run that was killed before step 2
            _settle(path)
            _fill(path, fresh)
            with suppress(OSError):  # where there are no second names, the old bytes are left to the disk
                os.link(path, old)
            fresh.replace(path)
            sync_folder(path.parent)
        _destroy(old)
    except OSError as error:
        raise LogUnavailable(
            f"the vault could not be brought to this version: {error.strerror or error}",
            hint="free as much disk space as vault.db has, then run `counterfoil migrate` again",
        ) from error
    return is_older


def destroy_older(path: Path) -> None:
    """Does step 3 beside a vault of this version, where that was left undone (LogUnavailable when the disk refuses)."""
    try:
        _destroy(_older(path))
    except OSError as error:
        raise LogUnavailable(
            f"{_older(path).name} could not be overwritten: {error.strerror or error}",
            hint="it holds keys from before this version: delete it",
        ) from error


def _older(path: Path) -> Path:
    return path.with_name(path.name + ".old")


def _is_older(path: Path) -> bool:
    with naming_faults("read the vault's version"), closing(_opened(path)) as db:
        row = db.execute("SELECT value FROM meta WHERE name = 'version'").fetchone()
    if row is None or not isinstance(row[0], int):
        raise HomeDamaged("the vault does not name its version", hint="restore the vault from a backup")
    if row[0] > VAULT_VERSION:
        raise NotSetUp("this vault was written by a newer Counterfoil", hint="install the newer version")
    return bool(row[0] < VAULT_VERSION)


def _opened(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True, timeout=1, isolation_level=None)


def _settle(path: Path) -> None:
    """Moves the old vault's write-ahead file into it: left behind, it would be taken for the new one's."""
    with naming_faults("settle the old vault"), closing(_opened(path)) as db:
        db.execute("PRAGMA journal_mode = DELETE")  # refused while another program has it open
    _require_alone(path)


def _fill(path: Path, fresh: Path) -> None:
    """Step 1, some records at a time."""
    with naming_faults("copy the vault"), closing(create_file(fresh)) as db:
        db.execute("ATTACH ? AS old", (str(path.absolute()),))
        with committing(db):
            db.execute("INSERT INTO main.meta SELECT name, value FROM old.meta WHERE name <> 'version'")
            db.execute("INSERT INTO main.meta VALUES ('version', ?)", (VAULT_VERSION,))
            for table in ("subjects", "resealed", "restrictions"):
                db.execute(f"INSERT INTO main.{table} SELECT * FROM old.{table} ORDER BY 1")  # noqa: S608
        last = db.execute("SELECT ifnull(max(idx), -1) FROM old.payloads").fetchone()[0]
        for first in range(0, last + 1, _COPY_ROWS):
            _copy_records(db, first, first + _COPY_ROWS)
    _require_alone(fresh)
    with fresh.open("rb+") as file:
        os.fsync(file.fileno())


def _copy_records(db: sqlite3.Connection, start: int, end: int) -> None:
    chosen = "FROM old.payloads WHERE idx >= ? AND idx < ? ORDER BY idx"
    with committing(db):
        keys = f"INSERT INTO main.payloads SELECT idx, subject, wrapped_rk, retain_until_s, state {chosen}"
        db.execute(keys, (start, end))
        db.execute(f"INSERT INTO main.bodies SELECT idx, body {chosen}", (start, end))


def _require_alone(path: Path) -> None:
    """Refuses a file whose write-ahead file holds something still: only another program keeps it there."""
    for side in (path.with_name(path.name + end) for end in _SIDE_FILES):
        if side.exists() and not side.name.endswith("-shm") and side.stat().st_size:
            raise HomeBusy(f"another program has {path} open", hint="close it there, then run `counterfoil migrate`")
        side.unlink(missing_ok=True)


def _destroy(path: Path) -> None:
    """Overwrites a file with zeros and deletes it."""
    if not path.exists():
        return
    with path.open("rb+") as file:
        size = os.fstat(file.fileno()).st_size
        for offset in range(0, size, _ZERO_BYTES):
            write_all(file.fileno(), bytes(min(_ZERO_BYTES, size - offset)), offset)
        sync_data(file.fileno())
    path.unlink()
    sync_folder(path.parent)


def _remove(fresh: Path) -> None:
    """Removes what a run that was killed in step 1 has left."""
    _destroy(fresh)
    for end in _SIDE_FILES:
        fresh.with_name(fresh.name + end).unlink(missing_ok=True)
