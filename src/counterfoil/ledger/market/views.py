"""What this home did on the market, as a searchable table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sqlalchemy import Column, Connection, Index, String, Table

from counterfoil.ledger.market.records import TradeRecord
from counterfoil.store.views import Place, Row, metadata

__all__ = ["TradesView", "trades"]

trades: Final = Table(
    "trades",
    metadata,
    Column("idx", Place, primary_key=True, autoincrement=False),
    Column("leaf", String(64), nullable=False),
    Column("action", String(20), nullable=False),
    Column("asset", String(66), nullable=False),
    Column("offer", String(66), nullable=False),
    Column("order", String(66), nullable=False),
    Column("subject", String(66), nullable=False),
    Column("transaction", String(66), nullable=False),
    Index("trades_by_asset", "asset"),
    Index("trades_by_offer", "offer"),
    Index("trades_by_order", "order"),
    Index("trades_by_subject", "subject"),
    Index("trades_by_transaction", "transaction"),
)
"""One row for each `trade` record."""


class TradesView:
    """Keeps one row per trade record."""

    kinds = frozenset({"trade"})

    def fold(self, connection: Connection, rows: Sequence[Row]) -> None:
        """Takes trade records in log order."""
        for row in rows:
            found = TradeRecord.from_about(row.record.about)
            connection.execute(
                trades.insert().values(
                    idx=row.index,
                    leaf=row.leaf.hex(),
                    action=found.action,
                    asset=found.asset,
                    offer=found.offer,
                    order=found.order,
                    subject=found.subject,
                    transaction=found.transaction,
                )
            )
