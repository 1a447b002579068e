"""Moves what never changes any more from a home to its depot, and says what is where."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from io import FileIO
from pathlib import Path

from counterfoil.core.merkle import HASH_SIZE_BYTES, leaf_hash
from counterfoil.core.tiles import TILE_WIDTH
from counterfoil.errors import HomeDamaged, NotSetUp
from counterfoil.store.archive import Archive
from counterfoil.store.away_segments import segment_key
from counterfoil.store.bundle_index import whole_entries
from counterfoil.store.depot import Depot
from counterfoil.store.objects import Objects
from counterfoil.store.postgres import schema_name
from counterfoil.store.recorder import Recorder
from counterfoil.store.segment import SEGMENT_ENTRIES

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
        freed_bytes: Bytes that were deleted here.
    """

    parts: int
    size_bytes: int
    freed_bytes: int


class HomeDepot:
    """The depot of an opened home. Safe to use from several threads.

    Args:
        depot: The store.
        recorder: Holds the log.
        archive: Names the log.
        objects: Holds models.
    """

    def __init__(self, depot: Depot, recorder: Recorder, archive: Archive, objects: Objects) -> None:
        self._depot = depot
        self._recorder = recorder
        self._archive = archive
        self._objects = objects
        self._pushing = threading.Lock()

    def status(self) -> DepotStatus:
        """Says what is where, without asking the store."""
        kept, here = self._depot.kept, self._finished()
        waiting = [path for key, path in here.items() if key not in kept]
        return DepotStatus(
            self._depot.is_named,
            len(kept),
            sum(part.size_bytes for part in kept.values()),
            sum(part.size_bytes for key, part in kept.items() if key in here),
            len(waiting),
            sum(path.stat().st_size for path in waiting),
        )

    def push(self, *, drop: bool = False, progress: Callable[[int, int], None] | None = None) -> Pushed:
        """Copies finished parts to the depot, each read back; recording goes on meanwhile.

        May be repeated after an interruption: what is kept is not copied again.

        Args:
            drop: Delete here what the depot keeps; it is fetched again when it is read.
            progress: Told how many parts of how many are done.

        Raises:
            NotSetUp: The settings name no depot, or a package is missing.
            LogUnavailable: The depot is away; what was copied before stays kept.
        """
        if not self._depot.is_named:
            raise NotSetUp("the settings name no depot", hint="write depot_url into counterfoil.toml")
        with self._pushing:
            waiting = {key: path for key, path in self._finished().items() if self._depot.find(key) is None}
            size_bytes = 0
            for done, (key, path) in enumerate(waiting.items(), 1):
                self._require_sound(key, path)
                size_bytes += self._depot.keep(key, path, self._name).size_bytes
                if progress is not None:
                    progress(done, len(waiting))
            return Pushed(len(waiting), size_bytes, self._drop() if drop else 0)

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

    def _drop(self) -> int:
        freed = 0
        with self._recorder.lock:
            segments = self._recorder.log.segments
            for number in segments.finished():
                if self._depot.find(segment_key(number)) is not None:  # one may have become full since
                    freed += segments.drop(number)
        for key, path in self._objects.plain().items():
            if self._depot.find(key) is not None:
                freed += path.stat().st_size
                path.unlink()
        return freed

    def _finished(self) -> dict[str, Path]:
        with self._recorder.lock:
            segments = {segment_key(number): path for number, path in self._recorder.log.segments.finished().items()}
        return segments | self._objects.plain()

    def _name(self) -> str:
        return schema_name("home", self._archive.origin, self._archive.identity)
