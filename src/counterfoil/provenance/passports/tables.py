"""The searchable tables of passports."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Column, Index, String, Table

from counterfoil.store.views import Place, metadata

__all__ = ["passports", "reports"]

passports: Final = Table(
    "passports",
    metadata,
    Column("idx", Place, primary_key=True, autoincrement=False),
    Column("subject_idx", Place, nullable=False),
    Index("passports_by_subject", "subject_idx"),
)
"""Passports; of those with one subject the newest counts."""

reports: Final = Table(
    "reports",
    metadata,
    Column("idx", Place, primary_key=True, autoincrement=False),
    Column("about_idx", Place, primary_key=True, autoincrement=False),
    Column("kind", String, nullable=False),
    Index("reports_by_about", "about_idx"),
)
"""Records that report on a dataset or model, and which."""
