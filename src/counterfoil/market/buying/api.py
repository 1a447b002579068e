"""Buying over HTTP, for staff: for the organisation, and with its money.

What was bought is fetched in the background into the home, and handed to operators from there.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Any, Final

from fastapi import APIRouter, Path, Request
from starlette.responses import FileResponse, Response

from counterfoil.errors import NotFound
from counterfoil.ledger.packages import require_packages
from counterfoil.market.buying.bodies import PurchaseOnLedger, PurchaseShown, ToBuyOffer, ToGiveReview
from counterfoil.market.quoted import Shown, quoted
from counterfoil.market.selling.bodies import Done, ToSend
from counterfoil.web.answer import answered, as_file
from counterfoil.web.desk import Desk
from counterfoil.web.roles import JOBS, READERS, Role
from counterfoil.web.room import Room, Started

if TYPE_CHECKING:
    from counterfoil.ledger.market.trading import Trading
    from counterfoil.ledger.sending.quote import Quote
    from counterfoil.market.buying.purchases import Stated
    from counterfoil.organisation import Organisation

    _Planned = tuple[Quote, Callable[[Callable[[str], None]], Shown]]

__all__ = ["BuyingRoutes"]

OrderId = Annotated[str, Path(max_length=80, description="The order's id, 0x and 64 digits.")]
_PLAIN: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,120}")
_BYTES: Final = "application/octet-stream"
_FILE: Final = {200: {"content": {_BYTES: {"schema": {"type": "string", "format": "binary"}}}, "description": "Bytes."}}


class BuyingRoutes:
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
        room, operator, order = Room("market"), (Role.OPERATOR,), "/market/purchases/{order}"
        room.reads("/market/purchases", self.list_purchases, READERS, list[PurchaseShown])
        room.writes("/market/purchases", self.buy, operator, Done, status=200)
        room.reads(order, self.show_purchase, READERS, PurchaseOnLedger)
        room.writes(f"{order}/fetch", self.fetch, JOBS["fetch"], Started, status=202)
        room.reads(f"{order}/file", self.file, operator, responses=_FILE)
        room.writes(f"{order}/accept", self.accept, operator, Done, status=200)
        room.writes(f"{order}/reclaim", self.reclaim, operator, Done, status=200)
        room.writes(f"{order}/review", self.give_review, operator, Done, status=200)
        return room.router

    def list_purchases(self) -> list[dict[str, Any]]:
        """Lists what this home bought or is buying, newest first."""
        return [each.to_json() for each in self._org.market.purchases.all()]

    def show_purchase(self, order: OrderId) -> dict[str, Any]:
        """Shows a purchase, and how its order stands on the ledger."""
        found, told = self._org.market.purchases.at(order), None
        with suppress(NotFound):
            told = self._org.ledger.market.order(found.order).to_json()
        return found.to_json() | {"on_ledger": told}

    def buy(self, request: Request, wanted: ToBuyOffer) -> Response:
        """Buys an offer for the organisation; unless told otherwise, only says what that costs, moves and shows.

        The seller's node is asked first whether its terms would let us in: `admission` is its answer.
        """
        told: dict[str, Any] = {}

        def planned() -> _Planned:
            market = self._org.market
            found = self._org.ledger.market.offer(wanted.offer)
            licence = market.sheets.sheet_of(found).sheet.wares.licence
            stated = _stated(wanted, (licence.sha256,) if wanted.accept_licence else ())
            made = market.buying.planning(
                wanted.offer,
                stated,
                most=wanted.most,
                token=wanted.token,
                way=wanted.way,
                referrer=wanted.referrer,
            )
            told.update(admission=made.admission, order=made.order, sheet=made.sheet.digest_hex)
            return made.quote, made.carry_out

        asked, what = wanted.model_dump(), "a purchase on the market"
        return quoted(self._org, self._desk, request, asked, what, planned, lambda: told)

    def fetch(self, order: OrderId, request: Request) -> Response:
        """Fetches what was bought into the home, in the background; goes on where it broke off."""
        require_packages()
        found = self._org.market.purchases.at(order)
        asked = {"order": found.order}
        return answered(self._desk, request, asked, lambda: (202, self._desk.start_job(request, "fetch", asked)))

    def file(self, order: OrderId, request: Request) -> FileResponse:
        """Sends what was bought and fetched over the API. Who took it is recorded."""
        require_packages()
        found = self._org.market.purchases.at(order)
        path = self._org.market.fetched(order)
        self._desk.looked(request, f"what was bought with the order {found.order}")
        return FileResponse(path, media_type=_BYTES, headers=as_file(_name(found.path)))

    def accept(self, order: OrderId, request: Request, wanted: ToSend) -> Response:
        """Says that what was delivered is right: the seller is paid before the window is over."""
        asked = {"order": order} | wanted.model_dump()
        return quoted(
            self._org, self._desk, request, asked, "an order to be accepted", lambda: self._trading.accepting(order)
        )

    def reclaim(self, order: OrderId, request: Request, wanted: ToSend) -> Response:
        """Takes the money back for what was not delivered in time."""
        asked = {"order": order} | wanted.model_dump()
        return quoted(
            self._org, self._desk, request, asked, "money back for an order", lambda: self._trading.reclaiming(order)
        )

    def give_review(self, order: OrderId, request: Request, wanted: ToGiveReview) -> Response:
        """Reviews what was bought: stars and a digest on the ledger, the text at the seller's node."""

        def planned() -> _Planned:
            offer = self._org.market.purchases.at(order).offer
            return self._org.market.reviews.planning(offer, wanted.stars, wanted.text.strip())

        asked = {"order": order} | wanted.model_dump()
        return quoted(self._org, self._desk, request, asked, "a review on the market", planned)

    @property
    def _trading(self) -> Trading:
        return self._org.ledger.market


def _stated(wanted: ToBuyOffer, accepts: tuple[str, ...]) -> Stated:
    from counterfoil.market.buying.purchases import Stated
    from counterfoil.market.terms import Credential

    shown = tuple(dict(Credential.read(each).signed) for each in wanted.credentials)
    return Stated(wanted.purpose, wanted.jurisdiction, accepts, shown)


def _name(path: str) -> str:
    """Returns a file's name as a header can carry it; what a seller called it may hold anything."""
    name = path.rpartition("/")[2]
    return name if _PLAIN.fullmatch(name) else "content"
