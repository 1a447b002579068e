"""Buying: on exactly the terms that are named, in each of the ways to pay, and what comes of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import boa
import pytest
from contract.market.harness import (
    BUYER,
    DAY_S,
    FOR_GOOD,
    GOVERNOR,
    JOB,
    LICENCE,
    NOBODY,
    OTHER,
    PAYEES,
    PERIOD,
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
    now,
    pass_time,
    refused,
    rules_of,
    struct_hash,
)

from counterfoil.core.keccak import keccak256

LATER = 2**40
PURCHASE = "(uint256,uint256,(address,address,uint256,uint256,bytes32,bytes32),bytes32,bytes32,address)"
MONTH_S = 30 * DAY_S


def signed(bench: Bench, account: Account, kind: str, types: str, *values: Any) -> tuple[int, bytes, bytes]:
    """Signs typed data for Credits; returns v, r and s."""
    separator = bench.credits.DOMAIN_SEPARATOR()
    inner = keccak256(encode(["bytes32", *types.split()], [keccak256(kind.encode()), *values]))
    signature = account.sign(keccak256(b"\x19\x01" + separator + inner))
    return signature[64], signature[:32], signature[32:64]


def permit(bench: Bench, account: Account, amount: int, deadline: int = LATER) -> tuple[Any, ...]:
    """Returns what `buy_with_permit` takes after the shares."""
    kind = "Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)"
    nonce = bench.credits.nonces(account.address)
    types = "address address uint256 uint256 uint256"
    values = (account.address, bench.market.address, amount, nonce, deadline)
    return (deadline, *signed(bench, account, kind, types, *values))


def authorization(
    bench: Bench, account: Account, purchase: tuple[Any, ...], after: int = 0, before: int = LATER
) -> tuple[Any, ...]:
    """Returns what `buy_with_authorization` takes after the shares."""
    kind = (
        "ReceiveWithAuthorization(address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,"
        "bytes32 nonce)"
    )
    nonce = struct_hash_of(purchase)
    types = "address address uint256 uint256 uint256 bytes32"
    values = (account.address, bench.market.address, purchase[2][2], after, before, nonce)
    return (account.address, after, before, *signed(bench, account, kind, types, *values))


def struct_hash_of(purchase: tuple[Any, ...]) -> bytes:
    return keccak256(encode([PURCHASE], [purchase]))


# What is bought


def test_a_licence_is_for_good_and_its_seller_is_owed_at_once(bench: Bench) -> None:
    bench.market.set_fee(300, sender=GOVERNOR.address)
    offer = bench.offer()
    key = bench.recipient()
    order = bench.buy(offer, recipient=key)

    assert events(bench.market) == [("Bought", order.id, offer.id, BUYER.address, key, PRICE, FOR_GOOD, NOBODY, 300)]
    assert bench.until(offer) == FOR_GOOD
    assert bench.until(offer, OTHER) == 0
    assert bench.market.access(offer.id, BUYER.address) == (0, 0, 1, order.id[:18])
    assert (bench.owed(SELLER), bench.fees()) == (PRICE - 75_000, 75_000)
    assert bench.credits.balanceOf(bench.market.address) == PRICE
    assert bench.market.order(order.id) == (0, 0)


def test_a_period_begins_now_and_a_renewal_adds_to_what_is_left(bench: Bench) -> None:
    offer = bench.offer(rules_of(PERIOD, MONTH_S))
    begun = now()
    bench.buy(offer)
    assert bench.until(offer) == begun + MONTH_S
    pass_time(10 * DAY_S)
    bench.buy(offer)
    assert bench.until(offer) == begun + 2 * MONTH_S
    pass_time(bench.until(offer) - now() - 1)
    bench.buy(offer)
    assert bench.until(offer) == begun + 3 * MONTH_S
    pass_time(MONTH_S + 1)
    assert bench.until(offer) == now()  # just over
    bench.buy(offer)
    assert bench.until(offer) == now() + MONTH_S


def test_periods_add_up_to_no_more_than_can_be_held(bench: Bench) -> None:
    """2**40 seconds; what is above would run into the beginning beside it."""
    offer = bench.offer(rules_of(PERIOD, 2**32 - 1), price=0)
    while bench.until(offer) < 2**40 - 8 * 2**32:
        purchases = [offer.purchase(bench.recipient()) for _ in range(8)]
        bench.market.buy_many(purchases, [[]] * 8, sender=BUYER.address)
    with refused("more than can be held"):
        for _ in range(9):
            bench.buy(offer)
    assert 2**40 - 2**32 <= bench.until(offer) < 2**40
    assert bench.market.access(offer.id, BUYER.address)[1:3] == (now(), 0)


def test_access_is_by_offer_and_by_holder(bench: Bench) -> None:
    one, two = bench.offer(number=1), bench.offer(rules_of(PERIOD, MONTH_S), number=2)
    bench.buy(one)
    bench.buy(two, OTHER)

    assert [bench.until(each, who) != 0 for each in (one, two) for who in (BUYER, OTHER)] == [True, False, False, True]


def test_what_is_free_needs_no_token(bench: Bench) -> None:
    offer = bench.offer(price=0, token=NOBODY, rules=rules_of(LICENCE, referrer_bps=1_000))
    bench.buy(offer, STRANGER, referrer=REFERRER.address)

    assert bench.until(offer, STRANGER) == FOR_GOOD
    assert bench.owed(SELLER) == bench.owed(REFERRER) == 0


def test_a_limited_supply_runs_out(bench: Bench) -> None:
    offer = bench.offer(supply=2)
    for left in (2, 1):
        assert bench.market.offered(bench.asset, 1, offer.terms) == left
        bench.buy(offer)
    assert bench.market.offered(bench.asset, 1, offer.terms) == 0
    with refused("sold out"):
        bench.buy(offer)
    assert bench.credits.balanceOf(bench.market.address) == 2 * PRICE


def test_the_same_order_is_not_made_twice(bench: Bench) -> None:
    """Whoever sends a purchase again, because no answer came, does not pay again."""
    for offer in (
        bench.offer(),
        bench.offer(rules_of(PERIOD, 9, 1, 1), number=2),
        bench.offer(rules_of(JOB, 0, 1), number=3),
    ):
        key = bench.recipient()
        bench.buy(offer, recipient=key)
        paid = bench.credits.balanceOf(bench.market.address)
        with refused("ordered already"):
            bench.buy(offer, recipient=key)
        assert bench.credits.balanceOf(bench.market.address) == paid
        bench.buy(offer, OTHER, recipient=key)  # another buyer's order is another


# On which terms


CHANGES: dict[str, Any] = {
    "seller": lambda terms: (STRANGER.address, *terms[1:]),
    "token": lambda terms: (terms[0], STRANGER.address, *terms[2:]),
    "lower price": lambda terms: (*terms[:2], terms[2] - 1, *terms[3:]),
    "higher price": lambda terms: (*terms[:2], terms[2] + 1, *terms[3:]),
    "free": lambda terms: (*terms[:2], 0, *terms[3:]),
    "rules": lambda terms: (*terms[:3], rules_of(PERIOD, 1), *terms[4:]),
    "sheet": lambda terms: (*terms[:4], digest("another"), terms[5]),
    "split": lambda terms: (*terms[:5], digest("another")),
}


@pytest.mark.parametrize("change", CHANGES)
def test_nothing_is_bought_on_other_terms(bench: Bench, change: str) -> None:
    offer = bench.offer()
    terms = CHANGES[change](offer.terms)

    with refused("not offered on these terms"):
        bench.market.buy(offer.purchase(bench.recipient(), terms=terms), [], sender=BUYER.address)
    assert bench.market.offered(bench.asset, 1, terms) == 0


@pytest.mark.parametrize("price", [PRICE + 1, PRICE - 1, 2**96 - 1])
def test_a_price_changed_before_the_purchase_refuses_it(bench: Bench, price: int) -> None:
    """Whoever sees a purchase coming and raises the price gets nothing: the buyer named what it pays."""
    offer = bench.offer()
    purchase = offer.purchase(bench.recipient())
    raised = bench.offer(price=price)

    with refused("not offered on these terms"):
        bench.market.buy(purchase, [], sender=BUYER.address)
    assert bench.market.offered(bench.asset, 1, raised.terms) > 0
    assert bench.credits.balanceOf(bench.market.address) == 0


def test_terms_changed_before_the_purchase_refuse_it(bench: Bench) -> None:
    offer = bench.offer()
    purchase = offer.purchase(bench.recipient())
    bench.make(replace(offer, sheet=digest("worse terms")))

    with refused("not offered on these terms"):
        bench.market.buy(purchase, [], sender=BUYER.address)


def test_shares_are_those_that_the_terms_name(bench: Bench) -> None:
    shares = (account_share(PAYEES[0], 2_000), account_share(PAYEES[1], 500))
    held = bench.offer(rules_of(LICENCE, 0, 60, 60), number=2, shares=shares)
    for offer in (bench.offer(shares=shares), held):
        purchase = offer.purchase(bench.recipient())
        for others in ([], shares[:1], shares[::-1], (*shares, account_share(PAYEES[2], 1))):
            with refused("other shares than the terms name"):
                bench.market.buy(purchase, list(others), sender=BUYER.address)
        bench.market.buy(purchase, list(shares), sender=BUYER.address)
    with refused("other shares than the terms name"):
        bench.market.buy(bench.offer(number=3).purchase(bench.recipient()), list(shares), sender=BUYER.address)


@pytest.mark.parametrize("state", range(4))
def test_active_and_deprecated_assets_sell_and_recalled_and_blocked_do_not(bench: Bench, state: int) -> None:
    offer = bench.offer()
    bench.assets.set_state(bench.asset, state, sender=SELLER.address)

    if state <= 1:
        bench.buy(offer)
    else:
        with refused("the asset is recalled or blocked"):
            bench.buy(offer)
    assert (bench.market.offered(bench.asset, 1, offer.terms) > 0) == (state <= 1)


def test_an_offer_lapses_when_the_asset_changes_hands(bench: Bench) -> None:
    offer = bench.offer()
    bench.assets.transferFrom(SELLER.address, STRANGER.address, bench.asset, sender=SELLER.address)

    with refused("the asset has another owner"):
        bench.buy(offer)
    assert bench.market.offered(bench.asset, 1, offer.terms) == 0
    theirs = bench.make(replace(offer, seller=STRANGER.address), by=STRANGER)
    bench.buy(theirs)
    assert (bench.owed(SELLER), bench.owed(STRANGER)) == (0, PRICE)


def test_a_job_is_named_for_a_job_and_for_nothing_else(bench: Bench) -> None:
    licence, job = bench.offer(), bench.offer(rules_of(JOB, 0, 60), number=2)
    for purchase in (licence.purchase(bench.recipient(), digest("job")), job.purchase(bench.recipient(), bytes(32))):
        with refused("a job is named for a job"):
            bench.market.buy(purchase, [], sender=BUYER.address)


# The asset itself


def test_the_asset_is_sold_with_the_royalty_of_its_creator(bench: Bench) -> None:
    bench.market.set_fee(100, sender=GOVERNOR.address)
    bench.assets.transferFrom(SELLER.address, OTHER.address, bench.asset, sender=SELLER.address)
    bench.assets.approve(bench.market.address, bench.asset, sender=OTHER.address)
    offer = bench.make(bench.draft(SALE, seller=OTHER.address, price=10_000), by=OTHER)
    order = bench.buy(offer)

    assert ("Sold", order.id, bench.asset, SELLER.address, 250) in events(bench.market)
    assert bench.assets.ownerOf(bench.asset) == BUYER.address
    assert (bench.owed(SELLER), bench.owed(OTHER), bench.fees(OTHER)) == (250, 9_653, 97)
    assert bench.until(offer) == 0
    with refused("the asset has another owner"):
        bench.buy(offer, STRANGER)


def test_an_asset_that_the_market_may_not_move_is_not_sold_and_nobody_pays(bench: Bench) -> None:
    offer = bench.offer(SALE)

    with refused("not allowed to transfer this"):
        bench.buy(offer)
    assert bench.credits.balanceOf(BUYER.address) == 10**12
    bench.assets.setApprovalForAll(bench.market.address, True, sender=SELLER.address)
    bench.buy(offer)
    assert bench.assets.ownerOf(bench.asset) == BUYER.address


def test_a_sale_without_royalty_and_for_nothing(bench: Bench) -> None:
    bench.assets.approve(bench.market.address, bench.asset, sender=SELLER.address)
    offer = bench.offer(SALE, price=0)
    order = bench.buy(offer)

    assert ("Sold", order.id, bench.asset, SELLER.address, 0) in events(bench.market)
    assert bench.assets.ownerOf(bench.asset) == BUYER.address


# In which ways to pay


def test_without_an_allowance_or_the_money_nothing_is_bought(bench: Bench) -> None:
    offer = bench.offer()
    bench.credits.approve(bench.market.address, PRICE - 1, sender=BUYER.address)
    with refused("not allowed as much"):
        bench.buy(offer)
    bench.credits.approve(bench.market.address, PRICE, sender=SELLER.address)
    with refused("not held as many"):
        bench.buy(offer, SELLER)
    assert bench.until(offer) == bench.until(offer, SELLER) == 0


def test_one_transaction_with_a_permit(bench: Bench) -> None:
    offer = bench.offer()
    bench.credits.approve(bench.market.address, 0, sender=BUYER.address)
    signature = permit(bench, BUYER, PRICE)
    bench.market.buy_with_permit(offer.purchase(bench.recipient()), [], *signature, sender=BUYER.address)

    assert bench.until(offer) == FOR_GOOD
    assert bench.credits.allowance(BUYER.address, bench.market.address) == 0


def test_a_permit_that_somebody_used_before_blocks_nothing(bench: Bench) -> None:
    offer = bench.offer()
    bench.credits.approve(bench.market.address, 0, sender=BUYER.address)
    signature = permit(bench, BUYER, PRICE)
    bench.credits.permit(BUYER.address, bench.market.address, PRICE, *signature, sender=STRANGER.address)

    bench.market.buy_with_permit(offer.purchase(bench.recipient()), [], *signature, sender=BUYER.address)
    assert bench.until(offer) == FOR_GOOD


def test_a_permit_is_spent_once(bench: Bench) -> None:
    offer = bench.offer()
    bench.credits.approve(bench.market.address, 0, sender=BUYER.address)
    signature = permit(bench, BUYER, PRICE)
    bench.market.buy_with_permit(offer.purchase(bench.recipient()), [], *signature, sender=BUYER.address)

    with refused("not allowed as much"):
        bench.market.buy_with_permit(offer.purchase(bench.recipient()), [], *signature, sender=BUYER.address)
    with refused("not allowed as much"):  # nor by somebody else
        bench.credits.approve(bench.market.address, 0, sender=STRANGER.address)
        bench.market.buy_with_permit(offer.purchase(bench.recipient()), [], *signature, sender=STRANGER.address)


@pytest.mark.parametrize("late_s", [0, 1, DAY_S])
def test_a_permit_holds_until_its_deadline(bench: Bench, late_s: int) -> None:
    """Ocean's datatoken took permits whose deadline had passed."""
    offer = bench.offer()
    bench.credits.approve(bench.market.address, 0, sender=BUYER.address)
    signature = permit(bench, BUYER, PRICE, deadline=now())
    pass_time(late_s)
    buy = bench.market.buy_with_permit
    if late_s:
        with refused("not allowed as much"):
            buy(offer.purchase(bench.recipient()), [], *signature, sender=BUYER.address)
    else:
        buy(offer.purchase(bench.recipient()), [], *signature, sender=BUYER.address)


