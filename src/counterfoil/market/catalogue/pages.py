"""The catalogue in the console: what is on offer, searched and filtered; and one offer with all that is known of it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from fastapi import Request
from starlette.responses import Response

from counterfoil.errors import CounterfoilError, InvalidInput, NotFound
from counterfoil.market.catalogue.column_plots import column_plots
from counterfoil.market.page_frame import MarketFrame
from counterfoil.market.sheets.croissant import listing_croissant
from counterfoil.market.sheets.sheet import SignedSheet
from counterfoil.market.terms import Terms
from counterfoil.market.terms.wording import rule_words
from counterfoil.web.answer import as_file
from counterfoil.web.page_room import PageRoom
from counterfoil.web.pages import Form
from counterfoil.web.roles import JOBS, STAFF

if TYPE_CHECKING:
    from counterfoil.ledger.market.offer import Offer
    from counterfoil.market.catalogue import Detail, Query

__all__ = ["CataloguePages"]

A_PAGE: Final = 24
MOST_EVENTS: Final = 40
_FACETS: Final = ("kind", "category", "licence", "tag", "origin")
_EVENTS: Final = {
    "Bought": "Bought by {buyer}",
    "Offered": "Offered, or asked for at new terms",
    "Ordered": "Ordered by {buyer}; the money is held until it is delivered",
    "Refunded": "An order was refunded",
    "Reviewed": "Reviewed by {by}: {stars} of 5 stars",
    "Settled": "An order was paid out",
    "Delivered": "An order was delivered",
    "Withdrawn": "Withdrawn",
}


class CataloguePages:
    """These pages.

    Args:
        frame: What the market's pages share.
    """

    def __init__(self, frame: MarketFrame) -> None:
        self._frame = frame

    def add_to(self, room: PageRoom) -> None:
        """Adds them."""
        one = "/market/offers/{offer}"
        room.shows("/market", self.search, STAFF)
        room.shows(one, self.show, STAFF)
        room.shows(f"{one}/croissant.json", self.croissant, STAFF)
        room.shows(f"{one}/licence", self.licence, STAFF)
        room.does(one, self.buy, JOBS["trade"])

    def search(self, request: Request) -> Response:
        """Shows what is on offer."""
        market = self._frame.org.market
        if not market.is_open:
            return self._frame.render(request, "catalogue.html")
        asked = dict(request.query_params)
        error = None
        try:
            found = market.catalogue.search(self._query(asked))
        except CounterfoilError as fault:
            error, found = fault, market.catalogue.search(self._query({}))
        return self._frame.render(
            request,
            "catalogue.html",
            422 if error else 200,
            asked=asked,
            error=error,
            facets=[(name, found.facets.get(name, ())) for name in _FACETS],
            found=found,
            price=self._price,
        )

    def show(self, offer: str, request: Request) -> Response:
        """Shows one offer."""
        return self._show(request, offer)

    def licence(self, offer: str, request: Request) -> Response:
        """Shows the text that a buyer agrees to, held against the digest that the sheet has."""
        signed = self._sheet(self._offer(offer))
        text = self._frame.org.market.sheets.licence_of(signed)
        return self._frame.render(request, "licence.html", offer=offer, text=text, wares=signed.sheet.wares)

    def croissant(self, offer: str) -> Response:
        """Sends what an offer of a dataset says of it as Croissant, which dataset search reads."""
        data = json.dumps(listing_croissant(self._sheet(self._offer(offer))), indent=2).encode()
        return Response(data, media_type="application/ld+json", headers=as_file(f"{offer[:18]}.croissant.json"))

    def buy(self, request: Request, form: Form) -> Response:
        """Shows what buying would cost; nothing is sent."""
        offer = str(request.path_params["offer"])
        given = self._given(offer, form)
        if not given["accepts"]:
            error = InvalidInput("the licence was not accepted", hint="read it, then tick the box")
            return self._show(request, offer, given, error)
        return self._frame.ask(request, "buy", given)

    def _show(
        self,
        request: Request,
        offer_id: str,
        given: dict[str, str] | None = None,
        error: CounterfoilError | None = None,
    ) -> Response:
        offer = self._offer(offer_id)
        detail, signed, fault = self._detail(offer)
        wares = signed.sheet.wares if signed is not None else None
        terms = Terms.from_json(wares.terms) if wares is not None else None
        trading = self._frame.org.ledger.market
        until = trading.access_until(offer.offer)
        return self._frame.render(
            request,
            "offer.html",
            422 if error else 200,
            detail=detail,
            error=error,
            events=self._events(offer.offer),
            fault=fault,
            given=given or {},
            has_access=until is None or until > self._frame.org.recorder.now_s(),
            offer=offer,
            plots=column_plots(wares.profile) if wares is not None and wares.profile is not None else [],
            rules=[(each, rule_words(each)) for each in terms.rules] if terms is not None else [],
            signed=signed,
            terms=terms,
            until=until,
            wares=wares,
        )

    def _offer(self, offer: str) -> Offer:
        return self._frame.org.ledger.market.offer(offer)

    def _detail(self, offer: Offer) -> tuple[Detail | None, SignedSheet | None, str]:
        """Returns what the catalogue has, the sheet that the ledger names now, and why there is none."""
        detail = None
        try:
            detail = self._frame.org.market.catalogue.show(offer.offer)
        except NotFound:  # it is newer than the last look at the ledger
            pass
        if detail is not None and detail.sheet is not None and detail.sheet.digest_hex == offer.sheet:
            return detail, detail.sheet, ""
        try:
            return detail, self._sheet(offer), ""
        except CounterfoilError as error:
            return detail, None, error.message

    def _sheet(self, offer: Offer) -> SignedSheet:
        return self._frame.org.market.sheets.sheet_of(offer)

    def _given(self, offer: str, form: Form) -> dict[str, str]:
        """Returns what a buyer states, with the price as it was shown: who buys never pays more."""
        found = self._offer(offer)
        accepts = self._sheet(found).sheet.wares.licence.sha256 if form.text("accepts") else ""
        return {
            "accepts": accepts,
            "jurisdiction": form.text("jurisdiction"),
            "most": found.price.amount,
            "offer": found.offer,
            "purpose": form.text("purpose"),
            "token": found.price.token,
        }

    def _events(self, offer: str) -> list[dict[str, Any]]:
        """Returns what the ledger told of an offer, newest first, in words."""
        found = self._frame.org.ledger.market.events(offer=offer, newest_first=True, limit=MOST_EVENTS)
        return [
            {
                "block": each.block,
                "transaction": each.transaction,
                "words": _EVENTS[each.name].format_map(_Told(each.told)),
            }
            for each in found
            if each.name in _EVENTS
        ]

    def _price(self, token: str, units: int) -> str:
        address = bytes.fromhex(token[2:])
        return self._frame.org.ledger.market.price(address, units).text if units else "free"

    def _query(self, asked: dict[str, str]) -> Query:
        from counterfoil.market.catalogue import Query

        def some(name: str) -> tuple[str, ...]:
            return (asked[name],) if asked.get(name) else ()

        most, token = None, ""
        if asked.get("most"):
            price = self._frame.org.ledger.market.amount(asked["most"])
            most, token = price.units, price.token.lower()
        return Query(
            words=asked.get("words", ""),
            tags=some("tag"),
            kinds=some("kind"),
            categories=some("category"),
            licences=some("licence"),
            origins=some("origin"),
            token=token,
            most_units=most,
            is_free=asked.get("free") == "1",
            is_open=asked.get("all") != "1",
            order=asked.get("order", ""),
            after=asked.get("after", ""),
            limit=A_PAGE,
        )


class _Told(dict[str, Any]):
    """What an event told; a name that it lacks reads as nobody."""

    def __missing__(self, key: str) -> str:
        return "somebody"
