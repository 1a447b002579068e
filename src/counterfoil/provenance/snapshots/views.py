"""Removed contents as a searchable table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sqlalchemy import Column, Connection, Index, String, Table

from counterfoil.provenance.snapshots.records import REMOVAL, Removal
from counterfoil.store.views import Place, Row, metadata

__all__ = ["SnapshotView", "removals"]

removals: Final = Table(
    "snapshot_removals",
    metadata,
    Column("idx", Place, primary_key=True, autoincrement=False),
    Column("sha256", String, nullable=False),
    Index("snapshot_removals_by_digest", "sha256"),
)


class SnapshotView:
    """Keeps one row per removal."""

    kinds = frozenset({REMOVAL})

    def fold(self, connection: Connection, rows: Sequence[Row]) -> None:
        """Takes removals in log order."""
        for row in rows:
            removal = Removal.read(row.record)
            connection.execute(removals.insert().values(idx=row.index, sha256=removal.sha256))
