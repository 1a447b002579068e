"""What this home's log says of offers and orders, as a searchable table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sqlalchemy import Boolean, Column, Connection, Index, String, Table

from counterfoil.store.views import Place, Row, metadata

__all__ = ["MarketView", "market_records"]

market_records: Final = Table(
    "market_records",
    metadata,
    Column("idx", Place, primary_key=True, autoincrement=False),
    Column("kind", String(32), nullable=False),
    Column("offer", String(66), nullable=False),
    Column("order", String(66), nullable=False),
    Column("digest", String(64), nullable=False),
    Column("is_allowed", Boolean),
    Index("market_records_by_order", "order", "kind"),
    Index("market_records_by_offer", "offer", "kind"),
)
"""One row a record of the market.

`order` is empty for a listing; `digest` is that of what was signed: sheet, delivery statement or execution receipt;
`is_allowed` is that of an admission.
"""

_DIGEST: Final = {
    "admission": "sheet",
    "delivery": "statement",
    "execution": "receipt",
    "listing": "sheet",
    "received": "statement",
}
"""Where each kind of record has the digest of what was signed."""


class MarketView:
    """Keeps one row per record of the market."""

    kinds = frozenset(_DIGEST)

    def fold(self, connection: Connection, rows: Sequence[Row]) -> None:
        """Takes records in log order."""
        values = []
        for row in rows:
            about = row.record.about
            values.append(
                {
                    "idx": row.index,
                    "kind": row.record.kind,
                    "offer": about["offer"],
                    "order": about.get("order", ""),
                    "digest": about[_DIGEST[row.record.kind]],
                    "is_allowed": about.get("allowed"),
                }
            )
        connection.execute(market_records.insert(), values)