def test_a_token_without_permits_takes_the_allowance(bench: Bench, coin: Any) -> None:
    bench.fund(BUYER, coin, 5)
    offer = bench.offer(price=5, token=coin.address)

    bench.market.buy_with_permit(
        offer.purchase(bench.recipient()), [], 0, 27, bytes(32), bytes(32), sender=BUYER.address
    )
    assert bench.until(offer) == FOR_GOOD


def test_somebody_else_brings_what_the_buyer_authorized(bench: Bench) -> None:
    offer = bench.offer()
    purchase = offer.purchase(bench.recipient())
    signature = authorization(bench, BUYER, purchase)
    bench.market.buy_with_authorization(purchase, [], *signature, sender=STRANGER.address)

    assert (bench.until(offer), bench.until(offer, STRANGER)) == (FOR_GOOD, 0)
    assert bench.credits.balanceOf(BUYER.address) == 10**12 - PRICE
    with boa.reverts():
        bench.market.buy_with_authorization(purchase, [], *signature, sender=STRANGER.address)


def test_an_authorization_pays_for_its_purchase_alone(bench: Bench) -> None:
    offer, other = bench.offer(), bench.offer(number=2)
    purchase = offer.purchase(bench.recipient())
    signature = authorization(bench, BUYER, purchase)
    changed = [
        other.purchase(purchase[3]),
        offer.purchase(bench.recipient()),
        offer.purchase(purchase[3], referrer=STRANGER.address),
    ]
    for each in changed:
        with refused("not signed by this account"):
            bench.market.buy_with_authorization(each, [], *signature, sender=STRANGER.address)
    with refused("only the receiver may do this"):
        nonce = struct_hash_of(purchase)
        bench.credits.receiveWithAuthorization(
            BUYER.address, bench.market.address, PRICE, 0, LATER, nonce, *signature[3:], sender=STRANGER.address
        )


