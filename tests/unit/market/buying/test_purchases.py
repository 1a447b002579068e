"""What this home buys, as it is kept."""

from __future__ import annotations

from typing import Any

import pytest

from counterfoil.core.age import recipient_of
from counterfoil.errors import NotFound, Stale
from counterfoil.ledger.market.terms import order_id
from counterfoil.market.buying.purchases import Purchase, Purchases, PurchaseState, Stated, order_secret
from counterfoil.market.state import MarketState

OFFER, ACCOUNT = f"0x{'5' * 64}", b"a" * 20


@pytest.fixture
def purchases(state: MarketState) -> Purchases:
    return Purchases(state, lambda: b"s" * 32, lambda: 1_000)


def begun(purchases: Purchases, **more: Any) -> Purchase:
    told = {"offer": OFFER, "asset": OFFER, "kind": "licence", "title": "Scans", "sheet": b"{}", "account": ACCOUNT}
    return purchases.begin(**{**told, "stated": Stated(purpose="research"), **more})


def test_the_order_follows_from_what_is_kept_before_it_is_made(purchases: Purchases) -> None:
    made = begun(purchases)
    secret = order_secret(b"s" * 32, made.nonce)
    assert purchases.secret_of(made) == secret
    assert made.order == f"0x{order_id(int(OFFER, 16), ACCOUNT, recipient_of(secret)).hex()}"
    with pytest.raises(NotFound):
        purchases.at(made.order)
    purchases.keep(made)
    assert purchases.at(made.order.upper().replace("X", "x")) == made
    assert begun(purchases).order != made.order


def test_a_change_changes_what_it_says_and_nothing_else(purchases: Purchases) -> None:
    made = purchases.keep(begun(purchases))
    purchases.change(made.order, state=PurchaseState.FETCHED)
    changed = purchases.change(made.order, fault="the node is away")  # by somebody who saw it before
    assert (changed.state, changed.fault, changed.stated) == (PurchaseState.FETCHED, "the node is away", made.stated)


def test_an_order_in_capitals_is_the_same_order(purchases: Purchases) -> None:
    made = purchases.keep(begun(purchases))
    changed = purchases.change(made.order.upper().replace("X", "x"), state=PurchaseState.FETCHED)
    assert changed.state is purchases.at(made.order).state is PurchaseState.FETCHED


def test_a_purchase_is_kept_once_and_takes_what_is_stated_now(purchases: Purchases) -> None:
    from dataclasses import replace

    made = purchases.keep(begun(purchases))
    purchases.change(made.order, state=PurchaseState.BOUGHT)
    credential = {"document": {"kind": "doctor"}, "signature": {}}
    purchases.keep(replace(made, stated=Stated("trade", "DE", ("a" * 64,), (credential,)), path="/tmp/scans"))
    [kept] = purchases.all()
    assert kept.stated == Stated("trade", "DE", ("a" * 64,), (credential,))
    assert (kept.path, kept.state) == ("/tmp/scans", PurchaseState.BOUGHT)
    assert set(kept.to_json()) >= {"order", "offer", "state", "fault"}


def test_what_was_bought_since_it_was_planned_stops_a_second_purchase(purchases: Purchases) -> None:
    first, second = begun(purchases), begun(purchases)
    purchases.keep(first, set())
    with pytest.raises(Stale, match="is being bought"):
        purchases.keep(second, set())
    assert [each.order for each in purchases.of_offer(OFFER, ACCOUNT)] == [first.order]
    purchases.keep(second, {first.order})
    assert purchases.at(first.order).state is PurchaseState.DROPPED
    under_way = purchases.under_way(OFFER, ACCOUNT)
    assert under_way is not None
    assert under_way.order == second.order
    assert purchases.under_way(OFFER, b"b" * 20) is None


def test_several_jobs_may_be_under_way_at_once(purchases: Purchases) -> None:
    jobs = [purchases.keep(begun(purchases, kind="job", job=b"{}")) for _ in range(2)]
    assert {purchases.at(each.order).state for each in jobs} == {PurchaseState.PLANNED}
