"""Which records of a trace the next one builds on: those that nothing has built on yet.

Each record of a trace builds on all that have no successor, so that every earlier record
of the trace can be reached from the newest. Two that are made at the same time build on the
same ones, and the next builds on both.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from typing import Final

__all__ = ["MOST_BUILT_ON", "MOST_TRACES", "Traces"]

MOST_TRACES: Final = 10_000
"""Traces remembered; of an older one the next record builds on nothing."""

MOST_BUILT_ON: Final = 64
"""Records that one builds on; the others are left for the next."""


class Traces:
    """The newest records of the traces under way. Safe to use from many threads."""

    def __init__(self, most: int = MOST_TRACES) -> None:
        self._lock = threading.Lock()
        self._newest: OrderedDict[str, list[str]] = OrderedDict()
        self._most = most

    def newest(self, trace: str) -> tuple[str, ...]:
        """Returns the leaf hashes that the next record of a trace builds on, oldest first."""
        with self._lock:
            return tuple(self._newest.get(trace, ())[:MOST_BUILT_ON])

    def add(self, trace: str, leaf: str, built_on: Sequence[str]) -> None:
        """Takes note of a record of a trace, and of those it builds on."""
        with self._lock:
            newest = self._newest.setdefault(trace, [])
            newest[:] = [each for each in newest if each not in built_on]
            newest.append(leaf)
            self._newest.move_to_end(trace)
            while len(self._newest) > self._most:
                self._newest.popitem(last=False)

    def end(self, trace: str) -> None:
        """Forgets a trace whose root has ended."""
        with self._lock:
            self._newest.pop(trace, None)
