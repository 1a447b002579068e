"""What the routes about rows take and answer, as the OpenAPI description says it."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

from counterfoil.core.rows import MAX_ID_BYTES

__all__ = ["CommitmentOnRecord", "ToProve"]


class CommitmentOnRecord(BaseModel):
    """A commitment to the rows of a dataset."""

    index: int = Field(description="Place of its record in the log.")
    leaf: str = Field(description="Leaf hash of its record, hexadecimal.")
    dataset: str = Field(description="Name and version of the dataset.")
    datasetLeaf: str = Field(description="Leaf hash of the dataset's record, hexadecimal.")  # noqa: N815 - as it is in the record
    ids: dict[str, Any] | None = Field(description="The tree over its ids; null where only rows were committed to.")
    rows: dict[str, Any] = Field(description="The tree over its rows.")
    version: int


class ToProve(BaseModel):
    """Whose rows are asked for."""

    model_config = {"extra": "forbid"}

    id: str = Field(min_length=1, max_length=MAX_ID_BYTES, description="The id; of an integer its decimal digits.")
    record: bool = Field(default=True, description="Whether the proof carries the receipt of the commitment's record.")
