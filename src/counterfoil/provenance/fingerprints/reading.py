"""Takes the fingerprint of a file or folder, with several threads, reading only what the cache does not know.

1. walk the folder;
2. take the entries of files whose stamps are those of the last time from the cache;
3. read the others: small files many at a time, large ones in runs of chunks;
4. bind all entries under the root, and write the cache.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Final, TypeAlias

from counterfoil.core.merkle import HASH_SIZE_BYTES
from counterfoil.errors import InvalidInput
from counterfoil.provenance.fingerprints.algorithm import Algorithm, Hash, new_hash, require_algorithm
from counterfoil.provenance.fingerprints.content import BUFFER_BYTES, chunk_hashes, whole_hash
from counterfoil.provenance.fingerprints.entry import CHUNK_BYTES, WHOLE_BYTES, Entry, chunk_root, chunks_of
from counterfoil.provenance.fingerprints.fingerprint import Fingerprint
from counterfoil.provenance.fingerprints.stat_cache import StatCache
from counterfoil.provenance.fingerprints.walk import Found, link_target, walk

__all__ = ["MOST_THREADS", "Progress", "content_hashes", "fingerprint_of"]

Progress: TypeAlias = Callable[[int, int], None]
"""Told (bytes read, bytes in all)."""

MOST_THREADS: Final = 16
_RUN_BYTES: Final = 16 * 2**20
"""One thread takes so much at a time: enough that taking it costs nothing, little enough that all end together."""

_RUN_FILES: Final = 64
_TELL_S: Final = 0.1
_ALONE_BYTES: Final = 2**20
"""Less than this is read without starting threads."""


def fingerprint_of(
    path: Path | str,
    *,
    algorithm: Algorithm = "sha256",
    ignore: Sequence[str] = (),
    follow_links: bool = False,
    threads: int | None = None,
    cache: StatCache | None = None,
    progress: Progress | None = None,
) -> Fingerprint:
    """Returns the fingerprint of a file or folder; every byte that the cache does not vouch for is read.

    Args:
        path: The file or folder.
        algorithm: `sha256`, or `blake3` where both sides agree on it.
        ignore: Patterns of names or paths that are left out; see `walk`.
        follow_links: Whether links count as what they lead to.
        threads: That hash at the same time; as many as there are processors without it.
        cache: Knows the hashes of files that were not changed since; None reads everything.
        progress: Told how far it is.

    Raises:
        NotFound: There is no such file or folder.
        InvalidInput: Something in it cannot be read, has no content, or was changed meanwhile.
        NotSetUp: The package for BLAKE3 is missing.
    """
    make = new_hash(require_algorithm(algorithm))
    files = walk(Path(path), ignore=ignore, follow_links=follow_links)
    known = cache.load(files, algorithm) if cache is not None else None
    if known is not None and known.root is not None:
        return Fingerprint(algorithm, known.entries, known.root, tuple(ignore))
    kept = {each.path: each for each in known.entries} if known is not None else {}
    reading = _Reading(make, [each for each in files if each.path not in kept and not each.is_link])
    reading.run(_threads(threads), progress)
    entries = [kept.get(each.path) or reading.entry(each, algorithm) for each in files]
    made = Fingerprint.of(entries, algorithm, ignore)
    if cache is not None:
        cache.save(files, made)
    return made


def content_hashes(
    files: Sequence[Found], *, threads: int | None = None, progress: Progress | None = None
) -> dict[bytes, bytes]:
    """Returns the SHA-256 of each file's whole content by its path, however large it is; links are left out."""
    reading = _Reading(sha256, [each for each in files if not each.is_link], whole_bytes=2**63)
    reading.run(_threads(threads), progress)
    return reading.whole


@dataclass(slots=True)
class _Run:
    """What one thread does next: some small files, or some chunks of a large one."""

    files: list[Found]
    chunks: range = field(default_factory=lambda: range(0))

    @property
    def size_bytes(self) -> int:
        if not self.chunks:
            return sum(each.stamp.size_bytes for each in self.files)
        return min(self.chunks.stop * CHUNK_BYTES, self.files[0].stamp.size_bytes) - self.chunks.start * CHUNK_BYTES


