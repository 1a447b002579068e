"""The searchable table of recalls."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Column, String, Table

from counterfoil.store.views import Place, metadata

__all__ = ["recalls"]

recalls: Final = Table(
    "recalls",
    metadata,
    Column("idx", Place, primary_key=True, autoincrement=False),
    Column("root_idx", Place, nullable=False),
    Column("action", String, nullable=False),
    Column("ended_idx", Place),
)
"""One row a recall: what was recalled, and the place of the record that ended it, if one did."""
