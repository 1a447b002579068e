"""What the routes of contributions answer."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["ProposalAccepted", "ProposalShown", "Standing"]


class Standing(BaseModel):
    """How a proposal stands."""

    proposal: str = Field(description="Digest of the proposal.")
    state: str = Field(description="announced, open, reviewed, accepting, accepted, declined or withdrawn.")
    agree: int = Field(description="Reviewers that agree.")
    against: int = Field(description="Reviewers that do not.")
    words: str | None = Field(description="Why it was declined.")


class ProposalShown(Standing):
    """A proposal, as staff sees it."""

    document: dict[str, Any] = Field(description="What was proposed, with its signature.")
    records: list[int] = Field(description="Places of the records about it.")


class ProposalAccepted(BaseModel):
    """What accepting did, or would cost."""

    model_config = ConfigDict(extra="allow")
