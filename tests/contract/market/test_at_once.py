"""Jobs without a window, delivered and settled in one call: the same as both, for nobody but the seller."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import boa
import pytest
from contract.market.harness import (
    BUYER,
    DAY_S,
    GOVERNOR,
    HELD,
    JOB,
    LICENCE,
    OPERATOR,
    PAYEES,
    PERIOD,
    PRICE,
    REFERRER,
    SELLER,
    SETTLED,
    STRANGER,
    Bench,
    Order,
    account_share,
    digest,
    events,
    now,
    pass_time,
    refused,
    rules_of,
)

from counterfoil.core.keccak import keccak256

AT_ONCE = rules_of(JOB, 0, DAY_S)
ROOT = digest("a root of claims")
SHARES = (account_share(PAYEES[0], 1_234), (ROOT, 5_000))


def bought(bench: Bench, rules: int = AT_ONCE, **others: Any) -> Order:
    return bench.buy(bench.offer(rules, **others))


def what_is_left(bench: Bench, order: Order) -> tuple[Any, ...]:
    """Everything that the market holds of an order and of whom it pays, its word among them."""
    slot = bench.market._storage._orders.slot
    word = boa.env.get_storage(bench.market.address, int.from_bytes(_place(slot, order.id), "big"))
    accounts = (SELLER, BUYER, REFERRER, PAYEES[0], OPERATOR)
    owed = [bench.market.owed(bench.credits.address, each.address) for each in accounts]
    pot = bench.market.pot(ROOT, bench.credits.address, SELLER.address)
    return word, bench.market.order(order.id), owed, pot


def _place(slot: int, key: bytes) -> bytes:
    return keccak256(slot.to_bytes(32, "big") + key)


def both(bench: Bench, order: Order, charge: int) -> list[tuple[Any, ...]]:
    delivered = bench.deliver(order, charge)
    found = events(bench.market)
    bench.settle(delivered)
    return found + events(bench.market)


def at_once(bench: Bench, order: Order, charge: int) -> list[tuple[Any, ...]]:
    bench.deliver_and_settle(order, charge)
    return events(bench.market)


@pytest.mark.parametrize("charge", [0, 1, PRICE - 1, PRICE])
@pytest.mark.parametrize("shares", [(), SHARES])
def test_it_tells_and_leaves_what_delivering_and_settling_do(
    bench: Bench, charge: int, shares: tuple[tuple[bytes, int], ...]
) -> None:
    bench.market.set_fee(300, sender=GOVERNOR.address)
    offer = bench.offer(rules_of(JOB, 0, DAY_S, referrer_bps=700), shares=shares)
    order = bench.buy(offer, referrer=REFERRER.address)
    pass_time(DAY_S - 1)

    def outcome(way: Callable[[Bench, Order, int], list[tuple[Any, ...]]]) -> tuple[Any, ...]:
        with boa.env.anchor():
            return way(bench, order, charge), what_is_left(bench, order)

    told, (word, (state, _), *_) = outcome(at_once)
    assert told == [
        ("Delivered", order.id, digest("delivered"), charge, now()),
        ("Settled", order.id, charge),
    ]
    assert (state, word & 7) == (SETTLED, SETTLED)
    assert outcome(at_once) == outcome(both)


def test_the_seller_is_paid_and_the_rest_goes_back(bench: Bench) -> None:
    order = bench.deliver_and_settle(bought(bench), 7)
    assert (bench.state(order), bench.owed(SELLER), bench.owed(BUYER)) == (SETTLED, 7, PRICE - 7)
    bench.market.review_order(*order.ends, 4, digest("review"), sender=BUYER.address)


@pytest.mark.parametrize("rules", [rules_of(JOB, 0, DAY_S, 1), rules_of(LICENCE, 0, DAY_S, 60)])
def test_where_there_is_a_window_it_is_waited_for(bench: Bench, rules: int) -> None:
    order = bought(bench, rules)
    with refused("the window is open"):
        bench.deliver_and_settle(order)
    with refused("no such order"):  # nor by saying that there is none
        bench.deliver_and_settle(replace(order, rules=order.rules & (1 << 72) - 1))
    assert (bench.state(order), bench.owed(SELLER)) == (HELD, 0)


@pytest.mark.parametrize("rules", [rules_of(LICENCE), rules_of(PERIOD, DAY_S)])
def test_what_was_paid_at_once_is_not_paid_again(bench: Bench, rules: int) -> None:
    order = bought(bench, rules)
    with refused("no such order"):
        bench.deliver_and_settle(order)


def test_nobody_but_the_seller_does_it(bench: Bench) -> None:
    bench.assets.set_roles(bench.asset, OPERATOR.address, 2, sender=SELLER.address)
    order = bought(bench)
    for account in (BUYER, GOVERNOR, OPERATOR, STRANGER):
        with refused("no such order"):
            bench.deliver_and_settle(order, by=account)
    assert (bench.state(order), bench.owed(SELLER)) == (HELD, 0)


def test_it_is_done_before_it_is_due_and_once(bench: Bench) -> None:
    order = bought(bench)
    with boa.env.anchor():
        pass_time(DAY_S)
        with refused("it was due before"):
            bench.deliver_and_settle(order)
    with boa.env.anchor():
        bench.refund(order)
        with refused("delivered or closed already"):
            bench.deliver_and_settle(order)
    with boa.env.anchor():
        bench.deliver(order)
        with refused("delivered or closed already"):
            bench.deliver_and_settle(order)
    bench.deliver_and_settle(order)
    with refused("delivered or closed already"):
        bench.deliver_and_settle(order)
    with refused("not delivered, or closed already"):
        bench.settle(order)
    with refused("closed already"):
        bench.refund(order)
    with refused("ordered already"):
        bench.buy(order.offer, recipient=order.recipient)
    assert bench.owed(SELLER) == PRICE


def test_no_more_is_asked_than_was_agreed(bench: Bench) -> None:
    order = bought(bench)
    for charge in (PRICE + 1, 2**255):
        with refused("more than was agreed"):
            bench.deliver_and_settle(order, charge)


CHANGES = ("rules", "buyer", "token", "price", "referrer", "split", "offer")


@pytest.mark.parametrize("change", CHANGES)
def test_it_is_paid_out_as_it_was_bought_or_not_at_all(bench: Bench, change: str) -> None:
    order = bought(bench, shares=SHARES)
    offer = order.offer
    wrong = {
        "rules": replace(order, rules=order.rules - (1 << 40)),
        "buyer": replace(order, buyer=SELLER.address),
        "token": replace(order, offer=replace(offer, token=STRANGER.address)),
        "price": replace(order, offer=replace(offer, price=PRICE + 1)),
        "referrer": replace(order, referrer=REFERRER.address),
        "split": replace(order, offer=replace(offer, shares=())),
        "offer": replace(order, offer=replace(offer, number=2)),
    }[change]
    said = (order.id, wrong.rules, 1, wrong.deal, list(wrong.offer.shares), digest("delivered"))
    with refused("no such order"):
        bench.market.deliver_and_settle(*said, sender=SELLER.address)
    said = (order.id, order.rules, 1, order.deal, [account_share(SELLER, 10_000)], digest("delivered"))
    with refused("other shares than the terms name"):
        bench.market.deliver_and_settle(*said, sender=SELLER.address)


def test_pausing_and_selling_the_asset_do_not_stop_it(bench: Bench) -> None:
    order = bought(bench)
    bench.market.set_paused(True, sender=GOVERNOR.address)
    bench.assets.transferFrom(SELLER.address, STRANGER.address, bench.asset, sender=SELLER.address)
    bench.deliver_and_settle(order)
    assert (bench.owed(SELLER), bench.owed(STRANGER)) == (PRICE, 0)
