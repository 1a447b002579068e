"""An asset, as whoever asks holds it; loads nothing of the ledger itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__all__ = ["Asset", "AssetHistory", "AssetStep"]


@dataclass(frozen=True, slots=True)
class Asset:
    """A dataset, model, service or organisation on a ledger.

    Attributes:
        asset: Its id, `0x` and 64 digits.
        chain_id: The ledger's number.
        contract: Address of the Assets contract.
        kind: `dataset`, `model`, `service` or `organisation`.
        state: `active`, `deprecated`, `recalled` or `blocked`.
        version: From 1.
        manifest: SHA-256 of the newest version's manifest, 64 hexadecimal digits.
        uri: Where that is found; empty where nothing was said.
        creator: Address of whoever registered it.
        owner: Address of its owner.
        royalty_bps: In hundredths of a percent.
        parents: Ids of the assets it was made from.
        block: Height of the block in which it was registered.
        transaction: Hash of the transaction that registered it, `0x` and 64 digits.
        is_ours: Whether this home's account owns it.
    """

    asset: str
    chain_id: int
    contract: str
    kind: str
    state: str
    version: int
    manifest: str
    uri: str
    creator: str
    owner: str
    royalty_bps: int
    parents: tuple[str, ...]
    block: int
    transaction: str
    is_ours: bool

    def to_json(self) -> dict[str, Any]:
        """Returns the asset as JSON."""
        return {
            "asset": self.asset,
            "block": self.block,
            "chain_id": self.chain_id,
            "contract": self.contract,
            "creator": self.creator,
            "kind": self.kind,
            "manifest": self.manifest,
            "ours": self.is_ours,
            "owner": self.owner,
            "parents": list(self.parents),
            "royalty_bps": self.royalty_bps,
            "state": self.state,
            "transaction": self.transaction,
            "uri": self.uri or None,
            "version": self.version,
        }


@dataclass(frozen=True, slots=True)
class AssetStep:
    """One thing the ledger told of an asset.

    Attributes:
        block: Height of its block.
        name: The event's name in the contract.
        sentence: The same in words.
        transaction: Hash of its transaction.
    """

    block: int
    name: str
    sentence: str
    transaction: str

    def to_json(self) -> dict[str, Any]:
        """Returns the step as JSON."""
        return {"block": self.block, "name": self.name, "sentence": self.sentence, "transaction": self.transaction}


@dataclass(frozen=True, slots=True)
class AssetHistory:
    """An asset and everything that is known of it.

    Attributes:
        asset: The asset.
        steps: What the ledger told of it, oldest first.
        children: Ids of the assets that name it as a parent.
        records: Places in this home's log of the records about it, oldest first.
        of: Place in this home's log of the record that its newest manifest is; None where the log has none.
    """

    asset: Asset
    steps: tuple[AssetStep, ...]
    children: tuple[str, ...]
    records: tuple[int, ...]
    of: int | None

    def to_json(self) -> dict[str, Any]:
        """Returns the history as JSON."""
        return self.asset.to_json() | {
            "children": list(self.children),
            "of": self.of,
            "records": list(self.records),
            "steps": [step.to_json() for step in self.steps],
        }
