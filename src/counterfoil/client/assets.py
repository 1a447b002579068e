"""Datasets and models of a node on its ledger."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from counterfoil.client.wire import Wire
from counterfoil.ledger.assets.asset import Asset, AssetHistory, AssetStep
from counterfoil.ledger.assets.kinds import State

__all__ = ["RemoteAssets"]


class RemoteAssets:
    """The assets of a node's home; see `ledger.assets.Assets`. Here a dataset or model is named, not its digest."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def register(
        self,
        what: str,
        *,
        kind: Literal["dataset", "model"] | None = None,
        uri: str = "",
        parents: Sequence[str] = (),
        royalty_bps: int = 0,
    ) -> Asset:
        """Registers a dataset or model, and returns it when that is final.

        Args:
            what: Its name, or the place of its record.
            kind: Which, where a dataset and a model are called so.
            uri: Where its record is found; everybody can read this.
            parents: Ids of assets it was made from.
            royalty_bps: Asked of each sale, for ever, in hundredths of a percent.
        """
        wanted = {"kind": kind, "parents": list(parents), "royalty_bps": royalty_bps, "uri": uri, "what": what}
        return self._changed("/assets", wanted)

    def publish(
        self, asset: str, what: str, *, kind: Literal["dataset", "model"] | None = None, uri: str | None = None
    ) -> Asset:
        """Publishes the next version of an asset; or, of the newest, where it is found now."""
        return self._changed(f"/assets/{asset}/versions", {"kind": kind, "uri": uri, "what": what})

    def set_state(self, asset: str, state: State) -> Asset:
        """Says how an asset stands."""
        return self._changed(f"/assets/{asset}/state", {"state": state})

    def transfer(self, asset: str, to: str) -> Asset:
        """Hands an asset over for good; needs an admin's key."""
        return self._changed(f"/assets/{asset}/transfer", {"to": to})

    def show(self, asset: str) -> AssetHistory:
        """Returns an asset with everything that is known of it (NotFound when there is none)."""
        told = self._wire.get(f"/assets/{asset}")
        steps = tuple(AssetStep(**step) for step in told["steps"])
        return AssetHistory(_asset_in(told), steps, tuple(told["children"]), tuple(told["records"]), told["of"])

    def list(self, *, ours: bool = False) -> list[Asset]:
        """Returns the assets in the contract, oldest first, or only those that the node's account owns."""
        return [_asset_in(told) for told in self._wire.get("/assets", {"ours": ours})]

    def _changed(self, path: str, wanted: dict[str, Any]) -> Asset:
        return _asset_in(self._wire.post(path, {"dry_run": False} | wanted))


def _asset_in(told: dict[str, Any]) -> Asset:
    return Asset(
        asset=told["asset"],
        chain_id=told["chain_id"],
        contract=told["contract"],
        kind=told["kind"],
        state=told["state"],
        version=told["version"],
        manifest=told["manifest"],
        uri=told["uri"] or "",
        creator=told["creator"],
        owner=told["owner"],
        royalty_bps=told["royalty_bps"],
        parents=tuple(told["parents"]),
        block=told["block"],
        transaction=told["transaction"],
        is_ours=told["ours"],
    )
