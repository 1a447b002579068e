"""The table of sealed bodies: what is here, and making room of what a depot keeps.

Rows of this table hold no keys, so they may be deleted (see `vault_file`).
"""

from __future__ import annotations

import json
import sqlite3
import time as clock
from collections.abc import Iterable, Iterator, Sequence
from threading import Lock
from typing import Final

from counterfoil.errors import NotAllowed
from counterfoil.store.vault_file import committing, naming_faults, scrub
from counterfoil.store.vault_parts import PART_RECORDS

__all__ = ["VaultBodies"]

_READ_ROWS: Final = 500

_DROP_ROWS: Final = 1_000
"""Bodies deleted in one commit; whoever records waits for one at most."""

_VACUUM_PAGES: Final = 256
"""Pages (4 KiB) given back in one commit."""

_PAUSE_S: Final = 0.001
"""Between two commits: a lock that is taken again at once would never reach those who wait."""

_READABLE: Final = (
    " FROM payloads p WHERE p.idx >= ? AND p.idx < ? AND p.state = 'S'"
    " AND NOT EXISTS (SELECT 1 FROM resealed c WHERE c.idx = p.idx)"
)
_HERE: Final = (
    " FROM bodies b JOIN payloads p ON p.idx = b.idx WHERE b.idx >= ? AND b.idx < ? AND p.state = 'S'"
    " AND NOT EXISTS (SELECT 1 FROM resealed c WHERE c.idx = b.idx)"
)
_ZEROED: Final = (
    "SELECT b.idx FROM bodies b JOIN payloads p ON p.idx = b.idx WHERE b.idx >= ? AND b.idx < ?"
    " AND (p.state = 'E' OR EXISTS (SELECT 1 FROM resealed c WHERE c.idx = b.idx))"
)


class VaultBodies:
    """The bodies of an open vault. Any thread may call it.

    A record is readable here when it is neither erased nor restricted nor resealed.

    Args:
        db: The vault's connection.
        lock: The vault's lock, which covers it.
        read_only: Refuse every change.
    """

    def __init__(self, db: sqlite3.Connection, lock: Lock, *, read_only: bool) -> None:
        self._db = db
        self._lock = lock
        self._read_only = read_only

    def readable(self, start: int, end: int) -> list[int]:
        """Returns the readable records from `start` to before `end`, wherever their bodies are."""
        return [index for (index,) in self._query("SELECT p.idx" + _READABLE + " ORDER BY p.idx", start, end)]

    def here(self, start: int, end: int) -> list[int]:
        """Returns those of them whose bodies are here."""
        return [index for (index,) in self._query("SELECT b.idx" + _HERE + " ORDER BY b.idx", start, end)]

    def is_here(self, start: int, end: int) -> bool:
        """Whether `here` would return any."""
        return bool(self._query("SELECT 1" + _HERE + " LIMIT 1", start, end))

    def size_bytes(self, start: int, end: int) -> int:
        """Returns the bytes of what `here` would return."""
        return int(self._query("SELECT ifnull(sum(length(b.body)), 0)" + _HERE, start, end)[0][0])

    def is_lacking(self, start: int, end: int) -> bool:
        """Whether a readable record from `start` to before `end` has no body here."""
        absent = " AND NOT EXISTS (SELECT 1 FROM bodies b WHERE b.idx = p.idx) LIMIT 1"
        return bool(self._query("SELECT 1" + _READABLE + absent, start, end))

    def zeroed(self, start: int, end: int) -> list[int]:
        """Returns the records from `start` to before `end` of whose body only zeros are here."""
        return [index for (index,) in self._query(_ZEROED, start, end)]

    def is_zeroed(self, start: int, end: int) -> bool:
        """Whether `zeroed` would return any."""
        return bool(self._query(_ZEROED + " LIMIT 1", start, end))

    def sealed(self, indices: Sequence[int]) -> Iterator[tuple[int, bytes]]:
        """Yields (index, sealed body) of what is here of these, some at a time, as they are."""
        for first in range(0, len(indices), _READ_ROWS):
            chosen = json.dumps(indices[first : first + _READ_ROWS])
            statement = "SELECT idx, body FROM bodies WHERE idx IN (SELECT value FROM json_each(?))"
            with self._lock, naming_faults("read the vault"):
                rows = self._db.execute(statement, (chosen,)).fetchall()
            yield from rows

    def remember_part(self, number: int, sha256_hex: str, places: Iterable[int]) -> None:
        """Remembers that the part with this digest has, at these places (0 to 65,535), the bodies that are here.

        That goes on to hold: a body never changes but to zeros.
        """
        bits = bytearray(PART_RECORDS // 8)
        for place in places:
            bits[place // 8] |= 1 << place % 8
        with self._lock, naming_faults("remember what the depot keeps"):
            row = (number, bytes.fromhex(sha256_hex), bytes(bits))
            self._db.execute("INSERT OR REPLACE INTO parts VALUES (?, ?, ?)", row)

    def forget_part(self, number: int) -> None:
        """Forgets what a part has: nothing of it is here any more."""
        with self._lock, naming_faults("forget what the depot keeps"):
            self._db.execute("DELETE FROM parts WHERE number = ?", (number,))

    def places_of(self, number: int, sha256_hex: str) -> frozenset[int] | None:
        """Returns the places that were remembered of a part; None where nothing is known of one with this digest."""
        with self._lock, naming_faults("read the vault"):
            statement = "SELECT places FROM parts WHERE number = ? AND sha256 = ?"
            row = self._db.execute(statement, (number, bytes.fromhex(sha256_hex))).fetchone()
        if row is None:
            return None
        return frozenset(place for place in range(PART_RECORDS) if row[0][place // 8] >> place % 8 & 1)

    def drop(self, indices: Sequence[int]) -> None:
        """Deletes bodies, some at a time; others go on in between. Doing it again does what was left undone.

        Raises:
            NotAllowed: The vault was opened for reading only.
        """
        if self._read_only:
            raise NotAllowed("the vault was opened for reading only")
        for first in range(0, len(indices), _DROP_ROWS):
            with self._lock, naming_faults("drop what the depot keeps"), committing(self._db):
                chosen = json.dumps(indices[first : first + _DROP_ROWS])
                self._db.execute("DELETE FROM bodies WHERE idx IN (SELECT value FROM json_each(?))", (chosen,))
            clock.sleep(_PAUSE_S)

    def give_back(self) -> int:
        """Returns free space to the disk, some at a time; returns its bytes."""
        pages = 0
        while given := self._give_back_some():
            pages += given
            clock.sleep(_PAUSE_S)
        with self._lock, naming_faults("give back space"):
            scrub(self._db)  # the file is cut when the write-ahead file is moved into it
            return pages * int(self._db.execute("PRAGMA page_size").fetchone()[0])

    def _give_back_some(self) -> int:
        with self._lock, naming_faults("give back space"):
            before = self._db.execute("PRAGMA page_count").fetchone()[0]
            # As a script: `execute` would take one step of it, which is one page.
            self._db.executescript(f"PRAGMA incremental_vacuum({_VACUUM_PAGES})")
            return int(before - self._db.execute("PRAGMA page_count").fetchone()[0])

    def _query(self, statement: str, start: int, end: int) -> list[tuple[int]]:
        with self._lock, naming_faults("read the vault"):
            return self._db.execute(statement, (start, end)).fetchall()
