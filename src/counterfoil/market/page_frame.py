"""What the pages of the market share: the way through the room, who may act, what a deal costs before it is done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from fastapi import Request
from starlette.responses import Response

from counterfoil.errors import CounterfoilError, InvalidInput, Stale, row_for
from counterfoil.ledger.amounts import amount
from counterfoil.market.deals import Deal, back_of, plan_deal, require_agreed
from counterfoil.market.lines import span
from counterfoil.web.desk import Desk
from counterfoil.web.pages import Form, Pages
from counterfoil.web.roles import JOBS, principal_of

if TYPE_CHECKING:
    from counterfoil.organisation import Organisation

__all__ = ["MarketFrame"]

_PLACES: Final = (
    ("/market", "Catalogue"),
    ("/market/purchases", "Purchases"),
    ("/market/sell", "Sell"),
    ("/market/sold", "Sold"),
    ("/market/jobs", "Jobs"),
    ("/market/desk", "Release desk"),
    ("/market/earnings", "Earnings"),
)
MOST_DIGITS: Final = 30


@dataclass(frozen=True, slots=True)
class MarketFrame:
    """The frame around the market's pages.

    Attributes:
        org: The organisation.
        desk: The node that serves them.
        pages: Renders them.
    """

    org: Organisation
    desk: Desk
    pages: Pages

    def render(self, request: Request, template: str, status: int = 200, /, **values: Any) -> Response:
        """Returns a page of this room; one that says what to do where the home has no market."""
        if not self.org.market.is_open:
            template, status = "closed.html", 200
        more = {
            "is_connected": self.org.ledger.is_connected,
            "may_act": self.may_act(request),
            "places": _PLACES,
            "span": span,
        }
        return self.pages.render(request, f"market/{template}", status, **(values | more))

    @staticmethod
    def may_act(request: Request) -> bool:
        """Whether whoever looks may buy and sell."""
        return principal_of(request).may(frozenset(JOBS["trade"]))

    def ask(self, request: Request, what: str, given: Mapping[str, str], *, is_changed: bool = False) -> Response:
        """Returns the page that shows what a deal costs, and asks for the second click."""
        deal, fault = None, None
        try:
            deal = plan_deal(self.org, what, given)
            deal.quote.require_funds()
        except CounterfoilError as error:
            fault = error
        return self.ask_of(request, what, given, deal, fault, is_changed=is_changed)

    def ask_of(
        self,
        request: Request,
        what: str,
        given: Mapping[str, str],
        deal: Deal | None,
        error: CounterfoilError | None = None,
        *,
        is_changed: bool = False,
    ) -> Response:
        """As `ask`, for a deal that is planned already, or cannot be."""
        told = {"back": back_of(what, given), "deal": deal, "error": error, "given": given}
        status = row_for(error).http_status if error is not None else 200
        fees = amount(deal.quote.most_wei) if deal is not None else ""
        return self.render(request, "deal.html", status, **told, fees=fees, is_changed=is_changed, what=what)

    def agree(self, request: Request, form: Form, what: str, given: Mapping[str, str]) -> Response:
        """Begins in the background what was agreed to, and leads to where it is followed; shows what changed since."""
        most_wei = form.text("most_wei")
        if not (most_wei.isascii() and most_wei.isdigit() and len(most_wei) <= MOST_DIGITS):
            raise InvalidInput("the form does not say what it was to cost", hint="begin again from the page before")
        try:
            deal = plan_deal(self.org, what, given)
            deal.quote.require_funds()
            require_agreed(deal, form.text("seen"), int(most_wei))
        except Stale:
            return self.ask(request, what, given, is_changed=True)
        except CounterfoilError as error:
            return self.ask_of(request, what, given, None, error)
        asked = {"deal": what, "given": dict(given), "most_wei": most_wei, "seen": deal.seen}
        begun = self.desk.start_job(request, "trade", asked)
        return self.pages.see(request, f"/market/doing/{begun['id']}")
