"""What goes into the vault and what comes out of it."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import Final

from counterfoil.errors import HomeDamaged, InvalidInput
from counterfoil.store.sealing import NONCE_BYTES
from counterfoil.store.vault_subjects import Subject, record_purpose

__all__ = ["Absence", "Opened", "VaultRow", "VaultStats", "payload_rows", "require_covered", "require_next"]


COUNT: Final = (
    "SELECT (SELECT count(*) FROM payloads), (SELECT count(*) FROM restrictions),"
    " (SELECT count(*) FROM payloads WHERE state = 'E'), (SELECT count(*) FROM subjects),"
    " (SELECT page_count FROM pragma_page_count), (SELECT page_size FROM pragma_page_size)"
)
"""What `VaultStats` holds."""


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


def payload_rows(
    rows: Sequence[VaultRow], subjects: list[Subject]
) -> Iterator[tuple[int, int | None, bytes, bytes, int]]:
    """Yields each row as the table `payloads` takes it, its record key wrapped."""
    noise = os.urandom(NONCE_BYTES * len(rows))
    for number, (row, subject) in enumerate(zip(rows, subjects, strict=True)):
        nonce = noise[number * NONCE_BYTES : (number + 1) * NONCE_BYTES]
        wrapped = nonce + subject.key.encrypt(nonce, row.rk, record_purpose(row.index))
        yield row.index, subject.id, wrapped, row.sealed, row.retain_until_s
