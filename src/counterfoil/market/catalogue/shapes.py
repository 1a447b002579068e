"""What the catalogue's routes answer, as the OpenAPI description says it."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["CataloguePage", "OfferShown"]


class OfferListed(BaseModel):
    """An offer, with what its sheet says in short."""

    model_config = ConfigDict(extra="allow")

    offer: str = Field(description="Its id, 0x and 64 digits.")
    kind: str = Field(description="licence, period, job or sale.")
    title: str


class CataloguePage(BaseModel):
    """One page of what a search found."""

    model_config = ConfigDict(extra="allow")

    listings: list[OfferListed]
    total: int = Field(description="How many there are on all pages.")
    next: str | None = Field(description="Where the next page begins.")
    without_sheet: int = Field(description="Offers on the ledger whose sheet cannot be had: no word finds them.")


class OfferShown(BaseModel):
    """An offer as it stands on the ledger, its sheet, and its reviews."""

    model_config = ConfigDict(extra="allow")

    offer: str
    open: bool = Field(description="Whether it can be bought now.")
    document: dict[str, Any] = Field(description="The offer sheet, as it was signed.")
    signed_by: str = Field(description="The seller's market key.")
    reviews: list[dict[str, Any]]
