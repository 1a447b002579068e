"""Writes the auditor's file: records, proofs, and the fields chosen to be shown."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from counterfoil.core.bundle import Manifest, ShownLine, entry_tiles, hash_tiles
from counterfoil.core.checkpoint import SignedCheckpoint
from counterfoil.core.proofs import LogProof
from counterfoil.core.statement import Record, read_record
from counterfoil.core.tiles import TILE_WIDTH, encode_bundle, tile_path
from counterfoil.errors import InvalidInput, NotAllowed, NotFound
from counterfoil.store.archive import Archive
from counterfoil.store.bundle_file import BundleWriter, Show, Written
from counterfoil.store.recorder import Recorder
from counterfoil.store.vault import Vault
from counterfoil.store.views import Views

__all__ = ["Bundles", "Written", "places_about", "read_show"]

Progress = Callable[[int, int], None]


@dataclass
class _Count:
    shown: int = 0
    withheld: int = 0


class Bundles:
    """Writes bundles of one home.

    Args:
        recorder: Ends the running epochs, so that the newest counts are in.
        archive: Reads records, proofs and private values.
        views: Finds the records that others build on.
    """

    def __init__(self, recorder: Recorder, archive: Archive, views: Views) -> None:
        self._recorder = recorder
        self._archive = archive
        self._views = views

    def write_range(
        self,
        path: Path | str,
        start: int = 0,
        end: int | None = None,
        *,
        show: Show = "nothing",
        progress: Progress | None = None,
    ) -> Written:
        """Writes every record from `start` to `end`, so that completeness can be checked.

        Both ends are widened to whole tiles of 256 records; of the records added so, no
        field is shown.

        Args:
            path: The new file.
            start: First record.
            end: One past the last; the newest when None.
            show: Fields to show.
            progress: Called with (records done, records in all).

        Raises:
            InvalidInput: For an impossible range or when the file exists.
        """
        path = Path(path)
        if end is None:
            self._recorder.close_epochs(up_to_now=True)
        note = self._archive.witnessed_checkpoint()
        size = SignedCheckpoint.parse(note).head.size
        end = size if end is None else end
        if not 0 <= start <= end <= size:
            raise InvalidInput(f"the log has records 0 to {size}; {start} to {end} is not a part of it")
        asked = range(start, end)  # the widened rest is there for its proofs; its fields stay private
        start -= start % TILE_WIDTH
        end = min(size, -(-end // TILE_WIDTH) * TILE_WIDTH)
        count = _Count()
        with BundleWriter(path) as bundle:
            bundle.write(
                "bundle.json", Manifest(self._archive.origin, start, end, None, self._archive.handovers).encode()
            )
            bundle.write("checkpoint", note.encode())
            self._write_anchor(bundle, size)
            self._write_tiles(bundle, start, end, size)
            schemas: set[str] = set()
            entries = enumerate(self._archive.entries(start, end), start)
            lines = self._lines(entries, asked, show, schemas, count, progress, end - start)
            bundle.write_lines("disclosures.ndjson", lines)
            self._write_schemas(bundle, schemas)
        return Written(path, end - start, count.shown, count.withheld)

    def write_records(
        self, path: Path | str, indices: Iterable[int], *, show: Show = "nothing", progress: Progress | None = None
    ) -> Written:
        """Writes selected records, and those they build on, each with its own proof.

        Args:
            path: The new file.
            indices: Places in the log.
            show: Fields to show, of all records in the bundle.
            progress: Called with (records done, records in all).
        """
        path = Path(path)
        note = self._archive.witnessed_checkpoint()
        size = SignedCheckpoint.parse(note).head.size
        chosen = self.with_origins(indices)
        if not chosen:
            raise InvalidInput("a bundle needs at least one record")
        count = _Count()
        with BundleWriter(path) as bundle:
            manifest = Manifest(self._archive.origin, indices=tuple(chosen), handovers=self._archive.handovers)
            bundle.write("bundle.json", manifest.encode())
            bundle.write("checkpoint", note.encode())
            self._write_anchor(bundle, size)
            for index in chosen:
                bundle.write(f"records/{index}.json", self._archive.entry(index))
                proof = LogProof(index, self._archive.inclusion(index, size), note)
                bundle.write(f"proofs/{index}.tlog-proof", proof.text().encode())
            schemas: set[str] = set()
            entries = ((index, self._archive.entry(index)) for index in chosen)
            asked = frozenset(chosen)
            bundle.write_lines(
                "disclosures.ndjson", self._lines(entries, asked, show, schemas, count, progress, len(chosen))
            )
            self._write_schemas(bundle, schemas)
        return Written(path, len(chosen), count.shown, count.withheld)

    def with_origins(self, indices: Iterable[int]) -> list[int]:
        """Returns the places of the records and, transitively, of all they build on, ascending."""
        chosen: set[int] = set()
        waiting = list(indices)
        while waiting:
            index = waiting.pop()
            if index not in chosen:
                record = self._archive.record(index)
                chosen.add(index)
                waiting += [self._views.index_of(leaf) for leaf in record.builds_on]
        return sorted(chosen)

    def _write_tiles(self, bundle: BundleWriter, start: int, end: int, size: int) -> None:
        place = start
        for name, width in entry_tiles(start, end):
            bundle.write(name, encode_bundle(list(self._archive.entries(place, place + width))))
            place += width
        for level, number, width in hash_tiles(start, end, size):
            bundle.write(tile_path(level, number, width), self._archive.tile(level, number, width))

    def _write_anchor(self, bundle: BundleWriter, size: int) -> None:
        anchor = self._archive.anchor(size)
        if anchor is not None:
            bundle.write("anchor.json", anchor.encode())

    def _write_schemas(self, bundle: BundleWriter, digests: Iterable[str]) -> None:
        for digest in sorted(digests):
            bundle.write(f"schemas/{digest}.json", self._archive.schema(digest).encoded)

    def _lines(
        self,
        entries: Iterable[tuple[int, bytes]],
        asked: Container[int],
        show: Show,
        schemas: set[str],
        count: _Count,
        progress: Progress | None,
        total: int,
    ) -> Iterator[bytes]:
        """Yields the disclosures in log order and notes the schemas they need."""
        for done, (index, entry) in enumerate(entries, 1):
            if show != "nothing" and index in asked:
                record = read_record(entry)
                line = self._line(index, record, show, count)
                if line is not None and record.schema is not None:
                    schemas.add(record.schema)
                    yield line.encode()
            if progress is not None and (done % 1_000 == 0 or done == total):
                progress(done, total)

    def _line(self, index: int, record: Record, show: Show, count: _Count) -> ShownLine | None:
        if record.schema is None:
            return None
        try:
            tree = self._archive.tree(index)
        except (NotFound, NotAllowed):
            count.withheld += 1
            return None
        count.withheld += bool(tree.erased())
        pointers = None if show == "everything" else _matching(tree.plan.schema.positions, show)
        disclosure = tree.disclose(pointers)
        if not disclosure.shown:
            return None
        count.shown += 1
        return ShownLine(index, disclosure)


def read_show(parts: Sequence[str]) -> Show:
    """Returns the fields to show, as people name them: `everything`, `nothing`, or pointers.

    Raises:
        InvalidInput: One is none of these.
    """
    if not parts or tuple(parts) == ("nothing",):
        return "nothing"
    if tuple(parts) == ("everything",):
        return "everything"
    wrong = next((part for part in parts if not part.startswith("/")), None)
    if wrong is not None:
        raise InvalidInput(
            f"{wrong[:60]!r} names no field to show", hint="everything, nothing, or a field such as /output/label"
        )
    return tuple(parts)


def places_about(vault: Vault, subject: str) -> list[int]:
    """Returns the places of the records about a person.

    Raises:
        NotFound: There is none.
    """
    places = vault.indices_of(subject)
    if not places:
        raise NotFound("no record is about that person", hint="use the reference the decision was made with")
    return places


def _matching(pointers: Iterable[str], show: Sequence[str]) -> list[str]:
    return [pointer for pointer in pointers if any(_covers(part, pointer) for part in show)]


def _covers(part: str, pointer: str) -> bool:
    return pointer == part or pointer.startswith(part.rstrip("/") + "/")
