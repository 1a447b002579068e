"""One commit for many threads: whoever comes first commits for all who wait.

A caller queues its work. If nobody leads, it leads: it lets others join for a moment
(only when there were others last time), commits the whole queue under the lock, opens
everybody's gate, and hands the lead to the next in line. A follower sleeps at its own
gate, so that a commit wakes each thread once.
"""

from __future__ import annotations

import threading
import time as clock
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, Generic, Protocol, TypeVar

__all__ = ["COMMIT_DELAY_S", "GroupCommit", "Work"]

COMMIT_DELAY_S: Final = 0.001
"""How long a leader lets others join, when the commit before had several callers too."""


class Work(Protocol):
    """Something queued for a commit."""

    gate: threading.Lock
    """Locked while the work waits; who commits it, or hands over the lead, unlocks it."""
    is_done: bool
    """Whether it was committed or refused."""


W = TypeVar("W", bound=Work)


class GroupCommit(Generic[W]):
    """The queue and the lock of one writer.

    Args:
        commit: Commits a list of work and marks each as done. It keeps errors to the
            work they belong to; what it raises itself reaches only the leader.
    """

    def __init__(self, commit: Callable[[list[W]], None]) -> None:
        self.lock = threading.RLock()  # held during commits and by `exclusive`
        self._commit = commit
        self._queue: list[W] = []
        self._queue_lock = threading.Lock()  # guards what follows
        self._batch: list[W] = []  # what the leader is committing
        self._leader: W | None = None
        self._callers = 0
        self._owner: int | None = None

    def submit(self, work: W) -> None:
        """Returns when `work` is done."""
        if self._owner == threading.get_ident():  # inside `exclusive`: nobody else may lead meanwhile
            self._commit([work])
            return
        work.gate.acquire()
        try:
            with self._queue_lock:
                self._queue.append(work)
                leads = self._leader is None
                if leads:
                    self._leader = work
            if not leads:
                work.gate.acquire()  # sleeps until the work is done, or the lead is handed over
            if not work.is_done:
                self._lead()
            self._leave(work)
        except BaseException:  # an interrupt may come at any line, and others wait
            self._leave(work)
            raise

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Keeps all other writers out; the thread inside may go on to submit."""
        with self.lock:
            before, self._owner = self._owner, threading.get_ident()
            try:
                yield
            finally:
                self._owner = before

    def _lead(self) -> None:
        if self._callers > 1:  # a lone caller never waits
            clock.sleep(COMMIT_DELAY_S)
        with self.lock:
            with self._queue_lock:
                self._batch, self._queue = self._queue, []
                self._callers = len(self._batch)
            self._commit(self._batch)

    def _leave(self, work: W) -> None:
        """Opens the gates of what `work` led, and hands over the lead. Doing it again does what was left undone."""
        with self._queue_lock:
            if self._leader is work:
                while self._batch:
                    self._batch[-1].is_done = True
                    _open(self._batch[-1])
                    self._batch.pop()
            if not work.is_done and work in self._queue:  # an interrupt came before it was committed
                self._queue.remove(work)
            if self._leader is work:
                self._leader = self._queue[0] if self._queue else None
            if self._leader is not None:
                _open(self._leader)


def _open(work: Work) -> None:
    """Opens a gate; one that is open already stays so."""
    if work.gate.locked():
        work.gate.release()
