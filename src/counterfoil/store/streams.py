"""Numbers and times of a log: every stream counts without gaps, time never goes back.

The log's writer owns one `Streams`. It hands out the next number of a stream and
knows which epochs have ended: per stream, an epoch record says how many records it
had between two times, so that an hour without records is on record too.
"""

from __future__ import annotations

import re
import time as clock
from calendar import timegm
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from counterfoil.core.merkle import leaf_hash
from counterfoil.core.statement import Draft, Record, parse_record, read_record
from counterfoil.errors import HomeDamaged, InvalidInput
from counterfoil.store.log import Log
from counterfoil.store.spool import Spool

__all__ = [
    "EPOCH_STREAM",
    "LAST_SECOND",
    "Epoch",
    "Streams",
    "full_moment",
    "logged_streams",
    "parse_time",
    "read_moment",
    "time_text",
    "with_spooled",
]

EPOCH_STREAM: Final = "epochs"
LAST_SECOND: Final = 253_402_300_799
"""The last second of the year 9999: records write years with four digits."""
_FORMAT: Final = "%Y-%m-%dT%H:%M:%SZ"
_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


def time_text(time_s: int) -> str:
    """Returns Unix seconds as UTC text, `2026-11-23T19:00:00Z`."""
    return clock.strftime(_FORMAT, clock.gmtime(time_s))


def parse_time(text: str) -> int:
    """Returns UTC text as Unix seconds."""
    return timegm(clock.strptime(text, _FORMAT))


def read_moment(text: str) -> int:
    """Returns UTC text that somebody gave, `2026-11-23T19:00:00Z`, as Unix seconds.

    Raises:
        InvalidInput: When it is no such time.
    """
    try:
        return parse_time(text)
    except ValueError as error:
        raise InvalidInput(f"{text[:40]!r} is not a time", hint="it looks like 2026-11-23T19:00:00Z, in UTC") from error


def full_moment(text: str | None, rest: str, whose: str) -> str | None:
    """Returns a day or a time that somebody gave as full UTC text; None stays None.

    Args:
        text: `2026-11-23` or `2026-11-23T19:00:00Z`.
        rest: What makes a day a time, `T00:00:00Z`.
        whose: What it was given for, for the message.

    Raises:
        InvalidInput: When it is neither.
    """
    if text is None:
        return None
    full = text + rest if _DAY.fullmatch(text) else text
    try:
        parse_time(full)
    except ValueError as error:
        raise InvalidInput(f"{whose} {text!r} is not a time", hint="like 2026-11-23 or 2026-11-23T19:00:00Z") from error
    return full


@dataclass(frozen=True, slots=True)
class Epoch:
    """How many records a stream had between two times: numbers first to next - 1."""

    stream: str
    from_s: int
    to_s: int
    first: int
    next: int

    def draft(self) -> Draft:
        """Returns the epoch as a record to be."""
        about = {
            "first": self.first,
            "from": time_text(self.from_s),
            "next": self.next,
            "stream": self.stream,
            "to": time_text(self.to_s),
        }
        return Draft("epoch", EPOCH_STREAM, self.stream, about=about)


@dataclass(slots=True)
class _Counter:
    """One stream: its next number, and where its open epoch began."""

    next: int
    epoch_first: int
    epoch_from_s: int


