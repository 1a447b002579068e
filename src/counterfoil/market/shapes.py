"""What the market's routes answer."""

from __future__ import annotations

from pydantic import BaseModel, Field

__all__ = ["AdmissionPreview"]


class AdmissionPreview(BaseModel):
    """How the terms of an offer would decide."""

    allowed: bool = Field(description="Whether whoever buys with these claims would be let in.")
    why: str = Field(description="The decision in words, with the rule that makes it.")
