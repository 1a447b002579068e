"""How often somebody may ask: a bucket of tokens for each, refilled as time goes by."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

__all__ = ["Shares"]

MOST_BUCKETS: Final = 100_000
"""Callers remembered at once; those who have their full share back are forgotten first."""


class Shares:
    """The shares of many callers. Used from one thread.

    Args:
        per_s: Requests a second on average; 0 sets no limit.
        burst: Requests at once.
        now: Returns seconds that never go back.
    """

    def __init__(self, per_s: float, burst: int, now: Callable[[], float] = time.monotonic) -> None:
        self._per_s = per_s
        self._burst = burst
        self._now = now
        self._buckets: dict[str, tuple[float, float]] = {}  # name -> tokens left, and when that was

    def take(self, name: str) -> float:
        """Takes one token; returns 0, or the seconds to wait when there is none."""
        if not self._per_s:
            return 0.0
        now = self._now()
        tokens, then = self._buckets.get(name, (float(self._burst), now))
        tokens = min(self._burst, tokens + (now - then) * self._per_s)
        if tokens < 1:
            return (1 - tokens) / self._per_s
        if name not in self._buckets and len(self._buckets) >= MOST_BUCKETS:
            self._forget(now)
        self._buckets[name] = (tokens - 1, now)
        return 0.0

    def _forget(self, now: float) -> None:
        """Forgets who has the full share back, and where that frees nothing, everybody."""
        full_after_s = self._burst / self._per_s
        self._buckets = {name: each for name, each in self._buckets.items() if now - each[1] < full_after_s}
        if len(self._buckets) >= MOST_BUCKETS:
            self._buckets.clear()
