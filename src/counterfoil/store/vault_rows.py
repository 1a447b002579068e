"""What goes into the vault and what comes out of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["Absence", "Opened", "VaultRow", "VaultStats"]


@dataclass(frozen=True, slots=True, repr=False)
class VaultRow:
    """One record's private values on their way in.

    Attributes:
        index: The record's index in the log.
        subject: The caller's reference to the person, None when the record is about nobody.
        rk: The record key, 32 bytes.
        sealed: The body from `seal_body`.
        retain_until_s: Unix seconds before which an erasure only restricts; 0 for no lock.
    """

    index: int
    subject: str | None
    rk: bytes
    sealed: bytes
    retain_until_s: int = 0


@dataclass(frozen=True, slots=True, repr=False)
class Opened:
    """A record's key, private values and retention lock."""

    rk: bytes
    body: bytes
    retain_until_s: int = 0


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
