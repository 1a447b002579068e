"""Runs on record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from sqlalchemy import select

from counterfoil.core.statement import parse_record
from counterfoil.errors import InvalidInput, NotFound
from counterfoil.provenance.lineage.lineage import Lineage
from counterfoil.provenance.lineage.records import Rederivation, RunRecord
from counterfoil.provenance.lineage.tables import runs
from counterfoil.provenance.lineage.views import source_text
from counterfoil.store.archive import Archive
from counterfoil.store.objects import Objects
from counterfoil.store.recorder import Recorder
from counterfoil.store.streams import time_text
from counterfoil.store.views import Views

if TYPE_CHECKING:
    from counterfoil.provenance.datasets import Dataset
    from counterfoil.provenance.model_register import Model

__all__ = ["Input", "Run", "Runs"]

Input: TypeAlias = "Dataset | Model | str | int"
"""What goes into a run: a dataset or model on record, its name, or its place."""


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
    """

    def __init__(self, recorder: Recorder, archive: Archive, views: Views, objects: Objects, lineage: Lineage) -> None:
        self._recorder = recorder
        self._archive = archive
        self._views = views
        self._objects = objects
        self._lineage = lineage

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
        """Records a run; one that was told from elsewhere is recorded once.

        Raises:
            InvalidInput: When an output is among what its inputs came from: data cannot come from itself.
            NotFound: When an input or output is not on record.
        """
        draft = run.draft()
        if run.source:
            known = self.told_from(run.source)
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
        with self._views.reading() as connection:
            found = connection.execute(select(runs.c.idx).order_by(runs.c.idx)).scalars().all()
        return [self.at(index) for index in found]

    def at(self, index: int) -> Run:
        """Returns the run whose record stands at `index` (NotFound for another kind of record)."""
        record = parse_record(self._archive.entry(index))
        if record.kind != "run":
            raise NotFound(f"record {index} is no run; its kind is {record.kind}", hint="counterfoil lineage runs")
        return Run(index, self._archive.leaf_hex(index), RunRecord.read(record))

    def told_from(self, source: Mapping[str, str]) -> Run | None:
        """Returns the run that was told from elsewhere under this name; None when it is not on record."""
        wanted = source_text(source)
        with self._views.reading() as connection:
            found = connection.execute(select(runs.c.idx).where(runs.c.source == wanted)).scalars().first()
        return None if found is None else self.at(int(found))

    def _require_no_circle(self, run: RunRecord) -> None:
        inputs = {self._views.index_of(leaf) for leaf in run.inputs}
        outputs = {self._views.index_of(leaf) for leaf in run.outputs}
        before = inputs | self._lineage.ancestors(inputs)
        wrong = next(iter(sorted(outputs & before)), None)
        if wrong is not None:
            raise InvalidInput(
                f"record {wrong} would come from itself: it is among what the inputs of {run.name!r} came from",
                hint="register what came out under a name of its own",
            )
