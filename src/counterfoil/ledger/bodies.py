"""What the ledger's routes take and answer, as the OpenAPI description says it."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field

__all__ = [
    "AccountMade",
    "AccountOfHome",
    "Connected",
    "Contradicting",
    "Costs",
    "Deployed",
    "Disconnected",
    "LedgerEvents",
    "LedgerStanding",
    "RoleAccepted",
    "RoleOffered",
    "RolesHeld",
    "ToAccept",
    "ToAnchor",
    "ToConnect",
    "ToDeploy",
    "ToDisconnect",
    "ToOffer",
    "WriterRevoked",
]


class LedgerStanding(BaseModel):
    """Whether the home is connected to a ledger, and where log and ledger stand."""

    connected: bool
    status: dict[str, Any] | None = Field(description="As `counterfoil ledger status --json`; null if not connected.")


class LedgerEvents(BaseModel):
    """What the ledger told of the log, and what this home sent, newest first."""

    events: list[dict[str, Any]]
    transactions: list[dict[str, Any]]


class AccountMade(BaseModel):
    """An account, and the key file it is in."""

    address: str
    file: str


class AccountOfHome(AccountMade):
    """An account whose key file is in the home."""

    used: bool = Field(description="Whether this one anchors.")


class ToAnchor(BaseModel):
    """How to anchor."""

    model_config = {"extra": "forbid"}

    keep: bool = Field(False, description="Have the ledger store this head for good, which costs more.")


class ToDeploy(BaseModel):
    """A ledger to put the contract on; without `rpc`, one of the home's own."""

    model_config = {"extra": "forbid"}

    rpc: list[str] = Field(default_factory=list, max_length=16, description="Nodes of the chain.")
    account: str | None = Field(None, description="Address that pays; the only one of this home without it.")
    agree: int | None = Field(None, ge=1, le=16, description="So many nodes must say the same.")
    allow_plain_http: bool | None = Field(None, description="Reach nodes without encryption.")
    signer: str | None = Field(None, description="A signer elsewhere that holds the account's key.")
    fee_ceiling_gwei: int | None = Field(None, ge=1, le=2**53, description="Most that is paid for a unit of gas.")
    spend_per_day_gwei: int | None = Field(None, ge=0, le=2**53, description="Most that may be spent in 24 hours.")
    finality: Literal["finalized", "safe", "confirmations"] | None = Field(None, description="When a block is final.")
    confirmations: int | None = Field(None, ge=1, le=1_000_000, description="Blocks that make one final.")
    dry_run: bool = Field(True, description="Say what would be sent and what it costs; send nothing.")


class ToConnect(ToDeploy):
    """A ledger to be connected to; without `rpc`, one of the home's own."""

    contract: str | None = Field(None, description="An Evidence contract that is there; without it one is deployed.")
    assets: str | None = Field(None, description="An Assets contract that is there, to register datasets and models.")
    with_assets: bool | None = Field(
        None, description="Whether to put an Assets contract there; done on a ledger of the home's own."
    )
    anew: bool = Field(False, description="Open another log, though this one is open on that chain already.")
    anchor_records: int | None = Field(None, ge=1, le=2**53, description="So many new records are anchored at once.")
    anchor_age_s: int | None = Field(None, ge=1, le=2**31, description="A record is anchored within so many seconds.")


class PlannedStep(BaseModel):
    """One transaction that is still to be sent."""

    title: str
    gas: int
    most_wei: int


class Deployed(BaseModel):
    """Where the contract is, or (`done` is false) what putting it there would send."""

    done: bool
    chain_id: int | None = None
    contract: str | None = None
    balance_wei: int | None = None
    steps: list[PlannedStep] | None = None


class Connected(Deployed):
    """What was connected to, or (`done` is false) what connecting would send."""

    account: str | None = None
    assets: str | None = None
    log_id: str | None = None


class ToDisconnect(BaseModel):
    """How to let go of the ledger."""

    model_config = {"extra": "forbid"}

    force: bool = Field(False, description="Do not look for transactions under way: ledger or account are lost.")


class Disconnected(BaseModel):
    """Where the settings are kept."""

    settings: str


class RolesHeld(BaseModel):
    """Accounts that hold a role of the log, or are offered one; null for nobody."""

    owner: str | None
    writer: str | None
    pending_owner: str | None
    pending_writer: str | None


class ToOffer(BaseModel):
    """A role, and who is to have it."""

    model_config = {"extra": "forbid"}

    role: Literal["owner", "writer"]
    account: str = Field(max_length=80, description="Its address; the zero address withdraws an offer.")


class RoleOffered(BaseModel):
    """What was offered, and to whom."""

    account: str
    role: str


class ToAccept(BaseModel):
    """A role to be taken."""

    model_config = {"extra": "forbid"}

    role: Literal["owner", "writer"]
    log_id: str | None = Field(None, max_length=80, description="The log; this home's own without it.")


class RoleAccepted(BaseModel):
    """What was taken, and of which log."""

    log_id: str
    role: str


class WriterRevoked(BaseModel):
    """Nobody may anchor the log."""

    writer: None


class Price(BaseModel):
    """What one kind of ledger costs in 30 days."""

    ledger: str = Field(description="embedded, rollup or ethereum.")
    low_usd_per_month: float
    high_usd_per_month: float
    disk_bytes: int
    proves_to: str = Field(description="To whom its history proves something.")


class Costs(BaseModel):
    """What anchoring costs in 30 days, with what was assumed."""

    anchors_per_month: int
    assumed: dict[str, Any]
    costs: list[Price]


class Contradicting(BaseModel):
    """Two signed heads of one log and one size that differ."""

    done: bool = Field(description="Whether the ledger shows it, for ever.")
    chain_id: int
    contract: str
    log_id: str
    origin: str | None = Field(description="The log's name, where the ledger confirms it.")
    roots: list[str]
    size: int = Field(description="Records that both heads speak of.")
