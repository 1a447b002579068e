"""Requests that leave no record which names them: what was answered is kept, so that a repeat does nothing anew.

1. before the work, the request is written down as started;
2. after it, status and body of the answer are written beside it;
3. a repeat is answered from there.

A crash between 1 and 2 leaves a request that was started, and nobody knows how far it
came: its repeat is refused until somebody has looked. Where the work was refused, or failed
before it began or where it may be done again, the request is forgotten, and may be sent again.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from typing import Any, Final

from sqlalchemy import BigInteger, Column, Integer, LargeBinary, Table, delete, select, update

from counterfoil.errors import CallerError, CounterfoilError, HomeBusy, NotSetUp, Stale
from counterfoil.node.state import NodeState, metadata
from counterfoil.store.requests import key_of, other_request
from counterfoil.web.desk import Answer, Make

__all__ = ["KEPT_S", "Answers"]

KEPT_S: Final = 30 * 86_400
"""An answer is kept so long; a request with its key is a new one after that."""

answers: Final = Table(
    "answers",
    metadata,
    Column("key", LargeBinary, primary_key=True),
    Column("asked", LargeBinary, nullable=False),
    Column("started_s", BigInteger, nullable=False),
    Column("status", Integer),  # None: started, not answered
    Column("body", LargeBinary),
)


class Answers:
    """The answers of one node. Safe to use from many threads.

    Args:
        state: The node's state.
        now_s: Returns Unix seconds.
    """

    def __init__(self, state: NodeState, now_s: Callable[[], int]) -> None:
        self._state = state
        self._now_s = now_s
        self._lock = threading.Lock()  # owns _under_way
        self._under_way: set[bytes] = set()

    def answered(self, tag: bytes | None, make: Make) -> tuple[int, Mapping[str, Any], bool]:
        """Runs `make` unless the same request was answered before; see `web.desk.Desk.answered`."""
        if tag is None:
            found = make()
            return *(found if isinstance(found, tuple) else found()), False
        key = key_of(tag)
        with self._lock:
            if key in self._under_way:
                raise HomeBusy("the same request is under way", hint="ask again in a moment, under the same key")
            known = self._start(key, tag)
            if known is not None:
                return *known, True
            self._under_way.add(key)
        try:
            status, body = self._made(key, make)
        finally:
            with self._lock:
                self._under_way.discard(key)
        return status, body, False

    def _start(self, key: bytes, tag: bytes) -> Answer | None:
        """Step 1, or step 3 where it was started before."""
        now_s = self._now_s()
        with self._state.writing() as connection:
            connection.execute(delete(answers).where(answers.c.started_s < now_s - KEPT_S))
            row = connection.execute(select(answers).where(answers.c.key == key)).first()
            if row is None:
                connection.execute(answers.insert().values(key=key, asked=tag[len(key) :], started_s=now_s))
                return None
        if bytes(row.asked) != tag[len(key) :]:
            raise other_request()
        if row.status is None:
            raise Stale(
                "this request was started before and broke off: how far it came is not known",
                hint="look how things stand, then ask again under a new key",
            )
        return int(row.status), json.loads(row.body)

    def _made(self, key: bytes, make: Make) -> Answer:
        """Does the work, and step 2."""
        has_begun = False
        try:
            found = make()
            if not isinstance(found, tuple):
                has_begun = True
                found = found()
            status, body = found
        except CounterfoilError as error:
            if not has_begun or isinstance(error, CallerError | NotSetUp):  # refused before anything was done
                with self._state.writing() as connection:
                    connection.execute(delete(answers).where(answers.c.key == key))
            raise
        with self._state.writing() as connection:
            told = update(answers).where(answers.c.key == key)
            connection.execute(told.values(status=status, body=json.dumps(body).encode()))
        return status, body
