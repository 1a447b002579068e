"""Deals of the console: what was agreed to is done once, also when it broke off on the way."""

from __future__ import annotations

from itertools import count
from pathlib import Path

import pytest
from making_market import Stall, offered
from two_traders import another_token, done

from counterfoil.errors import InvalidInput, NotAllowed, Stale
from counterfoil.ledger.market.selling import OfferDraft
from counterfoil.market.buying.purchases import PurchaseState
from counterfoil.market.deals import DEALS, FIELDS, back_of, carry_out_deal, plan_deal

NUMBERS = count()


@pytest.fixture
def given(stall: Stall, tmp_path: Path) -> dict[str, str]:
    path = tmp_path / "data.csv"
    path.write_text(f"number\n{next(NUMBERS)}\n")
    offer, signed = offered(stall, path, name=f"data-{next(NUMBERS)}")
    return {"offer": offer.offer, "most": "12.50", "accepts": signed.sheet.wares.licence.sha256}


def spent(stall: Stall) -> int:
    return stall.buys.balance().units


def test_a_price_in_another_token_than_was_shown_is_not_paid(stall: Stall, given: dict[str, str]) -> None:
    other, offer = another_token(stall), stall.sells.offer(given["offer"])
    done(stall.sells.offering(offer.asset, OfferDraft("licence", "12.50", offer.sheet, token=other)))
    for token in ({}, {"token": offer.price.token}):
        with pytest.raises(NotAllowed, match="not of the one that was named"):
            plan_deal(stall.buyer, "buy", given | token)
    quote = plan_deal(stall.buyer, "buy", given | {"token": other}).quote
    assert other in quote.public.values()


def buy(stall: Stall, given: dict[str, str], begun: str | None = None) -> tuple[str, str, list[str]]:
    """Buys as the node's work does, and returns what it said, the page, and the orders that it began."""
    deal, orders = plan_deal(stall.buyer, "buy", given), []
    words, see = carry_out_deal(
        stall.buyer,
        "buy",
        given,
        seen=deal.seen,
        most_wei=deal.quote.most_wei,
        begun=begun,
        begin=orders.append,
        tell=lambda _: None,
    )
    return words, see, orders


def test_what_stands_for_a_deal_is_the_same_until_it_changes(stall: Stall, given: dict[str, str]) -> None:
    first, again = (plan_deal(stall.buyer, "buy", given) for _ in range(2))
    assert first.order != again.order
    assert first.seen == again.seen
    stall.sells.repricing(given["offer"], "13")[1](lambda _: None)
    with pytest.raises(NotAllowed):
        plan_deal(stall.buyer, "buy", given)  # who saw 12.50 never pays 13
    assert plan_deal(stall.buyer, "buy", given | {"most": "13"}).seen != first.seen


def test_something_else_than_was_agreed_to_is_not_done(stall: Stall, given: dict[str, str]) -> None:
    deal, before = plan_deal(stall.buyer, "buy", given), spent(stall)
    for seen, most_wei in (("0" * 32, deal.quote.most_wei), (deal.seen, deal.quote.most_wei // 2)):
        with pytest.raises(Stale, match="changed since it was shown"):
            carry_out_deal(
                stall.buyer,
                "buy",
                given,
                seen=seen,
                most_wei=most_wei,
                begun=None,
                begin=lambda _: None,
                tell=lambda _: None,
            )
    assert spent(stall) == before


def test_what_was_bought_is_not_bought_again_when_the_work_goes_on(stall: Stall, given: dict[str, str]) -> None:
    before = spent(stall)
    words, see, (order,) = buy(stall, given)
    paid = before - spent(stall)
    assert (words, see) == ("Bought: Scans of 40 chests.", f"/market/purchases/{order}")
    for state in (PurchaseState.BOUGHT, PurchaseState.PLANNED):  # killed before the work, or the purchase, was noted
        stall.buyer.market.purchases.change(order, state=state)
        words, see, begun = buy(stall, given, begun=order)
        assert (words, see, begun) == ("Bought: Scans of 40 chests.", f"/market/purchases/{order}", [])
        assert before - spent(stall) == paid
    assert len(stall.buys.orders(offer=given["offer"])) == 1


def test_what_broke_off_before_it_was_kept_is_bought_once(stall: Stall, given: dict[str, str]) -> None:
    words, _, (order,) = buy(stall, given, begun=f"0x{'7' * 64}")
    assert words == "Bought: Scans of 40 chests."
    [made] = stall.buys.orders(offer=given["offer"])
    assert made.order == order  # killed once more, it is this one that is known
    assert buy(stall, given, begun=order)[2] == []
    assert len(stall.buys.orders(offer=given["offer"])) == 1


def test_what_broke_off_before_it_was_kept_is_still_only_what_was_agreed_to(
    stall: Stall, given: dict[str, str]
) -> None:
    deal = plan_deal(stall.buyer, "buy", given | {"most": "13"})
    stall.sells.repricing(given["offer"], "13")[1](lambda _: None)
    with pytest.raises(Stale, match="changed since it was shown"):
        carry_out_deal(
            stall.buyer,
            "buy",
            given | {"most": "13"},
            seen=deal.seen,
            most_wei=deal.quote.most_wei,
            begun=f"0x{'7' * 64}",
            begin=lambda _: None,
            tell=lambda _: None,
        )
    assert stall.buys.orders(offer=given["offer"]) == []


def test_every_deal_has_its_texts_and_the_page_it_comes_from() -> None:
    assert DEALS.keys() == FIELDS.keys()
    assert {what: back_of(what, dict.fromkeys(FIELDS[what], "0x1")) for what in ("buy", "accept", "refund")} == {
        "accept": "/market/purchases/0x1",
        "buy": "/market/offers/0x1",
        "refund": "/market/sold",
    }


def test_a_deal_that_nobody_knows_is_refused(stall: Stall) -> None:
    with pytest.raises(InvalidInput, match="no deal called"):
        plan_deal(stall.buyer, "steal", {})
