"""What the console does on the ledger: shown first, with what it costs, and done when the same is asked for again.

A deal is a word for what is done and a few texts. From these it is planned as often as wanted; only carrying
it out signs and sends. That may wait for a final block, so it is done in the background, and goes on there
after a crash: what was made before is found, and never made twice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

from counterfoil.core import canonical
from counterfoil.errors import InvalidInput, Stale
from counterfoil.market.buying.purchases import PurchaseState, Stated
from counterfoil.market.selling.listing_form import LISTING_FIELDS, read_listing_form

if TYPE_CHECKING:
    from counterfoil.ledger.market.quote import TradeQuote
    from counterfoil.organisation import Organisation

__all__ = ["DEALS", "FIELDS", "Deal", "back_of", "carry_out_deal", "plan_deal", "require_agreed"]

Tell = Callable[[str], None]
Given = Mapping[str, str]

MOST_DEARER: Final = 1.25
"""So much more than was shown the fees may be by then: they change with every block."""

_OF_THE_MOMENT: Final = ("order", "recipient", "sheet", "digest")
"""What everybody can read afterwards, and is made anew whenever a deal is planned."""


@dataclass(frozen=True, slots=True)
class Deal:
    """Something before it is done.

    Attributes:
        quote: What it costs, which money it moves, what everybody could read.
        seen: Stands for all of that but the fees: who agrees, agrees to this.
        notes: What else should be known first, in words.
        see: Page that shows what came of it.
        carry_out: Does it, and returns in words what was done.
        order: The order that it makes; empty where it makes none.
    """

    quote: TradeQuote
    seen: str
    notes: tuple[str, ...]
    see: str
    carry_out: Callable[[Tell], str]
    order: str = ""


def plan_deal(org: Organisation, what: str, given: Given) -> Deal:
    """Returns what something would cost, and what does it. Nothing is sent.

    Raises:
        InvalidInput: There is no such deal, or something in it is not usable.
        NotFound, NotAllowed, Reverted: It cannot be done; the message says why.
    """
    plan = DEALS.get(what)
    if plan is None:
        raise InvalidInput(f"there is no deal called {what[:40]!r}", hint=f"there is {', '.join(DEALS)}")
    return plan(org, given)


def back_of(what: str, given: Given) -> str:
    """Returns the page from which a deal is asked for."""
    if what in ("accept", "reclaim"):
        return f"/market/purchases/{given.get('order', '')}"
    if what in ("buy", "review"):
        return f"/market/offers/{given.get('offer', '')}"
    return {"list": "/market/sell", "payout": "/market/earnings"}.get(what, "/market/sold")


def carry_out_deal(
    org: Organisation,
    what: str,
    given: Given,
    *,
    seen: str,
    most_wei: int,
    begun: str | None,
    begin: Callable[[str], None],
    tell: Tell,
) -> tuple[str, str]:
    """Does what was agreed to; returns in words what was done, and the page that shows it.

    Args:
        org: The home.
        what: Which deal.
        given: Its texts.
        seen: What stands for the quote that was agreed to.
        most_wei: The fees of that quote.
        begun: The order that was being made when it broke off, empty for none; None at the first start.
        begin: Told the order before anything is sent, also where it is another than the one that broke off.
        tell: Told what is being done.

    Raises:
        Stale: It would be another deal by now than was agreed to.
        OutOfFunds, OverLimit: The account cannot pay.
    """
    if begun and (known := _bought(org, begun)):
        return known, f"/market/purchases/{begun}"
    deal = plan_deal(org, what, given)
    if deal.order != begun:  # the first start; or of what broke off nothing was sent, and it is planned anew
        require_agreed(deal, seen, most_wei)
        deal.quote.require_funds()
        begin(deal.order)
    return deal.carry_out(tell), deal.see


def require_agreed(deal: Deal, seen: str, most_wei: int) -> None:
    """Refuses a deal that is not the one agreed to (Stale)."""
    if deal.seen != seen or deal.quote.most_wei > most_wei * MOST_DEARER:
        raise Stale("what it costs or does changed since it was shown", hint="look at it again, then agree")


def _bought(org: Organisation, order: str) -> str:
    """Returns, of a purchase that is made, that it is; empty for one that has to go on."""
    purchase = next((each for each in org.market.purchases.all() if each.order == order), None)
    if purchase is None or purchase.state in (PurchaseState.PLANNED, PurchaseState.DROPPED):
        return ""
    return f"Bought: {purchase.title}."


def _deal(
    quote: TradeQuote,
    see: str,
    carry_out: Callable[[Tell], str],
    *,
    about: Any = None,
    notes: tuple[str, ...] = (),
    order: str = "",
) -> Deal:
    public = {name: value for name, value in quote.public.items() if name not in _OF_THE_MOMENT}
    pays = quote.pays.text if quote.pays is not None else ""
    told = {"about": about, "moves": list(quote.moves), "pays": pays, "public": public, "title": quote.title}
    return Deal(quote, sha256(canonical.dumps(told)).hexdigest()[:32], notes, see, carry_out, order)


def _buy(org: Organisation, given: Given) -> Deal:
    stated = Stated(
        given.get("purpose") or None,
        (given.get("jurisdiction") or "").upper() or None,
        (given["accepts"],) if given.get("accepts") else (),
    )
    most, token = given.get("most", ""), given.get("token", "")
    planned = org.market.buying.planning(given.get("offer", ""), stated, most=most, token=token)
    notes = (f"The seller's node was asked, and would let you in: {planned.admission}",) if planned.admission else ()

    def carry_out(tell: Tell) -> str:
        return f"Bought: {planned.carry_out(tell).title}."

    see = f"/market/purchases/{planned.order}"
    about = planned.sheet.digest_hex
    return _deal(planned.quote, see, carry_out, about=about, notes=notes, order=planned.order)


def _accept(org: Organisation, given: Given) -> Deal:
    quote, accept = org.ledger.market.accepting(given.get("order", ""))
    see = f"/market/purchases/{given.get('order', '')}"
    return _deal(quote, see, lambda tell: f"Accepted: the seller has {accept(tell).charge.text} now.")


def _reclaim(org: Organisation, given: Given) -> Deal:
    quote, reclaim = org.ledger.market.reclaiming(given.get("order", ""))
    see = f"/market/purchases/{given.get('order', '')}"
    return _deal(quote, see, lambda tell: f"{reclaim(tell).price.text} is owed to you; withdraw it under Earnings.")


def _refund(org: Organisation, given: Given) -> Deal:
    quote, refund = org.ledger.market.refunding(given.get("order", ""))
    notes = ("The access that the order gave ends.",)
    return _deal(quote, "/market/sold", lambda tell: f"{refund(tell).price.text} went back to the buyer.", notes=notes)


def _settle(org: Organisation, given: Given) -> Deal:
    quote, settle = org.ledger.market.settling(given.get("order", ""))
    return _deal(quote, "/market/sold", lambda tell: f"{settle(tell).charge.text} is the seller's now.")


def _review(org: Organisation, given: Given) -> Deal:
    stars, text = given.get("stars", ""), given.get("text", "")
    if stars not in ("1", "2", "3", "4", "5"):
        raise InvalidInput("no number of stars was chosen", hint="from 1 to 5")
    offer = given.get("offer", "")
    quote, review = org.market.reviews.planning(offer, int(stars), text)

    def carry_out(tell: Tell) -> str:
        made = review(tell)
        where = "The seller's node has its text." if made.is_handed_over else f"{made.why}."
        return f"Your review of {stars} of 5 stars is on the ledger. {where}"

    notes = ("Everybody can read the text of the review, for ever: name nobody.",)
    return _deal(quote, f"/market/offers/{offer}", carry_out, about=text, notes=notes)


def _reprice(org: Organisation, given: Given) -> Deal:
    quote, reprice = org.ledger.market.repricing(given.get("offer", ""), given.get("price", ""))
    return _deal(quote, "/market/sold", lambda tell: f"It costs {reprice(tell).price.text} from now on.")


def _withdraw(org: Organisation, given: Given) -> Deal:
    quote, withdraw = org.ledger.market.withdrawing_offer(given.get("offer", ""))

    def carry_out(tell: Tell) -> str:
        withdraw(tell)
        return "It cannot be bought any more; what was bought stays bought."

    return _deal(quote, "/market/sold", carry_out)


def _payout(org: Organisation, given: Given) -> Deal:
    quote, withdraw = org.ledger.market.withdrawing(given.get("token", ""))
    return _deal(quote, "/market/earnings", lambda tell: f"The account holds {withdraw(tell).text} now.")


def _list(org: Organisation, given: Given) -> Deal:
    selling = org.market.selling
    drafted = selling.drafts.draft(read_listing_form(org, given))
    quote, signed, offer = selling.offering.planning(drafted.listing)
    document = signed.sheet.to_json()
    about = sha256(canonical.dumps({name: each for name, each in document.items() if name != "created"})).hexdigest()

    def carry_out(tell: Tell) -> str:
        offer(tell)
        return f"On offer: {signed.sheet.wares.title}."

    see = f"/market/offers/{signed.sheet.offer}"
    return _deal(quote, see, carry_out, about=about, notes=drafted.to_mind)


DEALS: Final[Mapping[str, Callable[[Organisation, Given], Deal]]] = {
    "accept": _accept,
    "buy": _buy,
    "list": _list,
    "payout": _payout,
    "reclaim": _reclaim,
    "refund": _refund,
    "reprice": _reprice,
    "review": _review,
    "settle": _settle,
    "withdraw": _withdraw,
}
"""Every deal, by its word."""

FIELDS: Final[Mapping[str, tuple[str, ...]]] = {
    "accept": ("order",),
    "buy": ("offer", "purpose", "jurisdiction", "accepts", "most", "token"),
    "list": LISTING_FIELDS,
    "payout": ("token",),
    "reclaim": ("order",),
    "refund": ("order",),
    "reprice": ("offer", "price"),
    "review": ("offer", "stars", "text"),
    "settle": ("order",),
    "withdraw": ("offer",),
}
"""The texts of each deal."""
