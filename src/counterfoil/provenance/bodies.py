"""What the provenance routes answer, as the OpenAPI description says it."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

__all__ = ["DatasetOnRecord", "DatasetReports", "ModelOnRecord", "ReportOnRecord"]


class Column(BaseModel):
    """One column of a table."""

    name: str
    type: str = Field(description="Of CSV integer, number or text; else a type of docs/reference/fingerprint.md.")


class DatasetFile(BaseModel):
    """The file that a dataset was read from."""

    name: str
    sha256: str
    sizeBytes: int  # noqa: N815 - as it is in the record


class DatasetOnRecord(BaseModel):
    """A registered dataset."""

    index: int = Field(description="Place of its record in the log.")
    leaf: str = Field(description="Leaf hash of its record, hexadecimal.")
    name: str
    sha256: str
    version: str
    files: int
    rows: int | None = Field(description="Number of rows; null where it is no table.")
    columns: list[Column]
    file: DatasetFile
    notes: dict[str, str]
    fingerprint: dict[str, str] = Field(description="Root of its fingerprint, and the digest of the fingerprint.")
    tableSha256: str | None = Field(description="Of its rows, whatever file they are in.")  # noqa: N815


class ModelOnRecord(BaseModel):
    """A registered model."""

    index: int = Field(description="Place of its record in the log.")
    leaf: str = Field(description="Leaf hash of its record, hexadecimal.")
    name: str
    version: str
    artefact: dict[str, Any] = Field(description="Form, digests and size of its bytes, and types that they may load.")
    certificate: dict[str, Any] = Field(description="How exactly a replay must match, and what was tried to know it.")
    agreement: dict[str, Any] | None = Field(description="The same for the object it was exported from.")
    code: dict[str, str]
    environment: dict[str, Any]
    features: list[str]
    positive: str = Field(description="The outcome its score is about.")
    training: str | None = Field(description="Leaf hash of the dataset it was trained on.")


class RuleOnDataset(BaseModel):
    """Whether a dataset meets one of the home's rules."""

    rule: str
    met: bool
    found: str


class ReportOnRecord(BaseModel):
    """A report on record; `docs/reference/dataset-reports.md` says what it holds."""

    index: int = Field(description="Place of its record in the log.")
    time: str = Field(description="When it was written, UTC.")
    report: dict[str, Any]


class DatasetReports(BaseModel):
    """The reports of a dataset, oldest first, and what the home's rules make of the newest."""

    privacy: list[ReportOnRecord]
    quality: list[ReportOnRecord]
    rules: list[RuleOnDataset]
