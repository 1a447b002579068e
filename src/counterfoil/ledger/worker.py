"""Work in the background while a home is open and records are written: anchoring, collecting cosignatures."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Final

from counterfoil.errors import CounterfoilError, HomeDamaged, LedgerError, QuorumMissed

__all__ = ["Worker"]

_LOGGER: Final = logging.getLogger("counterfoil.ledger")

POLL_S: Final = 2.0
"""How often a sent anchor is looked after."""

IDLE_S: Final = 30.0
"""How often it is looked whether an anchor is due, where no commit says so sooner."""

MOST_PAUSE_S: Final = 300.0
"""Longest pause after failures in a row; it doubles from `POLL_S` on."""

STOP_S: Final = 15.0


class Worker:
    """One thread that steps until nothing is due. Starts with the first `notice`.

    Args:
        is_due: Whether there is something to do; asked often, never touches the ledger.
        step: Does it; returns whether more is under way.
        poll_s: Pause while something is under way.
        idle_s: Pause while nothing is.
        work: What it does, in one word, for its thread's name and for faults.
    """

    def __init__(
        self,
        is_due: Callable[[], bool],
        step: Callable[[], bool],
        *,
        poll_s: float = POLL_S,
        idle_s: float = IDLE_S,
        work: str = "anchoring",
    ) -> None:
        self._work = work
        self._poll_s = poll_s
        self._idle_s = idle_s
        self._is_due = is_due
        self._step = step
        self._wake = threading.Event()
        self._lock = threading.Lock()  # owns _thread and _is_stopped
        self._thread: threading.Thread | None = None
        self._is_stopped = False
        self.fault = ""
        """Why the last step failed, in words; empty when it did not."""

    def notice(self) -> None:
        """Says that something was recorded. Returns at once; may be called under any lock."""
        with self._lock:
            if self._is_stopped or (self._thread is not None and self._thread.is_alive()):
                return
            thread = threading.Thread(target=self._run, name=f"counterfoil-{self._work}", daemon=True)
            try:
                thread.start()
            except RuntimeError:  # no thread can be had now; the next record asks again
                return
            self._thread = thread

    def wake(self) -> None:
        """Makes the thread look now."""
        self._wake.set()

    def stop(self) -> None:
        """Ends the thread after the step it is in; what is unfinished goes on with the next start."""
        with self._lock:
            self._is_stopped = True
            thread = self._thread
        self._wake.set()
        if thread is not None and thread is not threading.current_thread():
            thread.join(STOP_S)

    def _run(self) -> None:
        failures = 0
        is_busy = False
        while not self._is_stopped:
            try:
                if is_busy or failures or self._is_due():
                    is_busy, failures, self.fault = self._step(), 0, ""
            except CounterfoilError as error:
                failures += 1
                self._tell(error)
            except Exception as error:  # noqa: BLE001 - a thread that died would leave its work undone, silently
                if self._is_stopped:  # the home was closed over it; the next start goes on
                    return
                failures += 1
                self._tell(HomeDamaged(f"something was not foreseen: {type(error).__name__}: {error}"))
            pause_s = min(self._poll_s * 2 ** min(failures, 16), MOST_PAUSE_S) if is_busy or failures else self._idle_s
            self._wake.wait(pause_s)
            self._wake.clear()

    def _tell(self, error: CounterfoilError) -> None:
        """Remarks a new fault once; an outage elsewhere is shown by `status` only."""
        if error.message != self.fault and not isinstance(error, LedgerError | QuorumMissed):
            _LOGGER.warning("%s has stopped: %s", self._work, error.message)
        self.fault = error.message
