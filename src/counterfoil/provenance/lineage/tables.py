"""The searchable tables of lineage."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Boolean, Column, Index, String, Table

from counterfoil.store.views import Place, metadata

__all__ = ["edges", "rederivations", "runs"]

edges: Final = Table(
    "lineage_edges",
    metadata,
    Column("parent_idx", Place, primary_key=True, autoincrement=False),
    Column("child_idx", Place, primary_key=True, autoincrement=False),
    Column("run_idx", Place),
    Column("passport_idx", Place),
    Index("lineage_edges_by_child", "child_idx"),
)
"""Which record came from which: parent before child. `run_idx` is the run that says so, which is one of the two;
`passport_idx` the passport that does, which is neither."""

runs: Final = Table(
    "runs",
    metadata,
    Column("idx", Place, primary_key=True, autoincrement=False),
    Column("name", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("source", String, nullable=False),
    Index("runs_by_source", "source"),
)
"""Runs; `source` is what a run is called where it was told from, as `system:id`."""

rederivations: Final = Table(
    "rederivations",
    metadata,
    Column("idx", Place, primary_key=True, autoincrement=False),
    Column("run_idx", Place, nullable=False),
    Column("is_same", Boolean, nullable=False),
    Index("rederivations_by_run", "run_idx"),
)
