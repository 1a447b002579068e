"""Which datasets are snapshots, when their sources were asked, and whether their contents were removed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select

from counterfoil.provenance.datasets import Dataset, Datasets
from counterfoil.provenance.lineage.records import SNAPSHOT
from counterfoil.provenance.lineage.runs import Runs
from counterfoil.provenance.lineage.tables import edges, runs
from counterfoil.provenance.snapshots.records import Removal
from counterfoil.provenance.snapshots.views import removals
from counterfoil.provenance.views import datasets
from counterfoil.store.archive import Archive
from counterfoil.store.views import Views

__all__ = ["Fetch", "History"]


@dataclass(frozen=True, slots=True)
class Fetch:
    """A time that a source was asked, and gave this.

    Attributes:
        index: Place of the run's record.
        ended: UTC, whole seconds.
        source: What the record says of the source.
    """

    index: int
    ended: str
    source: dict[str, Any]


class History:
    """The history of one home's snapshots, from its log.

    Args:
        archive: Reads records.
        views: Finds them.
        register: The datasets.
        known: The runs.
    """

    def __init__(self, archive: Archive, views: Views, register: Datasets, known: Runs) -> None:
        self._archive = archive
        self._views = views
        self._datasets = register
        self._runs = known

    def datasets(self, name: str = "") -> list[Dataset]:
        """Returns the datasets that are snapshots, or those of one name, oldest first."""
        query = (
            select(datasets.c.idx)
            .distinct()
            .join(edges, edges.c.child_idx == datasets.c.idx)
            .join(runs, runs.c.idx == edges.c.parent_idx)
            .where(runs.c.kind == SNAPSHOT)
            .order_by(datasets.c.idx)
        )
        if name:
            query = query.where(datasets.c.name == name)
        found = (self._datasets.at(place) for place in self._views.places(query))
        return [each for each in found if self.last_fetch(each)]

    def fetches(self, dataset: Dataset) -> list[Fetch]:
        """Returns the times that the source gave this dataset, oldest first; nobody can tell such a run."""
        query = (
            select(runs.c.idx)
            .join(edges, edges.c.parent_idx == runs.c.idx)
            .where(edges.c.child_idx == dataset.index, runs.c.kind == SNAPSHOT)
            .order_by(runs.c.idx)
        )
        found = [self._runs.at(place) for place in self._views.places(query)]
        told = [(each, each.record.parameters.get("source")) for each in found]
        return [Fetch(each.index, each.record.ended, source) for each, source in told if isinstance(source, dict)]

    def last_fetch(self, dataset: Dataset) -> Fetch | None:
        """Returns the newest fetch that found this dataset; None where it is no snapshot."""
        return next(reversed(self.fetches(dataset)), None)

    def removal(self, sha256: str) -> Removal | None:
        """Returns the removal of these contents; None where there was none, or they were fetched again since."""
        with self._views.reading() as connection:
            removed = connection.execute(
                select(func.max(removals.c.idx)).where(removals.c.sha256 == sha256)
            ).scalar_one_or_none()
            fetched = connection.execute(
                select(func.max(runs.c.idx))
                .join(edges, edges.c.parent_idx == runs.c.idx)
                .join(datasets, datasets.c.idx == edges.c.child_idx)
                .where(runs.c.kind == SNAPSHOT, datasets.c.sha256 == sha256)
            ).scalar_one_or_none()
        if removed is None or (fetched is not None and fetched > removed):
            return None
        return Removal.read(self._archive.record(int(removed)))
