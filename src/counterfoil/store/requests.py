"""Requests that were answered before: the same one sent twice leaves one record.

A record made on request carries a tag in its public part, `"request": <48 hex digits>`:

    tag[:16]    HMAC-SHA-256 over who asked and the key they chose
    tag[16:24]  HMAC-SHA-256 over what they asked for

under a secret of this home, so the tag says nothing to a reader of the log. The log
is the truth about what was done; the table of tags is derived from it like every
other, and knows after a crash exactly the requests whose record is durable.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from hashlib import sha256
from hmac import digest as hmac_digest
from typing import Any, Final

from sqlalchemy import BigInteger, Column, Connection, Index, Integer, LargeBinary, Table, select

from counterfoil.core.statement import read_record
from counterfoil.errors import InvalidInput
from counterfoil.store.archive import Archive
from counterfoil.store.recorder import Recorder
from counterfoil.store.view_database import insert_rows
from counterfoil.store.views import Row, Views, metadata

__all__ = ["WAITING", "Requests", "RequestsView", "key_of", "other_request", "tag_of"]

WAITING: Final = -1
"""Place of a record that waits in the queue."""

TAG_BYTES: Final = 16
BODY_BYTES: Final = 8
MAX_RECENT: Final = 50_000
"""Tags kept in memory at most before the tables are brought up to date."""

requests: Final = Table(
    "requests",
    metadata,
    Column("idx", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
    Column("tag", LargeBinary(TAG_BYTES), nullable=False),
    Column("body", LargeBinary(BODY_BYTES), nullable=False),
    Index("requests_by_tag", "tag"),
)


class RequestsView:
    """Keeps one row per record that was made on request."""

    kinds = frozenset({"access", "appeal", "call", "decision", "outcome", "override"})

    def fold(self, connection: Connection, rows: Sequence[Row]) -> None:
        """Takes records in log order."""
        found = []
        for row in rows:
            tag = _tag_in(row.record.about_bytes, row.record)
            if tag is not None:
                found.append((row.index, tag[:TAG_BYTES], tag[TAG_BYTES:]))
        if found:
            insert_rows(connection, requests, found)


class Requests:
    """The requests of one home. Safe to use from many threads.

    Args:
        secret: Key of the tags, 32 bytes.
        views: The derived tables.
        archive: The log they are derived from.
        recorder: Has the queue.
    """

    def __init__(self, secret: bytes, views: Views, archive: Archive, recorder: Recorder) -> None:
        self._secret = secret
        self._recorder = recorder  # its queue is another after the vault's key was replaced
        self._is_loaded = False
        self._settled = 0  # what the tables knew when tags were last forgotten here
        self._waits = False  # whether a tag in memory is of a record in the queue
        self._views = views
        self._archive = archive
        self._lock = threading.Lock()  # owns _recent
        self._recent: dict[bytes, tuple[bytes, int]] = {}

    def load(self) -> None:
        """Brings the tables up to date, and takes in what waits in the queue; who asks first does it where nobody has.

        Raises:
            LogUnavailable: The tables cannot be used now.
        """
        self._settled = self._archive.size
        self._views.catch_up()
        for item in self._recorder.spool.entries():
            record = read_record(item.entry)
            tag = _tag_in(record.about_bytes, record)
            if tag is not None:
                self._recent[tag[:TAG_BYTES]] = (tag[TAG_BYTES:], WAITING)
                self._waits = True
        self._is_loaded = True

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
            LogUnavailable: The tables cannot be read now.
        """
        found: dict[bytes, tuple[bytes, int]] = {}
        asked = list(tags)
        if not self._is_loaded:
            self.load()
        if self._waits and not self._recorder.spool.count:  # what waited is in the log by now
            self.settle()
        with self._lock:
            left = []
            for name in {tag[:TAG_BYTES] for tag in asked}:
                known = self._recent.get(name)
                if known is None:
                    left.append(name)
                else:
                    found[name] = known
        if left:
            if self._views.size() < self._settled:  # a database server that crashed may have lost its newest rows
                self._views.catch_up()
            with self._views.naming_faults(), self._views.engine.connect() as connection:
                for start in range(0, len(left), 500):
                    query = select(requests).where(requests.c.tag.in_(left[start : start + 500]))
                    found |= {row.tag: (row.body, int(row.idx)) for row in connection.execute(query)}
        return {
            tag: index if body == tag[TAG_BYTES:] else other_request()
            for tag in asked
            if tag[:TAG_BYTES] in found
            for body, index in [found[tag[:TAG_BYTES]]]
        }

    def noticed(self, made: Iterable[tuple[bytes, int | None]]) -> None:
        """Takes in requests whose records are durable now, before the tables have read them."""
        with self._lock:
            for tag, index in made:
                self._recent[tag[:TAG_BYTES]] = (tag[TAG_BYTES:], WAITING if index is None else index)
                self._waits |= index is None

    @property
    def should_settle(self) -> bool:
        """Whether so many tags are in memory that `settle` should be called soon."""
        return len(self._recent) >= MAX_RECENT

    def settle(self) -> None:
        """Brings the tables up to date and forgets what they know now.

        Raises:
            LogUnavailable: The tables cannot be used now; nothing is forgotten.
        """
        if not self._is_loaded:
            self.load()
        size = self._archive.size
        self._views.catch_up()
        with self._lock:
            self._settled = size
            self._recent = {
                name: (body, index) for name, (body, index) in self._recent.items() if index == WAITING or index >= size
            }
            waiting = [name for name, (_, index) in self._recent.items() if index == WAITING]
        if waiting:
            self._forget_logged(waiting)

    def _forget_logged(self, waiting: Sequence[bytes]) -> None:
        """Forgets waiting requests whose records have moved from the queue to the log."""
        with self._views.naming_faults(), self._views.engine.connect() as connection:
            for start in range(0, len(waiting), 500):
                query = select(requests.c.tag).where(requests.c.tag.in_(waiting[start : start + 500]))
                logged = connection.execute(query).scalars().all()
                with self._lock:
                    for name in logged:
                        self._recent.pop(bytes(name), None)
        with self._lock:
            self._waits = any(index == WAITING for _, index in self._recent.values())


def key_of(tag: bytes) -> bytes:
    """Returns the part of a tag that stands for who asked and the key they chose."""
    return tag[:TAG_BYTES]


def other_request() -> InvalidInput:
    """Returns the error for a key that was used before, for something else."""
    return InvalidInput("this idempotency key was used for another request", hint="choose a new key for a new request")


def tag_of(tag: bytes | None) -> dict[str, str]:
    """Returns the public part of a record that a request with this tag leaves; nothing without one."""
    return {"request": tag.hex()} if tag else {}


def _tag_in(about: bytes, record: Any) -> bytes | None:
    """Returns the tag in a record's public part, None without one."""
    if b'"request":"' not in about:
        return None
    text = record.about.get("request")
    if not isinstance(text, str) or len(text) != 2 * (TAG_BYTES + BODY_BYTES):
        return None
    return bytes.fromhex(text)
