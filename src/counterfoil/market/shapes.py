"""What the market's routes answer."""

from __future__ import annotations

from pydantic import BaseModel, Field

__all__ = ["AdmissionPreview", "ReviewTaken"]


class AdmissionPreview(BaseModel):
    """How the terms of an offer would decide."""

    allowed: bool = Field(description="Whether whoever buys with these claims would be let in.")
    why: str = Field(description="The decision in words, with the rule that makes it.")


class ReviewTaken(BaseModel):
    """The text of a review was taken, and is handed out from now on."""

    digest: str = Field(description="SHA-256 of its document, as the ledger has it.")
