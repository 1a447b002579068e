"""What the routes of contributions take."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["ToAccept", "ToDecline", "ToPropose", "ToVote", "ToWithdraw"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ToPropose(_Strict):
    """A change that is proposed."""

    proposal: dict[str, Any] = Field(description="A signed document `counterfoil proposal 1`.")


class ToVote(_Strict):
    """A reviewer's vote."""

    vote: dict[str, Any] = Field(description="A signed document `counterfoil proposal vote 1`.")


class ToWithdraw(_Strict):
    """A contributor's word that a proposal is withdrawn."""

    withdrawal: dict[str, Any] = Field(description="A signed document `counterfoil proposal withdrawal 1`.")


class ToDecline(_Strict):
    """Why a proposal is declined."""

    words: str = Field("", max_length=2_000, description="For the contributor to read.")


class ToAccept(_Strict):
    """What accepting a proposal takes."""

    dry_run: bool = Field(False, description="Say what would be sent and shown, and send nothing.")
