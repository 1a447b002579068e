"""Commitments to rows as a searchable table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sqlalchemy import Column, Connection, Index, String, Table

from counterfoil.core.check_rows import ROWS_KIND
from counterfoil.store.views import Place, Row, metadata

__all__ = ["RowsView", "row_commitments"]

row_commitments: Final = Table(
    "row_commitments",
    metadata,
    Column("idx", Place, primary_key=True, autoincrement=False),
    Column("dataset_leaf", String, nullable=False),
    Index("row_commitments_by_dataset", "dataset_leaf"),
)


class RowsView:
    """Keeps one row per commitment."""

    kinds = frozenset({ROWS_KIND})

    def fold(self, connection: Connection, rows: Sequence[Row]) -> None:
        """Takes records in log order."""
        for row in rows:
            leaf = row.record.builds_on[0] if row.record.builds_on else ""
            connection.execute(row_commitments.insert().values(idx=row.index, dataset_leaf=leaf))
