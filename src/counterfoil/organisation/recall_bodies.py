"""What the recall routes take and answer, as the OpenAPI description says it."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field

__all__ = ["RecallEnd", "RecallOnRecord", "RecallReach", "ToEndRecall", "ToRecall"]


class ToRecall(BaseModel):
    """What to recall, and why."""

    model_config = {"extra": "forbid"}

    what: str = Field(description="Dataset, model or policy by NAME or NAME@VERSION; or the place of any of its kinds.")
    reason: str = Field("", description="Why, in plain words. It is public: name nobody.")
    action: Literal["block", "warn"] = Field("block", description="Refuse what rests on it, or only say so.")
    preview: bool = Field(False, description="Say what would be reached; record nothing.")


class ToEndRecall(BaseModel):
    """Why a recall ends."""

    model_config = {"extra": "forbid"}

    reason: str = Field(description="In plain words. It is public: name nobody.")


class Recallable(BaseModel):
    """A dataset, run, model, policy or deployment."""

    index: int = Field(description="Place of its record in the log.")
    kind: str
    name: str


class Recalled(Recallable):
    """What was recalled."""

    leaf: str


class RecallEnd(BaseModel):
    """How a recall ended."""

    index: int
    reason: str
    time: str


class RecallOnRecord(BaseModel):
    """A recall."""

    index: int = Field(description="Place of its record in the log.")
    leaf: str
    action: str
    opened: str
    reason: str
    what: Recalled
    ended: RecallEnd | None
    reached: dict[str, Any] = Field(description="In numbers, when it was opened.")


class LabelCount(BaseModel):
    """How many decisions stand at a label."""

    label: str | None = Field(description="Null where it was erased.")
    decisions: int


class DeploymentReached(BaseModel):
    """A model at work that is reached."""

    index: int
    model: Recallable
    policy: Recallable
    decisions: int
    labels: list[LabelCount]
    first: str | None
    last: str | None


class RecallReach(BaseModel):
    """What a recall reaches now."""

    recall: RecallOnRecord | None = Field(description="Null in a preview.")
    what: Recallable
    reached: dict[str, Any] = Field(description="In numbers: records by kind, decisions, people (at least so many).")
    records: list[Recallable]
    policies: list[Recallable]
    deployments: list[DeploymentReached]
    not_reached: list[Recallable] = Field(description="Other versions of the name, with other content.")
