"""Selling in the console: listing something in two steps, what was sold, and what it brought."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from fastapi import Request
from starlette.responses import Response

from counterfoil.errors import CounterfoilError, InvalidInput
from counterfoil.market.deals import plan_deal
from counterfoil.market.page_frame import MarketFrame
from counterfoil.market.selling.listing_form import LISTING_FIELDS, OFFER_KINDS, next_number, place_on_record
from counterfoil.provenance.assets.manifests import manifest_sha256
from counterfoil.provenance.datasets import Dataset
from counterfoil.store.streams import time_text
from counterfoil.web import charts
from counterfoil.web.formats import day_text
from counterfoil.web.page_room import PageRoom
from counterfoil.web.pages import Form
from counterfoil.web.roles import JOBS, STAFF

if TYPE_CHECKING:
    from counterfoil.market.selling.earnings import Earned
    from counterfoil.market.selling.goods import Place
    from counterfoil.organisation import Organisation
    from counterfoil.provenance.model_register import Model

__all__ = ["SellingPages"]

DAYS: Final = 30
_DAY_S: Final = 86_400
MOST_READ: Final = 10_000
MOST_OVER: Final = 200
"""Orders that are over, of which the newest are shown."""

MOST_OFFERS: Final = 1_000
"""Offers, likewise."""


class SellingPages:
    """These pages.

    Args:
        frame: What the market's pages share.
    """

    def __init__(self, frame: MarketFrame) -> None:
        self._frame = frame

    def add_to(self, room: PageRoom) -> None:
        """Adds them."""
        room.shows("/market/sell", self.choose, STAFF)
        room.does("/market/sell", self.fill_in, JOBS["trade"])
        room.does("/market/sell/cost", self.cost, JOBS["trade"])
        room.shows("/market/sold", self.sold, STAFF)
        room.shows("/market/earnings", self.earnings, STAFF)

    def choose(self, request: Request) -> Response:
        """Asks what is to be sold, and where it lies."""
        asked = {name: request.query_params.get(name, "")[:1_000] for name in ("what", "where")}
        return self._choose(request, asked)

    def fill_in(self, request: Request, form: Form) -> Response:
        """Asks the rest, once what lies there is what is on record; shows which columns tell of persons."""
        given = _given(form)
        try:
            return self._fill_in(request, given)
        except CounterfoilError as error:
            return self._choose(request, given, error)

    def cost(self, request: Request, form: Form) -> Response:
        """Shows what listing would cost and show; what is wrong with the form stands above it."""
        given = _given(form)
        if form.text("again"):
            return self._again(request, given)
        try:
            deal = plan_deal(self._frame.org, "list", given)
        except CounterfoilError as error:
            return self._again(request, given, error)
        try:
            deal.quote.require_funds()
        except CounterfoilError as error:
            return self._frame.ask_of(request, "list", given, deal, error)
        return self._frame.ask_of(request, "list", given, deal)

    def sold(self, request: Request) -> Response:
        """Shows this home's offers, and the orders for them."""
        if not self._frame.org.market.is_open:
            return self._frame.render(request, "sold.html")
        trading = self._frame.org.ledger.market
        seller, now_s = f"0x{trading.account.hex()}", self._frame.org.recorder.now_s()
        waiting = trading.orders(seller=seller, states=("held", "delivered"), limit=MOST_READ)
        over = trading.orders(seller=seller, states=("paid", "settled", "refunded"), newest_first=True, limit=MOST_OVER)
        offers = trading.offers(seller=seller, newest_first=True, limit=MOST_OFFERS)
        return self._frame.render(
            request,
            "sold.html",
            now_s=now_s,
            offers=[(each, self._title(each.sheet)) for each in offers],
            most_offers=MOST_OFFERS,
            most_over=MOST_OVER,
            orders=[(each, self._title(each.sheet)) for each in (*reversed(waiting), *over)],
            settles={each.order for each in waiting if each.state == "delivered" and each.ends <= now_s},
            time_text=time_text,
        )

    def earnings(self, request: Request) -> Response:
        """Shows what orders brought, day by day and token by token, and what the market owes."""
        if not self._frame.org.market.is_open:
            return self._frame.render(request, "earnings.html")
        org, trading = self._frame.org, self._frame.org.ledger.market
        earned = org.market.selling.earnings.by_day(DAYS)
        tokens = sorted(
            {each.price.token for each in earned} | ({trading.owed().token} if trading.opened.credits else set())
        )
        today = org.recorder.now_s() // _DAY_S
        days = [time_text((today - DAYS + 1 + place) * _DAY_S)[:10] for place in range(DAYS)]
        return self._frame.render(
            request,
            "earnings.html",
            charts=[
                _chart(days, earned, token) for token in tokens if any(each.price.token == token for each in earned)
            ],
            days=DAYS,
            holds=[trading.balance(token) for token in tokens],
            orders=sum(each.orders for each in earned),
            owed=[trading.owed(token) for token in tokens],
        )

    def _choose(self, request: Request, asked: Mapping[str, str], error: CounterfoilError | None = None) -> Response:
        provenance = self._frame.org.provenance
        records: list[Dataset | Model] = [*provenance.datasets(), *provenance.models()]
        records.sort(key=lambda each: -each.index)
        return self._frame.render(
            request,
            "sell.html",
            422 if error else 200,
            asked=asked,
            error=error,
            records=[(each, "dataset" if isinstance(each, Dataset) else "model") for each in records],
        )

    def _again(self, request: Request, given: Mapping[str, str], error: CounterfoilError | None = None) -> Response:
        try:
            return self._fill_in(request, given, error)
        except CounterfoilError as first:
            return self._choose(request, given, first)

    def _fill_in(self, request: Request, given: Mapping[str, str], error: CounterfoilError | None = None) -> Response:
        org = self._frame.org
        if not org.market.is_open:
            return self._frame.render(request, "sell.html")
        if not given["what"]:
            raise InvalidInput("nothing was chosen", hint="choose a dataset or a model that is on record")
        found = org.provenance.find(given["what"])
        place = place_on_record(org, found, given["where"])
        passport = org.provenance.passports.of(found)
        known = passport.passport.licence if passport is not None else None
        is_first = not given["title"]
        values = dict(given) | {"number": given["number"] or str(next_number(org, manifest_sha256(found)))}
        if is_first:
            values["title"] = found.record.name
            values["licence_name"] = (known.expression or known.name) if known is not None else ""
            values["description"] = passport.passport.purpose.strip() if passport is not None else ""
        return self._frame.render(
            request,
            "listing.html",
            422 if error else 200,
            chosen={name: json.loads(values[name] or "[]") for name in ("sample", "profile")},
            columns=_columns(found, place),
            credits=_symbol(org),
            error=error,
            found=found,
            kind="dataset" if isinstance(found, Dataset) else "model",
            kinds=OFFER_KINDS,
            known_licence=known,
            values=values,
        )

    def _title(self, sheet: str) -> str:
        try:
            return self._frame.org.market.shelf.sheet(sheet).sheet.wares.title
        except CounterfoilError:  # it was offered elsewhere with this account
            return ""


