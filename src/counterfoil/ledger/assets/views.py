"""What this home did with assets, as a searchable table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sqlalchemy import Column, Connection, Index, String, Table

from counterfoil.ledger.assets.records import AssetRecord
from counterfoil.store.views import Place, Row, metadata

__all__ = ["AssetsView", "asset_records"]

asset_records: Final = Table(
    "asset_records",
    metadata,
    Column("idx", Place, primary_key=True, autoincrement=False),
    Column("leaf", String(64), nullable=False),
    Column("asset", String(66), nullable=False),
    Column("of", String(64), nullable=False),
    Column("transaction", String(66), nullable=False),
    Index("asset_records_by_asset", "asset"),
    Index("asset_records_by_of", "of"),
)
"""One row for each `asset` record; `of` is the leaf it builds on, empty without one."""


class AssetsView:
    """Keeps one row per asset record."""

    kinds = frozenset({"asset"})

    def fold(self, connection: Connection, rows: Sequence[Row]) -> None:
        """Takes asset records in log order."""
        for row in rows:
            of = row.record.builds_on[0] if row.record.builds_on else ""
            found = AssetRecord.from_about(row.record.about, of)
            connection.execute(
                asset_records.insert().values(
                    idx=row.index, leaf=row.leaf.hex(), asset=found.asset, of=of, transaction=found.transaction
                )
            )
