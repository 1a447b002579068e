"""The log's entries on disk: segments of 65,536 entries, each an append-only file.

Segment n is the concatenation of 256 C2SP entry bundles: every entry is a uint16
length, big-endian, and that many bytes. One file takes a whole batch, so one sync
makes the batch durable.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import lru_cache
from io import FileIO
from itertools import accumulate, pairwise
from pathlib import Path

from counterfoil.errors import HomeDamaged, LogUnavailable, NotAllowed
from counterfoil.store import bundle_index
from counterfoil.store.away_segments import AwaySegments
from counterfoil.store.bundle_index import BUNDLE_ENTRIES, LENGTH_BYTES, whole_entries
from counterfoil.store.depot import Depot
from counterfoil.store.durable import sync_data, sync_folder, write_all

__all__ = ["SEGMENT_ENTRIES", "Segments"]

SEGMENT_ENTRIES = 65_536

_COPY_BYTES = 1 << 20
_REWRITE_BYTES = 4096

_RESTORE = "keep a copy of the log folder as it is, then restore it from a backup"


class Segments:
    """The segment files of one log. One writer at a time; readers see whole entries only.

    Attributes:
        size: Entries taken in so far.
        poisoned: Why nothing can be appended any more, or an empty string.
    """

    def __init__(
        self,
        folder: Path,
        lengths: Sequence[int],
        size: int,
        *,
        read_only: bool = False,
        depot: Depot | None = None,
    ) -> None:
        """Takes over the files in `folder` up to entry `size`.

        Args:
            folder: The folder of the segments.
            lengths: Bytes of each segment up to `size`, the unfinished last one included.
            size: Number of entries in them.
            read_only: Never write, not even what can be derived.
            depot: Where finished segments may be instead.

        Raises:
            HomeDamaged: When a file is missing, too short, or too long for a finished one.
        """
        self.size = size
        self.poisoned = ""
        self._folder = folder
        self._read_only = read_only
        self._away = AwaySegments(depot)
        self._lengths = list(lengths)
        self._fds: dict[int, int] = {}
        self._bundle = lru_cache(maxsize=2)(self._read_bundle)
        self._finished_starts = lru_cache(maxsize=4)(self._load_starts)
        if len(self._lengths) != size // SEGMENT_ENTRIES + 1:
            raise HomeDamaged(f"the log's state names {len(self._lengths)} segments for {size} entries", hint=_RESTORE)
        self._require_files()
        open_entries = size % SEGMENT_ENTRIES
        self._starts = self._load_starts(len(self._lengths) - 1, -(-open_entries // BUNDLE_ENTRIES))
        self._indexed = len(self._starts)

    def lengths(self) -> tuple[int, ...]:
        """Returns the bytes of each segment, the unfinished last one included."""
        return tuple(self._lengths)

    def append(self, entries: Sequence[bytes]) -> None:
        """Writes entries behind the others and returns when they are durable.

        The files are put back as they were when that fails.

        Raises:
            LogUnavailable: When the disk refuses, or refused to be put back earlier.
        """
        if self.poisoned:
            raise LogUnavailable(
                f"the log takes no more entries: {self.poisoned}",
                hint="mend the disk, then open the log again",
            )
        # Cleared only at the end: an interruption between here and there leaves files
        # and memory in doubt, and a fresh look at the files is then the only safe way on.
        self.poisoned = "an append was interrupted"
        number, room = self.size // SEGMENT_ENTRIES, SEGMENT_ENTRIES - self.size % SEGMENT_ENTRIES
        bounds = [0, *range(room, len(entries), SEGMENT_ENTRIES), len(entries)]
        parts = [entries[start:end] for start, end in pairwise(bounds)] if len(bounds) > 2 else [entries]
        try:
            # Each segment is synced before the next is begun, so that after a crash only
            # the last one can have a torn tail.
            for position, part in enumerate(parts):
                self._write(number + position, part, 0 if position else self._lengths[-1])
        except BaseException as error:
            self._roll_back()
            if isinstance(error, OSError):
                raise LogUnavailable(
                    f"{len(entries)} entries could not be saved: {error.strerror or error}",
                    hint="none of them was recorded; free or mend the disk and try again",
                ) from error
            raise
        for part in parts:
            self._take(part)
        self.poisoned = ""

    def scan(self, is_entry: Callable[[bytes], bool]) -> Iterator[list[bytes]]:
        """Takes in the whole entries that follow on disk, yields them in runs.

        Stops at the first that is cut short, empty, or not an entry to `is_entry`.
        """
        while True:
            number = len(self._lengths) - 1
            if not self._path(number).exists():
                return
            with self._open(number) as file:
                file.seek(self._lengths[number])
                room = SEGMENT_ENTRIES - self.size % SEGMENT_ENTRIES
                run: list[bytes] = []
                for entry in whole_entries(file, room):
                    if not is_entry(entry):
                        break
                    run.append(entry)
                    if len(run) == BUNDLE_ENTRIES:
                        self._take(run)
                        yield run
                        run = []
                if run:
                    self._take(run)
                    yield run
            if number == len(self._lengths) - 1 or self._surplus(number):
                return

    def torn(self) -> tuple[int, int, int] | None:
        """Returns (segment, offset, bytes) of what follows the last entry, None if nothing.

        Raises:
            HomeDamaged: When more segments follow: a crash cannot leave that behind.
        """
        last = self._last_on_disk()
        for number in range(max(len(self._lengths) - 2, 0), last + 1):
            if surplus := self._surplus(number):
                if number != last:
                    raise HomeDamaged(
                        f"segment {self._path(number)} is damaged at byte {self._length(number)},"
                        " and later segments follow it",
                        hint=_RESTORE,
                    )
                return number, self._length(number), surplus
        if last > len(self._lengths) - 1:
            raise HomeDamaged(f"segments are missing before {self._path(last)}", hint=_RESTORE)
        return None

    def cut(self, number: int, offset: int, keep: Path) -> None:
        """Moves everything from `offset` of a segment into the new file `keep` (OSError)."""
        with self._path(number).open("rb") as source, keep.open("xb") as target:
            source.seek(offset)
            while data := source.read(_COPY_BYTES):
                target.write(data)
            target.flush()
            os.fsync(target.fileno())
        sync_folder(keep.parent)
        os.ftruncate(self._writable(number), offset)

    def sync(self) -> None:
        """Makes entries durable that were found by `scan` (OSError when the disk refuses)."""
        for number in range(max(len(self._lengths) - 2, 0), len(self._lengths)):
            if self._length(number):
                sync_data(self._writable(number))
        sync_folder(self._folder)

    def save_index(self) -> None:
        """Writes the unfinished segment's index as far as it goes."""
        if self._indexed < len(self._starts):
            self._write_index(len(self._lengths) - 1, self._starts)
            self._indexed = len(self._starts)

    def drop_indexes(self) -> None:
        """Deletes all index files; they are written anew when they are needed."""
        for path in self._folder.glob("*.idx"):
            path.unlink()
        self._finished_starts.cache_clear()
        self._starts = self._load_starts(len(self._lengths) - 1, len(self._starts))

    def bundle(self, number: int, width: int) -> bytes:
        """Returns the first `width` entries of a bundle, lengths included (C2SP entry bundle)."""
        data, ends = self._bundle(number, self._bundle_width(number))
        return data[: ends[width - 1]]

    def entry(self, index: int) -> bytes:
        """Returns one entry; the caller checked the index."""
        number, inside = divmod(index, BUNDLE_ENTRIES)
        data, ends = self._bundle(number, self._bundle_width(number))
        return data[(ends[inside - 1] if inside else 0) + LENGTH_BYTES : ends[inside]]

    def entries(self, start: int, end: int) -> Iterator[bytes]:
        """Yields entries start..end-1, reading ahead about 1 MiB.

        Raises:
            HomeDamaged: When a segment holds fewer whole entries than it should.
        """
        while start < end:
            number, inside = divmod(start, SEGMENT_ENTRIES)
            stop = min(end, (number + 1) * SEGMENT_ENTRIES)
            bundle, skip = divmod(inside, BUNDLE_ENTRIES)
            if bundle:  # holds the index against the bundle it leads to
                self._bundle(start // BUNDLE_ENTRIES, self._bundle_width(start // BUNDLE_ENTRIES))
            with self._open(number) as file:
                file.seek(self._segment_starts(number)[bundle] if bundle else 0)
                found = whole_entries(file, skip + stop - start)
                for _ in range(skip):
                    next(found, None)
                for entry in found:
                    start += 1
                    yield entry
            if start < stop:
                raise HomeDamaged(f"entry {start} cannot be read from {self._path(number)}", hint=_RESTORE)

    def finished(self) -> dict[int, Path]:
        """Returns the full segments that are here and may be elsewhere: all but the newest, which a crash touches."""
        numbers = range(max(len(self._lengths) - 2, 0))
        return {number: self._path(number) for number in numbers if number not in self._away.numbers}

    def drop(self, number: int) -> int:
        """Deletes a segment's file, where the depot keeps it; returns the bytes that it had.

        Raises:
            NotAllowed: The depot does not keep it, or it is needed here.
        """
        kept = self._away.kept(number, self._lengths[number])
        if kept is None or number not in self.finished():
            raise NotAllowed(f"segment {number} is not in the depot, or is needed here")
        self._away.numbers.add(number)  # first: readers then look in the depot
        self._path(number).unlink(missing_ok=True)
        return kept.size_bytes

    def bring(self, start: int, end: int) -> None:
        """Fetches the segments of entries start..end-1 that are not here. Needs no lock, unlike the rest."""
        if self._away.numbers:
            self._away.bring(range(start // SEGMENT_ENTRIES, -(-end // SEGMENT_ENTRIES)))

    def close(self) -> None:
        """Gives back the file descriptors."""
        for fd in self._fds.values():
            os.close(fd)
        self._fds.clear()

    # Writing

    def _write(self, number: int, entries: Sequence[bytes], offset: int) -> None:
        pieces: list[bytes] = [b""] * (2 * len(entries))
        pieces[0::2] = [len(entry).to_bytes(LENGTH_BYTES, "big") for entry in entries]
        pieces[1::2] = entries
        fd = self._writable(number)
        write_all(fd, b"".join(pieces), offset)
        sync_data(fd)
        if offset == 0:
            sync_folder(self._folder)

    def _roll_back(self) -> None:
        """Puts the files back as they were; the log stays poisoned if that fails."""
        number, end = len(self._lengths) - 1, self._lengths[-1]
        try:
            for later in [n for n in self._fds if n > number]:
                os.close(self._fds.pop(later))
                self._path(later).unlink(missing_ok=True)
                # Before the truncation below: a later segment must never outlive it.
                sync_folder(self._folder)
            if (fd := self._fds.get(number)) is not None:
                os.ftruncate(fd, end)
                # A failed sync may have marked pages clean that never reached the disk, and
                # the next sync would then succeed without writing them. Truncating forgets
                # the new pages; the page that also holds older entries is made dirty again.
                start = end - end % _REWRITE_BYTES
                write_all(fd, os.pread(fd, end - start, start), start)
                sync_data(fd)
        except OSError as error:
            self.poisoned = f"a failed append could not be undone ({error.strerror or error})"
        else:
            self.poisoned = ""

    def _take(self, entries: Sequence[bytes]) -> None:
        """Counts entries that are on disk and do not reach beyond the current segment."""
        ends = list(accumulate(map(len, entries), initial=0))
        base = self._lengths[-1]
        for position in range(-self.size % BUNDLE_ENTRIES, len(entries), BUNDLE_ENTRIES):
            self._starts.append(base + LENGTH_BYTES * position + ends[position])
        self._lengths[-1] = base + LENGTH_BYTES * len(entries) + ends[-1]
        self.size += len(entries)
        if self.size % SEGMENT_ENTRIES == 0 and entries:
            self.save_index()
            if (fd := self._fds.pop(len(self._lengths) - 1, None)) is not None:
                os.close(fd)
            self._lengths.append(0)
            self._starts, self._indexed = [], 0

    def _writable(self, number: int) -> int:
        if number not in self._fds:
            flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
            self._fds[number] = os.open(self._path(number), flags, 0o600)
        return self._fds[number]

    # Bundles and their starts

    def _segment_starts(self, number: int) -> Sequence[int]:
        if number == len(self._lengths) - 1:
            return self._starts
        return self._finished_starts(number, SEGMENT_ENTRIES // BUNDLE_ENTRIES)

    def _bundle_width(self, number: int) -> int:
        return min(BUNDLE_ENTRIES, self.size - number * BUNDLE_ENTRIES)

    def _read_bundle(self, number: int, width: int) -> tuple[bytes, list[int]]:
        """Returns a bundle's bytes and where each of its entries ends."""
        segment, position = divmod(number, SEGMENT_ENTRIES // BUNDLE_ENTRIES)
        starts = self._segment_starts(segment)
        begin = starts[position]
        stop = starts[position + 1] if position + 1 < len(starts) else self._lengths[segment]
        with self._open(segment) as file:
            data = os.pread(file.fileno(), stop - begin, begin)
        ends: list[int] = []
        end = 0
        while end + LENGTH_BYTES <= len(data):
            end += LENGTH_BYTES + int.from_bytes(data[end : end + LENGTH_BYTES], "big")
            ends.append(end)
        if len(ends) != width or end != stop - begin or end != len(data):
            raise HomeDamaged(
                f"bundle {number} in {self._path(segment)} does not hold the {width} entries it should",
                hint="run `counterfoil rebuild`; if it fails too, " + _RESTORE,
            )
        return data, ends

    def _load_starts(self, number: int, count: int) -> list[int]:
        """Returns where the first `count` bundles of a segment start; mends a bad index."""
        starts = bundle_index.load(self._index_path(number), count, self._lengths[number])
        if starts is None:
            with self._open(number) as file:
                starts = bundle_index.derive(file, count)
            if len(starts) != count:
                raise HomeDamaged(f"{self._path(number)} holds fewer entries than were recorded", hint=_RESTORE)
            self._write_index(number, starts)
        return starts

    def _write_index(self, number: int, starts: Sequence[int]) -> None:
        # It only saves time: a missing or short index is derived from the segment.
        if not self._read_only:
            with suppress(OSError):
                bundle_index.save(self._index_path(number), starts)

    # Files

    def _path(self, number: int) -> Path:
        return self._folder / f"{number:03d}.seg"

    def _open(self, number: int) -> FileIO:
        try:
            return FileIO(self._path(number))
        except FileNotFoundError as error:
            if self._away.kept(number, self._lengths[number]) is None:
                raise HomeDamaged(f"segment {self._path(number)} is missing", hint=_RESTORE) from error
        return self._away.open(number)

    def _index_path(self, number: int) -> Path:
        return self._folder / f"{number:03d}.idx"

    def _length(self, number: int) -> int:
        return self._lengths[number] if number < len(self._lengths) else 0

    def _surplus(self, number: int) -> int:
        """Returns how many bytes a segment holds beyond its entries."""
        path = self._path(number)
        return path.stat().st_size - self._length(number) if path.exists() else 0

    def _last_on_disk(self) -> int:
        return max((int(path.stem) for path in self._folder.glob("*.seg") if path.stem.isdecimal()), default=-1)

    def _require_files(self) -> None:
        for number, length in enumerate(self._lengths):
            path = self._path(number)
            found = path.stat().st_size if path.exists() else 0
            finished = number < len(self._lengths) - 2
            if finished and not path.exists() and self._away.kept(number, length) is not None:
                self._away.numbers.add(number)
                continue
            if found < length or (finished and found > length):
                raise HomeDamaged(f"{path} has {found} bytes, {length} were recorded", hint=_RESTORE)
