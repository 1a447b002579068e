"""What the buyer's routes take and answer, as the OpenAPI description says it."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field

from counterfoil.market.selling.bodies import ToSend

__all__ = ["PurchaseOnLedger", "PurchaseShown", "ToBuyOffer", "ToGiveReview"]


class ToBuyOffer(ToSend):
    """An offer to be bought, and what is stated to the seller's terms."""

    offer: str = Field(min_length=1, max_length=80, description="The offer's id, 0x and 64 digits.")
    most: str = Field("", max_length=80, description="The most it may cost, decimal text; its price without.")
    token: str = Field("", max_length=80, description="Address of the token of `most`; that of the settings without.")
    purpose: str | None = Field(None, max_length=64, description="What for, in the word that the terms have for it.")
    jurisdiction: str | None = Field(None, max_length=10, description="Where it is used: ISO 3166.")
    accept_licence: bool = Field(False, description="Agree to the text that the offer sheet names.")
    credentials: list[dict[str, Any]] = Field(default_factory=list, max_length=16, description="Signed credentials.")
    way: Literal["auto", "allowance", "permit", "authorization", "balance"] = "auto"
    referrer: str = Field("", max_length=80, description="Account of whoever brought you.")


class ToGiveReview(ToSend):
    """What you think of something that you bought."""

    stars: int = Field(ge=1, le=5)
    text: str = Field("", max_length=4_000, description="In words; everybody can read them.")


class PurchaseShown(BaseModel):
    """What this home bought or is buying."""

    asset: str
    fault: str | None = Field(description="Why it could not go on last.")
    kind: str
    made: str
    offer: str
    order: str
    path: str | None = Field(description="Where the contents are, or are to be, on the node's machine.")
    state: str = Field(description="planned, bought, fetched, refunded or dropped.")
    title: str


class PurchaseOnLedger(PurchaseShown):
    """A purchase, and how its order stands on the ledger."""

    on_ledger: dict[str, Any] | None = Field(description="The order; null while it is not made.")