class _Reading:
    """Reads files with several threads; each thread writes to places of its own."""

    def __init__(self, make: Hash, files: Sequence[Found], whole_bytes: int = WHOLE_BYTES) -> None:
        self._make = make
        self._whole_bytes = whole_bytes
        self.whole: dict[bytes, bytes] = {}
        self._chunks: dict[bytes, bytearray] = {}
        self._runs = list(self._planned(files))
        self._next = iter(self._runs)
        self._lock = threading.Lock()  # owns `_next`, `_done` and `_fault`
        self._done = 0
        self._fault: BaseException | None = None

    def run(self, threads: int, progress: Progress | None) -> None:
        """Reads everything, and raises what went wrong first."""
        total = sum(each.size_bytes for each in self._runs)
        if total < _ALONE_BYTES or (threads == 1 and progress is None):
            self._work()
        else:
            self._spread(min(threads, len(self._runs)), total, progress)
        if self._fault is not None:
            raise self._fault
        if progress is not None:
            progress(total, total)

    def entry(self, found: Found, algorithm: Algorithm) -> Entry:
        """Returns the entry of a file that was read, or of a link."""
        if found.is_link:
            target = link_target(found)
            return Entry(found.path, len(target), "link", sha256(target).digest(), target=target)
        size_bytes = found.stamp.size_bytes
        if size_bytes <= self._whole_bytes:
            return Entry(found.path, size_bytes, "whole", self.whole[found.path])
        chunks = bytes(self._chunks[found.path])
        return Entry(found.path, size_bytes, "chunks", chunk_root(chunks, algorithm), chunks)

    def _planned(self, files: Sequence[Found]) -> Iterator[_Run]:
        small: list[Found] = []
        taken = 0
        for each in files:
            if each.stamp.size_bytes > self._whole_bytes:
                count, step = chunks_of(each.stamp.size_bytes), _RUN_BYTES // CHUNK_BYTES
                self._chunks[each.path] = bytearray(count * HASH_SIZE_BYTES)
                for start in range(0, count, step):
                    yield _Run([each], range(start, min(start + step, count)))
                continue
            small.append(each)
            taken += each.stamp.size_bytes
            if len(small) == _RUN_FILES or taken >= _RUN_BYTES:
                yield _Run(small)
                small, taken = [], 0
        if small:
            yield _Run(small)

    def _spread(self, threads: int, total: int, progress: Progress | None) -> None:
        workers = [threading.Thread(target=self._work, daemon=True) for _ in range(threads)]
        for each in workers:
            each.start()
        try:
            for each in workers:
                while each.is_alive():
                    each.join(_TELL_S)
                    if progress is not None and self._fault is None:
                        progress(self._done, total)
        except BaseException as error:  # Ctrl-C: the threads stop after what they have in hand
            self._stop(error)
            for each in workers:
                each.join()
            raise

    def _work(self) -> None:
        buffer = memoryview(bytearray(BUFFER_BYTES))
        try:
            while (run := self._take()) is not None:
                self._read(run, buffer)
                with self._lock:
                    self._done += run.size_bytes
        except BaseException as error:  # noqa: BLE001 - whatever ends a thread is raised by `run`
            self._stop(error)

    def _take(self) -> _Run | None:
        with self._lock:
            return None if self._fault is not None else next(self._next, None)

    def _stop(self, error: BaseException) -> None:
        with self._lock:
            self._fault = self._fault or error

    def _read(self, run: _Run, buffer: memoryview) -> None:
        if not run.chunks:
            for each in run.files:
                self.whole[each.path] = whole_hash(each, self._make, buffer)
            return
        [found] = run.files
        hashes = chunk_hashes(found, run.chunks, self._make, buffer)
        start, stop = run.chunks.start * HASH_SIZE_BYTES, run.chunks.stop * HASH_SIZE_BYTES
        self._chunks[found.path][start:stop] = b"".join(hashes)


def _threads(wanted: int | None) -> int:
    if wanted is None:
        here = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        return min(MOST_THREADS, here)
    if not 1 <= wanted <= MOST_THREADS:
        raise InvalidInput(f"{wanted} threads were asked for", hint=f"1 to {MOST_THREADS}")
    return wanted
