"""An append-only log of entries in a folder, with the hash tree that proves it.

    entries/<n>.seg   65,536 entries each, as C2SP entry bundles laid end to end
    entries/<n>.idx   where each bundle of a segment starts          (derived)
    hashes/<L>        the hashes of tile level L laid end to end     (derived)
    state.json        what is safely on disk, written now and then
    torn/             bytes that a crash left half-written, kept aside

The segments are the truth. An append is durable when its segment is; everything
written since the state was last saved is derived again when the log is opened.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from counterfoil.core.canonical import JsonValue
from counterfoil.core.merkle import consistency_path, inclusion_path
from counterfoil.core.tiles import MAX_ENTRY_BYTES, TILE_WIDTH, tile_width
from counterfoil.errors import HomeDamaged, InvalidInput, LogUnavailable, NotFound
from counterfoil.store.depot import Depot
from counterfoil.store.durable import sync_folder
from counterfoil.store.log_hashes import hash_into, open_hashes, rewrite_hashes
from counterfoil.store.log_state import STATE_FILE, LogState
from counterfoil.store.segment import SEGMENT_ENTRIES, Segments
from counterfoil.store.tree_files import TreeFiles

__all__ = ["Log", "Recovery"]

_FLUSH_BYTES = 4 << 20
"""Derived hashes held in memory while a long tail is read back."""


@dataclass(frozen=True, slots=True)
class Recovery:
    """What opening the log had to mend.

    Attributes:
        entries_derived: Entries found after the saved state, hashed again.
        bytes_cut: Bytes of a half-written append that were moved aside.
        torn_file: Where those bytes are now.
    """

    entries_derived: int = 0
    bytes_cut: int = 0
    torn_file: Path | None = None


class Log:
    """A durable log. One writer at a time, one thread at a time: the owner holds the lock.

    Attributes:
        recovered: What opening had to mend.
    """

    def __init__(
        self, folder: Path, state: LogState, segments: Segments, tree: TreeFiles, *, read_only: bool = False
    ) -> None:
        """For `create` and `open`."""
        self.recovered = Recovery()
        self._folder = folder
        self._state = state
        self._segments = segments
        self._tree = tree
        self._read_only = read_only
        self._hashes_doubtful = False

    @classmethod
    def create(cls, folder: Path) -> Log:
        """Makes an empty log in `folder` and opens it for writing.

        Raises:
            InvalidInput: When there is a log already.
            LogUnavailable: When the disk refuses.
        """
        if (folder / STATE_FILE).exists() or any(folder.glob("entries/*.seg")):
            raise InvalidInput(f"{folder} already holds a log", hint="open it, or choose another folder")
        try:
            for name in ("entries", "hashes", "torn"):
                (folder / name).mkdir(parents=True, exist_ok=True)
            sync_folder(folder.parent)
            state = LogState()
            state.save(folder)
        except OSError as error:
            raise _unavailable("the log could not be created", error) from error
        return cls(folder, state, Segments(folder / "entries", state.segment_bytes, 0), TreeFiles(folder / "hashes", 0))

    @classmethod
    def open(
        cls,
        folder: Path,
        *,
        is_entry: Callable[[bytes], bool],
        read_only: bool = False,
        least_size: int = 0,
        depot: Depot | None = None,
    ) -> Log:
        """Opens a log and mends what a crash left behind.

        Hashes that were not saved are derived again. A half-written tail is moved to
        torn/. A reader changes nothing and ignores such a tail.

        Args:
            folder: The log's folder.
            is_entry: Whether bytes are an entry; asked for entries after the saved state.
            read_only: Open beside a writer: change nothing.
            least_size: Entries known to be durable, from the newest signed head.
            depot: Where finished segments may be instead of the folder.

        Raises:
            HomeDamaged: When files contradict the saved state or each other, or fewer
                than `least_size` entries are there. Nothing was changed.
            LogUnavailable: When mending fails because the disk refuses.
        """
        state = LogState.load(folder)
        log = None
        try:
            segments = Segments(folder / "entries", state.segment_bytes, state.size, read_only=read_only, depot=depot)
            tree = open_hashes(folder, state, segments, read_only=read_only)
            log = cls(folder, state, segments, tree, read_only=read_only)
            log._catch_up(is_entry)
            if log.size < least_size:
                raise HomeDamaged(
                    f"the log holds {log.size} readable entries, but {least_size} were signed for",
                    hint="keep a copy of the log folder as it is, then restore it from a backup",
                )
            if not read_only:
                log._mend(log.size - state.size)
        except OSError as error:
            if log is not None:
                log.release()
            raise _unavailable(f"the log in {folder} could not be opened", error) from error
        except BaseException:
            if log is not None:
                log.release()
            raise
        return log

    @classmethod
    def rebuild_hashes(cls, folder: Path, depot: Depot | None = None) -> int:
        """Derives hash files and indexes anew from the segments, in bounded memory.

        The log must not be open. Without a readable state, an empty one is written: the next
        `open` then derives everything, asks `is_entry` for every entry, and `extra` is None.

        Returns:
            Number of entries covered by the state.

        Raises:
            HomeDamaged: When the segments do not lead to the saved root. Nothing was changed.
            LogUnavailable: When the disk refuses.
        """
        try:
            if not (folder / STATE_FILE).exists() and any(folder.glob("entries/*.seg")):
                LogState().save(folder)
            state = LogState.load(folder)
            segments = Segments(folder / "entries", state.segment_bytes, state.size, depot=depot)
            try:
                rewrite_hashes(folder, state, segments)
                segments.drop_indexes()
            finally:
                segments.close()
        except OSError as error:
            raise _unavailable("the hash files could not be rebuilt", error) from error
        return state.size

    @property
    def size(self) -> int:
        """Number of entries, all of them durable."""
        return self._tree.size

    @property
    def state_size(self) -> int:
        """Number of entries covered by the saved state."""
        return self._state.size

    @property
    def extra(self) -> JsonValue:
        """What the caller saved with the state; entries state_size..size-1 came later."""
        return self._state.extra

    @property
    def state_due(self) -> bool:
        """Whether a segment was finished since the state was saved: time for `save_state`."""
        return self.size // SEGMENT_ENTRIES > self._state.size // SEGMENT_ENTRIES

    def append(self, entries: Sequence[bytes], leaf_hashes: Sequence[bytes] | None = None) -> int:
        """Adds entries and returns when they are durable, all of them or none.

        Args:
            entries: Each 1 to 65,535 bytes.
            leaf_hashes: Their leaf hashes where the caller has them already; trusted.

        Returns:
            Index of the first.

        Raises:
            InvalidInput: When an entry is empty or too long. Nothing was written.
            LogUnavailable: When the disk refuses. The log is as it was before.
        """
        first = self.size
        if self._read_only:
            raise InvalidInput("this log was opened for reading only")
        if not entries:
            return first
        if min(map(len, entries)) == 0 or max(map(len, entries)) > MAX_ENTRY_BYTES:
            raise InvalidInput(f"an entry has between 1 and {MAX_ENTRY_BYTES:,} bytes")
        if leaf_hashes is None:
            leaf_hashes = [sha256(b"\x00" + entry).digest() for entry in entries]
        elif len(leaf_hashes) != len(entries):
            raise InvalidInput(f"{len(leaf_hashes)} leaf hashes were given for {len(entries)} entries")
        self._segments.append(entries)
        self._tree.extend(leaf_hashes)
        self._segments.save_index()
        self._flush_if_possible()
        return first

    @property
    def segments(self) -> Segments:
        """The files of the entries."""
        return self._segments

    def bring(self, start: int, end: int) -> None:
        """Makes entries start..end-1 readable without waiting for a depot. Needs no lock, unlike the rest."""
        self._segments.bring(start, end)

    def entry(self, index: int) -> bytes:
        """Returns one entry (NotFound when there is none at `index`)."""
        self._require_index(index)
        return self._segments.entry(index)

    def entries(self, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """Yields entries start..end-1 (to the newest one now) in bounded memory."""
        return self._segments.entries(*self._require_range(start, end))

    def leaf_hash(self, index: int) -> bytes:
        """Returns one leaf hash, 32 bytes (NotFound when there is none at `index`)."""
        self._require_index(index)
        return self._tree.read(0, index, 1)

    def leaf_hashes(self, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """Yields the leaf hashes start..end-1 (to the newest one now) in bounded memory."""
        return self._tree.leaf_hashes(*self._require_range(start, end))

    def root(self, size: int | None = None) -> bytes:
        """Returns the root over the first `size` entries (all), 32 bytes."""
        return self._tree.root(self._require_size(size))

    def inclusion(self, index: int, size: int | None = None) -> list[bytes]:
        """Returns the audit path of an entry in the tree of `size` (RFC 9162 2.1.3.1)."""
        size = self._require_size(size)
        if not 0 <= index < size:
            raise NotFound(f"entry {index} is not among the first {size} entries")
        return inclusion_path(index, size, self._tree.subtree)

    def consistency(self, old: int, new: int | None = None) -> list[bytes]:
        """Returns the proof that the tree of `new` extends that of `old` (RFC 9162 2.1.4.1)."""
        new = self._require_size(new)
        if not 0 <= old <= new:
            raise InvalidInput(f"no proof leads from size {old} to {new}")
        return consistency_path(old, new, self._tree.subtree) if old else []

    def tile(self, level: int, number: int, width: int = TILE_WIDTH) -> bytes:
        """Returns C2SP tile/<level>/<number>, the first `width` hashes: 32 * width bytes.

        Raises:
            NotFound: When the tree does not reach that far.
        """
        if level < 0 or number < 0 or not 1 <= width <= tile_width(self.size, level, number):
            raise NotFound(f"there is no tile {level}/{number} of width {width} in a log of {self.size}")
        return self._tree.read(level, number * TILE_WIDTH, width)

    def entry_bundle(self, number: int, width: int = TILE_WIDTH) -> bytes:
        """Returns C2SP tile/entries/<number>, its first `width` entries with their lengths.

        Raises:
            NotFound: When the log does not reach that far.
        """
        if number < 0 or not 1 <= width <= tile_width(self.size, 0, number):
            raise NotFound(f"there is no bundle {number} of {width} entries in a log of {self.size}")
        return self._segments.bundle(number, width)

    def save_state(self, extra: JsonValue) -> None:
        """Makes hashes and `extra` durable, so that the next `open` starts from here.

        Raises:
            LogUnavailable: When the disk refuses. No entry is lost; try again later.
        """
        if self._read_only:
            raise InvalidInput("this log was opened for reading only")
        try:
            if self._hashes_doubtful:
                self._derive_again()
            self._hashes_doubtful = True
            self._tree.sync()
            self._hashes_doubtful = False
            state = LogState(self.size, self.root(), self._segments.lengths(), extra)
            state.save(self._folder)
        except OSError as error:
            raise _unavailable("the log's state could not be saved", error) from error
        self._state = state

    def close(self, extra: JsonValue) -> None:
        """Saves the state and lets go of the files. A reader only lets go of them."""
        try:
            if not self._read_only and (self.size, extra) != (self._state.size, self._state.extra):
                self.save_state(extra)
        finally:
            self.release()

    def release(self) -> None:
        """Lets go of the files without saving; the next `open` derives what is missing."""
        self._segments.close()
        self._tree.close()

    def refresh(self, is_entry: Callable[[bytes], bool]) -> int:
        """Takes in, for a reader, what the writer has added since; returns the new size."""
        if not self._read_only:
            raise InvalidInput("a writer already knows everything in its log")
        self._catch_up(is_entry)
        return self.size

    # Opening

    def _catch_up(self, is_entry: Callable[[bytes], bool]) -> None:
        for run in self._segments.scan(is_entry):
            self._tree.extend([sha256(b"\x00" + entry).digest() for entry in run])
            if not self._read_only and self._tree.unflushed_bytes() > _FLUSH_BYTES:
                self._flush_if_possible()

    def _mend(self, entries_derived: int) -> None:
        torn = self._segments.torn()
        torn_file = None
        if torn:
            segment, offset, _ = torn
            (self._folder / "torn").mkdir(exist_ok=True)
            torn_file = _free_name(self._folder / "torn", f"{segment:03d}-{offset}")
            self._segments.cut(segment, offset, torn_file)
        # What a killed writer left may be in the page cache only, and is about to be
        # treated as durable.
        if torn or entries_derived:
            self._segments.sync()
        self._segments.save_index()
        self._tree.trim()
        self.recovered = Recovery(entries_derived, torn[2] if torn else 0, torn_file)

    # Derived files

    def _flush_if_possible(self) -> None:
        # The entries are durable and their hashes stay in memory: the next flush writes
        # them, and save_state reports the trouble if it lasts.
        with suppress(OSError):
            self._tree.flush()

    def _derive_again(self) -> None:
        """Writes the hashes since the saved state anew: after a failed sync the old ones cannot be trusted."""
        tree = TreeFiles(self._folder / "hashes", self._state.size)
        try:
            hash_into(tree, self._segments.entries(self._state.size, self.size))
        except BaseException:
            tree.close()
            raise
        self._tree.close()
        self._tree = tree

    # Arguments

    def _require_index(self, index: int) -> None:
        if not 0 <= index < self.size:
            raise NotFound(f"there is no entry {index} in a log of {self.size}")

    def _require_range(self, start: int, end: int | None) -> tuple[int, int]:
        end = self.size if end is None else end
        if not 0 <= start <= end <= self.size:
            raise NotFound(f"entries {start} to {end} are not all in a log of {self.size}")
        return start, end

    def _require_size(self, size: int | None) -> int:
        size = self.size if size is None else size
        if not 0 <= size <= self.size:
            raise NotFound(f"the log has {self.size} entries, not {size}")
        return size


def _free_name(folder: Path, stem: str) -> Path:
    path, copy = folder / f"{stem}.bin", 1
    while path.exists():
        copy += 1
        path = folder / f"{stem}-{copy}.bin"
    return path


def _unavailable(what: str, error: OSError) -> LogUnavailable:
    return LogUnavailable(
        f"{what}: {error.strerror or error}", hint="check that the disk is writable and has space, then try again"
    )
