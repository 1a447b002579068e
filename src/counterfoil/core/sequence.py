"""Whether a run of records is gapless: streams, epochs and time.

Every stream counts its records from 0 without a gap, time never goes back, and an
epoch record says how many records a stream had between two times. Over every entry
of a range this shows that nothing is missing or doubled.
"""

from __future__ import annotations

from collections import Counter

from counterfoil.core.statement import Record

__all__ = ["Sequence"]


class Sequence:
    """Watches records go by in log order and collects what contradicts the count.

    Args:
        from_start: Whether the run begins with the first record of the log; then
            every stream must begin with 0.
    """

    def __init__(self, *, from_start: bool) -> None:
        self._from_start = from_start
        self._next: dict[str, int] = {}
        self._epoch_next: dict[str, int] = {}
        self.kinds: Counter[str] = Counter()
        self.epochs = 0
        self.first_time = ""
        self.last_time = ""
        self.faults: list[str] = []

    def add(self, index: int, record: Record) -> None:
        """Takes the next record; `index` is its place in the log."""
        stream, seq = record.stream, record.seq
        expected = self._next.get(stream)
        if expected is None:
            expected = 0 if self._from_start else seq
        if seq != expected:
            what = "is missing" if seq > expected else "appears again"
            number = expected if seq > expected else seq
            self._fault(f"number {number} of {stream} {what} (at place {index})")
        self._next[stream] = max(expected, seq + 1)
        if record.time < self.last_time:
            self._fault(f"time goes back from {self.last_time} to {record.time} (at place {index})")
        self.last_time = record.time
        self.first_time = self.first_time or record.time
        self.kinds[record.kind] += 1
        if record.kind == "epoch":
            self._add_epoch(index, record)

    def streams(self) -> dict[str, int]:
        """Returns the next number of every stream seen."""
        return dict(self._next)

    def _add_epoch(self, index: int, record: Record) -> None:
        """Holds an epoch's count against what went by."""
        about = record.about
        stream, first, following = about.get("stream"), about.get("first"), about.get("next")
        if not isinstance(stream, str) or type(first) is not int or type(following) is not int or first > following:
            self._fault(f"an epoch record does not say what it counts (at place {index})")
            return
        self.epochs += 1
        name = repr(stream[:128])  # free text in a hostile file
        if first != self._epoch_next.get(stream, 0 if self._from_start else first):
            self._fault(f"the epochs of {name} do not join up (at place {index})")
        self._epoch_next[stream] = following
        if following != self._next.setdefault(stream, 0 if self._from_start else following):
            self._fault(f"an epoch counts {following} records of {name} where another number stands (at {index})")

    def _fault(self, text: str) -> None:
        if len(self.faults) < 20:
            self.faults.append(text)
