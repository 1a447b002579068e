"""Requests that were answered before: the same one sent twice leaves one record.

A record made on request carries a tag in its public part, `"request": <48 hex digits>`:

    tag[:16]    HMAC-SHA-256 over who asked and the key they chose
    tag[16:24]  HMAC-SHA-256 over what they asked for

under a secret of this home, so the tag says nothing to a reader of the log. The log is
the truth about what was done. What is looked up lies in a small file of its own,
requests.db, that is derived from the log's public part alone: it knows after a crash
exactly the requests whose record is durable, and neither a rebuild of the searchable
tables nor a database server that is away makes it forget one.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from hmac import digest as hmac_digest
from pathlib import Path
from typing import Final

from counterfoil.core.statement import read_record
from counterfoil.errors import InvalidInput, LogUnavailable
from counterfoil.store.archive import Archive
from counterfoil.store.recorder import Recorder

__all__ = ["REQUESTS_FILE", "WAITING", "Requests", "key_of", "other_request", "tag_of"]

REQUESTS_FILE: Final = "requests.db"

WAITING: Final = -1
"""Place of a record that waits in the queue."""

VERSION: Final = 1
TAG_BYTES: Final = 16
BODY_BYTES: Final = 8
MAX_RECENT: Final = 50_000
"""Tags kept in memory before the file should be brought up to date."""

_ASKED_AT_ONCE: Final = 500
_ROWS_AT_ONCE: Final = 10_000
_MARK: Final = b'"request":"'

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS cursor (version INTEGER, size INTEGER, leaf BLOB);
CREATE TABLE IF NOT EXISTS requests (tag BLOB PRIMARY KEY, body BLOB NOT NULL, idx INTEGER NOT NULL) WITHOUT ROWID;
"""


