"""What came of a job: how it ended, what it used, and what it left behind."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any, Self

from counterfoil.errors import InvalidInput

__all__ = ["Exit", "Outcome", "Output", "Usage"]


class Exit(StrEnum):
    """Why a job ended. Its owner is told; the buyer learns `finished` or `failed` alone (`Outcome.for_buyer`)."""

    FINISHED = "finished"
    FAILED = "failed"
    TIME = "killed: time"
    MEMORY = "killed: memory"
    DISK = "killed: disk"
    PROCESSES = "killed: processes"
    OWNER = "killed: by owner"


@dataclass(frozen=True, slots=True, order=True)
class Output:
    """One file that a job left in `/out`.

    Attributes:
        name: Below `/out`, with `/` between folders.
        size_bytes: Of its content.
        sha256_hex: Of its content, 64 hex digits.
    """

    name: str
    size_bytes: int
    sha256_hex: str

    def to_json(self) -> dict[str, Any]:
        """Returns it as an execution receipt lists it."""
        return {"name": self.name, "sha256": self.sha256_hex, "size": self.size_bytes}


@dataclass(frozen=True, slots=True)
class Usage:
    """What a job used.

    Attributes:
        cpu_ms: Milliseconds of processor time, all processes.
        wall_ms: Milliseconds from the start to the end of the last process.
        peak_bytes: Most memory at one time, as far as it was seen: it is looked at some fifty times a second.
        written_bytes: Most that lay in `/out` and `/tmp` at one time.
    """

    cpu_ms: int
    wall_ms: int
    peak_bytes: int
    written_bytes: int

    def padded(self, step_ms: int, step_bytes: int = 2**20) -> Self:
        """Returns the same rounded up to whole steps, so that small differences tell nobody anything.

        Raises:
            InvalidInput: When a step is not above nothing.
        """
        if step_ms < 1 or step_bytes < 1:
            raise InvalidInput("a step to round up to is above nothing")
        return replace(
            self,
            cpu_ms=_up(self.cpu_ms, step_ms),
            wall_ms=_up(self.wall_ms, step_ms),
            peak_bytes=_up(self.peak_bytes, step_bytes),
            written_bytes=_up(self.written_bytes, step_bytes),
        )

    def to_json(self) -> dict[str, int]:
        """Returns it as an execution receipt has it."""
        return {
            "cpu_ms": self.cpu_ms,
            "peak_bytes": self.peak_bytes,
            "wall_ms": self.wall_ms,
            "written_bytes": self.written_bytes,
        }


def _up(value: int, step: int) -> int:
    return -(-value // step) * step


@dataclass(frozen=True, slots=True)
class Outcome:
    """All that is known when a job has ended; for the data's owner, never as it is for the buyer.

    Attributes:
        exit: Why it ended.
        exit_code: Of the algorithm; 128 and the signal's number when a signal ended it.
        detail: In a sentence, what ended it; empty when it finished.
        outputs: Files that were taken out of `/out`, ascending by name; none unless it finished.
        refused: Why outputs were not taken, a sentence each. One of them is enough for none to be taken.
        folder: Where the outputs lie now, under their names.
        usage: What it used.
        log: Standard output and error, as far as they are kept. It may carry the data out: whoever hands it on
            puts it through the gate like any output.
        is_log_cut: Whether more was written than is kept.
    """

    exit: Exit
    exit_code: int
    detail: str
    outputs: tuple[Output, ...]
    refused: tuple[str, ...]
    folder: Path
    usage: Usage
    log: bytes
    is_log_cut: bool

    @property
    def for_buyer(self) -> str:
        """The one bit that a buyer is told: `finished` or `failed`."""
        return "finished" if self.exit is Exit.FINISHED else "failed"
