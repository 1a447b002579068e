"""What anybody may ask a seller's node: sheets, licences, and to be let in. Orders are their own login.

GET  …/market/sheets/{digest}             an offer sheet, as it was signed
GET  …/market/licences/{digest}           the text of a licence
GET  …/market/passports/{digest}          the passport's file, by the leaf hash of its record
GET  …/market/reviews/{digest}            the text of a review
POST …/market/offers/{offer}/reviews      the text of a review that the ledger names
POST …/market/offers/{offer}/preview      how the terms would decide over claims
POST …/market/orders/{order}/challenge    a word that only the order's key reads
POST …/market/orders/{order}/ticket       a ticket, for who read the word and is let in by the terms
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final

from fastapi import APIRouter, Path
from starlette.responses import Response

from counterfoil.errors import NotFound
from counterfoil.market.bodies import ToAdmit, ToPreview, ToReview
from counterfoil.market.compute.jobs.api import JobRoutes
from counterfoil.market.delivery.api import DeliveryRoutes
from counterfoil.market.shapes import AdmissionPreview, ReviewTaken
from counterfoil.web.desk import Desk
from counterfoil.web.room import PUBLIC, Room

if TYPE_CHECKING:
    from counterfoil.market.selling.selling import Selling
    from counterfoil.organisation import Organisation

__all__ = ["PublicMarketRoutes"]

Digest = Annotated[str, Path(max_length=64, description="SHA-256 in hexadecimal.")]
Order = Annotated[str, Path(max_length=80, description="The order's id on the ledger, 0x and 64 digits.")]
Offer = Annotated[str, Path(max_length=80, description="The offer's id on the ledger, 0x and 64 digits.")]

_AGE: Final = "application/octet-stream"
_FILE: Final = {200: {"content": {_AGE: {"schema": {"type": "string", "format": "binary"}}}, "description": "Bytes."}}
_KEPT: Final = {"cache-control": "public, max-age=31536000, immutable"}
"""What is named by its digest never changes."""


class PublicMarketRoutes:
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
        room = Room("market")
        room.reads("/market/sheets/{digest}", self.sheet, PUBLIC, responses=_FILE)
        room.reads("/market/licences/{digest}", self.licence, PUBLIC, responses=_FILE)
        room.reads("/market/passports/{digest}", self.passport, PUBLIC, responses=_FILE)
        room.reads("/market/reviews/{digest}", self.review, PUBLIC, responses=_FILE)
        room.writes("/market/offers/{offer}/reviews", self.take_review, PUBLIC, ReviewTaken, status=200)
        room.writes("/market/offers/{offer}/preview", self.preview, PUBLIC, AdmissionPreview, status=200)
        room.writes("/market/orders/{order}/challenge", self.challenge, PUBLIC, status=200, responses=_FILE)
        room.writes("/market/orders/{order}/ticket", self.ticket, PUBLIC, status=200, responses=_FILE)
        router = APIRouter()
        router.include_router(room.router)
        router.include_router(DeliveryRoutes(lambda: self._selling).router())
        router.include_router(JobRoutes(self._desk, lambda: self._selling, lambda: self._org.market.jobs).router())
        return router

    def sheet(self, digest: Digest) -> Response:
        """Sends an offer sheet by its digest."""
        return Response(self._org.market.shelf.sheet(digest).data, media_type="application/json", headers=_KEPT)

    def licence(self, digest: Digest) -> Response:
        """Sends the text of a licence by its digest."""
        text = self._org.market.shelf.licence(digest)
        return Response(text, media_type="text/plain; charset=utf-8", headers=_KEPT)

    def passport(self, digest: Digest) -> Response:
        """Sends the file of a passport that an offer sheet names, by the leaf hash of its record."""
        return Response(self._org.market.shelf.passport(digest), media_type="application/json", headers=_KEPT)

    def review(self, digest: Digest) -> Response:
        """Sends the text of a review by the digest that the ledger has of it, as its author signed it."""
        return Response(self._org.market.shelf.raw("reviews", digest), media_type="application/json", headers=_KEPT)

    def take_review(self, offer: Offer, wanted: ToReview) -> dict[str, Any]:
        """Takes the text of a review of an offer of this node, where the ledger names it by its digest."""
        return {"digest": self._selling.reviews.take(offer, wanted.review).digest_hex}

    def preview(self, offer: Offer, wanted: ToPreview) -> dict[str, Any]:
        """Says how the terms of an offer would decide over claims about an order that is not made yet."""
        found = self._selling.preview(offer, wanted.claims)
        return {"allowed": found.allowed, "why": found.why}

    def challenge(self, order: Order) -> Response:
        """Sends, encrypted to an order's key, a word by which its holder is known for ten minutes."""
        return Response(self._selling.challenge(order), media_type=_AGE)

    def ticket(self, order: Order, wanted: ToAdmit) -> Response:
        """Lets a buyer in, and sends, encrypted to the order's key, the ticket for what was bought."""
        return Response(self._selling.admit(order, wanted.claims, wanted.challenge), media_type=_AGE)

    @property
    def _selling(self) -> Selling:
        if not self._org.ledger.is_connected:
            raise NotFound("this node sells nothing", hint="ask the seller for the address of its node")
        return self._org.market.selling
