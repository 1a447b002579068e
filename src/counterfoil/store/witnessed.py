"""What a witness has signed: the newest head of each log, on disk before the signature leaves.

A SQLite file. A witness that forgot a head could sign another history of the same log,
so a head is looked up, judged and replaced in one transaction, and that is synced
before the caller may sign. Two heads of one size are kept as well: they convict a log.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from counterfoil.core.merkle import HASH_SIZE_BYTES
from counterfoil.core.witness import NOTHING_SEEN, AddCheckpoint, Refusal, Seen
from counterfoil.errors import CounterfoilError, HomeDamaged, LogUnavailable, NotSetUp

__all__ = ["Contradiction", "Witnessed"]

WITNESSED_VERSION: Final = 1
MAX_CONTRADICTIONS: Final = 16
"""Pairs of contradicting heads that are kept of one log; one is enough to convict it."""

SAME_TIME_S: Final = 60
"""So long the same head gets the same time."""

_BUSY_TIMEOUT_S: Final = 5.0
_RESTORE: Final = "do not go on with an older copy under the same key: see docs/guides/witnesses.md"
_TABLES: Final = """
CREATE TABLE seen (
    origin TEXT PRIMARY KEY,
    size INTEGER NOT NULL,
    root BLOB NOT NULL,
    time_s INTEGER NOT NULL,
    checkpoint TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE contradictions (
    id INTEGER PRIMARY KEY,
    origin TEXT NOT NULL,
    size INTEGER NOT NULL,
    root BLOB NOT NULL,
    time_s INTEGER NOT NULL,
    signed TEXT NOT NULL,
    refused TEXT NOT NULL,
    UNIQUE (origin, size, root)
);
"""


@dataclass(frozen=True, slots=True)
class Contradiction:
    """Two heads over equally many records that one log signed.

    Attributes:
        origin: The log's name.
        size: Number of records.
        time_s: When the second one was shown, in Unix seconds.
        signed: The head that this witness had cosigned, as text.
        refused: The other one.
    """

    origin: str
    size: int
    time_s: int
    signed: str
    refused: str


class Witnessed:
    """The heads a witness has signed. Safe to use from several threads; one process writes."""

    def __init__(self, db: sqlite3.Connection) -> None:
        """For `open`."""
        self._db = db
        self._lock = threading.Lock()  # owns the connection

    @classmethod
    def open(cls, path: Path) -> Self:
        """Opens the file, making it when it is missing.

        Raises:
            HomeDamaged: It is not such a file, or is damaged.
            NotSetUp: It was written by a newer version.
            LogUnavailable: The disk refuses.
        """
        with _naming_faults():
            path.parent.mkdir(mode=0o700, exist_ok=True)
            db = sqlite3.connect(path, timeout=_BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False)
            try:
                _prepare(db)
            except BaseException:
                db.close()
                raise
        return cls(db)

    def seen(self, origin: str) -> Seen:
        """Returns the newest head of a log that was signed; `NOTHING_SEEN` before the first."""
        with self._lock, _naming_faults():
            return _seen(self._db, origin)

    def all(self) -> dict[str, Seen]:
        """Returns the newest signed head of every log, by origin."""
        with self._lock, _naming_faults(), closing(self._db.execute("SELECT origin FROM seen ORDER BY origin")) as rows:
            return {origin: _seen(self._db, origin) for (origin,) in rows.fetchall()}

    def advance(
        self, request: AddCheckpoint, judge: Callable[[Seen], Refusal | None], now_s: int
    ) -> tuple[Refusal | None, int]:
        """Judges a request against what was seen, and makes the new head durable when it may be signed.

        Looking up, judging and writing are one transaction: of two requests at once the
        second is judged by what the first left.

        Args:
            request: The request; its head's origin says which log.
            judge: Says why it may not be signed; None when it may.
            now_s: Unix seconds.

        Returns:
            (why not, time to sign with). Times never go back for one log; a head that was signed a moment ago is
            signed again with the same time, so that asking for it again and again writes nothing.

        Raises:
            LogUnavailable: The disk refuses. Nothing may be signed.
        """
        head = request.signed.head
        with self._lock, _naming_faults(), _committing(self._db):
            seen = _seen(self._db, head.origin)
            refusal = judge(seen)
            if refusal is None:
                is_recent = head.size == seen.size and now_s < seen.time_s + SAME_TIME_S
                time_s = seen.time_s if is_recent else max(now_s, seen.time_s)
                if seen == Seen(head.size, head.root, time_s):
                    return None, time_s
                row = (head.origin, head.size, head.root, time_s, request.checkpoint)
                self._db.execute("INSERT OR REPLACE INTO seen VALUES (?, ?, ?, ?, ?)", row)
                return None, time_s
            if refusal.is_contradiction:
                self._keep_contradiction(request, now_s)
        return refusal, now_s

    def contradictions(self, origin: str | None = None) -> list[Contradiction]:
        """Returns pairs of heads that contradict each other, of one log or of all, oldest first."""
        query = "SELECT origin, size, time_s, signed, refused FROM contradictions WHERE ? IN (origin, '') ORDER BY id"
        with self._lock, _naming_faults():
            return [Contradiction(*row) for row in self._db.execute(query, (origin or "",)).fetchall()]

    def close(self) -> None:
        """Lets go of the file."""
        with self._lock:
            self._db.close()

    def _keep_contradiction(self, request: AddCheckpoint, now_s: int) -> None:
        head = request.signed.head
        count = "SELECT count(*) FROM contradictions WHERE origin = ?"
        if self._db.execute(count, (head.origin,)).fetchone()[0] >= MAX_CONTRADICTIONS:
            return
        self._db.execute(
            "INSERT OR IGNORE INTO contradictions (origin, size, root, time_s, signed, refused) "
            "SELECT origin, size, ?, ?, checkpoint, ? FROM seen WHERE origin = ?",
            (head.root, now_s, request.checkpoint, head.origin),
        )


def _prepare(db: sqlite3.Connection) -> None:
    """Makes the tables in a new file; refuses one of another version."""
    # EXTRA also syncs the folder after a commit, without which a power failure could take the commit back.
    db.execute("PRAGMA synchronous = EXTRA")
    db.execute("PRAGMA fullfsync = ON")
    version = int(db.execute("PRAGMA user_version").fetchone()[0])
    if version == WITNESSED_VERSION:
        return
    if version > WITNESSED_VERSION:
        raise NotSetUp("the witness's file was written by a newer Counterfoil", hint="install the newer version")
    if db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
        raise HomeDamaged("the witness's file is not one that Counterfoil wrote", hint=_RESTORE)
    with _committing(db):
        for statement in _TABLES.split(";"):
            db.execute(statement)
        db.execute(f"PRAGMA user_version = {WITNESSED_VERSION}")


def _seen(db: sqlite3.Connection, origin: str) -> Seen:
    row = db.execute("SELECT size, root, time_s FROM seen WHERE origin = ?", (origin,)).fetchone()
    if row is None:
        return NOTHING_SEEN
    size, root, time_s = row
    if type(size) is not int or type(root) is not bytes or len(root) != HASH_SIZE_BYTES or type(time_s) is not int:
        raise HomeDamaged("the witness's file holds something that is not a head", hint=_RESTORE)
    return Seen(size, root, time_s)


@contextmanager
def _committing(db: sqlite3.Connection) -> Iterator[None]:
    """Commits on leaving, durably; rolls everything back when anything fails."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        with suppress(sqlite3.Error):
            if db.in_transaction:
                db.execute("ROLLBACK")
        raise


@contextmanager
def _naming_faults() -> Iterator[None]:
    """Turns SQLite's and the system's faults into ours."""
    try:
        yield
    except CounterfoilError:
        raise
    except sqlite3.OperationalError as error:  # full or read-only disk, locked, or gone
        raise LogUnavailable(
            f"what was witnessed cannot be kept: {error}", hint="nothing was signed; mend the disk, then try again"
        ) from error
    except sqlite3.DatabaseError as error:
        raise HomeDamaged(f"the witness's file is damaged: {error}", hint=_RESTORE) from error
    except OSError as error:
        raise LogUnavailable(f"what was witnessed cannot be kept: {error.strerror or error}") from error
