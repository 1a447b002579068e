"""What the decision routes take and answer, as the OpenAPI description says it."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, Field

__all__ = [
    "Appeal",
    "Applicant",
    "CheckedPolicy",
    "Decided",
    "DeployedModel",
    "Followed",
    "Found",
    "NewFollowed",
    "Outcome",
    "Override",
    "PolicyOnRecord",
    "Previewed",
    "Replayed",
    "ReportStep",
    "ToDeploy",
    "ToPreview",
    "ToReplay",
    "Told",
]


class Applicant(BaseModel):
    """Somebody to be decided on."""

    model_config = {"extra": "forbid"}

    applicant: dict[str, Any] = Field(description="Feature values by name, exactly those of the policy.")
    subject: str | None = Field(None, description="Your reference of the person; needed to erase them later.")


class Contribution(BaseModel):
    """A reason with the features behind it."""

    code: str
    contribution_micro: int = Field(description="In millionths; negative, for it lowered the score.")
    features: list[str]


class Decided(BaseModel):
    """A decision on record."""

    contributions: list[Contribution] = Field(description="Of each reason: what its features did to the score.")
    index: int | None = Field(description="Place of its record in the log; null while it waits in the queue.")
    label: str | None = Field(description="What was decided; null where that was erased since.")
    leaf: str = Field(description="Leaf hash of its record, hexadecimal.")
    promise: str | None = Field(description="The signed promise while it waits; null once recorded.")
    receipt: str | None = Field(
        default=None,
        description="The receipt, as the file holds it, where `?receipt=true` asked for it; null while it waits.",
    )
    reasons: list[str] = Field(description="Codes of the reasons, at most four.")
    score: float | None = Field(description="The model's answer, from 0 to 1; null where that was erased since.")
    score_micro: int | None = Field(description="The same in millionths; what the label rests on.")
    seq: int = Field(description="Its number in the stream.")
    subject: str | None = Field(description="Your reference of the person.")
    time: str = Field(description="When it was recorded, UTC.")


class ToPreview(BaseModel):
    """People whom a model is tried on."""

    model_config = {"extra": "forbid"}

    applicants: list[dict[str, Any]] = Field(
        min_length=1, max_length=1_000, description="Feature values by name, exactly those of the policy."
    )


class Previewed(BaseModel):
    """What would be decided."""

    contributions: list[Contribution] = Field(description="Of each reason: what its features did to the score.")
    label: str
    score_micro: int = Field(description="The model's answer in millionths.")


class Found(BaseModel):
    """A decision that a search found."""

    index: int
    time: str
    label: str | None = Field(description="As it was made; null where that was erased.")
    label_now: str | None = Field(description="As it stands.")
    score_micro: int | None
    outcome: str | None


class Followed(BaseModel):
    """An override, appeal or outcome."""

    index: int
    kind: str
    leaf: str
    time: str
    values: dict[str, Any] | None = Field(None, description="What was written there; null where that was erased.")


class Told(BaseModel):
    """A decision and all that followed."""

    index: int
    leaf: str
    seq: int
    stream: str
    time: str
    values: dict[str, Any] | None = Field(description="Private values by pointer; null where erased or locked away.")
    followed: list[Followed]
    label_now: str | None
    model: int | None = Field(description="Place of the record of the model that decided.")
    policy: str | None
    state: str = Field(description="Digest of all that; an override says by it what the reviewer saw.")


class Override(BaseModel):
    """That a person decided otherwise."""

    model_config = {"extra": "forbid"}

    label: str
    by: str
    reason: str
    saw: str = Field(description="The `state` of what that person had in front of them.")


class Appeal(BaseModel):
    """What the person says against a decision."""

    model_config = {"extra": "forbid"}

    text: str
    by: str = Field(description="Who received it.")


class Outcome(BaseModel):
    """What came of a decision."""

    model_config = {"extra": "forbid"}

    outcome: str
    note: str = ""


class NewFollowed(BaseModel):
    """What was recorded, and how the decision stands now."""

    decision: int
    index: int
    kind: str
    label_now: str | None
    leaf: str
    state: str
    time: str


class ToDeploy(BaseModel):
    """A model to be put to work under a policy."""

    model_config = {"extra": "forbid"}

    model: str = Field(description="Name of a registered model (its newest version), or the place of its record.")
    policy: int = Field(description="Place of the policy's record.")
    background: list[dict[str, Any]] = Field(
        default_factory=list, max_length=1_000, description="Rows that reasons compare an applicant with."
    )


class DeployedModel(BaseModel):
    """A model at work under a policy."""

    index: int = Field(description="Place of its record: `/deployments/{index}/decisions` decides with it.")
    leaf: str
    model: int
    policy: int


class PolicyOnRecord(BaseModel):
    """A policy, in full."""

    index: int
    leaf: str
    name: str
    version: str
    sha256: str
    policy: dict[str, Any]


class CheckedPolicy(BaseModel):
    """A policy that was read and not recorded."""

    name: str
    version: str
    sha256: str
    policy: dict[str, Any]
    gaps: list[str] = Field(description="What it leaves open.")


class ReportStep(BaseModel):
    """One step of a check."""

    number: int
    id: str
    title: str
    status: str = Field(description="passed, failed, or not checked.")
    detail: str
    limit: str = Field(description="What it cannot show.")


class Replayed(BaseModel):
    """What running the model again found."""

    what: str
    verdict: str
    intact: bool
    answer: str | None
    steps: list[ReportStep]
    facts: dict[str, Any]


class ToReplay(BaseModel):
    """Decisions to be replayed."""

    model_config = {"extra": "forbid"}

    records: list[Annotated[int, Field(ge=0, le=2**53)]] = Field(
        default_factory=list, max_length=100_000, description="Places of decisions; all of them without."
    )
    sample: Annotated[int, Field(ge=1, le=2**53)] | None = Field(None, description="So many, drawn from all of them.")
    seed: int = Field(0, ge=0, le=2**53, description="The same seed draws the same ones.")