class Streams:
    """Counters of all streams of one log.

    Args:
        epoch_s: Length of an epoch in seconds.
    """

    def __init__(self, epoch_s: int) -> None:
        self.epoch_s = epoch_s
        self.last_time_s = 0
        self._counters: dict[str, _Counter] = {}
        self._next_boundary_s = 0

    def copy(self) -> Streams:
        """Returns an independent copy, to try a batch on."""
        other = Streams(self.epoch_s)
        other.last_time_s = self.last_time_s
        other._counters = {name: _Counter(c.next, c.epoch_first, c.epoch_from_s) for name, c in self._counters.items()}
        other._next_boundary_s = self._next_boundary_s
        return other

    def advance(self, now_s: int) -> int:
        """Moves to the writer's time and returns it; a clock set back stands still."""
        self.last_time_s = max(self.last_time_s, now_s)
        return self.last_time_s

    def take(self, stream: str) -> int:
        """Returns the next number of a stream and counts it."""
        counter = self._counters.get(stream)
        if counter is None:
            counter = self._counters[stream] = _Counter(0, 0, self._boundary(self.last_time_s))
        number = counter.next
        counter.next = number + 1
        return number

    def next_of(self, stream: str) -> int:
        """Returns the number the next record of a stream will have."""
        counter = self._counters.get(stream)
        return counter.next if counter else 0

    def names(self) -> list[str]:
        """Returns all streams seen so far."""
        return sorted(self._counters)

    def has_ended_epochs(self) -> bool:
        """Whether an epoch ended before the current time."""
        return self.last_time_s >= self._next_boundary_s

    def ended_epochs(self, *, up_to_now: bool = False) -> list[Epoch]:
        """Returns the epochs that have ended, one a stream, and opens the next ones.

        Args:
            up_to_now: Also end the epochs that are still running.
        """
        boundary = self._boundary(self.last_time_s)
        end_s = self.last_time_s if up_to_now else boundary
        epochs: list[Epoch] = []
        for stream in self.names():
            counter = self._counters[stream]
            if stream != EPOCH_STREAM and (counter.epoch_from_s < end_s or (up_to_now and self._is_open(counter))):
                epochs.append(Epoch(stream, counter.epoch_from_s, end_s, counter.epoch_first, counter.next))
                counter.epoch_from_s, counter.epoch_first = end_s, counter.next
        self._next_boundary_s = boundary + self.epoch_s
        return epochs

    def apply(self, record: Record) -> None:
        """Counts a record that is already in the log.

        Raises:
            HomeDamaged: When its number is not the next of its stream.
        """
        expected = self.next_of(record.stream)
        if record.seq != expected:
            raise HomeDamaged(
                f"the log holds number {record.seq} of {record.stream} where {expected} should stand",
                hint="restore the home from a backup; counterfoil doctor shows what is wrong",
            )
        self.advance(parse_time(record.time))
        self.take(record.stream)
        if record.kind == "epoch":
            about = record.about
            counter = self._counters[str(about["stream"])]
            counter.epoch_first, counter.epoch_from_s = int(about["next"]), parse_time(str(about["to"]))

    def apply_entries(self, entries: Iterable[bytes]) -> None:
        """Counts entries that are already in the log."""
        for entry in entries:
            self.apply(parse_record(entry))

    def to_json(self) -> dict[str, Any]:
        """Returns the counters, for the log's state file."""
        return {
            "lastTime": self.last_time_s,
            "streams": {name: [c.next, c.epoch_first, c.epoch_from_s] for name, c in sorted(self._counters.items())},
        }

    @classmethod
    def from_json(cls, value: Any, epoch_s: int) -> Streams:
        """Reads counters from the log's state file.

        Raises:
            HomeDamaged: When they are something else.
        """
        streams = cls(epoch_s)
        if value is None:
            return streams
        try:
            streams.last_time_s = int(value["lastTime"])
            streams._counters = {name: _Counter(*(int(part) for part in row)) for name, row in value["streams"].items()}
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise HomeDamaged("the log's state file does not hold stream counters") from error
        return streams

    def _boundary(self, time_s: int) -> int:
        return time_s - time_s % self.epoch_s

    @staticmethod
    def _is_open(counter: _Counter) -> bool:
        return counter.next > counter.epoch_first


def logged_streams(log: Log, epoch_s: int) -> Streams:
    """Returns the counters of a log: those of its saved state, and what came since.

    Raises:
        HomeDamaged: When an entry does not fit its stream.
    """
    streams = Streams.from_json(log.extra, epoch_s)
    streams.apply_entries(log.entries(log.state_size, log.size))
    return streams


def with_spooled(streams: Streams, spool: Spool, log: Log) -> Streams:
    """Returns the counters of a log and of what still waits to get into it.

    Raises:
        HomeDamaged: When something waits whose number another record has taken since.
    """
    moved: set[bytes] = set()
    for item in spool.entries():
        record = read_record(item.entry)
        if record.seq >= streams.next_of(record.stream):
            streams.apply(record)
        else:  # a crash left it in both; a queue that was away for a while must not be taken for that
            streams.advance(parse_time(record.time))
            moved.add(leaf_hash(item.entry))
    lost = moved.difference(log.leaf_hashes()) if moved else moved
    if lost:
        raise HomeDamaged(
            f"{len(lost):,} records wait in the queue, and others have their numbers in the log",
            hint="the folder of the queue was missing or replaced for a while; keep a copy, then move its file away",
        )
    return streams
