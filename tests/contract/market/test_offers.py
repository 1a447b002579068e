"""Offering: who may, what is refused, and what is offered while an asset is registered."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import boa
import pytest
from contract.market.harness import (
    BUYER,
    FOR_GOOD,
    JOB,
    LICENCE,
    NOBODY,
    OPERATOR,
    PAYEES,
    PERIOD,
    PRICE,
    PRICER,
    SALE,
    SELLER,
    STRANGER,
    UNLIMITED,
    Bench,
    account_share,
    digest,
    encode,
    events,
    refused,
    rules_of,
    split_of,
)

REGISTRATION = "(uint256,uint256,(address,address,uint256,uint256,bytes32,bytes32))"
YEAR_S = 366 * 86_400


def test_what_is_offered_is_told(bench: Bench) -> None:
    offer = bench.offer(rules_of(PERIOD, 3_600, 60, 120, 500), number=7, supply=12)

    assert events(bench.market) == [
        (
            "Offered", offer.id, bench.asset, SELLER.address, 7, 12, bench.credits.address, PRICE, offer.rules,
            digest("sheet"), bytes(32),
        )
    ]  # fmt: skip
    assert bench.market.offered(bench.asset, 7, offer.terms) == 12
    assert bench.market.offered(bench.asset, 8, offer.terms) == 0


def test_an_asset_is_registered_and_offered_at_once(bench: Bench) -> None:
    manifest = digest("registered with an offer")
    asset = bench.assets.id_of(SELLER.address, manifest)
    offer = bench.draft(asset=asset)
    data = encode([REGISTRATION], [(1, UNLIMITED, offer.terms)])
    bench.assets.register_and_offer(1, manifest, "", 0, [], bench.market.address, data, sender=SELLER.address)
    bench.buy(offer)

    assert len(data) == 8 * 32
    assert bench.until(offer) == FOR_GOOD
    with refused("the seller is not the owner"):
        bench.assets.register_and_offer(1, manifest, "", 0, [], bench.market.address, data, sender=STRANGER.address)


def test_only_assets_says_what_was_registered(bench: Bench) -> None:
    data = encode([REGISTRATION], [(1, UNLIMITED, bench.draft().terms)])
    for account in (SELLER, STRANGER):
        with refused("not from these assets"):
            bench.market.on_registered(bench.asset, SELLER.address, data, sender=account.address)
    for wrong in (
        data[:-1],
        data[:-32],
        b"",
        data + bytes(32),
        data[:64] + b"\1" + data[65:],
        data[:96] + b"\1" + data[97:],
    ):
        with boa.reverts():
            bench.market.on_registered(bench.asset, SELLER.address, wrong, sender=bench.assets.address)
    bench.market.on_registered(bench.asset, SELLER.address, data, sender=bench.assets.address)


def test_a_pricer_offers_and_withdraws_and_others_do_not(bench: Bench) -> None:
    bench.assets.set_roles(bench.asset, PRICER.address, 4, sender=SELLER.address)
    bench.assets.set_roles(bench.asset, OPERATOR.address, 3, sender=SELLER.address)
    offer = bench.make(bench.draft(), by=PRICER)
    bench.make(replace(offer, price=1), by=PRICER)

    for account in (OPERATOR, STRANGER):
        with refused("not in this role"):
            bench.make(offer, by=account)
        with refused("not in this role"):
            bench.market.withdraw_offer(bench.asset, 1, sender=account.address)
    bench.market.withdraw_offer(bench.asset, 1, sender=PRICER.address)
    assert events(bench.market) == [("Withdrawn", offer.id, PRICER.address)]


def test_a_pricer_neither_sells_the_asset_nor_names_other_shares_than_its_owner(bench: Bench) -> None:
    bench.assets.set_roles(bench.asset, PRICER.address, 4, sender=SELLER.address)
    bench.assets.setApprovalForAll(bench.market.address, True, sender=SELLER.address)
    own, set_by_owner = (account_share(PRICER, 10_000),), (account_share(PAYEES[0], 2_500),)

    with refused("only the owner may do this"):
        bench.make(bench.draft(SALE, price=0), by=PRICER)
    with refused("other shares than the owner set"):
        bench.make(bench.draft(shares=own), by=PRICER)
    bench.market.set_split(bench.asset, list(set_by_owner), sender=SELLER.address)
    with refused("other shares than the owner set"):
        bench.make(bench.draft(), by=PRICER)
    bench.buy(bench.make(bench.draft(shares=set_by_owner), by=PRICER))
    assert bench.owed(PAYEES[0]) == PRICE // 4
    bench.make(bench.draft(shares=own))  # the owner names any
    bench.market.set_split(bench.asset, [], sender=SELLER.address)
    bench.make(bench.draft(), by=PRICER)


def test_shares_that_are_set_are_told(bench: Bench) -> None:
    shares = [account_share(PAYEES[0], 9_999), (digest("root"), 1)]
    assert bench.market.set_split(bench.asset, shares, sender=SELLER.address) == split_of(shares)
    told = encode(["(bytes32,uint256)[]"], [shares])
    assert events(bench.market) == [("SplitSet", bench.asset, SELLER.address, split_of(shares), told)]
    for account in (PRICER, STRANGER):
        with refused("only the owner may do this"):
            bench.market.set_split(bench.asset, [], sender=account.address)


def test_shares_that_the_former_owner_set_are_not_the_next_ones(bench: Bench) -> None:
    shares = (account_share(PAYEES[0], 2_500),)
    bench.market.set_split(bench.asset, list(shares), sender=SELLER.address)
    bench.assets.transferFrom(SELLER.address, STRANGER.address, bench.asset, sender=SELLER.address)
    bench.assets.set_roles(bench.asset, PRICER.address, 4, sender=STRANGER.address)

    with refused("other shares than the owner set"):
        bench.make(bench.draft(seller=STRANGER.address, shares=shares), by=PRICER)
    bench.make(bench.draft(seller=STRANGER.address), by=PRICER)


@pytest.mark.parametrize(
    ("shares", "reason"),
    [
        ([account_share(PAYEES[0], 10_001)], "no such share"),
        ([account_share(PAYEES[0], 2**255)] * 2, "no such share"),
        ([(bytes(32), 1)], "no such share"),
        ([account_share(each, 313) for each in PAYEES], "more than the whole"),
        ([account_share(PAYEES[0], 5_000), account_share(PAYEES[1], 5_001)], "more than the whole"),
    ],
    ids=["above the whole", "wraps", "nobody", "32 of them", "two"],
)
def test_shares_that_make_no_sense_are_refused(bench: Bench, shares: list[Any], reason: str) -> None:
    with refused(reason):
        bench.market.set_split(bench.asset, shares, sender=SELLER.address)
    offer = bench.offer(shares=tuple(shares))  # a hash tells nothing: then nobody can buy
    with refused(reason):
        bench.buy(offer)
    held = bench.offer(rules_of(JOB, 0, 60), number=2, shares=tuple(shares))
    with refused(reason):
        bench.buy(held)


def test_there_are_at_most_32_shares(bench: Bench) -> None:
    with boa.reverts():
        bench.market.set_split(bench.asset, [account_share(PAYEES[0], 1)] * 33, sender=SELLER.address)


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "another seller": ({"seller": STRANGER.address}, "the seller is not the owner"),
    "a price too high": ({"price": 2**96}, "price out of range"),
    "a price without a token": ({"token": NOBODY}, "a price needs a token"),
    "no sheet": ({"sheet": bytes(32)}, "an offer needs a sheet"),
    "no kind": ({"rules": 0}, "no such rules"),
    "another kind": ({"rules": 5}, "no such rules"),
    "a fee in the rules": ({"rules": LICENCE | 1 << 120}, "no such rules"),
    "a beginning in the rules": ({"rules": LICENCE | 1 << 255}, "no such rules"),
    "too much for who refers": ({"rules": rules_of(LICENCE, referrer_bps=1_001)}, "referrer's part above the ceiling"),
    "a period without duration": ({"rules": PERIOD}, "a period has a duration, and nothing else has"),
    "a licence with a duration": ({"rules": rules_of(LICENCE, 1)}, "a period has a duration, and nothing else has"),
    "a job with a duration": ({"rules": rules_of(JOB, 1, 1)}, "a period has a duration, and nothing else has"),
    "a window of years": ({"rules": rules_of(LICENCE, 0, 1, YEAR_S + 1)}, "more than a year to wait"),
    "a delivery in years": ({"rules": rules_of(JOB, 0, YEAR_S + 1)}, "more than a year to wait"),
    "a window without delivery": ({"rules": rules_of(LICENCE, 0, 0, 1)}, "no time to deliver"),
    "a job without delivery": ({"rules": JOB}, "no time to deliver"),
    "a sale that waits": ({"rules": rules_of(SALE, 0, 1, 1)}, "no time to deliver"),
    "a delivery without window": ({"rules": rules_of(LICENCE, 0, 1)}, "what is paid at once is not delivered"),
}  # fmt: skip


@pytest.mark.parametrize("wrong", WRONG)
def test_terms_that_make_no_sense_are_refused(bench: Bench, wrong: str) -> None:
    changes, reason = WRONG[wrong]
    with refused(reason):
        bench.make(replace(bench.draft(), **changes))


@pytest.mark.parametrize(
    "rules",
    [
        rules_of(LICENCE, referrer_bps=1_000),
        rules_of(LICENCE, 0, YEAR_S, YEAR_S),
        rules_of(PERIOD, 2**32 - 1),
        rules_of(JOB, 0, 1),
        rules_of(JOB, 0, YEAR_S, YEAR_S, 1_000),
        SALE,
    ],
)
def test_terms_at_the_edge_are_taken(bench: Bench, rules: int) -> None:
    offer = bench.offer(rules, price=2**96 - 1)
    assert bench.market.offered(bench.asset, 1, offer.terms) == UNLIMITED


@pytest.mark.parametrize("supply", [0, 2**32, 2**255])
def test_a_supply_is_between_one_and_without_end(bench: Bench, supply: int) -> None:
    with refused("supply out of range"):
        bench.offer(supply=supply)


def test_a_number_stands_for_one_offer(bench: Bench) -> None:
    first = bench.offer()
    second = bench.offer(price=1)
    with refused("not offered on these terms"):
        bench.buy(first)
    bench.buy(second)


def test_what_is_withdrawn_is_not_bought_and_access_stays(bench: Bench) -> None:
    offer = bench.offer()
    bench.buy(offer)
    bench.market.withdraw_offer(bench.asset, 1, sender=SELLER.address)

    with refused("not offered on these terms"):
        bench.buy(offer)
    with refused("no such offer"):
        bench.market.withdraw_offer(bench.asset, 1, sender=SELLER.address)
    assert bench.until(offer) == FOR_GOOD


def test_the_next_owner_withdraws_what_the_former_offered(bench: Bench) -> None:
    """Else it would be for sale again as soon as the former owner got the asset back."""
    offer = bench.offer()
    bench.assets.transferFrom(SELLER.address, STRANGER.address, bench.asset, sender=SELLER.address)
    with refused("not in this role"):
        bench.market.withdraw_offer(bench.asset, 1, sender=SELLER.address)
    bench.market.withdraw_offer(bench.asset, 1, sender=STRANGER.address)
    bench.assets.transferFrom(STRANGER.address, SELLER.address, bench.asset, sender=STRANGER.address)
    with refused("not offered on these terms"):
        bench.buy(offer)


def test_an_asset_that_is_not_there_is_not_offered(bench: Bench) -> None:
    offer = bench.draft(asset=bench.asset + 1)
    for call in (
        lambda: bench.make(offer),
        lambda: bench.buy(offer),
        lambda: bench.market.withdraw_offer(offer.asset, 1, sender=SELLER.address),
        lambda: bench.market.set_split(offer.asset, [], sender=SELLER.address),
        lambda: bench.market.offered(offer.asset, 1, offer.terms),
    ):
        with boa.reverts():
            call()


def test_reviews_are_by_who_bought_access(bench: Bench) -> None:
    licence, period = bench.offer(), bench.offer(rules_of(PERIOD, 60), number=2)
    for offer in (licence, period):
        with refused("not bought"):
            bench.market.review(offer.id, 5, digest("review"), sender=BUYER.address)
        bench.buy(offer)
        bench.market.review(offer.id, 1, digest("review"), sender=BUYER.address)
        assert events(bench.market) == [("Reviewed", offer.id, BUYER.address, 1, digest("review"))]
        for stars in (0, 6, 2**255):
            with refused("one to five stars"):
                bench.market.review(offer.id, stars, digest("review"), sender=BUYER.address)
