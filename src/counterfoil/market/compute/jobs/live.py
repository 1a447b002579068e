"""A job while it runs, as its owner watches it."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Live"]


@dataclass(slots=True)
class Live:
    """A job that runs now, as its owner watches it.

    Attributes:
        order: Its order.
        lines: The newest lines of its log; for the owner alone.
        done: Parts that are done, of `parts`.
        parts: How many there are; 1 for a job that is not cut in blocks.
        is_stopped: Whether it is to be ended.
        why: Who wants it ended, in words.
        is_abandoned: Whether it is begun anew later: the home is being closed.
    """

    order: str
    lines: list[str]
    done: int = 0
    parts: int = 1
    is_stopped: bool = False
    why: str = ""
    is_abandoned: bool = False

    def take(self, line: str) -> None:
        """Takes a line of the log; the newest 500 are kept."""
        self.lines.append(line)
        del self.lines[:-500]
