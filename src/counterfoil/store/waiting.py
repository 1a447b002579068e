"""Callers who wait for a commit: what they brought, and what became of it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from counterfoil.errors import CounterfoilError
from counterfoil.store.prepared import Prepared

__all__ = ["Guard", "OnFailure", "Recorded", "Waiting", "admitted", "share"]

OnFailure = Literal["deny", "spool"]
"""What a caller wants when the log is away: no decision, or a durable queue."""

Guard: TypeAlias = Callable[[Prepared], CounterfoilError | None]
"""Says why a record may not be written now; None where it may."""


_TELLS_ORIGINS: Final = frozenset({"passport", "run"})


@dataclass(frozen=True, slots=True)
class Recorded:
    """A record that is durable.

    Attributes:
        index: Place in the log; None while it waits in the queue.
        seq: Number in its stream.
        time: UTC text.
        entry: Its bytes.
        leaf: 32-byte leaf hash.
        promise: The signed promise of a waiting record, empty otherwise.
    """

    index: int | None
    seq: int
    time: str
    entry: bytes
    leaf: bytes
    promise: str = ""


class Waiting:
    """One caller's records, and what became of them."""

    __slots__ = ("error", "gate", "is_done", "on_failure", "records", "results")

    def __init__(self, records: Sequence[Prepared], on_failure: OnFailure) -> None:
        self.records = records
        self.on_failure = on_failure
        self.results: list[Recorded] | None = None
        self.error: Exception | None = None
        self.gate = threading.Lock()
        self.is_done = False

    @property
    def tells_origins(self) -> bool:
        """Whether a record in it says what something else came from, so that a guard may judge differently after it."""
        return any(record.kind in _TELLS_ORIGINS for record in self.records)


def admitted(batch: list[Waiting], guard: Guard | None) -> list[Waiting]:
    """Returns the callers whose records may all be written; the others are told why not, and none of theirs is."""
    if guard is None:
        return batch
    for waiting in batch:
        waiting.error = next((error for error in map(guard, waiting.records) if error is not None), None)
    return [waiting for waiting in batch if waiting.error is None]


def share(results: Sequence[Recorded], batch: Sequence[Waiting]) -> None:
    """Hands every caller its part of the results."""
    start = 0
    for waiting in batch:
        waiting.results = list(results[start : start + len(waiting.records)])
        waiting.error = None
        start += len(waiting.records)
