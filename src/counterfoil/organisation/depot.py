"""Moves what never changes any more from a home to its depot, and says what is where."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from io import FileIO
from pathlib import Path

from counterfoil.core.merkle import HASH_SIZE_BYTES, leaf_hash
from counterfoil.core.statement import read_record
from counterfoil.core.tiles import TILE_WIDTH
from counterfoil.errors import HomeDamaged, NotSetUp
from counterfoil.store.archive import Archive
from counterfoil.store.away_segments import segment_key
from counterfoil.store.bundle_index import whole_entries
from counterfoil.store.depot import Depot, Kept
from counterfoil.store.objects import Objects
from counterfoil.store.postgres import schema_name
from counterfoil.store.recorder import Recorder
from counterfoil.store.segment import SEGMENT_ENTRIES
from counterfoil.store.vault_parts import vault_part_key
from counterfoil.store.vault_push import VaultPush
from counterfoil.store.working_records import WorkingRecords

__all__ = ["DepotStatus", "HomeDepot", "Pushed"]


@dataclass(frozen=True, slots=True)
class DepotStatus:
    """What is where.

    Attributes:
        is_named: Whether the settings name a depot.
        kept: Number of parts in the depot.
        kept_bytes: Their bytes.
        here_too_bytes: Of those, bytes that are still in the home as well.
        waiting: Number of finished parts that are in the home only.
        waiting_bytes: Their bytes.
    """

    is_named: bool
    kept: int
    kept_bytes: int
    here_too_bytes: int
    waiting: int
    waiting_bytes: int


@dataclass(frozen=True, slots=True)
class Pushed:
    """What one push did.

    Attributes:
        parts: Number of parts that were copied and read back.
        size_bytes: Their bytes.
        freed_bytes: Bytes that the home has fewer now.
    """

    parts: int
    size_bytes: int
    freed_bytes: int


class HomeDepot:
    """The depot of an opened home. Safe to use from several threads.

    Args:
        depot: The store.
        recorder: Holds the log and the vault.
        archive: Names the log.
        objects: Holds models.
        scratch: File for a part of the vault while it is copied.
        working: Keeps the records that deciding needs.
        needed: Returns the digests of models that decide here: their files stay.
    """

    def __init__(
        self,
        depot: Depot,
        recorder: Recorder,
        archive: Archive,
        objects: Objects,
        scratch: Path,
        working: WorkingRecords,
        needed: Callable[[], frozenset[str]],
    ) -> None:
        self._working = working
        self._needed = needed
        self._depot = depot
        self._recorder = recorder
        self._archive = archive
        self._objects = objects
        self._vault = VaultPush(recorder.vault, depot, scratch, self._roots, working)
        self._pushing = threading.Lock()

    def status(self) -> DepotStatus:
        """Says what is where, without asking the store."""
        kept, files, numbers = self._depot.kept, self._finished(), self._full_parts()
        waiting = [path.stat().st_size for key, path in files.items() if key not in kept]
        waiting += [self._vault.size_bytes(number) for number in self._vault.waiting(numbers)]
        here = files.keys() | {vault_part_key(number) for number in self._vault.here(numbers)}
        return DepotStatus(
            self._depot.is_named,
            len(kept),
            sum(part.size_bytes for part in kept.values()),
            sum(part.size_bytes for key, part in kept.items() if key in here),
            len(waiting),
            sum(waiting),
        )

    def lost(self) -> list[str]:
        """Returns the parts of the vault that are not whole here, and not kept as far as the home knows."""
        return [vault_part_key(number) for number in self._vault.lost(self._full_parts())]

    def push(self, *, drop: bool = False, progress: Callable[[int, int], None] | None = None) -> Pushed:
        """Copies finished parts to the depot, each read back; recording goes on meanwhile.

        May be repeated after an interruption: what is kept is not copied again.

        Args:
            drop: Delete here what the depot keeps; it is fetched again when it is read.
            progress: Told how many parts of how many are done.

        Raises:
            NotSetUp: The settings name no depot, or a package is missing.
            LogUnavailable: The depot is away; what was copied before stays kept.
            HomeDamaged: Parts were altered, here or there; all the others were copied, and dropped.
        """
        if not self._depot.is_named:
            raise NotSetUp("the settings name no depot", hint="write depot_url into counterfoil.toml")
        with self._pushing:
            self._vault.clear()
            freed = -self._keep_working() if drop else 0
            files = {key: path for key, path in self._finished().items() if self._depot.find(key) is None}
            numbers = self._vault.waiting(self._full_parts())
            steps: list[Callable[[], Kept]] = [partial(self._keep, key, path) for key, path in files.items()]
            steps += [partial(self._vault.keep, number, self._name, drop=drop) for number in numbers]
            size_bytes, damaged = 0, list[HomeDamaged]()
            for done, step in enumerate(steps, 1):
                with _collecting(damaged):
                    size_bytes += step().size_bytes
                if progress is not None:
                    progress(done, len(steps))
            with _collecting(damaged):
                freed += self._drop() if drop else 0
            if damaged:
                raise damaged[0]
            return Pushed(len(steps), size_bytes, freed)

    def _keep(self, key: str, path: Path) -> Kept:
        self._require_sound(key, path)
        return self._depot.keep(key, path, self._name)

    def _require_sound(self, key: str, path: Path) -> None:
        """Holds a part against what the home knows of it: what was altered is not kept as if it were whole.

        Raises:
            HomeDamaged: It was altered.
        """
        folder, _, name = key.partition("/")
        if folder == "artefacts":
            self._objects.get(name)
            return
        start = int(Path(name).stem) * SEGMENT_ENTRIES
        with FileIO(path) as file:
            entries = whole_entries(file, SEGMENT_ENTRIES + 1)
            hashes = b"".join(leaf_hash(entry) for entry in entries)
        for place in range(0, SEGMENT_ENTRIES, TILE_WIDTH):
            wanted = self._archive.tile(0, (start + place) // TILE_WIDTH, TILE_WIDTH)
            if hashes[place * HASH_SIZE_BYTES :][: len(wanted)] != wanted:
                raise HomeDamaged(
                    f"{path} was altered near entry {start + place}",
                    hint="keep a copy of the log folder as it is, then restore it from a backup",
                )

    def _keep_working(self) -> int:
        """Keeps what deciding needs of what may leave; returns the bytes that takes."""
        with self._recorder.lock:
            numbers = list(self._recorder.log.segments.finished())
        starts = [number * SEGMENT_ENTRIES for number in numbers]
        return sum(
            self._working.keep(enumerate(self._archive.entries(start, start + SEGMENT_ENTRIES), start))
            for start in starts
        )

    def _drop(self) -> int:
        freed, segments = 0, self._recorder.log.segments
        with self._recorder.lock:
            leaving = [each for each in segments.finished() if self._depot.find(segment_key(each)) is not None]
            for number in leaving:
                freed += segments.drop(number)
        needed = self._needed()
        for key, path in self._objects.plain().items():
            if path.name not in needed and self._depot.find(key) is not None:
                freed += path.stat().st_size
                path.unlink()
        return freed + self._vault.make_room(self._full_parts())

    def _finished(self) -> dict[str, Path]:
        with self._recorder.lock:
            segments = {segment_key(number): path for number, path in self._recorder.log.segments.finished().items()}
        return segments | self._objects.plain()

    def _full_parts(self) -> range:
        """Returns the numbers of what is finished, here or not: all that is full but the newest, as in the log."""
        return range(max(self._archive.size // SEGMENT_ENTRIES - 1, 0))

    def _roots(self, indices: Sequence[int]) -> Iterator[tuple[int, bytes]]:
        """Yields (index, root) of records of one part, as the log names them."""
        if not indices:
            return
        wanted, first = frozenset(indices), indices[0]
        for index, entry in enumerate(self._archive.entries(first, indices[-1] + 1), first):
            if index in wanted:
                yield index, read_record(entry).digest

    def _name(self) -> str:
        return schema_name("home", self._archive.origin, self._archive.identity)


@contextmanager
def _collecting(damaged: list[HomeDamaged]) -> Iterator[None]:
    """Puts damage aside, so that one part that was altered does not keep the others from going."""
    try:
        yield
    except HomeDamaged as error:
        damaged.append(error)