def _given(form: Form) -> dict[str, str]:
    """Returns the form's texts; ticked columns as JSON, and so when they come from a hidden field."""
    given = {name: form.text(name) for name in LISTING_FIELDS}
    for name in ("sample", "profile"):
        if not given[name].startswith("["):
            given[name] = json.dumps(form.texts(name))
    return given


def _columns(found: Dataset | Model, place: Place) -> Sequence[tuple[str, str, Sequence[str]]]:
    """Returns (name, type, what in it looks as if it told of persons) of each column; none for what is no table."""
    if not isinstance(found, Dataset) or not found.record.columns or place.kind != "path":
        return ()
    from counterfoil.market.sheets.warnings import columns_to_mind
    from counterfoil.provenance.text_table import text_table

    names = [name for name, _ in found.record.columns]
    told: dict[str, list[str]] = {}
    for each in columns_to_mind(text_table(Path(place.where)), names).findings:
        told.setdefault(each.column, []).append(
            f"its name says {each.what}" if each.by == "name" else f"looks like {each.what}"
        )
    return [(name, kind, told.get(name, ())) for name, kind in found.record.columns]


def _symbol(org: Organisation) -> str:
    """Returns the symbol of the token that prices are in; empty where the ledger does not tell it."""
    try:
        return str(org.ledger.market.amount("1").symbol)
    except CounterfoilError:
        return ""


def _chart(days: Sequence[str], earned: Sequence[Earned], token: str) -> tuple[str, charts.Chart]:
    """Returns the symbol of a token, and what it brought each day."""
    of_token = {each.day: each for each in earned if each.price.token == token}
    symbol = next(iter(of_token.values())).price.symbol
    values = [float(of_token[day].price.amount) if day in of_token else 0.0 for day in days]
    total, best = sum(values), max(range(len(days)), key=values.__getitem__)
    said = (
        f"In the last {len(days)} days buyers paid {total:,.2f} {symbol}; the most on {day_text(days[best])},"
        f" {values[best]:,.2f} {symbol}."
    )
    return symbol, charts.columns(
        f"earned-{token[2:10].lower()}",
        f"Paid by buyers each day, {symbol}",
        said,
        [day_text(day) for day in days],
        [charts.Series(symbol, values)],
        what="Day",
    )
