"""What a job writes to standard output and error: kept up to a limit, and handed on line by line."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, TypeAlias

__all__ = ["Line", "Log"]

Line: TypeAlias = Callable[[str], None]
"""Told each line, without its newline, as it comes; signs that steer terminals are replaced."""

_LONGEST_LINE: Final = 8_192
_UNPRINTABLE: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
"""Signs by which a line could steer the terminal it is shown on, or look like another."""


@dataclass(slots=True)
class Log:
    """Takes pieces as they come from a pipe.

    What is beyond the limit is dropped: the job is neither stopped nor held up by it.

    Attributes:
        most_bytes: That are kept.
        on_line: Told each kept line; None tells nobody. It is called between two looks at the job, so it is quick.
        is_cut: Whether something was dropped.
    """

    most_bytes: int
    on_line: Line | None = None
    is_cut: bool = False
    _kept: bytearray = field(default_factory=bytearray)
    _line: bytearray = field(default_factory=bytearray)

    def take(self, piece: bytes) -> None:
        """Keeps what fits of the next bytes, and tells the lines that are complete."""
        fits = piece[: self.most_bytes - len(self._kept)]
        self.is_cut = self.is_cut or len(fits) < len(piece)
        self._kept += fits
        self._line += fits
        while (end := self._line.find(b"\n")) >= 0 or len(self._line) >= _LONGEST_LINE:
            end = end if 0 <= end < _LONGEST_LINE else _LONGEST_LINE
            self._tell(bytes(self._line[:end]))
            del self._line[: end + (self._line[end : end + 1] == b"\n")]

    def close(self) -> bytes:
        """Tells what stands in the last, unfinished line, and returns all that was kept."""
        if self._line:
            self._tell(bytes(self._line))
            self._line.clear()
        return bytes(self._kept)

    def _tell(self, line: bytes) -> None:
        if self.on_line is not None:
            self.on_line(_UNPRINTABLE.sub("\ufffd", line.decode("utf-8", "replace")))