def test_an_authorization_holds_between_its_times(bench: Bench) -> None:
    purchase = bench.offer().purchase(bench.recipient())
    start = now()
    for after, before, reason in ((start, LATER, "too early"), (0, start, "too late")):
        with refused(reason):
            signature = authorization(bench, BUYER, purchase, after, before)
            bench.market.buy_with_authorization(purchase, [], *signature, sender=STRANGER.address)
    signature = authorization(bench, BUYER, purchase, start - 1, start + 1)
    bench.market.buy_with_authorization(purchase, [], *signature, sender=STRANGER.address)


def test_what_is_free_is_not_authorized(bench: Bench) -> None:
    purchase = bench.offer(price=0).purchase(bench.recipient())
    with refused("nothing to authorize"):
        bench.market.buy_with_authorization(
            purchase, [], BUYER.address, 0, LATER, 27, bytes(32), bytes(32), sender=STRANGER.address
        )


def test_what_the_market_owes_pays_too(bench: Bench) -> None:
    offer = bench.offer()
    bench.market.deposit(bench.credits.address, PRICE + 1, sender=BUYER.address)
    assert events(bench.market) == [("Deposited", bench.credits.address, BUYER.address, PRICE + 1)]
    held = bench.credits.balanceOf(BUYER.address)
    bench.buy(offer, way="buy_from_balance")

    assert (bench.owed(BUYER), bench.owed(SELLER)) == (1, PRICE)
    assert bench.credits.balanceOf(BUYER.address) == held
    with refused("not owed as much"):
        bench.buy(offer, way="buy_from_balance")
    bench.buy(bench.offer(number=2, price=1), SELLER, way="buy_from_balance")  # earnings, paid to oneself
    assert bench.owed(SELLER) == PRICE


