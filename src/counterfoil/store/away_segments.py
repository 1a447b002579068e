"""The segments of a log that are in a depot and not in its folder."""

from __future__ import annotations

from collections.abc import Iterable
from io import FileIO

from counterfoil.store.depot import Depot, Kept

__all__ = ["AwaySegments", "segment_key"]


def segment_key(number: int) -> str:
    """Returns what a segment is called in a depot."""
    return f"entries/{number:03d}.seg"


class AwaySegments:
    """Finds segments in a depot, where there is one.

    Attributes:
        numbers: Those that are not in the log's folder.
    """

    def __init__(self, depot: Depot | None) -> None:
        self.numbers: set[int] = set()
        self._depot = depot

    def kept(self, number: int, size_bytes: int) -> Kept | None:
        """Returns what the depot keeps of a segment; None where it is not as long as the one on record."""
        found = self._depot.find(segment_key(number)) if self._depot is not None else None
        return found if found is not None and found.size_bytes == size_bytes else None

    def bring(self, numbers: Iterable[int]) -> None:
        """Fetches those that are away, so that reading them waits for nothing."""
        for number in numbers:
            if self._depot is not None and number in self.numbers:
                self._depot.local(segment_key(number))

    def open(self, number: int) -> FileIO:
        """Opens a segment that the depot keeps, fetched unless it was fetched before."""
        assert self._depot is not None
        return self._depot.open(segment_key(number))
