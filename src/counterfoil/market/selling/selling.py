"""The seller's side of one home: offers, orders, who is let in, what is sent."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from secrets import token_bytes
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from counterfoil.core.age import KEY_BYTES, recipient_of
from counterfoil.core.delivery import DeliveryStatement
from counterfoil.core.signed_document import SignedDocument, sign_document
from counterfoil.errors import NotFound
from counterfoil.market.delivery.deliveries import Deliveries
from counterfoil.market.delivery.tickets import Tickets, sealed_for
from counterfoil.market.records import DeliveryRecord
from counterfoil.market.selling.admissions import Admissions
from counterfoil.market.selling.challenges import Challenges
from counterfoil.market.selling.changed_sources import ChangedSources
from counterfoil.market.selling.earnings import Earnings
from counterfoil.market.selling.fulfilment import Fulfilment
from counterfoil.market.selling.goods import Goods
from counterfoil.market.selling.known_buyers import KnownBuyers
from counterfoil.market.selling.listing_draft import ListingDrafts
from counterfoil.market.selling.offering import Offering
from counterfoil.market.selling.received_reviews import ReceivedReviews
from counterfoil.market.selling.sold_orders import SoldOrders
from counterfoil.market.sheets.shelf import Shelf
from counterfoil.market.sheets.wares import Seller
from counterfoil.market.state import MarketState
from counterfoil.market.terms import Access
from counterfoil.market.views import market_records
from counterfoil.store.streams import time_text

if TYPE_CHECKING:
    from counterfoil.ledger.ledger import Ledger
    from counterfoil.provenance import Provenance
    from counterfoil.store.archive import Archive
    from counterfoil.store.recorder import Recorder
    from counterfoil.store.views import Views

__all__ = ["Selling"]


class Selling:
    """What one home sells. Safe to use from several threads.

    Args:
        folder: The market's folder in the home.
        state: Its state.
        shelf: Sheets and licence texts.
        ledger: The home's ledger.
        recorder: Writes records.
        archive: Reads them.
        views: Finds them.
        provenance: The home's datasets and models.
        secret: Returns the secret market key.
        seller: Who sells.
        node: Base address of the home's node; empty where the settings name none.
        goods: Folder whose files may be named over the network to be offered; None for none.

    Attributes:
        admissions: Lets buyers in.
        changed: Sources that no longer give what was published.
        deliveries: Makes what is sent.
        drafts: Fills in what is to be listed.
        earnings: What orders brought, day by day.
        fulfilment: Does what is due for orders.
        goods: Where contents lie.
        known: Whose market keys are known.
        offering: Lists what is offered.
        orders: The orders.
        reviews: Takes the texts of reviews.
        tickets: The tickets.
    """

    def __init__(
        self,
        folder: Path,
        state: MarketState,
        shelf: Shelf,
        ledger: Ledger,
        recorder: Recorder,
        archive: Archive,
        views: Views,
        provenance: Provenance,
        secret: Callable[[], bytes],
        seller: Seller,
        node: str,
        goods: Path | None,
    ) -> None:
        self._ledger = ledger
        self._shelf = shelf
        self._recorder = recorder
        self._views = views
        self._secret = secret
        self._seller = seller
        self.known = KnownBuyers(state)
        self.changed = ChangedSources(state, recorder)
        self.goods = Goods(state, provenance, self.changed)
        self.orders = SoldOrders(ledger, shelf, self.goods, recorder.now_s)
        self.tickets = Tickets(folder / "tickets", recorder.now_s)
        self._challenges = Challenges(state.secret, recorder.now_s)
        self.deliveries = Deliveries(
            folder / "deliveries",
            secret=state.secret,
            sign=self.sign,
            orders=self.orders,
            now=lambda: time_text(recorder.now_s()),
            record=self._promised,
            told=self.changed.notice,
        )

        def orders_of(account: str, offer: str) -> list[str]:
            return [each.order for each in ledger.market.orders(buyer=account, offer=offer, limit=None)]

        self.admissions = Admissions(self.orders, self.tickets, self.known, recorder, archive, views, orders_of)
        self.earnings = Earnings(ledger, recorder.now_s)
        self.reviews = ReceivedReviews(ledger, shelf)
        self.drafts = ListingDrafts(provenance, archive, shelf, seller, node, goods)
        self.offering = Offering(ledger, shelf, self.goods, self.deliveries, recorder, views, secret, seller, node)
        self.fulfilment = Fulfilment(ledger, self.deliveries, views, self.admissions.is_admitted, recorder.now_s)

    def close(self) -> None:
        """Stops preparing deliveries."""
        self.deliveries.close()

    def sign(self, document: Mapping[str, Any]) -> dict[str, Any]:
        """Returns a document signed with the home's market key."""
        return sign_document(document, self._secret(), self._seller.origin)

    def preview(self, offer: str, claims: Mapping[str, Any]) -> Access:
        """Says how the terms of an offer of this home would decide; see `Admissions.preview`.

        Raises:
            NotFound: There is no such offer here.
        """
        found = self._ledger.market.offer(offer)
        signed = self._shelf.sheet(found.sheet)
        if not found.is_ours or signed.sheet.offer != found.offer:
            raise NotFound(f"the offer {found.offer} is not this home's", hint="ask the seller that it names")
        return self.admissions.preview(signed, claims)

    def challenge(self, order: str) -> bytes:
        """Returns a word that only the holder of an order's key can read, as a file of the age format.

        For an order that is not here it is encrypted to a key that nobody has: to a stranger all look alike.
        """
        recipient = recipient_of(token_bytes(KEY_BYTES))
        with suppress(NotFound):
            recipient = self.orders.order(order).recipient
        return sealed_for(recipient, self._challenges.word(order).encode())

    def admit(self, order: str, claims: Mapping[str, Any], challenge: str) -> bytes:
        """Lets a buyer in; see `Admissions.admit`.

        Args:
            order: The order's id.
            claims: What is stated, signed.
            challenge: The word that `challenge` gave, read with the order's key.

        Raises:
            NotSignedIn: It is another word.
        """
        self._challenges.require(order, challenge)
        return self.admissions.admit(order, claims)

    def _promised(self, statement: DeliveryStatement, signed: SignedDocument) -> None:
        """Puts on record what is promised for an order, before anybody is given it."""
        made = DeliveryRecord(
            statement.order,
            statement.offer,
            signed.digest_hex,
            statement.content.root.hex(),
            statement.ciphertext.root.hex(),
            statement.content.size_bytes,
        )
        with self._views.reading() as connection:
            same = (market_records.c.kind == "delivery") & (market_records.c.digest == made.statement)
            known = connection.execute(select(market_records.c.idx).where(same).limit(1)).first()
        if known is None:
            self._recorder.write(made.draft())
