"""Finds the sheet of an offer: on this home's shelf, or at the node that the asset names."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Final

from counterfoil.errors import DoesNotMatch, NotFound
from counterfoil.market.catalogue.fetching import NOT_PUBLIC, Fetcher, Wanted
from counterfoil.market.catalogue.node_reader import NodeReader, VisitLimits, base_of
from counterfoil.market.checks import SHEET_CHECKS
from counterfoil.market.sheets.sheet import SignedSheet, read_sheet
from counterfoil.market.sheets.shelf import MOST_LICENCE_BYTES, Shelf
from counterfoil.market.sheets.wares import KINDS
from counterfoil.provenance.snapshots.addresses import Reach

if TYPE_CHECKING:
    from counterfoil.ledger.ledger import Ledger
    from counterfoil.ledger.market.offer import Offer

__all__ = ["SheetFinder"]

_NOT_PUBLIC: Final = (
    "where it is meant, name its network in counterfoil.toml of this home: "
    'market_networks = ["127.0.0.0/8"] for this machine'
)


class SheetFinder:
    """Finds sheets for one home.

    Args:
        ledger: Knows where assets say they are found.
        shelf: Of this home.
        reach: Which addresses may be asked.
    """

    def __init__(self, ledger: Ledger, shelf: Shelf, reach: Reach) -> None:
        self._ledger = ledger
        self._shelf = shelf
        self._reach = reach
        self._fetcher = Fetcher(reach, shelf)

    def sheet_of(self, offer: Offer) -> SignedSheet:
        """Returns the sheet whose digest the ledger has for an offer.

        Raises:
            NotFound: It cannot be had; the message says why.
            DoesNotMatch: What was had is another, or is about another offer.
        """
        base = base_of(self._ledger.assets.show(offer.asset).asset.uri)
        wanted = Wanted(0, "sheets", offer.sheet, (base,) if base else ())
        answer = next(iter(self._fetcher.fetch([wanted])))
        if answer.data is None:
            hint = _NOT_PUBLIC if answer.why == NOT_PUBLIC else "ask the seller, or try again later"
            raise NotFound(f"the offer sheet cannot be had: {answer.why}", hint=hint)
        signed = read_sheet(answer.data, SHEET_CHECKS)
        if signed.digest_hex != offer.sheet:
            raise DoesNotMatch("the seller's node hands out another offer sheet than the ledger names")
        opened = self._ledger.market.opened
        return signed.require_offer(
            chain_id=self._ledger.require_connection().chain_id,
            market=f"0x{opened.contract.address.hex()}",
            offer=offer.offer,
            asset=offer.asset,
            kind=KINDS[offer.kind],
        )

    def licence_of(self, signed: SignedSheet) -> str:
        """Returns the text that a buyer agrees to, whose digest the sheet has.

        Raises:
            NotFound, NodeUnreachable: It cannot be had.
            DoesNotMatch: What was had is another text.
        """
        digest = signed.sheet.wares.licence.sha256
        try:
            text = self._shelf.licence(digest)
        except NotFound:
            with NodeReader(signed.sheet.wares.node, self._reach, VisitLimits()).visit() as reader:
                text = reader.get(f"market/licences/{digest}", MOST_LICENCE_BYTES)
        if sha256(text).hexdigest() != digest:
            raise DoesNotMatch("the seller's node hands out another licence text than the offer sheet names")
        return text.decode("utf-8", "replace")
