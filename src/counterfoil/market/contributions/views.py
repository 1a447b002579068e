"""What this home's log says of contributions, as a searchable table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sqlalchemy import Column, Connection, Index, String, Table

from counterfoil.store.views import Place, Row, metadata

__all__ = ["ContributionsView", "contribution_records"]

contribution_records: Final = Table(
    "contribution_records",
    metadata,
    Column("idx", Place, primary_key=True, autoincrement=False),
    Column("leaf", String(64), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("proposal", String(64), nullable=False),
    Column("result", String(16), nullable=False),
    Index("contribution_records_by_proposal", "proposal", "kind"),
)
"""One row a record; `result` is that of a verdict, and empty otherwise."""


class ContributionsView:
    """Keeps one row per record of a contribution."""

    kinds = frozenset({"contribution", "proposal", "verdict"})

    def fold(self, connection: Connection, rows: Sequence[Row]) -> None:
        """Takes records in log order."""
        values = [
            {
                "idx": row.index,
                "leaf": row.leaf.hex(),
                "kind": row.record.kind,
                "proposal": row.record.about["proposal"],
                "result": row.record.about.get("result", ""),
            }
            for row in rows
        ]
        connection.execute(contribution_records.insert(), values)
