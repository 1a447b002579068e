"""Where the content of an offer comes from, read in chunks of 1 MiB in any order."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

from counterfoil.core.delivery import CHUNK_BYTES, MAX_CONTENT_BYTES, Content, DeliveryPlan, chunk_leaf
from counterfoil.core.merkle import Frontier
from counterfoil.errors import InvalidInput, Stale
from counterfoil.market.delivery.hash_list import write_hashes

__all__ = ["Progress", "Source", "content_of", "index_content", "read_chunk"]

Progress = Callable[[int, int], None]
"""Told (bytes done, bytes in all)."""


class Source(Protocol):
    """Bytes that can be read anywhere. Several threads may read at once."""

    @property
    def size_bytes(self) -> int:
        """Length of the content."""

    def read_into(self, offset: int, buffer: memoryview) -> int:
        """Fills `buffer` with the bytes from `offset` on; returns how many there were.

        Raises:
            Stale: It was changed since it was opened.
            NodeUnreachable: It is elsewhere, and does not answer.
        """

    def close(self) -> None:
        """Lets go of what is open."""


def read_chunk(source: Source, plan: DeliveryPlan, number: int, buffer: bytearray) -> memoryview:
    """Reads a chunk into `buffer`, of at least 1 MiB, and returns the part of it that it takes.

    Raises:
        Stale: The source has become shorter.
    """
    view = memoryview(buffer)[: plan.chunk_bytes(number)]
    if source.read_into(number * CHUNK_BYTES, view) != len(view):
        raise Stale("the source is shorter than it was", hint="look at what became of it, and publish a new version")
    return view


def index_content(source: Source, path: Path, progress: Progress | None = None) -> Content:
    """Reads all of a source, writes the hashes of its chunks to `path`, and returns the content.

    Raises:
        InvalidInput: There is nothing in it, or more than can be delivered.
        Stale: It was changed meanwhile.
    """
    return Content(write_hashes(path, _leaves(source, progress)), source.size_bytes)


def content_of(source: Source, progress: Progress | None = None) -> Content:
    """Reads all of a source and returns the content, as `index_content` does, without keeping its hashes."""
    frontier = Frontier()
    for leaf in _leaves(source, progress):
        frontier.push(leaf)
    return Content(frontier.root(), source.size_bytes)


def _leaves(source: Source, progress: Progress | None) -> Iterator[bytes]:
    size = source.size_bytes
    if not 1 <= size <= MAX_CONTENT_BYTES:
        raise InvalidInput(
            f"content of {size:,} bytes cannot be delivered",
            hint=f"from 1 byte to {MAX_CONTENT_BYTES:,}; larger ones are offered in parts",
        )
    plan, buffer = DeliveryPlan(size), bytearray(CHUNK_BYTES)
    for number in range(plan.chunks):
        yield chunk_leaf(read_chunk(source, plan, number, buffer))
        if progress is not None:
            progress(min(size, (number + 1) * CHUNK_BYTES), size)