def test_fees_from_sales_do_not_pay_for_purchases(bench: Bench) -> None:
    bench.market.set_fee(1_000, sender=GOVERNOR.address)
    bench.buy(bench.offer(price=100))
    with refused("not owed as much"):
        bench.buy(bench.offer(number=2, price=91), SELLER, way="buy_from_balance")
    bench.buy(bench.offer(number=2, price=90), SELLER, way="buy_from_balance")
    assert (bench.owed(SELLER), bench.fees()) == (81, 19)


@pytest.mark.parametrize("amount", [0, 2**96])
def test_a_deposit_is_of_an_amount(bench: Bench, amount: int) -> None:
    with refused("amount out of range"):
        bench.market.deposit(bench.credits.address, amount, sender=BUYER.address)


# Several at once


def test_several_are_bought_together(bench: Bench, coin: Any) -> None:
    bench.fund(BUYER, coin, 7)
    shares = (account_share(PAYEES[0], 5_000),)
    offers = [bench.offer(), bench.offer(number=2, shares=shares), bench.offer(number=3, token=coin.address, price=7)]
    purchases = [each.purchase(bench.recipient()) for each in offers]
    bench.market.buy_many(purchases, [list(each.shares) for each in offers], sender=BUYER.address)

    assert [bench.until(each) for each in offers] == [FOR_GOOD] * 3
    assert (bench.owed(SELLER), bench.owed(PAYEES[0]), bench.owed(SELLER, coin)) == (PRICE + PRICE // 2, PRICE // 2, 7)


def test_of_several_all_or_none_are_bought(bench: Bench) -> None:
    offers = [bench.offer(), bench.offer(number=2, supply=1)]
    purchases = [each.purchase(bench.recipient()) for each in (*offers, offers[1])]
    with refused("sold out"):
        bench.market.buy_many(purchases, [[], [], []], sender=BUYER.address)
    with refused("each purchase has its shares"):
        bench.market.buy_many(purchases[:2], [[]], sender=BUYER.address)
    assert bench.until(offers[0]) == 0
    bench.market.buy_many([], [], sender=BUYER.address)
    with boa.reverts():
        bench.market.buy_many([purchases[0]] * 9, [[]] * 9, sender=BUYER.address)
    assert bench.credits.balanceOf(bench.market.address) == 0


def test_the_ids_are_those_of_the_documents(bench: Bench) -> None:
    draft = bench.draft(number=7)
    offer = bench.market.offer(draft.asset, draft.number, 1, draft.terms, sender=SELLER.address)
    assert offer == int.from_bytes(keccak256(encode(["uint256"] * 2, [bench.asset, 7])), "big")
    key = bench.recipient()
    order = bench.market.buy(draft.purchase(key), [], sender=BUYER.address)
    assert order == struct_hash("uint256 address bytes32", offer, BUYER.address, key)
    assert bench.market.set_split(bench.asset, [], sender=SELLER.address) == bytes(32)
