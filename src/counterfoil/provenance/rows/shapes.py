"""Commitments to rows as JSON: one shape for the command line and the HTTP API."""

from __future__ import annotations

from typing import Any

from counterfoil.provenance.rows.commitments import Commitment

__all__ = ["commitment_json"]


def commitment_json(found: Commitment) -> dict[str, Any]:
    """Returns a commitment as JSON values."""
    record = found.record
    return {"datasetLeaf": record.dataset_leaf, "index": found.index, "leaf": found.leaf} | dict(record.draft().about)
