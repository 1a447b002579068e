"""Selling over HTTP, for staff: offers, orders, money, and whose market keys are known.

What sends a transaction answers when that is final, which takes minutes on a chain; and unless
told otherwise it only says what it would cost, which money it moves, and what everybody could read.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from counterfoil.ledger.packages import require_packages
from counterfoil.market.quoted import Shown, quoted
from counterfoil.market.selling.bodies import (
    DayEarned,
    Done,
    KnownKey,
    MarketKey,
    OrderOnLedger,
    Owed,
    ToKnow,
    ToOffer,
    ToPlaceMarket,
    ToReprice,
    ToSend,
    ToSetShares,
    ToShare,
    ToWithdraw,
)
from counterfoil.market.selling.listing_draft import Drafted, ToList
from counterfoil.web.answer import answered
from counterfoil.web.desk import Answer, Desk
from counterfoil.web.roles import READERS, STAFF, Role
from counterfoil.web.room import Room

if TYPE_CHECKING:
    from counterfoil.ledger.market.terms import Share
    from counterfoil.ledger.market.trading import Trading
    from counterfoil.ledger.sending.quote import Quote
    from counterfoil.organisation import Organisation

    _Planned = tuple[Quote, Callable[[Callable[[str], None]], Shown]]

__all__ = ["SellingRoutes"]

OfferId = Annotated[str, Path(max_length=80, description="The offer's id, 0x and 64 digits.")]
OrderId = Annotated[str, Path(max_length=80, description="The order's id, 0x and 64 digits.")]
State = Annotated[list[str] | None, Query(max_length=5, description="Only those that stand so; may be repeated.")]
Token = Annotated[str, Query(max_length=80, description="Address of the token; that of the settings without.")]
Days = Annotated[int, Query(ge=1, le=3_650, description="So many days, today included.")]
Key = Annotated[str, Path(max_length=400, description="The key in note form.")]


class SellingRoutes:
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
        room, operator, admin = Room("market"), (Role.OPERATOR,), ()
        room.reads("/market/key", self.key, READERS, MarketKey)
        room.writes("/market/contract", self.place, admin, Done, status=200)
        room.writes("/market/offers", self.offer, operator, Done, status=200)
        room.writes("/market/offers/{offer}/price", self.reprice, operator, Done, status=200)
        room.writes("/market/offers/{offer}/shares", self.share, admin, Done, status=200)
        room.writes("/market/offers/{offer}/withdrawal", self.withdraw_offer, operator, Done, status=200)
        room.reads("/market/sold", self.list_sold, READERS, list[OrderOnLedger])
        room.reads("/market/sold/{order}", self.show_sold, READERS, OrderOnLedger)
        room.writes("/market/sold/{order}/refund", self.refund, operator, Done, status=200)
        room.writes("/market/sold/{order}/settle", self.settle, operator, Done, status=200)
        room.reads("/market/earnings", self.earnings, STAFF, list[DayEarned])
        room.reads("/market/payouts", self.owed, STAFF, Owed)
        room.writes("/market/payouts", self.withdraw, admin, Done, status=200)
        room.reads("/market/known", self.list_known, STAFF, list[KnownKey])
        room.writes("/market/known", self.add_known, operator, KnownKey, status=200)
        room.writes("/market/known/{key:path}", self.remove_known, operator, KnownKey, method="DELETE", status=200)
        return room.router

    def key(self) -> dict[str, Any]:
        """Shows the home's public market key, by which terms and credentials name this organisation."""
        return {"key": str(self._org.market.key)}

    def place(self, request: Request, wanted: ToPlaceMarket) -> Response:
        """Puts a Market contract on the home's ledger, or takes one that is there."""
        require_packages()
        self._org.ledger.require_connection()
        from counterfoil.ledger.market.placing import placing_market

        def place() -> Answer | Callable[[], Answer]:
            quote, carry_out = placing_market(self._org.ledger, wanted.contract, wanted.from_block, wanted.token)
            if wanted.dry_run:
                return 200, quote.to_json()
            quote.require_funds()
            self._desk.asked(request, "a Market contract for the ledger")
            told = {"chain_id": quote.chain_id, "done": True}
            return lambda: (200, told | {"contract": carry_out(lambda _said: None)})

        return answered(self._desk, request, wanted.model_dump(), place)

    def offer(self, request: Request, wanted: ToOffer) -> Response:
        """Registers a dataset or model on the ledger, if it is not there, and offers it, in one transaction.

        The offer sheet is filled in from its record, its passport and its quality report. `to_mind` tells of columns
        that look as if they told of persons, before everybody sees them.
        """
        made: list[Drafted] = []

        def planned() -> _Planned:
            selling = self._org.market.selling
            made.append(selling.drafts.draft(_to_list(wanted)))
            quote, _, carry_out = selling.offering.planning(made[-1].listing)
            return quote, carry_out

        def more() -> dict[str, Any]:
            return {"to_mind": list(made[-1].to_mind)}

        asked, what = wanted.model_dump(), "an offer on the market"
        return quoted(self._org, self._desk, request, asked, what, planned, more)

    def reprice(self, offer: OfferId, request: Request, wanted: ToReprice) -> Response:
        """Asks another price from now on; what was bought stays bought."""
        return self._done(
            request, wanted, {"offer": offer}, "another price", lambda: self._trading.repricing(offer, wanted.price)
        )

    def share(self, offer: OfferId, request: Request, wanted: ToSetShares) -> Response:
        """Shares what an offer brings from now on; what was bought before keeps its shares."""
        return self._done(
            request,
            wanted,
            {"offer": offer},
            "other shares of an offer",
            lambda: self._trading.setting_shares(offer, _shares(wanted.shares)),
        )

    def withdraw_offer(self, offer: OfferId, request: Request, wanted: ToSend) -> Response:
        """Withdraws an offer: nobody can buy it any more; what was bought stays bought."""
        return self._done(
            request,
            wanted,
            {"offer": offer},
            "an offer to be withdrawn",
            lambda: self._trading.withdrawing_offer(offer),
        )

    def list_sold(self, state: State = None) -> list[dict[str, Any]]:
        """Lists the orders for this home's offers, oldest first."""
        trading = self._trading
        found = trading.orders(seller=f"0x{trading.account.hex()}", states=state or (), limit=None)
        return [each.to_json() for each in found]

    def show_sold(self, order: OrderId) -> dict[str, Any]:
        """Shows an order as the ledger has it, and the places of this log's records of it."""
        found = self._trading.order(order)
        return found.to_json() | {"records": self._trading.records(order=found.order)}

    def refund(self, order: OrderId, request: Request, wanted: ToSend) -> Response:
        """Gives a buyer everything back, while the market holds the money; the access that the order gave ends."""
        return self._done(
            request, wanted, {"order": order}, "a refund on the market", lambda: self._trading.refunding(order)
        )

    def settle(self, order: OrderId, request: Request, wanted: ToSend) -> Response:
        """Has the market pay out an order whose window is over; the node does it by itself, too."""
        return self._done(
            request, wanted, {"order": order}, "an order to be settled", lambda: self._trading.settling(order)
        )

    def earnings(self, days: Days = 30) -> list[dict[str, Any]]:
        """Shows what buyers paid for orders whose money is the seller's, day by day, the newest first."""
        return [each.to_json() for each in self._org.market.selling.earnings.by_day(days)]

    def owed(self, token: Token = "") -> dict[str, Any]:
        """Shows what the market owes this home's account, and what the account holds."""
        return {"holds": self._trading.balance(token).to_json(), "owed": self._trading.owed(token).to_json()}

    def withdraw(self, request: Request, wanted: ToWithdraw) -> Response:
        """Has the market send everything that it owes this home's account."""
        return self._done(
            request, wanted, {}, "what the market owes to be sent", lambda: self._trading.withdrawing(wanted.token)
        )

    def list_known(self) -> list[dict[str, Any]]:
        """Lists the market keys that are taken for those of origins, so that terms can name organisations."""
        return [{"key": str(each), "origin": each.name} for each in self._org.market.selling.known.all()]

    def add_known(self, request: Request, wanted: ToKnow) -> dict[str, Any]:
        """Takes a market key for that of the origin it is named for."""
        self._desk.asked(request, "a market key to be known")
        made = self._org.market.selling.known.add(wanted.key)
        return {"key": str(made), "origin": made.name}

    def remove_known(self, key: Key, request: Request) -> dict[str, Any]:
        """Forgets a market key."""
        self._desk.asked(request, "a market key to be forgotten")
        self._org.market.selling.known.remove(key)
        return {"key": key, "origin": key.partition("+")[0]}

    def _done(
        self, request: Request, wanted: ToSend, more: dict[str, str], what: str, planned: Callable[[], Any]
    ) -> Response:
        return quoted(self._org, self._desk, request, more | wanted.model_dump(), what, planned)

    @property
    def _trading(self) -> Trading:
        require_packages()
        return self._org.ledger.market


