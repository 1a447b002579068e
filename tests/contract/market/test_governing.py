"""What the governor may, and what it may not."""

from __future__ import annotations

import pytest
from contract.market.harness import (
    BUYER,
    GOVERNOR,
    JOB,
    NOBODY,
    OTHER,
    PRICE,
    SELLER,
    STRANGER,
    Bench,
    events,
    refused,
    rules_of,
)

ONLY = "only the governor may do this"


def test_the_deployer_governs_and_there_is_no_fee(bench: Bench) -> None:
    assert bench.market.market() == (GOVERNOR.address, 0, False, NOBODY)
    assert bench.market.assets() == bench.assets.address


def test_only_the_governor_governs(bench: Bench) -> None:
    market = bench.market
    for account in (SELLER, BUYER, STRANGER):
        for call in (
            lambda by: market.set_fee(1, sender=by),
            lambda by: market.set_paused(True, sender=by),
            lambda by: market.offer_governor(by, sender=by),
        ):
            with refused(ONLY):
                call(account.address)
        with refused("not named"):
            market.accept_governor(sender=account.address)


@pytest.mark.parametrize("bps", [0, 1, 1_000])
def test_the_fee_has_a_ceiling(bench: Bench, bps: int) -> None:
    bench.market.set_fee(bps, sender=GOVERNOR.address)
    assert events(bench.market) == [("FeeSet", bps)]
    for above in (1_001, 2**16, 2**255):
        with refused("fee above the ceiling"):
            bench.market.set_fee(above, sender=GOVERNOR.address)
    assert bench.market.market() == (GOVERNOR.address, bps, False, NOBODY)
    bench.buy(bench.offer())
    assert bench.fees() == PRICE * bps // 10_000


def test_a_pause_stops_buying_and_nothing_else(bench: Bench) -> None:
    bench.market.set_fee(77, sender=GOVERNOR.address)
    jobs = [bench.buy(bench.offer(rules_of(JOB, 0, 60))) for _ in range(2)]
    offer = bench.offer(number=2)
    bench.market.set_paused(True, sender=GOVERNOR.address)
    assert events(bench.market) == [("PausedSet", True)]
    assert bench.market.market() == (GOVERNOR.address, 77, True, NOBODY)
    assert bench.market.offered(bench.asset, 2, offer.terms) == 0
    for way in ("buy", "buy_from_balance"):
        with refused("buying is paused"):
            bench.buy(bench.offer(number=3, price=0), way=way)
    with refused("buying is paused"):
        bench.market.buy_many([offer.purchase(bench.recipient())], [[]], sender=BUYER.address)

    bench.settle(bench.deliver(jobs[0]))
    bench.refund(jobs[1])
    bench.market.deposit(bench.credits.address, 5, sender=OTHER.address)
    for account in (SELLER, BUYER, OTHER):
        bench.market.withdraw(bench.credits.address, account.address, sender=account.address)
    bench.market.withdraw_fees(bench.credits.address, [], sender=STRANGER.address)
    bench.market.set_paused(False, sender=GOVERNOR.address)
    bench.buy(offer)


def test_the_governor_hands_over_in_two_steps(bench: Bench) -> None:
    market = bench.market
    market.set_fee(5, sender=GOVERNOR.address)
    market.set_paused(True, sender=GOVERNOR.address)
    market.offer_governor(STRANGER.address, sender=GOVERNOR.address)
    market.offer_governor(OTHER.address, sender=GOVERNOR.address)
    assert events(market) == [("GovernorOffered", OTHER.address)]
    assert market.market() == (GOVERNOR.address, 5, True, OTHER.address)
    with refused("not named"):
        market.accept_governor(sender=STRANGER.address)
    market.accept_governor(sender=OTHER.address)
    assert events(market) == [("GovernorSet", OTHER.address)]
    assert market.market() == (OTHER.address, 5, True, NOBODY)
    with refused(ONLY):
        market.set_fee(6, sender=GOVERNOR.address)
    with refused("not named"):
        market.accept_governor(sender=OTHER.address)


def test_an_offer_to_govern_is_taken_back(bench: Bench) -> None:
    bench.market.offer_governor(OTHER.address, sender=GOVERNOR.address)
    bench.market.offer_governor(NOBODY, sender=GOVERNOR.address)
    with refused("not named"):
        bench.market.accept_governor(sender=OTHER.address)
