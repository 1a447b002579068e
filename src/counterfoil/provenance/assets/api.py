"""Assets over HTTP: datasets and models on the ledger.

What sends a transaction answers when that is final, which takes minutes on a chain; and
unless told otherwise it only says what it would cost, and what everybody could read.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from counterfoil.ledger.packages import require_packages
from counterfoil.provenance.assets.bodies import (
    AssetChanged,
    AssetOnLedger,
    AssetShown,
    AssetsPlaced,
    ToPlaceAssets,
    ToPublishAsset,
    ToRegisterAsset,
    ToSetState,
    ToTransferAsset,
)
from counterfoil.provenance.assets.manifests import find_manifest
from counterfoil.web.answer import answered
from counterfoil.web.desk import Answer, Desk
from counterfoil.web.roles import READERS, Role
from counterfoil.web.room import Room

if TYPE_CHECKING:
    from counterfoil.ledger.assets.asset import Asset
    from counterfoil.ledger.sending.quote import Quote
    from counterfoil.organisation import Organisation

    _Quoted = tuple[Quote, Callable[[Callable[[str], None]], Asset]]

__all__ = ["AssetRoutes"]

Id = Annotated[str, Path(max_length=80, description="The asset's id, 0x and 64 digits.")]
Ours = Annotated[bool, Query(description="Only what this home's account owns.")]


class AssetRoutes:
    """The routes of this room.

    Args:
        org: The organisation.
        desk: The node that serves them.
    """

    def __init__(self, org: Organisation, desk: Desk) -> None:
        self._org = org
        self._desk = desk

    def router(self) -> APIRouter:
        """Returns the table of routes."""
        room, operator, admin = Room("assets"), (Role.OPERATOR,), ()
        room.reads("/assets", self.list_assets, READERS, list[AssetOnLedger])
        room.writes("/assets", self.register, operator, AssetChanged, status=200)
        room.writes("/assets/contract", self.place, admin, AssetsPlaced, status=200)
        room.reads("/assets/{asset}", self.show, READERS, AssetShown)
        room.writes("/assets/{asset}/state", self.set_state, operator, AssetChanged, status=200)
        room.writes("/assets/{asset}/transfer", self.transfer, admin, AssetChanged, status=200)
        room.writes("/assets/{asset}/versions", self.publish, operator, AssetChanged, status=200)
        return room.router

    def list_assets(self, ours: Ours = False) -> list[dict[str, Any]]:
        """Lists the assets on the ledger, oldest first."""
        return [each.to_json() for each in self._org.ledger.assets.list(ours=ours)]

    def show(self, asset: Id) -> dict[str, Any]:
        """Shows an asset, everything the ledger tells of it, and what this log says."""
        return self._org.ledger.assets.show(asset).to_json()

    def register(self, request: Request, wanted: ToRegisterAsset) -> Response:
        """Registers a dataset or model on the ledger, where this home's account owns it.

        The ledger is told the digest of its record, its kind and the URI, and nothing else.
        """

        def quoted() -> _Quoted:
            found = find_manifest(self._org.provenance, wanted.what, wanted.kind)
            return self._org.ledger.assets.registering(
                found.kind,
                found.sha256,
                uri=wanted.uri,
                parents=wanted.parents,
                royalty_bps=wanted.royalty_bps,
                of=found.leaf,
            )

        return self._changed(request, wanted.model_dump(), "an asset on the ledger", quoted)

    def publish(self, asset: Id, request: Request, wanted: ToPublishAsset) -> Response:
        """Publishes the next version of an asset; or, of the newest, where it is found now."""

        def quoted() -> _Quoted:
            found = find_manifest(self._org.provenance, wanted.what, wanted.kind)
            return self._org.ledger.assets.publishing(asset, found.sha256, uri=wanted.uri, of=found.leaf)

        asked = {"asset": asset} | wanted.model_dump()
        return self._changed(request, asked, "a version of an asset on the ledger", quoted)

    def set_state(self, asset: Id, request: Request, wanted: ToSetState) -> Response:
        """Says how an asset stands: active, deprecated, recalled (faulty) or blocked (not to be used)."""
        asked = {"asset": asset} | wanted.model_dump()
        what = f"the state {wanted.state} for an asset on the ledger"
        return self._changed(request, asked, what, lambda: self._org.ledger.assets.setting_state(asset, wanted.state))

    def transfer(self, asset: Id, request: Request, wanted: ToTransferAsset) -> Response:
        """Hands an asset over for good; every role for it lapses."""
        asked = {"asset": asset} | wanted.model_dump()
        what = "another owner for an asset on the ledger"
        return self._changed(request, asked, what, lambda: self._org.ledger.assets.transferring(asset, wanted.to))

    def place(self, request: Request, wanted: ToPlaceAssets) -> Response:
        """Puts an Assets contract on the home's ledger, or takes one that is there."""
        self._require_ledger()
        from counterfoil.ledger.assets.placing import placing

        def place() -> Answer | Callable[[], Answer]:
            quote, carry_out = placing(self._org.ledger, wanted.contract, wanted.from_block)
            if wanted.dry_run:
                return 200, quote.to_json()
            quote.require_funds()
            self._desk.asked(request, "an Assets contract for the ledger")
            told = {"chain_id": quote.chain_id, "done": True}
            return lambda: (200, told | {"contract": carry_out(lambda _said: None)})

        return answered(self._desk, request, wanted.model_dump(), place)

    def _changed(self, request: Request, asked: dict[str, Any], what: str, quoted: Callable[[], _Quoted]) -> Response:
        """Answers with what a change would cost; or makes it, after writing down who asks."""
        self._require_ledger()

        def change() -> Answer | Callable[[], Answer]:
            quote, carry_out = quoted()
            if asked["dry_run"]:
                return 200, quote.to_json()
            quote.require_funds()
            self._desk.asked(request, what)
            return lambda: (200, {"done": True} | carry_out(lambda _said: None).to_json())

        return answered(self._desk, request, asked, change)

    def _require_ledger(self) -> None:
        require_packages()
        self._org.ledger.require_connection()
