"""A source: something live that bytes can be had from, and what a record may say of it."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Final, Protocol, TypeAlias

from counterfoil.errors import InvalidInput, LogUnavailable, NodeUnreachable, TooLarge

__all__ = ["DEFAULT_LIMITS", "Fetched", "Limits", "Progress", "Source", "Writer", "safe_name"]

Progress: TypeAlias = Callable[[int, int], None]
"""Told (bytes so far, bytes in all; where that is not known, again those so far)."""

_NAME: Final = re.compile(r"[^A-Za-z0-9._-]+")
_MOST_NAME: Final = 100


@dataclass(frozen=True, slots=True)
class Limits:
    """How far a source is followed.

    Attributes:
        most_bytes: Contents larger than this are refused.
        timeout_s: For everything in all, however slowly the source sends.
        silence_s: For one sign of life.
        redirects: At most.
    """

    most_bytes: int = 8 * 2**30
    timeout_s: float = 3_600
    silence_s: float = 30
    redirects: int = 5

    def __post_init__(self) -> None:
        if self.most_bytes < 1 or self.timeout_s <= 0 or self.silence_s <= 0 or self.redirects < 0:
            raise InvalidInput("a limit of a snapshot is not more than nothing", hint="give bytes and seconds above 0")


DEFAULT_LIMITS: Final = Limits()


@dataclass(frozen=True, slots=True)
class Fetched:
    """What a source gave.

    Attributes:
        file: Where it lies, in clear.
        told: What the record says of the source: JSON values, no secret, nothing about a person.
        is_unordered: Whether it is a table whose rows have no order.
        query: What was asked of a database; kept sealed, for the record has its digest only.
    """

    file: Path
    told: dict[str, Any]
    is_unordered: bool = False
    query: str = field(default="", repr=False)


class Source(Protocol):
    """Something live."""

    def describe(self) -> dict[str, Any]:
        """Returns what is known of it without asking it; no secret."""

    def fetch(self, folder: Path, limits: Limits, progress: Progress | None) -> Fetched:
        """Writes what it gives now into `folder`.

        Raises:
            NodeUnreachable: It does not answer, or breaks off.
            InvalidInput: What it gives is not what was asked for.
            NotAllowed: It leads where nobody may go.
            TooLarge: It gives more than the limits allow.
        """


@dataclass(slots=True)
class Writer:
    """Counts what is written, and stops at the limits.

    Attributes:
        file: Takes the bytes.
        limits: Where to stop.
        progress: Told of every write.
        total_bytes: How many the source announced; 0 where it did not.
        done_bytes: How many were written.
        ends_s: When the time is over, on the monotonic clock; from now on as long as the limits say, when 0.
    """

    file: BinaryIO
    limits: Limits
    progress: Progress | None = None
    total_bytes: int = 0
    done_bytes: int = 0
    ends_s: float = 0.0

    def __post_init__(self) -> None:
        self.ends_s = self.ends_s or time.monotonic() + self.limits.timeout_s

    def write(self, data: bytes) -> None:
        """Writes some bytes.

        Raises:
            TooLarge: That makes more than the limits allow.
            NodeUnreachable: The time is over.
            LogUnavailable: The disk refuses.
        """
        self.done_bytes += len(data)
        if self.done_bytes > self.limits.most_bytes:
            raise TooLarge(
                f"the source gives more than {self.limits.most_bytes:,} bytes",
                hint="allow more, or ask it for less; nothing was kept",
            )
        self.require_time()
        try:
            self.file.write(data)
        except OSError as error:
            raise LogUnavailable(f"a snapshot could not be kept: {error.strerror}") from error
        if self.progress is not None:
            self.progress(self.done_bytes, max(self.done_bytes, self.total_bytes))

    def require_time(self) -> None:
        """Raises NodeUnreachable when the time is over."""
        if time.monotonic() > self.ends_s:
            raise NodeUnreachable(
                f"the source was not through within {self.limits.timeout_s:g} seconds", hint="allow more time"
            )


def safe_name(name: str, fallback: str) -> str:
    """Returns a name for a file that a source calls `name`: plain characters, no folder, no leading dot."""
    found = _NAME.sub("_", name.rpartition("/")[2])[-_MOST_NAME:].lstrip(".")
    return found or fallback
