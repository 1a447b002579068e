"""The tables of an embedded ledger in SQLite, how its file is opened, and what its faults mean."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from counterfoil.errors import HomeDamaged, LedgerBusy, LogUnavailable, NotSetUp
from counterfoil.ledger.embedded.mined import FullBlock

__all__ = [
    "EVENTS",
    "LOGS",
    "MINED",
    "RESTORE",
    "SCHEMA_VERSION",
    "connect",
    "key_of",
    "make_tables",
    "naming_faults",
    "require_ours",
    "require_size",
    "row_range",
    "split_row",
    "store",
]

SCHEMA_VERSION: Final = 1

RESTORE: Final = "restore the ledger's folder from a backup; the file itself was left as it is"

_APPLICATION_ID: Final = 0x43464C31
_PLACE_BITS: Final = 20
"""Bits of a row's number for the place in the block: a million, and 36 million gas buy 96,000 events."""

_CACHE_KIB: Final = 16_384
_WAL_PAGES: Final = 2_048
"""Pages (4 KiB) in the write-ahead file before SQLite moves them into place."""

_BUSY_TIMEOUT_S: Final = 1.0
_HEAD_BYTES: Final = 100
"""SQLite's own head, with the application's id and version in it (SQLite, Database File Format, 1.3)."""

_TABLES: Final = f"""
PRAGMA application_id = {_APPLICATION_ID};
PRAGMA user_version = {SCHEMA_VERSION};
CREATE TABLE block (number INTEGER PRIMARY KEY, key INTEGER NOT NULL, header BLOB NOT NULL);
CREATE INDEX block_key ON block (key);
CREATE TABLE mined (
    id INTEGER PRIMARY KEY,
    key INTEGER NOT NULL,
    is_success INTEGER NOT NULL,
    gas_used INTEGER NOT NULL,
    raw BLOB NOT NULL
);
CREATE INDEX mined_key ON mined (key);
CREATE TABLE event (
    id INTEGER PRIMARY KEY,
    place INTEGER NOT NULL,
    address BLOB NOT NULL,
    topic0 BLOB, topic1 BLOB, topic2 BLOB, topic3 BLOB,
    data BLOB NOT NULL
);
CREATE INDEX event_of ON event (address, topic0);
CREATE TABLE node (id INTEGER PRIMARY KEY, key INTEGER NOT NULL, body BLOB NOT NULL);
CREATE INDEX node_key ON node (key);
"""


LOGS: Final = """
SELECT place, address, topic0, topic1, topic2, topic3, data
FROM event WHERE id BETWEEN ? AND ? ORDER BY id
"""

MINED: Final = """
SELECT id, raw, is_success, gas_used
FROM mined WHERE id BETWEEN ? AND ? ORDER BY id
"""

EVENTS: Final = """
SELECT event.id, place, address, topic0, topic1, topic2, topic3, data, raw, header
FROM event
JOIN mined ON mined.id = (event.id >> 20 << 20) | event.place
JOIN block ON block.number = event.id >> 20
WHERE event.id > ? AND event.id <= ?{where} ORDER BY event.id LIMIT ?
"""


def connect(path: Path) -> sqlite3.Connection:
    """Opens an existing file for writing; what it commits is on the disk when the commit returns."""
    address = f"{path.absolute().as_uri()}?mode=rw"
    db = sqlite3.connect(address, uri=True, timeout=_BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False)
    db.text_factory = bytes  # there is no text in it, unless somebody altered it
    try:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        db.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        db.execute(f"PRAGMA wal_autocheckpoint = {_WAL_PAGES}")
    except BaseException:
        db.close()
        raise
    return db


def make_tables(db: sqlite3.Connection) -> None:
    """Makes empty tables, in a transaction that stays open."""
    db.executescript(f"BEGIN; {_TABLES}")


def require_ours(path: Path) -> None:
    """Looks at the first bytes of a file, before SQLite does, which would write into any.

    Raises:
        HomeDamaged: It is no embedded ledger.
        NotSetUp: Another version wrote it.
    """
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    if head[:16] != b"SQLite format 3\0" or int.from_bytes(head[68:72], "big") != _APPLICATION_ID:
        raise HomeDamaged(f"{path} is not an embedded ledger", hint=RESTORE)
    version = int.from_bytes(head[60:64], "big")
    if version != SCHEMA_VERSION:
        raise NotSetUp(
            f"this ledger has version {version}, and this program reads version {SCHEMA_VERSION}",
            hint="use the version of Counterfoil that wrote it, or a newer one",
        )


def require_size(db: sqlite3.Connection, path: Path) -> None:
    """Moves the write-ahead file into place, and compares the file's size with what its first page says.

    Raises:
        HomeDamaged: The file was cut off.
        LedgerBusy: Another program reads it.
    """
    busy, _, _ = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    if busy:
        raise LedgerBusy(f"another program has {path} open", hint="close it there first")
    pages, page_bytes = (db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "page_size"))
    found, expected = path.stat().st_size, pages * page_bytes
    if found != expected:
        raise HomeDamaged(f"the ledger's file has {found:,} bytes, and {expected:,} are expected", hint=RESTORE)


def store(db: sqlite3.Connection, blocks: Sequence[FullBlock], nodes: Mapping[bytes, bytes]) -> None:
    """Inserts blocks with their transactions and events, and new nodes of the trees, in an open transaction."""
    for full in blocks:
        block, start = full.block, full.block.number << _PLACE_BITS
        db.execute("INSERT INTO block VALUES (?, ?, ?)", (block.number, key_of(block.hash), block.raw))
        db.executemany(
            "INSERT INTO mined VALUES (?, ?, ?, ?, ?)",
            [
                (start | place, key_of(each.transaction.hash), each.is_success, each.gas_used, each.transaction.raw)
                for place, each in enumerate(full.mined)
            ],
        )
        logs = [(place, log) for place, each in enumerate(full.mined) for log in each.logs]
        db.executemany(
            "INSERT INTO event VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (start | index, place, address, *topics, *[None] * (4 - len(topics)), data)
                for index, (place, (address, topics, data)) in enumerate(logs)
            ],
        )
    db.executemany("INSERT INTO node (key, body) VALUES (?, ?)", [(key_of(key), body) for key, body in nodes.items()])


@contextmanager
def naming_faults(doing: str) -> Iterator[None]:
    """Turns SQLite's and the system's errors into ours, by who must act."""
    try:
        yield
    except sqlite3.ProgrammingError as error:
        raise LogUnavailable(f"could not {doing}: it is closed") from error
    except sqlite3.DatabaseError as error:
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
        message = f"could not {doing}: {error}"
        if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            raise LedgerBusy(message, hint="close the other program that has the ledger open") from error
        if code in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN):
            raise LogUnavailable(message, hint="free some disk space, check the disk, then try again") from error
        raise HomeDamaged(message, hint=RESTORE) from error
    except OSError as error:
        raise LogUnavailable(f"could not {doing}: {error.strerror}", hint="check the folder and the disk") from error


def key_of(digest: bytes) -> int:
    """Returns the first eight bytes of a hash as SQLite's integer."""
    return int.from_bytes(digest[:8], "big", signed=True)


def row_range(first: int, last: int) -> tuple[int, int]:
    """Returns the least and the greatest row of `mined` or `event` in blocks first..last."""
    return first << _PLACE_BITS, (last + 1 << _PLACE_BITS) - 1


def split_row(row: int) -> tuple[int, int]:
    """Returns a row's block, and its place there."""
    return row >> _PLACE_BITS, row & (1 << _PLACE_BITS) - 1