class Requests:
    """The requests of one home. Safe to use from many threads.

    Args:
        path: The file; made anew when it is missing, torn, or not of this log.
        secret: Key of the tags, 32 bytes.
        archive: The log it is derived from.
        recorder: Has the queue.
    """

    def __init__(self, path: Path, secret: bytes, archive: Archive, recorder: Recorder) -> None:
        self._path = path
        self._secret = secret
        self._archive = archive
        self._recorder = recorder  # its queue is another after the vault's key was replaced
        self._settling = threading.Lock()  # one reads the log at a time; taken before the next
        self._lock = threading.Lock()  # owns what follows, and the file
        self._recent: dict[bytes, tuple[bytes, int]] = {}
        self._waits = False  # whether a tag in memory is of a record in the queue
        self._size = 0  # records that the file has read
        self._file = self._opened()

    def load(self) -> None:
        """Brings the file up to date, and takes in what waits in the queue; before anybody asks."""
        self.settle()
        for item in self._recorder.spool.entries():
            tag = _tag_in(item.entry)
            if tag is not None:
                self.noticed([(tag, None)])

    def tag(self, who: str, key: str, body: bytes) -> bytes:
        """Returns the tag of a request, 24 bytes.

        Args:
            who: Id of whoever asks; another's key is another request.
            key: What they chose to name the request.
            body: What they ask for, with method and path.
        """
        named = hmac_digest(self._secret, b"\x01" + who.encode() + b"\x00" + key.encode(), "sha256")
        asked = hmac_digest(self._secret, b"\x02" + sha256(body).digest(), "sha256")
        return named[:TAG_BYTES] + asked[:BODY_BYTES]

    def find(self, tags: Iterable[bytes]) -> dict[bytes, int | InvalidInput]:
        """Returns the places of the records that such requests left, `WAITING` while one is in the queue.

        Where a key was used for another request, it returns the error to raise.

        Raises:
            LogUnavailable: The file cannot be read.
        """
        asked = list(tags)
        if self._waits and not self._recorder.spool.count:  # what waited is in the log by now
            self.settle()
        names = {tag[:TAG_BYTES] for tag in asked}
        with self._lock:
            found = {name: self._recent[name] for name in names if name in self._recent}
            found |= self._looked_up(list(names - found.keys()))
        return {
            tag: index if body == tag[TAG_BYTES:] else other_request()
            for tag in asked
            if tag[:TAG_BYTES] in found
            for body, index in [found[tag[:TAG_BYTES]]]
        }

    def noticed(self, made: Iterable[tuple[bytes, int | None]]) -> None:
        """Takes in requests whose records are durable now, before the file has read them."""
        with self._lock:
            for tag, index in made:
                self._recent[tag[:TAG_BYTES]] = (tag[TAG_BYTES:], WAITING if index is None else index)
                self._waits |= index is None

    @property
    def should_settle(self) -> bool:
        """Whether so many tags are in memory that `settle` should be called soon."""
        return len(self._recent) >= MAX_RECENT

    def settle(self) -> None:
        """Reads what the log has gained into the file, and forgets in memory what is there now.

        Raises:
            LogUnavailable: The disk refuses; nothing is forgotten.
        """
        with self._settling:
            size = self._archive.size
            rows: list[tuple[bytes, bytes, int]] = []
            for index, entry in enumerate(self._archive.entries(self._size, size), self._size):
                tag = _tag_in(entry)
                if tag is not None:
                    rows.append((tag[:TAG_BYTES], tag[TAG_BYTES:], index))
                if len(rows) == _ROWS_AT_ONCE:
                    self._keep(rows, index + 1)
                    rows = []
            if size > self._size:
                self._keep(rows, size)

    def close(self) -> None:
        """Lets go of the file."""
        with self._lock:
            self._file.close()

    def _keep(self, rows: list[tuple[bytes, bytes, int]], size: int) -> None:
        """Writes one batch: rows and cursor in one transaction; then memory may forget."""
        leaf = self._archive.leaf(size - 1)
        with self._lock, self._naming_faults(), self._file:
            # The first record of a name is the one that answers, should there ever be two.
            self._file.executemany("INSERT OR IGNORE INTO requests VALUES (?, ?, ?)", rows)
            self._file.execute("UPDATE cursor SET size = ?, leaf = ?", (size, leaf))
            self._size = size
            for name, _, _ in rows:
                self._recent.pop(name, None)
            self._waits = any(index == WAITING for _, index in self._recent.values())

    def _looked_up(self, names: list[bytes]) -> dict[bytes, tuple[bytes, int]]:
        found: dict[bytes, tuple[bytes, int]] = {}
        with self._naming_faults():
            for start in range(0, len(names), _ASKED_AT_ONCE):
                part = names[start : start + _ASKED_AT_ONCE]
                marks = ",".join("?" * len(part))
                query = f"SELECT tag, body, idx FROM requests WHERE tag IN ({marks})"  # noqa: S608 - marks only
                found |= {tag: (body, idx) for tag, body, idx in self._file.execute(query, part)}
        return found

    def _opened(self) -> sqlite3.Connection:
        """Opens the file; one that is torn, or of another log or version, is made anew: nothing in it is truth."""
        with self._naming_faults():
            try:
                return self._tried()
            except sqlite3.DatabaseError:
                for suffix in ("", "-wal", "-shm"):
                    Path(f"{self._path}{suffix}").unlink(missing_ok=True)
                return self._tried()

    def _tried(self) -> sqlite3.Connection:
        self._path.touch(mode=0o600)
        file = sqlite3.connect(self._path, check_same_thread=False)
        try:
            for pragma in ("busy_timeout=10000", "journal_mode=WAL", "synchronous=OFF"):
                file.execute(f"PRAGMA {pragma}")
            file.executescript(_SCHEMA)
            known = file.execute("SELECT version, size, leaf FROM cursor").fetchone()
            if known is None or known[0] != VERSION or not self._is_of_this_log(known[1], known[2]):
                file.executescript("DELETE FROM cursor; DELETE FROM requests;")
                file.execute("INSERT INTO cursor VALUES (?, 0, x'')", (VERSION,))
                file.commit()
                known = (VERSION, 0, b"")
        except BaseException:
            file.close()
            raise
        self._size = int(known[1])
        return file

    def _is_of_this_log(self, size: int, leaf: bytes) -> bool:
        """Whether the newest record the file has read is the one in the log: a backup may have been restored."""
        return size == 0 or (size <= self._archive.size and self._archive.leaf(size - 1) == leaf)

    @contextmanager
    def _naming_faults(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.OperationalError, OSError) as error:
            told = f"{self._path.name} cannot be used: {error}"
            raise LogUnavailable(told, hint="free some disk space, then try again") from error


def tag_of(tag: bytes | None) -> dict[str, str]:
    """Returns the public part of a record that a request with this tag leaves; nothing without one."""
    return {"request": tag.hex()} if tag else {}


def key_of(tag: bytes) -> bytes:
    """Returns the part of a tag that stands for who asked and the key they chose."""
    return tag[:TAG_BYTES]


def other_request() -> InvalidInput:
    """Returns the error for a key that was used before, for something else."""
    return InvalidInput("this idempotency key was used for another request", hint="choose a new key for a new request")


def _tag_in(entry: bytes) -> bytes | None:
    """Returns the tag in a record's public part, None without one."""
    if _MARK not in entry:
        return None
    text = read_record(entry).about.get("request")
    if not isinstance(text, str) or len(text) != 2 * (TAG_BYTES + BODY_BYTES):
        return None
    try:
        return bytes.fromhex(text)
    except ValueError:
        return None
