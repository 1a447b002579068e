"""Going on with purchases beside everything else a node does: a seller that is slow, or never done, holds up nothing.

One thread at a time asks; a purchase that cannot go on is asked for ever less often, so that neither side's log
fills with refusals.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final

from counterfoil.errors import CounterfoilError, HomeBusy
from counterfoil.market.buying.buying import Buying
from counterfoil.market.buying.computing import Computing
from counterfoil.market.buying.purchases import Purchase

__all__ = ["Resuming"]

WAIT_S: Final = 10.0
"""So long a step waits for what is under way; what takes longer goes on behind it."""

CLOSING_S: Final = 5.0
_FIRST_S: Final = 5.0
_LONGEST_S: Final = 3_600.0


class Resuming:
    """Goes on with the purchases of one home. Steps may be taken from several threads.

    Args:
        buying: The buyer's side.
        computing: What it has computed elsewhere.
        now: Returns seconds of a clock that is never set back.
    """

    def __init__(self, buying: Buying, computing: Computing, now: Callable[[], float] = time.monotonic) -> None:
        self._buying = buying
        self._computing = computing
        self._now = now
        self._lock = threading.Lock()  # owns the thread, and what came of it
        self._thread: threading.Thread | None = None
        self._closing = threading.Event()
        self._moved = 0
        self._waits: dict[str, tuple[float, float]] = {}
        """Of each purchase that could not go on: when it is tried again, and how long it waited for that."""

    def step(self, wait_s: float = WAIT_S) -> int:
        """Goes on with what is interrupted, and returns how many purchases moved since the step before.

        Args:
            wait_s: How long it waits for what it began.
        """
        with self._lock:
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="purchases", daemon=True)
                self._thread.start()
            thread = self._thread
        thread.join(wait_s)
        with self._lock:
            moved, self._moved = self._moved, 0
        return moved

    def close(self) -> None:
        """Stops; what was begun is gone on with later."""
        self._closing.set()
        with self._lock:
            thread = self._thread
        if thread is not None:
            thread.join(CLOSING_S)

    def _run(self) -> None:
        try:
            found = [*self._buying.resume(self._progress, may=self._may), *self._computing.resume(may=self._may)]
        except CounterfoilError:  # the ledger is not there: its own part says so
            return
        with self._lock:
            self._moved += len(found)

    def _may(self, purchase: Purchase) -> bool:
        """Whether a purchase is tried now; if so, the next try is the later, the more there were."""
        if self._closing.is_set():
            return False
        until, waited = self._waits.get(purchase.order, (0.0, 0.0))
        if self._now() < until:
            return False
        waits = min(_LONGEST_S, 2 * waited or _FIRST_S)
        self._waits[purchase.order] = (self._now() + waits, waits)
        return True

    def _progress(self, _done: int, _total: int) -> None:
        if self._closing.is_set():
            raise HomeBusy("this home is being closed", hint="it goes on where it was")
