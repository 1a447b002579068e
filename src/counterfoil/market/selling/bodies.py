"""What the seller's routes take and answer, as the OpenAPI description says it."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = [
    "Amount",
    "DayEarned",
    "Done",
    "KnownKey",
    "MarketKey",
    "OrderOnLedger",
    "Owed",
    "ToKnow",
    "ToOffer",
    "ToPlaceMarket",
    "ToReprice",
    "ToSend",
    "ToSetShares",
    "ToShare",
    "ToWithdraw",
]

_LONGEST_S = 2**32 - 1


class ToSend(BaseModel):
    """Whether to do it, or only to say what that would cost, move and make public."""

    model_config = ConfigDict(extra="forbid")

    dry_run: bool = Field(True, description="Say what would be sent, what it costs, moves and shows; send nothing.")


class ToShare(BaseModel):
    """A part of what an offer brings, after fees."""

    model_config = ConfigDict(extra="forbid")

    payee: str = Field(max_length=80, description="An account's address, or a root of claims.")
    bps: int = Field(ge=1, le=10_000, description="In hundredths of a percent.")


class ToOffer(ToSend):
    """A dataset or model on record, its contents, and what is asked for it."""

    what: str = Field(min_length=1, max_length=200, description="Its name, or the place of its record.")
    where: str = Field(
        min_length=1,
        max_length=1_000,
        description="A snapshot's name, or a file or folder below the folder that counterfoil.toml names for this.",
    )
    what_kind: Literal["dataset", "model"] | None = Field(None, description="Which, where both are called so.")
    kind: Literal["licence", "period", "job", "sale"] = "licence"
    number: int = Field(1, ge=0, le=2**53, description="Your number for this offer of it; said again, it is replaced.")
    price: str = Field("0", max_length=80, description="Decimal text in the token; 0 is free.")
    token: str = Field("", max_length=80, description="Address of the token; that of the settings without.")
    period_s: int = Field(0, ge=0, le=_LONGEST_S, description="Of the access, for a period.")
    window_s: int = Field(0, ge=0, le=_LONGEST_S, description="So long after delivery the market holds the money.")
    delivery_s: int = Field(0, ge=0, le=_LONGEST_S, description="So long after the order it is due.")
    supply: int | None = Field(None, ge=1, le=2**32 - 2, description="How many can be bought; null for any number.")
    referrer_bps: int = Field(0, ge=0, le=1_000, description="For whoever brings a buyer.")
    shares: list[ToShare] = Field(default_factory=list, max_length=32)
    royalty_bps: int = Field(0, ge=0, le=1_000, description="Asked of each sale of the asset.")
    parents: list[str] = Field(default_factory=list, max_length=16, description="Ids of assets it was made from.")
    title: str = Field("", max_length=200, description="In a few words; else its name.")
    description: str = Field("", max_length=8_000, description="In some lines; else the purpose of its passport.")
    tags: list[str] = Field(default_factory=list, max_length=32)
    licence_text: str = Field("", max_length=2**20, description="What buyers agree to.")
    licence_name: str = Field("", max_length=300, description="What it is called, or an SPDX expression.")
    licence_url: str = Field("", max_length=512, description="Where the text can also be read.")
    terms: dict[str, Any] | None = Field(None, description="Who may have it; docs/reference/terms.md.")
    compute: dict[str, Any] | None = Field(
        None, description="For jobs: what may run and leave; docs/reference/jobs.md."
    )
    parameters: dict[str, Any] = Field(default_factory=dict, description="What the buyer fills in, as JSON Schema.")
    for_anybody: bool = Field(False, description="Let in whoever accepts the licence.")
    sample: list[str] = Field(default_factory=list, max_length=64, description="Columns whose first rows are shown.")
    profile: list[str] = Field(default_factory=list, max_length=64, description="Columns whose figures are shown.")


class ToReprice(ToSend):
    """Another price."""

    price: str = Field(min_length=1, max_length=80, description="Decimal text in the offer's token.")


class ToSetShares(ToSend):
    """Who gets which part from now on; none gives all to the seller."""

    shares: list[ToShare] = Field(max_length=32)


class ToWithdraw(ToSend):
    """Which token is to be sent."""

    token: str = Field("", max_length=80, description="Its address; that of the settings without.")


class ToPlaceMarket(ToSend):
    """A Market contract for the home's ledger; without `contract`, one is deployed."""

    contract: str | None = Field(None, max_length=80, description="Address of one that is there.")
    from_block: int | None = Field(None, ge=0, le=2**53, description="The block from which on it is there.")
    token: str | None = Field(None, max_length=80, description="Address of the token that prices are in.")


class ToKnow(BaseModel):
    """A market key."""

    model_config = ConfigDict(extra="forbid")

    key: str = Field(min_length=1, max_length=400, description="In note form, named for the origin of its log.")


class MarketKey(BaseModel):
    """The home's own market key."""

    key: str


class KnownKey(MarketKey):
    """A market key that is taken for that of an origin."""

    origin: str


class Done(BaseModel):
    """What was done, as it stands now; or (`done` is false) what it would cost, move and make public."""

    model_config = ConfigDict(extra="allow")

    done: bool


class Amount(BaseModel):
    """An amount of a token."""

    amount: str
    symbol: str | None
    token: str | None


class OrderOnLedger(BaseModel):
    """An order as the ledger shows it."""

    model_config = ConfigDict(extra="allow")

    order: str
    offer: str
    state: str = Field(description="paid, held, delivered, settled or refunded.")
    price: Amount
    buyer: str


class Owed(BaseModel):
    """What the market owes this home's account, and what that holds."""

    owed: Amount
    holds: Amount


class DayEarned(BaseModel):
    """What buyers paid on one day in one token, for orders whose money is the seller's."""

    day: str
    orders: int
    paid: Amount