def _to_list(wanted: ToOffer) -> ToList:
    from counterfoil.ledger.market.selling import OfferDraft

    draft = OfferDraft(
        kind=wanted.kind,
        price=wanted.price,
        sheet="",
        number=wanted.number,
        token=wanted.token,
        duration_s=wanted.period_s,
        delivery_s=wanted.delivery_s,
        window_s=wanted.window_s,
        referrer_bps=wanted.referrer_bps,
        shares=_shares(wanted.shares),
        supply=wanted.supply,
    )
    return ToList(
        wanted.what,
        wanted.where,
        draft,
        what_kind=wanted.what_kind,
        title=wanted.title,
        description=wanted.description,
        tags=tuple(wanted.tags),
        licence_text=wanted.licence_text.encode(),
        licence_name=wanted.licence_name,
        licence_url=wanted.licence_url,
        terms=wanted.terms,
        is_for_anybody=wanted.for_anybody,
        compute=wanted.compute,
        parameters=wanted.parameters,
        sample=tuple(wanted.sample),
        profile=tuple(wanted.profile),
        royalty_bps=wanted.royalty_bps,
        parents=tuple(wanted.parents),
        is_remote=True,
    )


def _shares(shares: Sequence[ToShare]) -> tuple[Share, ...]:
    from counterfoil.ledger.market.terms import Share

    return tuple(Share.of(each.payee, each.bps) for each in shares)
