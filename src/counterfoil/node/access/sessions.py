"""Console sessions: from signing in to signing out, or to the end that the settings name."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final

from sqlalchemy import bindparam, delete, select, update

from counterfoil.node.access.tables import sessions as table
from counterfoil.node.access.tokens import digest_of, new_secret
from counterfoil.node.settings import NodeSettings
from counterfoil.node.state import NodeState

__all__ = ["Session", "Sessions"]

MOST_PER_USER: Final = 20
"""Sessions of one user at once; one more ends the one that was used least recently."""


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody who has signed in.

    Attributes:
        user: Their name.
        began_s: When they signed in, Unix seconds.
        used_s: When they last asked for something.
        digest: SHA-256 of the token in their cookie.
    """

    user: str
    began_s: int
    used_s: int
    digest: bytes = field(repr=False)


class Sessions:
    """The sessions of one node, in memory and in its state. Safe to use from many threads.

    Args:
        state: Where they are kept.
        settings: How long they last.
        now: Returns Unix seconds.
    """

    def __init__(self, state: NodeState, settings: NodeSettings, now: Callable[[], float]) -> None:
        self._state = state
        self._idle_s = settings.session_s
        self._most_s = settings.session_most_s
        self._now = now
        self._lock = threading.Lock()  # owns _sessions
        with state.reading() as connection:
            rows = connection.execute(select(table)).all()
        self._sessions = {
            bytes(row.digest): Session(row.user, row.began_s, row.used_s, bytes(row.digest)) for row in rows
        }

    def begin(self, user: str) -> str:
        """Returns the token of a new session. None that somebody brought along is ever taken over."""
        token, now_s = new_secret(), int(self._now())
        made = Session(user, now_s, now_s, digest_of(token))
        with self._lock:
            others = sorted((each for each in self._sessions.values() if each.user == user), key=lambda s: s.used_s)
        for each in others[: max(0, len(others) + 1 - MOST_PER_USER)]:
            self._end(each.digest)
        with self._state.writing() as connection:
            connection.execute(table.insert().values(digest=made.digest, user=user, began_s=now_s, used_s=now_s))
        with self._lock:
            self._sessions[made.digest] = made
        return token

    def find(self, token: str) -> Session | None:
        """Returns the session of a token, None when it has ended; asking for it counts as use."""
        digest, now_s = digest_of(token), int(self._now())
        with self._lock:
            found = self._sessions.get(digest)
            if found is None:
                return None
            if self._has_ended(found, now_s):
                del self._sessions[digest]  # `keep` removes it from the file
                return None
            if found.used_s != now_s:
                self._sessions[digest] = found = replace(found, used_s=now_s)
        return found

    def end(self, token: str) -> Session | None:
        """Ends a session; returns it, None where there was none."""
        return self._end(digest_of(token))

    def end_all(self, user: str) -> None:
        """Ends every session of somebody."""
        with self._lock:
            self._sessions = {digest: each for digest, each in self._sessions.items() if each.user != user}
        with self._state.writing() as connection:
            connection.execute(delete(table).where(table.c.user == user))

    def keep(self) -> None:
        """Writes down when sessions were last used, and forgets those that have ended."""
        now_s = int(self._now())
        with self._lock:
            self._sessions = {d: each for d, each in self._sessions.items() if not self._has_ended(each, now_s)}
            used = [{"key": each.digest, "at": each.used_s} for each in self._sessions.values()]
        with self._state.writing() as connection:
            idle, old = table.c.used_s < now_s - self._idle_s, table.c.began_s < now_s - self._most_s
            if used:
                statement = update(table).where(table.c.digest == bindparam("key")).values(used_s=bindparam("at"))
                connection.execute(statement, used)
            connection.execute(delete(table).where(idle | old))

    def _has_ended(self, session: Session, now_s: int) -> bool:
        return now_s - session.used_s > self._idle_s or now_s - session.began_s > self._most_s

    def _end(self, digest: bytes) -> Session | None:
        with self._lock:
            found = self._sessions.pop(digest, None)
        with self._state.writing() as connection:
            connection.execute(delete(table).where(table.c.digest == digest))
        return found
