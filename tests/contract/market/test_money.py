"""Whom a payment is for and how it leaves: fees, referrers, shares, claims under a root, withdrawals."""

from __future__ import annotations

from typing import Any

import boa
import pytest
from contract.market.harness import (
    BUYER,
    GOVERNOR,
    LICENCE,
    OTHER,
    PAYEES,
    PRICE,
    REFERRER,
    SALE,
    SELLER,
    STRANGER,
    Account,
    Bench,
    account_share,
    digest,
    encode,
    events,
    refused,
    rules_of,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from counterfoil.core.merkle import inclusion_path, leaf_hash, root_of

WHOLE = 10**12
SLOW = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


class Claims:
    """A tree of claims: what each account's part of a pot is."""

    def __init__(self, parts: list[tuple[Account, int]]) -> None:
        self.parts = parts
        self.leaves = [leaf_hash(encode(["address", "uint256"], [who.address, weight])) for who, weight in parts]
        self.root = root_of(self.leaves)

    def claim(self, place: int, token: Any) -> tuple[Any, ...]:
        """Returns what `claim` takes."""
        account, weight = self.parts[place]
        proof = inclusion_path(place, len(self.leaves), lambda start, end: root_of(self.leaves[start:end]))
        return self.root, token.address, account.address, weight, place, len(self.leaves), proof


THREE = Claims([(PAYEES[0], WHOLE // 2), (PAYEES[1], WHOLE // 3), (PAYEES[2], WHOLE // 7)])


def withdraw(bench: Bench, account: Account, token: Any = None) -> int:
    amount: int = bench.market.withdraw((token or bench.credits).address, account.address, sender=STRANGER.address)
    return amount


# Who gets what


@SLOW
@given(
    price=st.integers(0, 10**9) | st.integers(2**95, 2**96 - 1),
    fee_bps=st.integers(0, 1_000),
    referrer_bps=st.integers(0, 1_000),
    is_referred=st.booleans(),
    parts=st.lists(st.integers(0, 10_000), max_size=5).filter(lambda parts: sum(parts) <= 10_000),
    royalty_bps=st.none() | st.integers(0, 1_000),
)
def test_a_price_is_parted_to_the_unit(
    bench: Bench,
    price: int,
    fee_bps: int,
    referrer_bps: int,
    is_referred: bool,
    parts: list[int],
    royalty_bps: int | None,
) -> None:
    with boa.env.anchor():
        bench.market.set_fee(fee_bps, sender=GOVERNOR.address)
        bench.fund(BUYER, amount=price)
        kind, asset = LICENCE, bench.asset
        if royalty_bps is not None:  # the asset itself, of which OTHER is the creator
            kind = SALE
            asset = bench.assets.register(1, digest("sold"), "", royalty_bps, [], sender=OTHER.address)
            bench.assets.transferFrom(OTHER.address, SELLER.address, asset, sender=OTHER.address)
            bench.assets.approve(bench.market.address, asset, sender=SELLER.address)
        shares = tuple(account_share(who, bps) for who, bps in zip(PAYEES, parts, strict=False))
        offer = bench.offer(rules_of(kind, referrer_bps=referrer_bps), price=price, shares=shares, asset=asset)
        before = bench.credits.balanceOf(bench.market.address)
        purchase = offer.purchase(bench.recipient(), referrer=REFERRER.address if is_referred else "0x" + "00" * 20)
        bench.market.buy(purchase, list(shares), sender=BUYER.address)
        assert bench.credits.balanceOf(bench.market.address) == before + price

        royalty = price * (royalty_bps or 0) // 10_000
        left = price - royalty
        fee = left * fee_bps // 10_000
        referred = left * referrer_bps // 10_000 if is_referred else 0
        rest = left - fee - referred
        each = [rest * bps // 10_000 for bps in parts]
        assert bench.owed(OTHER) == royalty
        assert (bench.fees(), bench.owed(REFERRER)) == (fee, referred)
        assert [bench.owed(who) for who, _ in zip(PAYEES, parts, strict=False)] == each
        assert bench.owed(SELLER) == rest - sum(each)
        assert fee + referred + royalty <= price * 3 // 10


def test_32_share_and_one_of_them_twice(bench: Bench) -> None:
    shares = (*(account_share(who, 312) for who in PAYEES[:31]), account_share(PAYEES[0], 328))
    bench.buy(bench.offer(price=10_000, shares=shares))
    assert [bench.owed(who) for who in PAYEES] == [640] + [312] * 30 + [0]
    assert bench.owed(SELLER) == 0


def test_whose_sales_are_all_for_others_still_leaves_its_fees(bench: Bench) -> None:
    bench.market.set_fee(1_000, sender=GOVERNOR.address)
    bench.buy(bench.offer(price=1_000, shares=(account_share(PAYEES[0], 10_000),)))
    assert (bench.owed(SELLER), bench.fees()) == (0, 100)
    with refused("nothing is owed"):
        withdraw(bench, SELLER)
    bench.market.withdraw_fees(bench.credits.address, [SELLER.address], sender=STRANGER.address)
    assert bench.credits.balanceOf(GOVERNOR.address) == 100


# Withdrawing


def test_anybody_has_an_account_paid_what_it_is_owed_once(bench: Bench) -> None:
    bench.market.set_fee(300, sender=GOVERNOR.address)
    bench.buy(bench.offer())
    assert withdraw(bench, SELLER) == PRICE - 75_000
    assert events(bench.market) == [("Paid", bench.credits.address, SELLER.address, PRICE - 75_000, 75_000)]
    assert bench.credits.balanceOf(SELLER.address) == PRICE - 75_000
    for account in (SELLER, STRANGER):
        with refused("nothing is owed"):
            withdraw(bench, account)
    assert bench.owed(bench.market.address) == 75_000


def test_fees_are_the_governors_wherever_they_are(bench: Bench) -> None:
    bench.market.set_fee(1_000, sender=GOVERNOR.address)
    bench.buy(bench.offer(price=1_000))
    withdraw(bench, SELLER)
    bench.buy(bench.offer(price=500))
    with refused("nothing is owed"):  # the market's own are not for withdrawing
        bench.market.withdraw(bench.credits.address, bench.market.address, sender=GOVERNOR.address)
    accounts = [SELLER.address, SELLER.address, STRANGER.address, bench.market.address]
    assert bench.market.withdraw_fees(bench.credits.address, accounts, sender=STRANGER.address) == 150
    assert events(bench.market) == [("FeesPaid", bench.credits.address, GOVERNOR.address, 150)]
    assert (bench.owed(SELLER), bench.fees()) == (450, 0)
    with refused("nothing is owed"):
        bench.market.withdraw_fees(bench.credits.address, accounts, sender=STRANGER.address)
    with boa.reverts():
        bench.market.withdraw_fees(bench.credits.address, [SELLER.address] * 65, sender=STRANGER.address)


def test_fees_go_to_the_governor_of_the_day(bench: Bench) -> None:
    bench.market.set_fee(1_000, sender=GOVERNOR.address)
    bench.buy(bench.offer(price=1_000))
    bench.market.offer_governor(OTHER.address, sender=GOVERNOR.address)
    bench.market.accept_governor(sender=OTHER.address)
    before = bench.credits.balanceOf(OTHER.address)
    bench.market.withdraw_fees(bench.credits.address, [SELLER.address], sender=OTHER.address)
    assert bench.credits.balanceOf(OTHER.address) == before + 100


# Claims under a root


def test_many_contributors_claim_their_part_of_all_that_comes_in(bench: Bench) -> None:
    offer = bench.offer(price=10_000, shares=((THREE.root, 5_000), account_share(PAYEES[5], 1_000)))
    bench.buy(offer)
    assert bench.market.pot(THREE.root, bench.credits.address, PAYEES[0].address) == (5_000, 0, 0)
    for place, part in enumerate((2_500, 1_666, 714)):
        claim = THREE.claim(place, bench.credits)
        assert bench.market.claim(*claim, sender=STRANGER.address) == part
        assert events(bench.market) == [("Claimed", *claim[:3], part)]
        with refused("nothing is owed"):
            bench.market.claim(*claim, sender=claim[2])
    bench.buy(offer)
    assert bench.market.claim(*THREE.claim(1, bench.credits), sender=STRANGER.address) == 1_667
    assert bench.credits.balanceOf(PAYEES[1].address) == 3_333
    assert bench.market.pot(THREE.root, bench.credits.address, PAYEES[1].address) == (10_000, 6_547, 3_333)


def test_another_root_in_later_terms_takes_nothing_from_anybody(bench: Bench) -> None:
    """Whoever was under the former root neither loses what came in under it nor claims it again under the next."""
    next_root = Claims([(PAYEES[0], WHOLE)])
    bench.buy(bench.offer(price=10_000, shares=((THREE.root, 10_000),)))
    bench.market.claim(*THREE.claim(0, bench.credits), sender=STRANGER.address)
    bench.buy(bench.offer(price=10_000, shares=((next_root.root, 10_000),)))

    assert bench.market.claim(*next_root.claim(0, bench.credits), sender=STRANGER.address) == 10_000
    assert bench.market.claim(*THREE.claim(1, bench.credits), sender=STRANGER.address) == 3_333
    with refused("nothing is owed"):
        bench.market.claim(*THREE.claim(0, bench.credits), sender=STRANGER.address)
    assert bench.credits.balanceOf(PAYEES[0].address) == 15_000


def test_a_root_that_promises_too_much_costs_nobody_else(bench: Bench) -> None:
    greedy = Claims([(PAYEES[0], WHOLE), (PAYEES[1], WHOLE), (PAYEES[2], 2**255)])
    bench.buy(bench.offer(price=1_000, shares=((greedy.root, 10_000),)))
    bench.buy(bench.offer(price=500))
    bench.buy(bench.offer(price=1_000, number=2, shares=((THREE.root, 10_000),)))
    bench.market.claim(*greedy.claim(0, bench.credits), sender=STRANGER.address)
    with refused("nothing is left"):
        bench.market.claim(*greedy.claim(1, bench.credits), sender=STRANGER.address)
    with boa.reverts():
        bench.market.claim(*greedy.claim(2, bench.credits), sender=STRANGER.address)
    assert bench.credits.balanceOf(bench.market.address) == 1_500


def test_a_part_of_what_is_left_is_paid(bench: Bench) -> None:
    greedy = Claims([(PAYEES[0], WHOLE * 3 // 4), (PAYEES[1], WHOLE * 3 // 4)])
    offer = bench.offer(price=1_000, shares=((greedy.root, 10_000),))
    bench.buy(offer)
    assert [bench.market.claim(*greedy.claim(at, bench.credits), sender=STRANGER.address) for at in (0, 1)] == [
        750,
        250,
    ]
    bench.buy(offer)
    assert bench.market.claim(*greedy.claim(1, bench.credits), sender=STRANGER.address) == 1_000


@pytest.mark.parametrize("place", range(7))
def test_what_is_not_in_the_tree_is_not_paid(bench: Bench, place: int) -> None:
    bench.buy(bench.offer(shares=((THREE.root, 10_000),)))
    claim = list(THREE.claim(0, bench.credits))
    claim[place] = (
        digest("root"), PAYEES[0].address, STRANGER.address, WHOLE, 1, 2**48, claim[6][::-1],
    )[place]  # fmt: skip
    with refused("nothing is owed" if place == 1 else "not in the tree"):
        bench.market.claim(*claim, sender=PAYEES[0].address)


@pytest.mark.parametrize(("index", "size"), [(0, 2), (0, 4), (0, 1), (0, 0), (3, 3), (2, 3), (2**255, 3)])
def test_a_proof_has_the_length_of_its_place(bench: Bench, index: int, size: int) -> None:
    bench.buy(bench.offer(shares=((THREE.root, 10_000),)))
    root, token, account, weight, _, _, proof = THREE.claim(0, bench.credits)
    for shown in (proof, proof[:-1], [*proof, digest("more")], []):
        if (index, size, shown) != (0, 4, proof):  # where the way up is the same, the place is too
            with refused("not in the tree"):
                bench.market.claim(root, token, account, weight, index, size, shown, sender=STRANGER.address)


def test_an_inner_hash_of_the_tree_is_no_claim(bench: Bench) -> None:
    bench.buy(bench.offer(shares=((THREE.root, 10_000),)))
    with refused("not in the tree"):
        bench.market.claim(
            THREE.root, bench.credits.address, STRANGER.address, WHOLE, 0, 1, [], sender=STRANGER.address
        )


@SLOW
@given(
    weights=st.lists(st.integers(0, WHOLE), min_size=1, max_size=6).filter(lambda weights: sum(weights) <= WHOLE),
    steps=st.lists(st.integers(1, 10**7) | st.integers(-6, -1), max_size=12),
)
def test_whatever_the_order_of_claims_and_sales_each_gets_its_part(
    bench: Bench, weights: list[int], steps: list[int]
) -> None:
    claims = Claims([(PAYEES[at], weight) for at, weight in enumerate(weights)])
    shares = ((claims.root, 10_000),)
    with boa.env.anchor():
        came_in, sent = 0, dict.fromkeys(range(len(weights)), 0)
        for number, step in enumerate(steps):
            if step > 0:
                bench.buy(bench.offer(price=step, number=number, shares=shares))
                came_in += step
                continue
            place = (-step) % len(weights)
            due = came_in * weights[place] // WHOLE - sent[place]
            if due == 0:
                with refused("nothing is owed"):
                    bench.market.claim(*claims.claim(place, bench.credits), sender=STRANGER.address)
            else:
                assert bench.market.claim(*claims.claim(place, bench.credits), sender=STRANGER.address) == due
                sent[place] += due
        total, out, _ = bench.market.pot(claims.root, bench.credits.address, BUYER.address)
        assert (total, out) == (came_in, sum(sent.values()))
        assert bench.credits.balanceOf(bench.market.address) == came_in - out
