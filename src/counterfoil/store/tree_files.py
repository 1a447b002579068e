"""The log's hashes on disk: one flat file for each tile level.

File L holds, one after the other, the hashes of all complete subtrees of 256^L
leaves, so that C2SP tile L/N is the slice [8192 * N : 8192 * (N + 1)]. Everything
here can be derived again from the segments.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path

from counterfoil.core.merkle import HASH_SIZE_BYTES, Frontier, node_hash, root_of, subtrees
from counterfoil.core.tiles import TILE_WIDTH, tile_width
from counterfoil.errors import HomeDamaged
from counterfoil.store.durable import sync_data, sync_folder, write_all

__all__ = ["TreeFiles"]

_BITS_PER_LEVEL = 8
_CACHED_TILES = 32
"""Tiles whose inner nodes are kept for proofs: about 37 KiB each."""

_READ_HASHES = 8192

_REBUILD = "run `counterfoil rebuild`; if it fails too, restore the log folder from a backup"


class TreeFiles:
    """The hash tree over the log's leaves, partly on disk, its newest part in memory.

    `extend` changes memory only; `flush` writes. A reader never flushes and still
    sees what it added. One thread at a time.
    """

    def __init__(self, folder: Path, size: int, *, read_only: bool = False) -> None:
        """Takes over the files in `folder`, of which the first `size` leaves count.

        Raises:
            HomeDamaged: When a file is missing or too short for `size` leaves.
        """
        self.size = size
        self._folder = folder
        self._flags = os.O_CLOEXEC | (os.O_RDONLY if read_only else os.O_RDWR | os.O_CREAT)
        self._levels: list[_Level] = []
        self._frontier = Frontier()
        self._nodes = lru_cache(maxsize=_CACHED_TILES)(self._tile_nodes)
        try:
            while count := size >> (_BITS_PER_LEVEL * len(self._levels)):
                self._levels.append(_Level(self._open(len(self._levels)), count))
        except BaseException:
            self.close()
            raise

    def extend(self, hashes: Sequence[bytes]) -> None:
        """Adds leaf hashes, and the hashes of all tiles they complete, in memory."""
        self.size += len(hashes)
        level = 0
        while hashes:
            if level == len(self._levels):
                self._levels.append(_Level(None, 0))
            hashes = self._levels[level].extend(hashes)
            level += 1

    def flush(self) -> None:
        """Writes what is in memory only, without syncing (OSError: nothing is forgotten)."""
        for number, level in enumerate(self._levels):
            if level.fd is None:
                level.fd = os.open(self._folder / str(number), self._flags, 0o600)
            level.flush(level.fd)

    def sync(self) -> None:
        """Makes everything durable (OSError: what was flushed since the last sync is in doubt)."""
        self.flush()
        for level in self._levels:
            if level.fd is not None:
                sync_data(level.fd)
        sync_folder(self._folder)

    def trim(self) -> None:
        """Cuts hashes that an earlier writer left beyond the end, and levels not yet reached."""
        self.flush()
        for level in self._levels:
            if level.fd is not None:
                os.ftruncate(level.fd, level.saved * HASH_SIZE_BYTES)
        for path in self._folder.iterdir():
            if not (path.name.isdecimal() and int(path.name) < len(self._levels)):
                path.unlink()

    def close(self) -> None:
        """Gives back the file descriptors; what was not flushed is lost."""
        for level in self._levels:
            if level.fd is not None:
                os.close(level.fd)
        self._levels.clear()
        self._nodes.cache_clear()

    def unflushed_bytes(self) -> int:
        """Returns how many bytes `flush` would write."""
        return sum(len(level.pending) for level in self._levels)

    def read(self, level: int, first: int, count: int) -> bytes:
        """Returns `count` concatenated hashes of a tile level; the caller checked the range."""
        return self._levels[level].read(first, count)

    def leaf_hashes(self, start: int, end: int) -> Iterator[bytes]:
        """Yields the leaf hashes start..end-1 in bounded memory."""
        while start < end:
            count = min(_READ_HASHES, end - start)
            yield from _split(self.read(0, start, count))
            start += count

    def root(self, size: int) -> bytes:
        """Returns the root over the first `size` leaves. The newest root is the cheapest."""
        frontier = self._frontier if size >= self._frontier.size else Frontier()
        for first, leaves in subtrees(frontier.size, size):
            frontier.push(self._aligned(first, leaves), leaves)
        return frontier.root()

    def subtree(self, start: int, end: int) -> bytes:
        """Returns the hash over leaves start..end-1, a subtree of some RFC 6962 tree."""
        parts = [self._cached(first, leaves) for first, leaves in subtrees(start, end)]
        digest = parts.pop()
        for left in reversed(parts):
            digest = node_hash(left, digest)
        return digest

    def _open(self, number: int) -> int:
        try:
            return os.open(self._folder / str(number), self._flags & ~os.O_CREAT)
        except FileNotFoundError as error:
            raise HomeDamaged(f"the hash file {self._folder / str(number)} is missing", hint=_REBUILD) from error

    def _aligned(self, first: int, leaves: int) -> bytes:
        level, shift = divmod(leaves.bit_length() - 1, _BITS_PER_LEVEL)
        return root_of(_split(self.read(level, first >> (level * _BITS_PER_LEVEL), 1 << shift)))

    def _cached(self, first: int, leaves: int) -> bytes:
        level, shift = divmod(leaves.bit_length() - 1, _BITS_PER_LEVEL)
        position = first >> (level * _BITS_PER_LEVEL)
        tile, inside = divmod(position, TILE_WIDTH)
        return self._nodes(level, tile, tile_width(self.size, level, tile))[shift][inside >> shift]

    def _tile_nodes(self, level: int, tile: int, width: int) -> list[list[bytes]]:
        """Returns a tile's hashes, then the complete nodes of each height above them."""
        heights = [_split(self.read(level, tile * TILE_WIDTH, width))]
        while len(below := heights[-1]) > 1:
            pairs = iter(below)
            heights.append([node_hash(left, right) for left, right in zip(pairs, pairs, strict=False)])
        return heights


