"""What goes into the vault and what comes out of it."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import Final, NamedTuple

from counterfoil.errors import HomeDamaged, InvalidInput, NotAllowed, NotFound
from counterfoil.store.sealing import NONCE_BYTES
from counterfoil.store.segment import SEGMENT_ENTRIES
from counterfoil.store.vault_file import RESTRICTED, STORED
from counterfoil.store.vault_subjects import Subject, record_purpose

__all__ = [
    "Absence",
    "Opened",
    "Stored",
    "VaultRow",
    "VaultStats",
    "delete_from",
    "insert",
    "require_covered",
    "require_next",
    "require_opened",
    "stats",
    "stored",
    "subject_of",
]

_COUNT: Final = (
    "SELECT (SELECT count(*) FROM payloads), (SELECT count(*) FROM restrictions),"
    " (SELECT count(*) FROM payloads WHERE state = 'E'), (SELECT count(*) FROM subjects),"
    " (SELECT page_count FROM pragma_page_count), (SELECT page_size FROM pragma_page_size)"
)

_STORED: Final = (
    "SELECT p.idx, p.wrapped_rk, ifnull(c.body, b.body), p.retain_until_s, p.state, s.tag, s.wrapped_key,"
    " c.idx IS NOT NULL FROM payloads p LEFT JOIN subjects s ON s.id = p.subject"
    " LEFT JOIN resealed c ON c.idx = p.idx LEFT JOIN bodies b ON b.idx = p.idx"
    " WHERE p.idx IN (SELECT value FROM json_each(?))"
)


@dataclass(frozen=True, slots=True, repr=False)
class VaultRow:
    """One record's private values on their way in.

    Attributes:
        index: The record's index in the log.
        subject: The caller's reference to the person, or the 16-byte tag of one already
            known; None when the record is about nobody.
        rk: The record key, 32 bytes.
        sealed: The body from `seal_body`.
        retain_until_s: Unix seconds before which an erasure only restricts; 0 for no lock.
    """

    index: int
    subject: str | bytes | None
    rk: bytes
    sealed: bytes
    retain_until_s: int = 0


@dataclass(frozen=True, slots=True, repr=False)
class Opened:
    """A record's key, private values, retention lock, and the tag of the person it is about."""

    rk: bytes
    body: bytes
    retain_until_s: int = 0
    subject: bytes | None = None


class Stored(NamedTuple):
    """A record's row, as it is read.

    Attributes:
        record: The record's index in the log.
        wrapped_rk: Its wrapped key.
        sealed: The body that counts; None where it is not here.
        retain_until_s: Its retention lock.
        state: STORED, RESTRICTED or ERASED.
        tag: The tag of the person it is about, None for nobody.
        wrapped_key: That person's wrapped key.
        is_resealed: Whether `sealed` took the place of an older body.
    """

    record: int
    wrapped_rk: bytes
    sealed: bytes | None
    retain_until_s: int
    state: str
    tag: bytes | None
    wrapped_key: bytes | None
    is_resealed: int

    @property
    def is_away(self) -> bool:
        """Whether the values can be read, and their body is not here."""
        return self.sealed is None and self.state == STORED

    @property
    def is_original(self) -> bool:
        """Whether the values can be read, all of them: nothing was erased."""
        return self.state == STORED and not self.is_resealed


class Absence(StrEnum):
    """Why a record's private values cannot be read."""

    NEVER_STORED = "never stored"
    RESTRICTED = "restricted"
    ERASED = "erased"


@dataclass(frozen=True, slots=True)
class VaultStats:
    """How many records the vault knows, and how many of them are restricted or erased.

    Attributes:
        records: All of them, erased ones included.
        restricted: Unreadable, waiting for a lock to end.
        erased: Gone.
        subjects: People who have, or had, values here.
        size_bytes: Bytes of the database file, without its write-ahead file.
    """

    records: int
    restricted: int
    erased: int
    subjects: int
    size_bytes: int


