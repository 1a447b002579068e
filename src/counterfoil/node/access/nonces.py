"""Which signed requests were taken already, so that none counts twice; a restart forgets nothing."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from hashlib import sha256
from typing import Final

from sqlalchemy import delete, select

from counterfoil.errors import NotSignedIn, TooManyRequests
from counterfoil.node.access.tables import nonces as table
from counterfoil.node.state import NodeState

__all__ = ["MOST_PER_PEER", "Nonces"]

MOST_PER_PEER: Final = 10_000
"""Requests of one node that are remembered at once, each until its signature ends."""

FORGET_EVERY_S: Final = 60

CLOCK_STEP_S: Final = 60
"""A nonce is kept so much longer, should the clock be set back."""


class Nonces:
    """The nonces of the last minutes, in memory and in the node's state. Safe to use from many threads.

    Args:
        state: Where they are kept; each is synced before its request is taken.
        now: Returns Unix seconds.
        most_per_peer: Nonces of one node that are remembered at once.
    """

    def __init__(self, state: NodeState, now: Callable[[], float], most_per_peer: int = MOST_PER_PEER) -> None:
        self._state = state
        self._most_per_peer = most_per_peer
        self._now = now
        self._lock = threading.Lock()  # owns what follows
        with state.reading() as connection:
            rows = connection.execute(select(table)).all()
        self._taken = {bytes(row.digest): (row.peer, row.expires_s) for row in rows}
        self._counts = Counter(peer for peer, _ in self._taken.values())
        self._forget_at_s = 0.0

    def take(self, peer: str, nonce: str, expires_s: int) -> None:
        """Remembers a request until its signature ends.

        Args:
            peer: Fingerprint of who signed it.
            nonce: Its own.
            expires_s: When its signature ends.

        Raises:
            NotSignedIn: It was taken before.
            TooManyRequests: The peer has sent so many that no more can be remembered.
        """
        digest = sha256(f"{peer}\n{nonce}".encode()).digest()
        with self._lock:
            self._forget()
            if digest in self._taken:
                raise NotSignedIn("this signed request was taken before", hint="sign it anew to send it again")
            if self._counts[peer] >= self._most_per_peer:
                raise TooManyRequests("this node sends more signed requests than are remembered", hint="wait a minute")
            with self._state.writing() as connection:
                connection.execute(table.insert().values(digest=digest, peer=peer, expires_s=expires_s))
            self._taken[digest] = (peer, expires_s)
            self._counts[peer] += 1

    def _forget(self) -> None:
        """Forgets what no clock would take any more."""
        now_s = self._now()
        if now_s < self._forget_at_s:
            return
        with self._state.writing() as connection:
            connection.execute(delete(table).where(table.c.expires_s <= int(now_s) - CLOCK_STEP_S))
        self._taken = {digest: each for digest, each in self._taken.items() if each[1] > now_s - CLOCK_STEP_S}
        self._counts = Counter(peer for peer, _ in self._taken.values())
        self._forget_at_s = now_s + FORGET_EVERY_S
