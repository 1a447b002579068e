"""Files that anybody may send: how much of the disk they take together, and how many one caller sends at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from fastapi import Request

from counterfoil.errors import TooManyRequests
from counterfoil.web.roles import Principal

__all__ = ["Intake"]

_WAIT_S = 5


class Intake:
    """The files under way to one node. Used in the event loop only.

    Whoever sends slowly takes up little and keeps nobody waiting: what counts is what has arrived.

    Args:
        most_bytes: Of all files together that lie on the disk.
        most_each: Files of one key, or of one address without one.
    """

    def __init__(self, most_bytes: int, most_each: int) -> None:
        self._most_bytes = most_bytes
        self._most_each = most_each
        self._bytes = 0
        self._files: Counter[str] = Counter()

    @contextmanager
    def file_of(self, request: Request) -> Iterator[Callable[[int], None]]:
        """Takes in a file; yields what is told the size of every piece that arrives.

        Raises:
            TooManyRequests: The caller has too many under way, or all together are too large.
        """
        name = _caller(request)
        if self._files[name] >= self._most_each:
            raise TooManyRequests(
                f"{self._most_each} files of yours are under way",
                hint="send the next one when one was answered",
                retry_after_s=_WAIT_S,
            )
        self._files[name] += 1
        taken = 0

        def arrived(size: int) -> None:
            nonlocal taken
            if self._bytes + size > self._most_bytes:
                raise TooManyRequests(
                    "this node has as many files to check as it can hold",
                    hint="ask again in a moment",
                    retry_after_s=_WAIT_S,
                )
            self._bytes += size
            taken += size

        try:
            yield arrived
        finally:
            self._bytes -= taken
            self._files[name] -= 1
            self._files += Counter()  # forgets those who have none


def _caller(request: Request) -> str:
    who: Principal | None = request.state.principal
    return (request.client.host if request.client else "") if who is None else who.id
