"""One piece of long work, as the node keeps it and as the API shows it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from counterfoil.errors import CounterfoilError
from counterfoil.organisation.bundles import read_show
from counterfoil.store.streams import time_text

if TYPE_CHECKING:
    from counterfoil.organisation import Organisation

__all__ = ["Cancelled", "JobState", "JobView", "Run", "Task"]


class JobState(StrEnum):
    """How a job stands."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_over(self) -> bool:
        """Whether nothing more happens to it."""
        return self in (JobState.DONE, JobState.FAILED, JobState.CANCELLED)


@dataclass(frozen=True, slots=True)
class JobView:
    """A job.

    Attributes:
        id: 16 hexadecimal digits.
        kind: `rebuild`, `bundle`, `replay`, `anchor`, `fetch`, `push`, `snapshot` or `trade`.
        by: Id of whoever started it.
        arguments: What was asked for; once it is over, what is still needed of it.
        state: How it stands.
        done: Steps done.
        total: Steps in all, as far as known; 0 before the first.
        started_s: When it was asked for, Unix seconds.
        finished_s: When it was over, None before.
        told: What it found so far.
        error: Code, message and hint of what it failed with; empty otherwise.
        resumed: How often it was taken up again after the node had stopped.
        file: Name of the file it made, as it is to be saved; empty without one.
    """

    id: str
    kind: str
    by: str
    arguments: Mapping[str, Any]
    state: JobState
    done: int
    total: int
    started_s: int
    finished_s: int | None
    told: Mapping[str, Any]
    error: Mapping[str, str]
    resumed: int
    file: str

    def to_json(self) -> dict[str, Any]:
        """Returns the job as the API shows it; what was asked for may name people and is left out."""
        return {
            "by": self.by,
            "done": self.done,
            "error": dict(self.error) or None,
            "file": self.file or None,
            "finished": None if self.finished_s is None else time_text(self.finished_s),
            "id": self.id,
            "kind": self.kind,
            "resumed": self.resumed,
            "started": time_text(self.started_s),
            "state": str(self.state),
            "told": dict(self.told),
            "total": self.total,
        }

    @property
    def arguments_once_over(self) -> Mapping[str, Any]:
        """What is still needed of what was asked for: which records a file shows. An address may hold a secret."""
        return self.arguments if self.kind == "bundle" else {}

    @property
    def shows_values(self) -> bool:
        """Whether its file shows, or will show, private values."""
        return self.kind == "bundle" and read_show(self.arguments.get("show", ())) != "nothing"

    @property
    def places(self) -> Sequence[int]:
        """Places of the records in its file, once it is there."""
        if self.kind != "bundle":
            return ()
        if self.arguments.get("records"):
            return sorted({int(index) for index in self.arguments["records"]})
        last = self.arguments.get("last")
        end = int(self.told.get("log_size", 0)) if last is None else int(last) + 1
        return range(int(self.arguments.get("first") or 0), end)


class Cancelled(CounterfoilError):
    """Somebody stopped the job. Raised inside it, at its next sign of progress."""


@dataclass(frozen=True, slots=True)
class Run:
    """What a running job is given.

    Attributes:
        org: The organisation.
        arguments: What was asked for.
        told: What it had found before the node stopped; empty at the first start.
        folder: Where it may keep files of its own.
        is_resumed: Whether it ran before.
        progress: Told (steps done, steps in all); raises `Cancelled`.
        keep: Saves what was found so far, to go on from after a crash.
    """

    org: Organisation
    arguments: Mapping[str, Any]
    told: Mapping[str, Any]
    folder: Path
    is_resumed: bool
    progress: Callable[[int, int], None]
    keep: Callable[[Mapping[str, Any]], None]


Task = Callable[[Run], Mapping[str, Any]]
"""Does the work and returns what it found; a member `file` names a file it left in its folder."""

MOST_LISTED: Final = 1_000
"""Places that a job lists in what it found."""
