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
        self._queue_lock = threading.Lock()  # guards the queue and who leads
        self._is_led = False
        self._callers = 0
        self._owner: int | None = None

    def submit(self, work: W) -> None:
        """Returns when `work` is done."""
        if self._owner == threading.get_ident():  # inside `exclusive`: nobody else may lead meanwhile
            self._commit([work])
            return
        work.gate.acquire()
        with self._queue_lock:
            self._queue.append(work)
            leads = not self._is_led
            self._is_led = True
        if not leads:
            self._await(work)
        if not work.is_done:
            self._lead(work)

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Keeps all other writers out; the thread inside may go on to submit."""
        with self.lock:
            before, self._owner = self._owner, threading.get_ident()
            try:
                yield
            finally:
                self._owner = before

    def _await(self, work: W) -> None:
        """Sleeps until the work is done, or the lead is handed over."""
        try:
            work.gate.acquire()
        except BaseException:  # an interrupt: leave the line without leaving it leaderless
            with self._queue_lock:
                if work in self._queue:
                    self._queue.remove(work)
                if not work.gate.locked() and not work.is_done:
                    self._hand_over()
            raise

    def _lead(self, own: W) -> None:
        batch: list[W] = []
        try:
            if self._callers > 1:  # a lone caller never waits
                clock.sleep(COMMIT_DELAY_S)
            with self.lock:
                with self._queue_lock:
                    batch, self._queue = self._queue, []
                self._callers = len(batch)
                self._commit(batch)
        finally:
            for work in batch:
                work.is_done = True
                work.gate.release()
            with self._queue_lock:
                if own in self._queue:  # an interrupt came before the queue was taken
                    self._queue.remove(own)
                self._hand_over()

    def _hand_over(self) -> None:
        """Makes the next in line the leader; the queue's lock is held."""
        self._is_led = bool(self._queue)
        if self._queue:
            self._queue[0].gate.release()