class _Level:
    """One tile level: `saved` hashes in the file, `pending` after them, and its open tile."""

    __slots__ = ("edge", "fd", "pending", "saved")

    def __init__(self, fd: int | None, saved: int) -> None:
        self.fd = fd
        self.saved = saved
        self.pending = bytearray()
        self.edge: list[bytes] = []
        open_hashes = saved % TILE_WIDTH
        try:
            if saved:
                # Reads the last hash at least, so that a short file is noticed here.
                last = _split(self.read(saved - max(open_hashes, 1), max(open_hashes, 1)))
                self.edge = last[:open_hashes]
        except BaseException:
            if fd is not None:
                os.close(fd)
            raise

    def extend(self, hashes: Sequence[bytes]) -> list[bytes]:
        """Adds hashes and returns those of the tiles that are full now."""
        self.pending += b"".join(hashes)
        edge = self.edge
        edge.extend(hashes)
        full = len(edge) - len(edge) % TILE_WIDTH
        roots = [root_of(edge[start : start + TILE_WIDTH]) for start in range(0, full, TILE_WIDTH)]
        del edge[:full]
        return roots

    def flush(self, fd: int) -> None:
        if self.pending:
            write_all(fd, self.pending, self.saved * HASH_SIZE_BYTES)
            self.saved += len(self.pending) // HASH_SIZE_BYTES
            self.pending = bytearray()

    def read(self, first: int, count: int) -> bytes:
        begin, end = first * HASH_SIZE_BYTES, (first + count) * HASH_SIZE_BYTES
        border = self.saved * HASH_SIZE_BYTES
        data = b""
        if begin < border and self.fd is not None:
            data = os.pread(self.fd, min(end, border) - begin, begin)
            if len(data) != min(end, border) - begin:
                raise HomeDamaged("a hash file is shorter than the log's state says", hint=_REBUILD)
        if end > border:
            data += self.pending[max(begin - border, 0) : end - border]
        return data


def _split(data: bytes) -> list[bytes]:
    return [data[start : start + HASH_SIZE_BYTES] for start in range(0, len(data), HASH_SIZE_BYTES)]
