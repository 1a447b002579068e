"""What the ledger's routes take and answer, as the OpenAPI description says it."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field

__all__ = [
    "AccountOfHome",
    "Connected",
    "Disconnected",
    "LedgerEvents",
    "LedgerStanding",
    "ToAnchor",
    "ToConnect",
    "ToDisconnect",
]


class LedgerStanding(BaseModel):
    """Whether the home is connected to a ledger, and where log and ledger stand."""

    connected: bool
    status: dict[str, Any] | None = Field(description="As `counterfoil ledger status --json`; null if not connected.")


class LedgerEvents(BaseModel):
    """What the ledger told of the log, and what this home sent, newest first."""

    events: list[dict[str, Any]]
    transactions: list[dict[str, Any]]


class AccountOfHome(BaseModel):
    """An account whose key file is in the home."""

    address: str
    file: str
    used: bool = Field(description="Whether this one anchors.")


class ToAnchor(BaseModel):
    """How to anchor."""

    model_config = {"extra": "forbid"}

    keep: bool = Field(False, description="Have the ledger store this head for good, which costs more.")


class ToConnect(BaseModel):
    """A ledger to be connected to; without `rpc`, one of the home's own."""

    model_config = {"extra": "forbid"}

    rpc: list[str] = Field(default_factory=list, max_length=16, description="Nodes of the chain.")
    account: str | None = Field(None, description="Address that pays; the only one of this home without it.")
    contract: str | None = Field(None, description="An Evidence contract that is there; without it one is deployed.")
    anew: bool = Field(False, description="Open another log, though this one is open on that chain already.")
    agree: int | None = Field(None, ge=1, le=16, description="So many nodes must say the same.")
    allow_plain_http: bool | None = Field(None, description="Reach nodes without encryption.")
    signer: str | None = Field(None, description="A signer elsewhere that holds the account's key.")
    fee_ceiling_gwei: int | None = Field(None, ge=1, le=2**53, description="Most that is paid for a unit of gas.")
    spend_per_day_gwei: int | None = Field(None, ge=0, le=2**53, description="Most that may be spent in 24 hours.")
    finality: Literal["finalized", "safe", "confirmations"] | None = Field(None, description="When a block is final.")
    confirmations: int | None = Field(None, ge=1, le=1_000_000, description="Blocks that make one final.")
    anchor_records: int | None = Field(None, ge=1, le=2**53, description="So many new records are anchored at once.")
    anchor_age_s: int | None = Field(None, ge=1, le=2**31, description="A record is anchored within so many seconds.")
    dry_run: bool = Field(True, description="Say what would be sent and what it costs; send nothing.")


class PlannedStep(BaseModel):
    """One transaction that is still to be sent."""

    title: str
    gas: int
    most_wei: int


class Connected(BaseModel):
    """What was connected to, or (`done` is false) what connecting would send."""

    done: bool
    chain_id: int | None = None
    account: str | None = None
    contract: str | None = None
    log_id: str | None = None
    balance_wei: int | None = None
    steps: list[PlannedStep] | None = None


class ToDisconnect(BaseModel):
    """How to let go of the ledger."""

    model_config = {"extra": "forbid"}

    force: bool = Field(False, description="Do not look for transactions under way: ledger or account are lost.")


class Disconnected(BaseModel):
    """Where the settings are kept."""

    settings: str
