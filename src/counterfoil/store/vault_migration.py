"""Brings a vault of version 1, which kept keys and bodies in one table, to this version.

1. A new file is filled beside the old one, with the same meta and rows, and synced.
2. The old file gets a second name, `vault.db.before-version-2`, and the new one takes its place at once.
3. The old bytes are overwritten with zeros, as far as the disk overwrites in place, and deleted. What says whose
   they are, the first pages, goes last.

It may be killed anywhere and done again: before step 2 the old vault is the vault, after it the new one,
and opening the home does step 3 (`destroy_older`), so that no erasure leaves a key behind in the old bytes. Only
an older vault with the id of this one is ever overwritten.
"""

from __future__ import annotations

import errno
import os
import sqlite3
from contextlib import closing
from io import FileIO
from pathlib import Path
from typing import Final

from counterfoil.errors import HomeBusy, HomeDamaged, LogUnavailable, NotSetUp
from counterfoil.store.durable import sync_data, sync_folder, write_all
from counterfoil.store.vault_file import VAULT_VERSION, committing, create_file, naming_faults, read_meta

__all__ = ["destroy_older", "migrate_vault"]

_COPY_ROWS: Final = 10_000
_ZERO_BYTES: Final = 1 << 20
_HEAD_BYTES: Final = 8_192
"""The schema and the table `meta`: version and id, and no key that an erasure destroys."""

_NO_LINKS: Final = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS)
"""How a disk says that it knows no second names."""

_SIDE_FILES: Final = ("-wal", "-shm", "-journal")


def migrate_vault(path: Path) -> bool:
    """Brings the vault at `path` to this version; returns whether it was older.

    Raises:
        HomeBusy: Another program has it open.
        LogUnavailable: The disk refuses; the old vault is still the vault.
        NotSetUp: A newer version wrote it.
        HomeDamaged: It is not a vault.
    """
    fresh = path.with_name(path.name + ".version-2.new")
    try:
        is_older = _is_older(path)
        if is_older:
            _remove(fresh)
            _clear_second_name(path)
            _settle(path)
            _fill(path, fresh)
            with path.open("rb+", buffering=0) as old:  # whatever becomes of its names
                _give_second_name(path)
                fresh.replace(path)
                sync_folder(path.parent)  # the new one is the vault before the old one goes
                _destroy(old, _older(path))
        else:
            _destroy_older(path)
    except OSError as error:
        raise LogUnavailable(
            f"the vault could not be brought to this version: {error.strerror or error}",
            hint="free as much disk space as vault.db has, then run `counterfoil migrate` again",
        ) from error
    return is_older


def destroy_older(path: Path) -> None:
    """Does step 3 beside a vault of this version, where that was left undone (LogUnavailable when the disk refuses)."""
    try:
        _destroy_older(path)
    except OSError as error:
        raise LogUnavailable(
            f"{_older(path).name} could not be overwritten: {error.strerror or error}",
            hint="it holds keys from before this version: delete it",
        ) from error


def _destroy_older(path: Path) -> None:
    if _is_left_over(path):
        sync_folder(path.parent)
        with _older(path).open("rb+", buffering=0) as old:
            _destroy(old, _older(path))


def _older(path: Path) -> Path:
    return path.with_name(path.name + ".before-version-2")


def _is_left_over(path: Path) -> bool:
    """Whether the second name is of an older vault with the id of this one, and not of the vault itself."""
    old = _older(path)
    if not old.is_file() or old.is_symlink() or old.samefile(path):
        return False
    try:
        with closing(_opened(path)) as db, closing(_opened(old, "ro&immutable=1")) as older:
            version = older.execute("SELECT value FROM meta WHERE name = 'version'").fetchone()
            is_same = bool(read_meta(older, "vault_id")) and read_meta(older, "vault_id") == read_meta(db, "vault_id")
            return is_same and isinstance(version[0], int) and version[0] < VAULT_VERSION
    except (sqlite3.DatabaseError, TypeError):
        return False


def _clear_second_name(path: Path) -> None:
    """Takes away what a run that was killed has left under the second name."""
    old = _older(path)
    if old.exists() and old.samefile(path):
        old.unlink()
    _destroy_older(path)
    if old.exists() or old.is_symlink():
        raise HomeDamaged(
            f"{old} is in the way, and is no older copy of this vault", hint="move it elsewhere, then try again"
        )


def _give_second_name(path: Path) -> None:
    try:
        os.link(path, _older(path))
    except OSError as error:
        if error.errno not in _NO_LINKS:  # without a second name, a run that is killed leaves old bytes to the disk
            raise


def _is_older(path: Path) -> bool:
    with naming_faults("read the vault's version"), closing(_opened(path)) as db:
        row = db.execute("SELECT value FROM meta WHERE name = 'version'").fetchone()
    if row is None or not isinstance(row[0], int):
        raise HomeDamaged("the vault does not name its version", hint="restore the vault from a backup")
    if row[0] > VAULT_VERSION:
        raise NotSetUp("this vault was written by a newer Counterfoil", hint="install the newer version")
    return bool(row[0] < VAULT_VERSION)


def _opened(path: Path, mode: str = "rw") -> sqlite3.Connection:
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode={mode}", uri=True, timeout=1, isolation_level=None)


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


def _destroy(file: FileIO, name: Path) -> None:
    """Overwrites an open file with zeros, its head last, and takes its name away."""
    fd = file.fileno()
    size = os.fstat(fd).st_size
    for offset in range(_HEAD_BYTES, size, _ZERO_BYTES):
        write_all(fd, bytes(min(_ZERO_BYTES, size - offset)), offset)
    sync_data(fd)
    name.unlink(missing_ok=True)
    sync_folder(name.parent)
    write_all(fd, bytes(min(_HEAD_BYTES, size)), 0)
    sync_data(fd)


def _remove(fresh: Path) -> None:
    """Removes what a run that was killed in step 1 has left."""
    if fresh.exists():
        with fresh.open("rb+", buffering=0) as file:
            _destroy(file, fresh)
    for end in _SIDE_FILES:
        fresh.with_name(fresh.name + end).unlink(missing_ok=True)
