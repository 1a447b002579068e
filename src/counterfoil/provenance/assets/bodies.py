"""What the routes of assets take and answer, as the OpenAPI description says it."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

__all__ = [
    "AssetChanged",
    "AssetOnLedger",
    "AssetShown",
    "AssetsPlaced",
    "ToPlaceAssets",
    "ToPublishAsset",
    "ToRegisterAsset",
    "ToSetState",
    "ToTransferAsset",
]


class AssetOnLedger(BaseModel):
    """A dataset, model, service or organisation on the ledger."""

    asset: str = Field(description="Its id, 0x and 64 digits.")
    block: int = Field(description="Height of the block in which it was registered.")
    chain_id: int
    contract: str
    creator: str
    kind: str
    manifest: str = Field(description="SHA-256 of the newest version's manifest.")
    ours: bool = Field(description="Whether this home's account owns it.")
    owner: str
    parents: list[str]
    royalty_bps: int = Field(description="In hundredths of a percent.")
    state: str
    transaction: str
    uri: str | None
    version: int


class AssetStep(BaseModel):
    """One thing the ledger told of an asset."""

    block: int
    name: str
    sentence: str
    transaction: str


class AssetShown(AssetOnLedger):
    """An asset and everything that is known of it."""

    children: list[str] = Field(description="Assets that name it as a parent.")
    of: int | None = Field(description="Place of the record that its newest manifest is; null where the log has none.")
    records: list[int] = Field(description="Places of the records about it.")
    steps: list[AssetStep]


class AssetChanged(BaseModel):
    """The asset after the change, or (`done` is false) what the change would cost and make public."""

    model_config = {"extra": "allow"}

    done: bool
    asset: str | None = None
    chain_id: int
    contract: str | None = None


class ToSend(BaseModel):
    """Whether to send, or only to say what that would cost and make public."""

    model_config = {"extra": "forbid"}

    dry_run: bool = Field(True, description="Say what would be sent, what it costs and shows; send nothing.")


class ToRegisterAsset(ToSend):
    """A registered dataset or model, and what is said of it."""

    what: str = Field(min_length=1, max_length=200, description="Its name, or the place of its record.")
    kind: Literal["dataset", "model"] | None = Field(None, description="Which, where both are called so.")
    uri: str = Field("", max_length=128, description="Where its record is found; everybody can read this.")
    royalty_bps: int = Field(0, ge=0, le=1_000, description="Asked of each sale, in hundredths of a percent.")
    parents: list[str] = Field(default_factory=list, max_length=16, description="Ids of assets it was made from.")


class ToPublishAsset(ToSend):
    """The next version of an asset."""

    what: str = Field(min_length=1, max_length=200, description="The dataset or model: its name, or its place.")
    kind: Literal["dataset", "model"] | None = Field(None, description="Which, where both are called so.")
    uri: str | None = Field(None, max_length=128, description="Where its record is found; as before without it.")


class ToSetState(ToSend):
    """How an asset stands from now on."""

    state: Literal["active", "deprecated", "recalled", "blocked"]


class ToTransferAsset(ToSend):
    """Who owns an asset from now on."""

    to: str = Field(max_length=80, description="Address of the next owner.")


class ToPlaceAssets(ToSend):
    """An Assets contract for the home's ledger; without `contract`, one is deployed."""

    contract: str | None = Field(None, max_length=80, description="Address of one that is there.")
    from_block: int | None = Field(None, ge=0, le=2**53, description="The block from which on it is there.")


class AssetsPlaced(BaseModel):
    """Where assets are registered from now on, or (`done` is false) what that would cost."""

    model_config = {"extra": "allow"}

    done: bool
    chain_id: int
    contract: str | None = None
