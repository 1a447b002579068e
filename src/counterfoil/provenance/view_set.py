"""All searchable tables of this room, for the organisation that keeps them."""

from __future__ import annotations

from counterfoil.provenance.lineage.views import LineageView
from counterfoil.provenance.passports.views import PassportView
from counterfoil.provenance.recalls.views import RecallsView
from counterfoil.provenance.reports.dataset_reports import DatasetReportsView
from counterfoil.provenance.rows import RowsView
from counterfoil.provenance.snapshots.views import SnapshotView
from counterfoil.provenance.views import ProvenanceView
from counterfoil.store.archive import Archive
from counterfoil.store.views import View

__all__ = ["provenance_views"]


def provenance_views(archive: Archive) -> tuple[View, ...]:
    """Returns what this room keeps about records."""
    return (
        ProvenanceView(),
        LineageView(archive),
        PassportView(archive),
        RowsView(),
        RecallsView(archive),
        SnapshotView(),
        DatasetReportsView(),
    )
