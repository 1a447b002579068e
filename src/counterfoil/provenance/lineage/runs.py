"""Runs on record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from threading import Lock

from sqlalchemy import select

from counterfoil.core.statement import parse_record
from counterfoil.errors import InvalidInput, NotFound
from counterfoil.provenance.datasets import Datasets
from counterfoil.provenance.lineage.graph import Standing
from counterfoil.provenance.lineage.lineage import Lineage
from counterfoil.provenance.lineage.records import Rederivation, RunRecord, require_told_kind
from counterfoil.provenance.lineage.tables import rederivations, runs
from counterfoil.provenance.lineage.views import source_text
from counterfoil.provenance.naming import is_place
from counterfoil.provenance.reports.dataset_gate import DatasetGate
from counterfoil.store.archive import Archive
from counterfoil.store.objects import Objects
from counterfoil.store.recorder import Recorder
from counterfoil.store.streams import time_text
from counterfoil.store.views import Views

__all__ = ["Run", "Runs"]


@dataclass(frozen=True, slots=True)
class Run:
    """A run on record and where it stands."""

    index: int
    leaf: str
    record: RunRecord


class Runs:
    """The runs of one home.

    Args:
        recorder: Writes records.
        archive: Reads them.
        views: Finds them.
        objects: Keeps sources and lists of packages.
        lineage: Knows what came from what.
        datasets: Reads what went in.
        gate: Refuses datasets for models.
    """

    def __init__(
        self,
        recorder: Recorder,
        archive: Archive,
        views: Views,
        objects: Objects,
        lineage: Lineage,
        datasets: Datasets,
        gate: DatasetGate,
    ) -> None:
        self._recorder = recorder
        self._archive = archive
        self._views = views
        self._objects = objects
        self._lineage = lineage
        self._datasets = datasets
        self._gate = gate
        self._recording = Lock()  # between looking whether a run is on record, or makes a circle, and its writing

    def now(self) -> str:
        """Returns the time as records have it."""
        return time_text(self._recorder.now_s())

    def keep(self, data: bytes) -> str:
        """Keeps a source text or a list of packages, and returns its SHA-256 (hex)."""
        return self._objects.put_sealed(data)

    def kept(self, sha256: str) -> bytes:
        """Returns what was kept (NotFound when this home does not have it)."""
        return self._objects.get_sealed(sha256)

    def record(self, run: RunRecord) -> Run:
        """Records a run; one that was told from elsewhere is recorded once. Safe to call from many threads.

        Raises:
            InvalidInput: When an output is among what its inputs came from: data cannot come from itself. Or when
                an input or output is on record, and is neither a dataset nor a model. Or when it is told as a fetch
                of ours.
            NotFound: When an input or output is not on record.
            NotAllowed: When a model came out, and this home's rules keep a dataset that went in from models.
        """
        self.require_tellable(run)
        return self._recorded(run)

    def require_tellable(self, run: RunRecord) -> None:
        """Raises what `record` would, but for circles: nothing need be kept of a run that is refused."""
        require_told_kind(run.kind)
        run.draft()
        inputs, outputs = ([self._place_of(leaf) for leaf in some] for some in (run.inputs, run.outputs))
        if any(self._archive.record(place).kind == "model" for place in outputs):
            for place in inputs:
                if self._archive.record(place).kind == "dataset":
                    self._gate.require(self._datasets.at(place))

    def happened(self, run: RunRecord) -> Run:
        """Records what another system's events tell, whatever the rules for datasets say: it has happened.

        A model that came of it is on record already, and with the step a recall of the data reaches it.

        Raises:
            InvalidInput: As for `record`.
            NotFound: As for `record`.
        """
        require_told_kind(run.kind)
        return self._recorded(run)

    def fetched(self, run: RunRecord) -> Run:
        """Records that this program fetched a snapshot; for the snapshots alone, so that each such run is true."""
        return self._recorded(run)

    def _recorded(self, run: RunRecord) -> Run:
        draft = run.draft()
        with self._recording:
            known = self.told_from(run.source) if run.source else None
            if known is not None:
                return known
            self._require_no_circle(run)
            written = self._recorder.write(draft)
        return Run(written.index or 0, written.leaf.hex(), run)

    def rederived(self, run: Run, found: Rederivation) -> int:
        """Records that a run was run again, and returns the place of that record."""
        return self._recorder.write(found.draft(run.record.name)).index or 0

    def all(self) -> list[Run]:
        """Returns all runs, oldest first."""
        return [self.at(place) for place in self._views.places(select(runs.c.idx).order_by(runs.c.idx))]

    def page(self, limit: int, before: int | None = None) -> list[Run]:
        """Returns the newest runs, newest first, of those below the place `before`."""
        query = select(runs.c.idx).order_by(runs.c.idx.desc()).limit(limit)
        if before is not None:
            query = query.where(runs.c.idx < before)
        return [self.at(place) for place in self._views.places(query)]

    def find(self, wanted: str) -> Run:
        """Returns a run by its place in the log, or the newest of a name (NotFound without one)."""
        if is_place(wanted):
            return self.at(int(wanted))
        with self._views.reading() as connection:
            query = select(runs.c.idx).where(runs.c.name == wanted).order_by(runs.c.idx.desc())
            found = connection.execute(query).scalars().first()
        if found is None:
            raise NotFound(f"there is no run {wanted[:60]!r}", hint="see which there are: counterfoil lineage runs")
        return self.at(int(found))

    def at(self, index: int) -> Run:
        """Returns the run whose record stands at `index` (NotFound for another kind of record)."""
        record = parse_record(self._archive.entry(index))
        if record.kind != "run":
            raise NotFound(f"record {index} is no run; its kind is {record.kind}", hint="counterfoil lineage runs")
        return Run(index, self._archive.leaf_hex(index), RunRecord.read(record))

    def tries(self, run: Run) -> list[tuple[int, Rederivation]]:
        """Returns how often a run was run again, oldest first: the place of each record, and what it says."""
        query = select(rederivations.c.idx).where(rederivations.c.run_idx == run.index).order_by(rederivations.c.idx)
        return [(place, Rederivation.read(self._archive.record(place))) for place in self._views.places(query)]

    def standing(self, run: Run) -> Standing:
        """Returns how well a run is known: told, or run again and found the same or not; the last try counts."""
        tries = self.tries(run)
        if not tries:
            return "declared"
        return "rederived" if tries[-1][1].is_same else "differs"

    def told_from(self, source: Mapping[str, str]) -> Run | None:
        """Returns the run that was told from elsewhere under this name; None when it is not on record."""
        wanted = source_text(source)
        with self._views.reading() as connection:
            found = connection.execute(select(runs.c.idx).where(runs.c.source == wanted)).scalars().first()
        return None if found is None else self.at(int(found))

    def _require_no_circle(self, run: RunRecord) -> None:
        inputs = {self._place_of(leaf) for leaf in run.inputs}
        outputs = {self._place_of(leaf) for leaf in run.outputs}
        before = inputs | self._lineage.ancestors(inputs)
        wrong = next(iter(sorted(outputs & before)), None)
        if wrong is not None:
            raise InvalidInput(
                f"record {wrong} would come from itself: it is among what the inputs of {run.name!r} came from",
                hint="register what came out under a name of its own",
            )

    def _place_of(self, leaf: str) -> int:
        """Returns the place of a dataset or model; an edge to anything else would say nothing."""
        place = self._views.index_of(leaf)
        kind = self._archive.record(place).kind
        if kind not in ("dataset", "model"):
            raise InvalidInput(f"record {place} is neither a dataset nor a model; its kind is {kind}")
        return place
