"""What the organisation's routes take and answer, as the OpenAPI description says it."""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import BaseModel, Field, model_validator

from counterfoil.decisions.bodies import Followed, ReportStep

__all__ = [
    "About",
    "Checked",
    "Erased",
    "Findings",
    "Head",
    "InDepot",
    "Keys",
    "LoggedRecord",
    "Proven",
    "Rotated",
    "ToBundle",
    "ToErase",
    "ToPush",
]

Place = Annotated[int, Field(ge=0, le=2**53)]


class OnLedger(BaseModel):
    """Where a log's heads are anchored."""

    chain_id: int
    contract: str
    log_id: str


class About(BaseModel):
    """What everybody may know of an organisation."""

    name: str = Field(description="Its legal name.")
    origin: str = Field(description="Its log's name.")
    issuer: str = Field(description="Its log's public key, as a checker takes it; believe it from elsewhere only.")
    ledger: OnLedger | None


class Head(BaseModel):
    """The signed head over everything recorded so far."""

    head: str = Field(description="The signed text (C2SP checkpoint).")
    issuer: str
    size: int


class RecordField(BaseModel):
    """A private field of a record."""

    pointer: str
    title: str
    is_there: bool
    value: Any = Field(None, description="Only where values were asked for.")


class LoggedRecord(BaseModel):
    """A record of the log; of a decision, where values were asked for, also what followed."""

    index: int
    about: dict[str, Any]
    builds_on: list[str]
    fields: list[RecordField] | None = Field(description="Null where the values were erased or are locked away.")
    issuer: str
    kind: str
    leaf: str
    name: str
    seq: int
    stream: str
    time: str
    followed: list[Followed] | None = None
    label_now: str | None = None
    model: int | None = None
    policy: str | None = None
    state: str | None = None


class Proven(BaseModel):
    """That a record stands in the log; nothing of what it says."""

    index: int
    leaf: str
    proof: str = Field(description="The way to a signed head (C2SP tlog-proof).")
    receipt: dict[str, Any] | None = Field(
        description="The same as a receipt that shows no field; null unless anybody may read the log's entries."
    )


class Checked(BaseModel):
    """What a check found."""

    what: str
    verdict: str
    intact: bool
    answer: str | None
    exit_code: int = Field(description="0: nothing failed; 4: something failed, or a required step did not pass.")
    facts: dict[str, Any]
    file: str
    steps: list[ReportStep]
    unmet: list[str] = Field(description="Required steps that did not pass.")


class ToBundle(BaseModel):
    """What goes into a bundle; without a choice, the whole log."""

    model_config = {"extra": "forbid"}

    records: list[Place] = Field(default_factory=list, max_length=100_000, description="Places of records.")
    first: Place | None = Field(None, description="First record of a range.")
    last: Place | None = Field(None, description="Last record of a range.")
    subject: str | None = Field(None, description="Every record about this person.")
    show: list[str] = Field(
        default_factory=list,
        max_length=1_000,
        description="Fields to show: `everything`, `nothing` (as without it), or pointers.",
    )

    @model_validator(mode="after")
    def one_choice(self) -> Self:
        """Refuses two choices at once."""
        chosen = [bool(self.records), self.first is not None or self.last is not None, self.subject is not None]
        if sum(chosen) > 1:
            raise ValueError("records, a range and a subject cannot be combined")
        return self


class ToErase(BaseModel):
    """What is to be erased: all about a person, a record or fields of it, or what is due."""

    model_config = {"extra": "forbid"}

    person: str | None = Field(None, description="Your reference of the person.")
    record: Place | None = Field(None, description="Place of one record.")
    fields: list[str] = Field(default_factory=list, max_length=1_000, description="Pointers; only these of the record.")
    due: bool = Field(False, description="What was locked away and whose retention has ended.")
    basis: str = Field("", description='Why, "GDPR Art. 17(1)(b)". It is public: name nobody. Not for what is due.')
    dry_run: bool = Field(False, description="Say what would be erased, change nothing.")

    @model_validator(mode="after")
    def one_choice(self) -> Self:
        """Refuses none, or two at once."""
        if (self.person is not None) + (self.record is not None) + self.due != 1:
            raise ValueError("give one of person, record and due")
        if self.fields and self.record is None:
            raise ValueError("fields go with a record")
        if self.due == bool(self.basis.strip()):
            raise ValueError("an erasure says why in basis; what is due said so when it was locked away")
        return self


class KeptUntil(BaseModel):
    """A record that became unreadable and is kept by its retention."""

    index: int
    until: str


class Erased(BaseModel):
    """What an erasure did, or would do."""

    erased: list[int]
    restricted: list[KeptUntil]
    record: int | None
    fields: list[str]
    dry_run: bool
    done: bool
    scrubbed: bool | None = Field(
        None, description="False while another program reads the vault: old bytes may linger beside it."
    )


class Key(BaseModel):
    """A key, without its secret."""

    use: str
    algorithm: str
    id: str
    public: str | None
    created: str
    retired: str | None
    has_secret: bool


class Keys(BaseModel):
    """Every key this home has had, oldest first."""

    issuer: str
    keys: list[Key]


class Rotated(BaseModel):
    """A key that was replaced."""

    id: str = Field(description="Of the new key.")
    issuer: str = Field(description="The log's public key from now on.")
    use: str


class Finding(BaseModel):
    """One thing looked at."""

    id: str
    found: str
    todo: str | None


class Findings(BaseModel):
    """What looking the home over found."""

    findings: list[Finding]
    todo: int = Field(description="How many need doing.")


class InDepot(BaseModel):
    """Which finished parts are where."""

    is_named: bool = Field(description="Whether the settings name a depot.")
    kept: int = Field(description="Parts in the depot.")
    kept_bytes: int
    here_too_bytes: int = Field(description="Of those, what is still in the home as well.")
    waiting: int = Field(description="Finished parts that are in the home only.")
    waiting_bytes: int


class ToPush(BaseModel):
    """How to push."""

    model_config = {"extra": "forbid"}

    drop: bool = Field(False, description="Delete here what the depot keeps; it is fetched when it is read.")
