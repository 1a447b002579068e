"""Datasets and models as searchable tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sqlalchemy import Column, Connection, Index, Integer, String, Table

from counterfoil.provenance.records import DatasetRecord, ModelRecord
from counterfoil.store.views import Row, metadata

__all__ = ["ProvenanceView", "datasets", "models"]

datasets: Final = Table(
    "datasets",
    metadata,
    Column("idx", Integer, primary_key=True, autoincrement=False),
    Column("name", String, nullable=False),
    Column("sha256", String, nullable=False),
    Column("rows", Integer),
    Index("datasets_by_digest", "sha256"),
    Index("datasets_by_name", "name"),
)
models: Final = Table(
    "models",
    metadata,
    Column("idx", Integer, primary_key=True, autoincrement=False),
    Column("name", String, nullable=False),
    Column("version", String, nullable=False),
    Column("form", String, nullable=False),
    Column("semantic_sha256", String, nullable=False),
    Index("models_by_digest", "semantic_sha256"),
    Index("models_by_name", "name"),
)


class ProvenanceView:
    """Keeps one row per dataset and per model."""

    kinds = frozenset({"dataset", "model"})

    def fold(self, connection: Connection, rows: Sequence[Row]) -> None:
        """Takes dataset and model records in log order."""
        for row in rows:
            if row.record.kind == "dataset":
                dataset = DatasetRecord.read(row.record)
                connection.execute(
                    datasets.insert().values(idx=row.index, name=dataset.name, sha256=dataset.sha256, rows=dataset.rows)
                )
            else:
                model = ModelRecord.read(row.record)
                connection.execute(
                    models.insert().values(
                        idx=row.index,
                        name=model.name,
                        version=model.version,
                        form=model.form,
                        semantic_sha256=model.semantic_sha256,
                    )
                )
