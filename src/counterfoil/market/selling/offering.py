"""Putting something on offer: what is read and signed here, and the one transaction by which the ledger knows it.

1. the contents are read once: their root and the hashes of their chunks are kept;
2. the offer sheet is filled in, signed with the market key and put on the shelf;
3. the ledger is told the sheet's digest, the price and the rules, after a look at what that costs;
4. the log says what was listed, and on which record it rests.

Until step 3 nothing can be bought; all of it may be repeated.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Literal

from sqlalchemy import select

from counterfoil.errors import CounterfoilError, InvalidInput, NotFound, NotSetUp
from counterfoil.market.checks import SHEET_CHECKS
from counterfoil.market.delivery.deliveries import Deliveries
from counterfoil.market.delivery.source import Progress
from counterfoil.market.records import ListingRecord
from counterfoil.market.selling.goods import Goods, Place
from counterfoil.market.sheets.media_types import ANY_BYTES, media_type
from counterfoil.market.sheets.sheet import OfferSheet, SignedSheet, sign_sheet
from counterfoil.market.sheets.shelf import Shelf
from counterfoil.market.sheets.wares import Content, Seller, Wares
from counterfoil.market.views import market_records
from counterfoil.store.recorder import Recorder
from counterfoil.store.streams import time_text
from counterfoil.store.views import Views

if TYPE_CHECKING:
    from counterfoil.ledger.ledger import Ledger
    from counterfoil.ledger.market.offer import Offer
    from counterfoil.ledger.market.quote import TradeQuote
    from counterfoil.ledger.market.selling import OfferDraft

__all__ = ["Listing", "Offering", "Registered"]

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Registered:
    """What is offered, as this home's log knows it.

    Attributes:
        kind: `dataset` or `model`; `service` for what has no record.
        name: Its name.
        version: In the seller's own numbering.
        manifest_sha256: SHA-256 of its record, by which the ledger knows the asset.
        leaf: Leaf hash of its record, hex; empty without one.
        fingerprint: Root of its fingerprint, hex; empty without one.
    """

    kind: Literal["dataset", "model", "service"]
    name: str
    version: str
    manifest_sha256: str
    leaf: str = ""
    fingerprint: str = ""


@dataclass(frozen=True, slots=True)
class Listing:
    """What is to be listed.

    Attributes:
        wares: The sheet without what follows from the contents, the home and the ledger.
        of: What is offered.
        place: Where its contents lie; None for a service that has none.
        draft: Price and rules; its `sheet` is filled in here.
        uri: Where the asset's document is found, for everybody to read.
        royalty_bps: What the creator asks of each sale of the asset, where it is registered with the offer.
        parents: Ids of assets that it was made from.
    """

    wares: Wares
    of: Registered
    place: Place | None
    draft: OfferDraft
    uri: str = ""
    royalty_bps: int = 0
    parents: tuple[str, ...] = ()


class Offering:
    """Lists what one home offers. Safe to use from several threads.

    Args:
        ledger: The home's ledger.
        shelf: Takes sheets and licence texts.
        goods: Takes where contents lie.
        deliveries: Reads contents.
        recorder: Writes what was listed.
        views: Finds what was.
        secret: Returns the secret market key.
        seller: Who sells, as the sheet has it.
        node: Base address of this home's node; empty where the settings name none.
    """

    def __init__(
        self,
        ledger: Ledger,
        shelf: Shelf,
        goods: Goods,
        deliveries: Deliveries,
        recorder: Recorder,
        views: Views,
        secret: Callable[[], bytes],
        seller: Seller,
        node: str,
    ) -> None:
        self._ledger = ledger
        self._shelf = shelf
        self._goods = goods
        self._deliveries = deliveries
        self._recorder = recorder
        self._views = views
        self._secret = secret
        self._seller = seller
        self._node = node
        self._listing = threading.Lock()

    def planning(
        self, listing: Listing, progress: Progress | None = None
    ) -> tuple[TradeQuote, SignedSheet, Callable[[Tell], Offer]]:
        """Does steps 1 and 2; returns what step 3 costs and shows, the signed sheet, and what does steps 3 and 4.

        Args:
            listing: What is to be listed.
            progress: Told (bytes read, bytes in all) of the contents.

        Raises:
            NotSetUp: The home has no address for its node, no ledger, or no Market contract.
            InvalidInput: It cannot be offered so; the message says what is wrong.
            NotAllowed: This home's account may not offer the asset.
            NotFound: The contents, or the text of the licence, are not there.
        """
        if not self._node:
            raise NotSetUp(
                "buyers would not find this home: its settings name no address of its node",
                hint='write public_url = "https://…" into counterfoil.toml of the home: where buyers reach '
                "`counterfoil up`; on one machine http://127.0.0.1:8000 will do",
            )
        signed = self._signed(listing, self.content(listing, progress))
        self._shelf.put_sheet(signed)
        draft = replace(listing.draft, sheet=signed.digest_hex)
        quote, offer = self._ledger.market.registering_and_offering(
            listing.of.kind,
            listing.of.manifest_sha256,
            draft,
            uri=listing.uri,
            parents=listing.parents,
            royalty_bps=listing.royalty_bps,
            of=listing.of.leaf,
        )

        def carry_out(tell: Tell) -> Offer:
            made = offer(tell)
            self._record(listing, made, signed)
            return made

        return quote, signed, carry_out

    def content(self, listing: Listing, progress: Progress | None = None) -> Content | None:
        """Does step 1; returns what the sheet says of the contents, None for a service that has none.

        Raises:
            NotFound: They are not there.
        """
        if listing.place is None:
            return None
        with closing(self._goods.open(listing.place)) as source:
            found = self._deliveries.index(source, progress)
        self._goods.put(found.root.hex(), listing.place)
        name, media_type = _named(listing.place)
        return Content(
            root=found.root.hex(),
            size_bytes=found.size_bytes,
            name=name,
            media_type=media_type,
            version=listing.of.version,
            record=listing.of.leaf,
            fingerprint=listing.of.fingerprint,
        )

    def _signed(self, listing: Listing, content: Content | None) -> SignedSheet:
        """Step 2; a sheet that says the same as the one on offer is that one, so that nothing is sent twice."""
        from counterfoil.ledger.assets.contract import asset_id
        from counterfoil.ledger.assets.kinds import asset_text

        opened, number = self._ledger.market.opened, listing.draft.number
        asset = asset_text(asset_id(self._ledger.market.account, bytes.fromhex(listing.of.manifest_sha256)))
        wares = replace(listing.wares, content=content, node=self._node, seller=self._seller)
        if wares.kind != listing.draft.kind:
            raise InvalidInput(f"the sheet is for a {wares.kind}, and a {listing.draft.kind} is to be offered")
        chain_id = self._ledger.require_connection().chain_id
        market, now = f"0x{opened.contract.address.hex()}", time_text(self._recorder.now_s())
        sheet = OfferSheet(asset, number, market, chain_id, now, wares)
        return self._known(sheet) or sign_sheet(sheet, self._secret(), self._seller.origin, SHEET_CHECKS)

    def _known(self, sheet: OfferSheet) -> SignedSheet | None:
        """Returns a sheet that says the same but for its date: the one on the ledger, or one on its way there."""
        on_ledger = ""
        with suppress(NotFound):
            on_ledger = self._ledger.market.offer(sheet.offer).sheet
        for digest in (on_ledger, *self._shelf.sheets()):
            with suppress(CounterfoilError):  # what cannot be read stands in nobody's way
                known = self._shelf.sheet(digest)
                if replace(known.sheet, created=sheet.created) == sheet:
                    return known
        return None

    def _record(self, listing: Listing, offer: Offer, signed: SignedSheet) -> None:
        """Step 4, unless the offer's newest record says the same."""
        content = signed.sheet.wares.content
        record = ListingRecord(
            offer.offer, offer.asset, signed.digest_hex, content.root if content else "", listing.of.leaf
        )
        same = (market_records.c.kind == "listing") & (market_records.c.offer == record.offer)
        with self._listing:  # between looking for the record and writing it
            with self._views.reading() as connection:
                query = select(market_records.c.digest).where(same).order_by(market_records.c.idx.desc())
                newest = connection.execute(query.limit(1)).scalar()
            if newest != record.sheet:
                self._recorder.write(record.draft())


def _named(place: Place) -> tuple[str, str]:
    """Returns the name under which a place's contents are delivered, and their media type."""
    if place.kind == "snapshot":
        return place.where.replace("/", "-"), ANY_BYTES
    name = PurePath(place.where).name
    if place.kind == "path" and Path(place.where).is_dir():
        return f"{name}.tar", "application/x-tar"
    return name, media_type(name)
