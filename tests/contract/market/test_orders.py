"""Orders whose money is held: delivering, the window, settling, refunding, and whoever vanishes meanwhile."""

from __future__ import annotations

from dataclasses import replace

import boa
import pytest
from contract.market.harness import (
    BUYER,
    DAY_S,
    DELIVERED,
    FOR_GOOD,
    GOVERNOR,
    HELD,
    JOB,
    LICENCE,
    NOBODY,
    OPERATOR,
    OTHER,
    PAYEES,
    PERIOD,
    PRICE,
    PRICER,
    REFERRER,
    REFUNDED,
    SELLER,
    SETTLED,
    STRANGER,
    Account,
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

HOUR_S = 3_600
WAITING = rules_of(LICENCE, 0, DAY_S, HOUR_S)
RENTED = rules_of(PERIOD, 30 * DAY_S, DAY_S, 300 * DAY_S)
COMPUTED = rules_of(JOB, 0, DAY_S, HOUR_S)


def by_operator(bench: Bench, order: Order, by: Account = OPERATOR, **changes: object) -> None:
    said = {
        "asset": order.offer.asset, "number": order.offer.number, "recipient": order.recipient,
        "seller": order.offer.seller, "rules": order.rules, "deal": order.deal, "charge": order.charge,
        "digest": digest("delivered"),
    } | changes  # fmt: skip
    bench.market.deliver_as_operator(*said.values(), sender=by.address)


def test_the_money_is_held_until_the_window_is_over(bench: Bench) -> None:
    bench.market.set_fee(300, sender=GOVERNOR.address)
    offer = bench.offer(WAITING)
    order = bench.buy(offer)
    due = now() + DAY_S
    assert events(bench.market) == [
        (
            "Ordered", order.id, offer.id, BUYER.address, order.recipient, PRICE, FOR_GOOD, NOBODY, order.rules,
            bytes(32), due,
        )
    ]  # fmt: skip
    assert bench.market.order(order.id) == (HELD, due)
    assert (bench.owed(SELLER), bench.until(offer)) == (0, FOR_GOOD)

    order = bench.deliver(order)
    ends = now() + HOUR_S
    assert events(bench.market) == [("Delivered", order.id, digest("delivered"), PRICE, ends)]
    assert bench.market.order(order.id) == (DELIVERED, ends)
    pass_time(HOUR_S - 1)
    with refused("the window is open"):
        bench.settle(order)
    pass_time(1)
    bench.settle(order)
    assert events(bench.market) == [("Settled", order.id, PRICE)]
    assert bench.state(order) == SETTLED
    assert (bench.owed(SELLER), bench.fees(), bench.until(offer)) == (PRICE - 75_000, 75_000, FOR_GOOD)


def test_the_buyer_accepts_before_the_window_is_over(bench: Bench) -> None:
    order = bench.buy(bench.offer(WAITING))
    with refused("not delivered, or closed already"):
        bench.settle(order, BUYER)
    order = bench.deliver(order)
    bench.settle(order, BUYER)
    assert (bench.state(order), bench.owed(SELLER)) == (SETTLED, PRICE)


@pytest.mark.parametrize("end", ["settled", "refunded", "reclaimed"])
def test_nothing_is_paid_twice(bench: Bench, end: str) -> None:
    order = bench.buy(bench.offer(WAITING))
    if end == "reclaimed":
        pass_time(DAY_S)
        bench.refund(order, BUYER)
    else:
        order = bench.deliver(order)
        pass_time(HOUR_S)
        (bench.settle if end == "settled" else bench.refund)(order)
    owed = bench.owed(SELLER), bench.owed(BUYER)
    assert sum(owed) == PRICE

    for account in (SELLER, BUYER, GOVERNOR, STRANGER):
        with refused("not delivered, or closed already"):
            bench.settle(order, account)
        with refused("closed already"):
            bench.refund(order, account)
    with refused("delivered or closed already"):
        bench.deliver(order)
    with refused("ordered already"):
        bench.buy(order.offer, recipient=order.recipient)
    assert (bench.owed(SELLER), bench.owed(BUYER)) == owed


# Times


def test_what_is_due_is_delivered_before_and_reclaimed_after(bench: Bench) -> None:
    order = bench.buy(bench.offer(WAITING))
    pass_time(DAY_S - 1)
    with refused("not due yet"):
        bench.refund(order, BUYER)
    with boa.env.anchor():
        bench.deliver(order)
        with refused("not in this role"):
            bench.refund(order, BUYER)
    pass_time(1)
    with refused("it was due before"):
        bench.deliver(order)
    bench.refund(order, BUYER)
    assert events(bench.market) == [("Refunded", order.id, BUYER.address)]
    assert (bench.owed(BUYER), bench.until(order.offer), bench.state(order)) == (PRICE, 0, REFUNDED)


def test_the_governor_refunds_inside_the_window_alone(bench: Bench) -> None:
    order = bench.buy(bench.offer(WAITING))
    with refused("not in this role"):
        bench.refund(order, GOVERNOR)
    delivered = bench.deliver(order)
    pass_time(HOUR_S - 1)
    with boa.env.anchor():
        bench.refund(delivered, GOVERNOR)
        assert (bench.owed(BUYER), bench.until(order.offer)) == (PRICE, 0)
    pass_time(1)
    with refused("the window is over"):
        bench.refund(delivered, GOVERNOR)


def test_the_governor_does_not_refund_itself(bench: Bench) -> None:
    bench.fund(GOVERNOR)
    order = bench.deliver(bench.buy(bench.offer(WAITING), GOVERNOR))
    with refused("not in this role"):
        bench.refund(order, GOVERNOR)


def test_a_job_without_a_window_is_settled_with_its_delivery(bench: Bench) -> None:
    order = bench.deliver(bench.buy(bench.offer(rules_of(JOB, 0, DAY_S))))
    with refused("the window is over"):
        bench.refund(order, GOVERNOR)
    bench.settle(order)
    assert bench.owed(SELLER) == PRICE


def test_the_seller_vanishes_and_the_buyer_has_its_money_back(bench: Bench) -> None:
    order = bench.buy(bench.offer(COMPUTED))
    bench.assets.transferFrom(SELLER.address, STRANGER.address, bench.asset, sender=SELLER.address)
    bench.market.set_paused(True, sender=GOVERNOR.address)
    pass_time(400 * DAY_S)
    bench.refund(order, BUYER)
    bench.market.withdraw(bench.credits.address, BUYER.address, sender=BUYER.address)
    assert bench.credits.balanceOf(BUYER.address) == 10**12


def test_the_buyer_vanishes_and_the_seller_is_paid(bench: Bench) -> None:
    order = bench.deliver(bench.buy(bench.offer(COMPUTED)))
    bench.market.set_paused(True, sender=GOVERNOR.address)
    pass_time(400 * DAY_S)
    bench.settle(order)
    bench.market.withdraw(bench.credits.address, SELLER.address, sender=STRANGER.address)
    assert bench.credits.balanceOf(SELLER.address) == PRICE


def test_a_seller_that_sold_the_asset_still_delivers_and_refunds(bench: Bench) -> None:
    first, second = (bench.buy(bench.offer(WAITING, number=number)) for number in (1, 2))
    bench.assets.transferFrom(SELLER.address, OTHER.address, bench.asset, sender=SELLER.address)
    first = bench.deliver(first)
    bench.refund(second)
    for account in (OTHER, OPERATOR):  # the next owner and its operators have no say in it
        bench.assets.set_roles(bench.asset, OPERATOR.address, 2, sender=OTHER.address)
        with refused("the asset has another owner"):
            bench.refund(first, account)
    pass_time(HOUR_S)
    bench.settle(first)
    assert (bench.owed(SELLER), bench.owed(BUYER), bench.owed(OTHER)) == (PRICE, PRICE, 0)


# Who may


def test_an_operator_delivers_and_refunds_and_others_do_not(bench: Bench) -> None:
    bench.assets.set_roles(bench.asset, OPERATOR.address, 2, sender=SELLER.address)
    bench.assets.set_roles(bench.asset, PRICER.address, 5, sender=SELLER.address)
    order, other = bench.buy(bench.offer(COMPUTED)), bench.buy(bench.offer(COMPUTED, number=2))
    for account in (PRICER, STRANGER, BUYER, GOVERNOR):
        with refused("not in this role"):
            by_operator(bench, order, account)
        with refused("no such order"):
            bench.deliver(order, by=account)
    with refused("not in this role"):
        bench.refund(order, PRICER)
    with refused("another offer"):
        by_operator(bench, order, number=2)
    with refused("the asset has another owner"):
        by_operator(bench, order, seller=OTHER.address)
    with refused("no such order"):
        by_operator(bench, order, recipient=bench.recipient())
    by_operator(bench, order, charge=1)
    bench.settle(replace(order, charge=1), BUYER)
    bench.refund(other, OPERATOR)
    assert (bench.owed(SELLER), bench.owed(BUYER)) == (1, 2 * PRICE - 1)


def test_an_operator_of_another_asset_has_no_say(bench: Bench) -> None:
    mine = bench.assets.register(1, digest("mine"), "", 0, [], sender=STRANGER.address)
    order = bench.buy(bench.offer(COMPUTED))
    with refused("another offer"):
        by_operator(bench, order, STRANGER, asset=mine)
    with refused("another offer"):
        bench.market.refund(order.id, mine, 1, *order.ends[1:], sender=STRANGER.address)


CHANGES = ("seller", "rules", "charge", "buyer", "token", "price", "referrer", "split", "offer")


@pytest.mark.parametrize("change", CHANGES)
def test_an_order_is_closed_as_it_was_bought_or_not_at_all(bench: Bench, change: str) -> None:
    """Neither seller, governor nor anybody else changes whom an order pays, or how much, after it is paid for."""
    order = bench.deliver(bench.buy(bench.offer(COMPUTED)))
    pass_time(HOUR_S)
    offer = order.offer
    wrong = {
        "seller": replace(order, offer=replace(offer, seller=STRANGER.address)),
        "rules": replace(order, rules=order.rules | 1 << 120),
        "charge": replace(order, charge=order.charge - 1),
        "buyer": replace(order, buyer=STRANGER.address),
        "token": replace(order, offer=replace(offer, token=STRANGER.address)),
        "price": replace(order, offer=replace(offer, price=PRICE + 1)),
        "referrer": replace(order, referrer=REFERRER.address),
        "split": replace(order, offer=replace(offer, shares=(account_share(STRANGER, 10_000),))),
        "offer": replace(order, offer=replace(offer, number=2)),
    }[change]
    shown = (order.id, *wrong.ends[1:])
    for account in (SELLER, BUYER, GOVERNOR, STRANGER):
        with refused("no such order"):
            bench.market.settle(*shown, list(wrong.offer.shares), sender=account.address)
        with refused("no such order"):
            bench.market.refund(shown[0], bench.asset, 1, *shown[1:], sender=account.address)
        with refused("no such order"):
            bench.market.review_order(*shown, 5, digest("review"), sender=account.address)
    with refused("other shares than the terms name"):
        bench.market.settle(*order.ends, [account_share(STRANGER, 1)], sender=STRANGER.address)


def test_fee_and_shares_of_an_order_are_those_it_was_bought_with(bench: Bench) -> None:
    bench.market.set_fee(100, sender=GOVERNOR.address)
    shares = (account_share(PAYEES[0], 5_000),)
    order = bench.buy(bench.offer(WAITING, price=10_000, shares=shares))
    bench.market.set_fee(1_000, sender=GOVERNOR.address)
    bench.offer(WAITING, price=10_000, shares=(account_share(PAYEES[1], 5_000),))
    bench.market.set_split(bench.asset, [], sender=SELLER.address)
    bench.settle(bench.deliver(order), BUYER)

    assert (bench.owed(PAYEES[0]), bench.owed(PAYEES[1]), bench.owed(SELLER), bench.fees()) == (4_950, 0, 4_950, 100)


# Jobs


@pytest.mark.parametrize("charge", [0, 1, PRICE - 1, PRICE])
def test_a_job_costs_what_it_took_and_the_rest_goes_back(bench: Bench, charge: int) -> None:
    order = bench.deliver(bench.buy(bench.offer(COMPUTED)), charge)
    pass_time(HOUR_S)
    bench.settle(order)
    assert (bench.owed(SELLER), bench.owed(BUYER)) == (charge, PRICE - charge)


def test_no_more_is_asked_than_was_agreed(bench: Bench) -> None:
    job = bench.buy(bench.offer(COMPUTED))
    licence = bench.buy(bench.offer(WAITING, number=2))
    for order, charge in ((job, PRICE + 1), (job, 2**255), (licence, PRICE - 1), (licence, PRICE + 1)):
        with refused("more than was agreed"):
            bench.deliver(order, charge)


def test_a_refunded_job_gives_all_back_whatever_was_asked(bench: Bench) -> None:
    order = bench.deliver(bench.buy(bench.offer(COMPUTED)), 7)
    bench.refund(order)
    assert (bench.owed(SELLER), bench.owed(BUYER)) == (0, PRICE)


def test_a_job_is_reviewed_by_its_buyer_when_it_is_settled(bench: Bench) -> None:
    order = bench.deliver(bench.buy(bench.offer(COMPUTED)))
    review = bench.market.review_order
    with refused("not bought"):
        review(*order.ends, 4, digest("review"), sender=BUYER.address)
    bench.settle(order, BUYER)
    with refused("not bought"):
        review(*order.ends, 4, digest("review"), sender=STRANGER.address)
    with refused("not bought"):
        bench.market.review(order.offer.id, 4, digest("review"), sender=BUYER.address)
    review(*order.ends, 4, digest("review"), sender=BUYER.address)
    assert events(bench.market) == [("Reviewed", order.offer.id, BUYER.address, 4, digest("review"))]


def test_a_made_up_order_is_none(bench: Bench) -> None:
    """Ocean took the id of an order that nobody had made, from anybody."""
    offer = bench.offer(COMPUTED)
    made_up = Order(offer, STRANGER.address, bench.recipient(), offer.rules, PRICE)
    assert bench.state(made_up) == 0
    for call in (bench.settle, bench.deliver, bench.refund):
        with refused("no such order"):
            call(made_up)


def test_open_jobs_do_not_get_into_each_others_way(bench: Bench) -> None:
    orders = [bench.buy(bench.offer(COMPUTED), who) for who in (BUYER, OTHER, BUYER, STRANGER)]
    bench.refund(orders[1])
    for order in reversed(orders[2:]):
        bench.settle(bench.deliver(order), Account(order_name(order)))
    assert [bench.state(each) for each in orders] == [HELD, REFUNDED, SETTLED, SETTLED]
    assert (bench.owed(SELLER), bench.owed(OTHER)) == (2 * PRICE, PRICE)


def order_name(order: Order) -> str:
    """The name of the account that bought."""
    return next(each.name for each in (BUYER, OTHER, STRANGER) if each.address == order.buyer)


# Access after a refund


def test_a_refund_takes_the_licence_away_but_not_another(bench: Bench) -> None:
    offer = bench.offer(WAITING)
    first, second = bench.buy(offer), bench.buy(offer)
    bench.market.review(offer.id, 5, digest("review"), sender=BUYER.address)
    bench.refund(first)
    assert bench.until(offer) == FOR_GOOD
    bench.refund(second)
    assert bench.until(offer) == 0
    with refused("not bought"):
        bench.market.review(offer.id, 5, digest("review"), sender=BUYER.address)


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 0, 2)])
def test_after_refunds_there_is_as_much_access_as_is_paid_for(bench: Bench, order: tuple[int, ...]) -> None:
    offer = bench.offer(RENTED)
    begun = now()
    bought = [bench.buy(offer)]
    pass_time(10 * DAY_S)
    bought += [bench.buy(offer), bench.buy(offer)]
    assert bench.until(offer) == begun + 90 * DAY_S
    pass_time(1)
    for left, place in zip((60, 30, 0), order, strict=True):
        bench.refund(bought[place])
        assert bench.until(offer) == begun + left * DAY_S
    with refused("not bought"):
        bench.market.review(offer.id, 5, digest("review"), sender=BUYER.address)


def test_a_refund_of_what_is_over_takes_nothing_from_a_later_period(bench: Bench) -> None:
    offer = bench.offer(RENTED)
    old = bench.deliver(bench.buy(offer))
    pass_time(40 * DAY_S)
    bench.buy(offer)
    until = bench.until(offer)
    assert until == now() + 30 * DAY_S
    bench.refund(old)
    assert (bench.until(offer), bench.owed(BUYER)) == (until, PRICE)


def test_after_a_refund_a_period_begins_anew(bench: Bench) -> None:
    offer = bench.offer(RENTED)
    first = bench.buy(offer)
    pass_time(DAY_S // 2)
    bench.refund(first)
    assert bench.until(offer) <= now()
    second = bench.buy(offer)
    assert bench.until(offer) == now() + 30 * DAY_S
    assert second.rules >> 136 == now()
    bench.refund(second)
    assert bench.until(offer) <= now()


def test_a_licence_for_good_stays_beside_a_refunded_period(bench: Bench) -> None:
    rented = bench.buy(bench.offer(RENTED))
    bench.buy(bench.offer(LICENCE))  # the same number
    bench.refund(rented)
    assert bench.until(rented.offer) == FOR_GOOD
