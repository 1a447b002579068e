"""What the market's routes take."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["ToAdmit", "ToPreview", "ToReview"]


class ToPreview(BaseModel):
    """Claims about an order that is not made yet."""

    model_config = ConfigDict(extra="forbid")

    claims: dict[str, Any] = Field(description="Signed claims, a document `counterfoil claims 1`.")


class ToAdmit(ToPreview):
    """Claims about an order, and the answer to its challenge."""

    challenge: str = Field(max_length=64, description="The word that the challenge gave, read with the order's key.")


class ToReview(BaseModel):
    """The text of a review."""

    model_config = ConfigDict(extra="forbid")

    review: dict[str, Any] = Field(description="A signed document `counterfoil review 1`.")
