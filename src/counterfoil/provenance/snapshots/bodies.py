"""What the snapshot routes take and answer, as the OpenAPI description says it."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

__all__ = ["ApiToRead", "SnapshotShown", "ToSnapshot"]


class ApiToRead(BaseModel):
    """A paged JSON API; see docs/reference/snapshots.md."""

    model_config = {"extra": "forbid"}

    url: str = Field(max_length=4_096)
    items: str = Field("", max_length=200, description="Where the items are in a page: data.items")
    next: str = Field("", max_length=200, description="Where a page names the next one.")
    page: str = Field("", max_length=200, description="The parameter that counts the pages.")
    first_page: int = Field(1, ge=0, le=1_000_000)
    pages_per_s: float = Field(5.0, gt=0, le=1_000)
    most_pages: int = Field(1_000, ge=1, le=1_000_000)


class ToSnapshot(BaseModel):
    """What to fetch: `url` or `api`. Sources that need a secret are taken on the node's own machine."""

    model_config = {"extra": "forbid"}

    name: str = Field(min_length=1, max_length=200, description="Of the dataset.")
    url: str | None = Field(None, max_length=4_096, description="A file on the web.")
    api: ApiToRead | None = Field(None, description="A paged JSON API.")
    file_name: str = Field("", max_length=200, description="What the file is called; by its address without it.")
    version: str = Field("", max_length=200, description="In your own numbering; 1, 2, … without it.")
    notes: dict[str, str] = Field(default_factory=dict, description="Licence, purpose.")


class SnapshotShown(BaseModel):
    """A snapshot on record."""

    index: int = Field(description="Place of its dataset's record in the log.")
    name: str
    version: str
    sha256: str
    size_bytes: int
    rows: int | None = Field(description="Number of rows; null where it is no table.")
    fetches: int = Field(description="How often the source gave this.")
    last_fetch: str = Field(description="UTC.")
    state: str = Field(description="kept, removed, or missing: gone without a record that says so.")
    source: dict[str, Any] = Field(description="Where it came from, as the newest fetch has it.")
