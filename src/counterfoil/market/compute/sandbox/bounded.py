"""Reading what a job made without trusting its size: archives that unpack to far more than they hold."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import BinaryIO, Final

from counterfoil.errors import TooLarge

__all__ = ["BoundedReader", "inflated"]

_PIECE_BYTES: Final = 2**16
_AUTO: Final = 32 + zlib.MAX_WBITS
"""zlib finds out itself whether a stream has the header of gzip or of zlib (zlib manual, inflateInit2)."""


class BoundedReader:
    """A stream of which no more than so many bytes are ever read; asking for more is an error, not a short read.

    Wrap what a decompressor gives, so that what counts is the size after unpacking.

    Args:
        stream: Read from.
        most_bytes: That may come out of it.
    """

    def __init__(self, stream: BinaryIO, most_bytes: int) -> None:
        self._stream = stream
        self._left = most_bytes
        self._most = most_bytes

    def read(self, size: int = -1) -> bytes:
        """Returns up to `size` bytes, or all that is left.

        Raises:
            TooLarge: When the stream holds more than is allowed.
        """
        wanted = self._left + 1 if size < 0 else min(size, self._left + 1)
        pieces: list[bytes] = []
        while wanted > 0 and (piece := self._stream.read(min(wanted, _PIECE_BYTES))):
            pieces.append(piece)
            wanted -= len(piece)
            self._left -= len(piece)
            if self._left < 0:
                raise _too_large(self._most)
        return b"".join(pieces)


def inflated(stream: BinaryIO, most_bytes: int) -> Iterator[bytes]:
    """Yields what a gzip or zlib stream unpacks to, in pieces; no more than `most_bytes` are ever in memory.

    Raises:
        TooLarge: Before more than `most_bytes` were yielded.
        zlib.error: When it is no such stream.
    """
    unpacker, left = zlib.decompressobj(_AUTO), most_bytes
    while packed := stream.read(_PIECE_BYTES):
        while packed:
            piece = unpacker.decompress(packed, min(_PIECE_BYTES, left + 1))
            left -= len(piece)
            if left < 0:
                raise _too_large(most_bytes)
            if piece:
                yield piece
            packed = unpacker.unconsumed_tail
        if unpacker.eof:
            return


def _too_large(most_bytes: int) -> TooLarge:
    return TooLarge(f"it unpacks to more than {most_bytes:,} bytes", hint="nothing of it was kept")
