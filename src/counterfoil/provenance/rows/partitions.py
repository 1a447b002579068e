"""Tags on their way into order: dealt out by their first bits, so that one part at a time fits into memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

from counterfoil.core.merkle import HASH_SIZE_BYTES

if TYPE_CHECKING:
    import numpy as np

__all__ = ["Partitions", "Tagged"]

_BITS: Final = 4
PARTS: Final = 1 << _BITS
"""Of ten million rows, one part is 45 MB."""

_ROW_BYTES: Final = 8
_ENTRY_BYTES: Final = 2 * HASH_SIZE_BYTES + _ROW_BYTES


@dataclass(frozen=True, slots=True)
class Tagged:
    """The rows of one id.

    Attributes:
        tag: 32 bytes.
        rows: Their numbers, ascending.
        leaves: Their leaves, in that order.
    """

    tag: bytes
    rows: tuple[int, ...]
    leaves: tuple[bytes, ...]


class Partitions:
    """Files in a folder, from which rows come back in the order of their tags. Use as a context manager.

    Args:
        folder: An empty folder, for 72 bytes a row.
    """

    def __init__(self, folder: Path) -> None:
        self._paths = [folder / f"part{number:02d}" for number in range(PARTS)]
        with ExitStack() as stack:
            self._files = [stack.enter_context(path.open("wb")) for path in self._paths]
            self._stack = stack.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._stack.close()

    def add(self, tags: Sequence[bytes], leaves: Sequence[bytes], first: int) -> None:
        """Takes the tags and leaves of rows from number `first` on."""
        import numpy as np

        entries = np.empty((len(tags), _ENTRY_BYTES), np.uint8)
        entries[:, :32] = np.frombuffer(b"".join(tags), np.uint8).reshape(-1, 32)
        entries[:, 32:64] = np.frombuffer(b"".join(leaves), np.uint8).reshape(-1, 32)
        numbers = np.arange(first, first + len(tags), dtype=">u8")
        entries[:, 64:] = numbers.view(np.uint8).reshape(-1, _ROW_BYTES)
        parts = entries[:, 0] >> (8 - _BITS)
        for number, file in enumerate(self._files):
            file.write(entries[parts == number].tobytes())

    def sorted(self) -> Iterator[Tagged]:
        """Yields every id's rows, ascending by tag. Nothing can be added after that."""
        import numpy as np

        self._stack.close()
        for path in self._paths:
            entries = np.fromfile(path, np.uint8).reshape(-1, _ENTRY_BYTES)
            path.unlink()
            yield from _by_tag(_in_order(entries))


def _in_order(entries: np.ndarray[Any, Any]) -> bytes:
    """Returns entries ascending by tag; those of one tag stay as they are, ascending by row."""
    import numpy as np

    words = np.ascontiguousarray(entries[:, :32]).view(">u8")
    order = np.lexsort((words[:, 3], words[:, 2], words[:, 1], words[:, 0]))
    return entries[order].tobytes()


def _by_tag(data: bytes) -> Iterator[Tagged]:
    at, end = 0, len(data)
    while at < end:
        tag, start = data[at : at + 32], at
        at += _ENTRY_BYTES
        while data[at : at + 32] == tag:
            at += _ENTRY_BYTES
        places = range(start, at, _ENTRY_BYTES)
        rows = tuple([int.from_bytes(data[place + 64 : place + _ENTRY_BYTES]) for place in places])
        yield Tagged(tag, rows, tuple([data[place + 32 : place + 64] for place in places]))