def require_covered(db: sqlite3.Connection, size: int) -> None:
    """Refuses a log that lacks more than the newest batch, of which nobody was told before it was in the log.

    Raises:
        HomeDamaged: When values of earlier batches have no record, as beside an old log; nothing was changed.
    """
    batch = "(SELECT value FROM meta WHERE name = 'last_batch')"
    lost = db.execute(f"SELECT count(*) FROM payloads WHERE idx >= ? AND idx < {batch}", (size,)).fetchone()[0]  # noqa: S608
    if lost:
        raise HomeDamaged(
            f"the vault holds values of {lost:,} records or more that the log, with {size:,} records, does not have",
            hint="restore the newest log; what was cut off the end of this one, if anything, lies in its folder torn",
        )


def require_next(db: sqlite3.Connection, rows: Sequence[VaultRow]) -> None:
    """Refuses rows that are not beyond all that is stored.

    A page that is split in its middle would leave copies of keys behind (see `vault_file`).
    """
    last = db.execute("SELECT max(idx) FROM payloads").fetchone()[0]
    indices = [-1 if last is None else last, *(row.index for row in rows)]
    if any(a >= b for a, b in pairwise(indices)):
        raise InvalidInput("private values are stored in the order of the log, each record once")


def insert(db: sqlite3.Connection, rows: Sequence[VaultRow], subjects: Sequence[Subject]) -> None:
    """Adds a batch, keys and bodies apart; `subjects` says whose key wraps each record's."""
    db.executemany("INSERT INTO payloads VALUES (?, ?, ?, ?, 'S')", _payloads(rows, subjects))
    db.executemany("INSERT INTO bodies VALUES (?, ?)", ((row.index, row.sealed) for row in rows))
    db.execute("INSERT OR REPLACE INTO meta VALUES ('last_batch', ?)", (rows[0].index,))


def delete_from(db: sqlite3.Connection, size: int) -> None:
    """Deletes the rows of records that never reached a log of `size` records; their keys were overwritten before."""
    for table in ("payloads", "bodies", "resealed"):
        db.execute(f"DELETE FROM {table} WHERE idx >= ?", (size,))  # noqa: S608
    db.execute("DELETE FROM parts WHERE number >= ?", (size // SEGMENT_ENTRIES,))


def stored(db: sqlite3.Connection, indices: Iterable[int], withheld: Collection[int] = ()) -> dict[int, Stored]:
    """Returns what is known of these records, by index; those never stored are left out, withheld ones restricted."""
    listed = f"[{','.join(map(str, indices))}]"
    rows = (Stored._make(row) for row in db.execute(_STORED, (listed,)))
    return {
        row.record: row._replace(state=RESTRICTED) if row.record in withheld and row.state == STORED else row
        for row in rows
    }


def subject_of(db: sqlite3.Connection, index: int) -> bytes | None:
    """Returns the tag of the person that a record is about; None for nobody, or nothing stored."""
    row = db.execute(
        "SELECT tag FROM subjects JOIN payloads ON payloads.subject = subjects.id WHERE idx = ?", (index,)
    ).fetchone()
    return row[0] if row else None


def stats(db: sqlite3.Connection) -> VaultStats:
    """Returns counts and size, without reading any value."""
    records, restricted, erased, subjects, pages, page_bytes = db.execute(_COUNT).fetchone()
    return VaultStats(records, restricted, erased, subjects, pages * page_bytes)


def require_opened(index: int, found: Opened | Absence) -> Opened:
    """Returns what was opened.

    Raises:
        NotFound: Erased, or never stored; the message says which.
        NotAllowed: Restricted until a retention lock ends.
    """
    if isinstance(found, Opened):
        return found
    if found is Absence.RESTRICTED:
        raise NotAllowed(f"the private values of record {index} are restricted: an erasure was asked for")
    if found is Absence.ERASED:
        raise NotFound(f"erased: the private values of record {index} are gone for good")
    raise NotFound(f"no private values were ever stored for record {index}")


def _payloads(rows: Sequence[VaultRow], subjects: Sequence[Subject]) -> Iterator[tuple[int, int | None, bytes, int]]:
    noise = os.urandom(NONCE_BYTES * len(rows))
    for number, (row, subject) in enumerate(zip(rows, subjects, strict=True)):
        nonce = noise[number * NONCE_BYTES : (number + 1) * NONCE_BYTES]
        wrapped = nonce + subject.key.encrypt(nonce, row.rk, record_purpose(row.index))
        yield row.index, subject.id, wrapped, row.retain_until_s
