"""Tokens that misbehave: whom they hurt is who chose them, and nobody else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import boa
import pytest
from contract.market.harness import (
    BUYER,
    FOR_GOOD,
    JOB,
    LICENCE,
    NOBODY,
    OTHER,
    PAYEES,
    PRICE,
    SELLER,
    STRANGER,
    Bench,
    account_share,
    digest,
    load,
    refused,
    rules_of,
)

from counterfoil.ledger.contracts.artefact import Artefact

MARKET = Artefact.load("Market")
CHANGING = [
    entry["name"]
    for entry in MARKET.abi
    if entry["type"] == "function" and entry["stateMutability"] not in ("view", "pure")
]
LOOKING = [entry["name"] for entry in MARKET.abi if entry["type"] == "function" and entry["name"] not in CHANGING]


def test_a_token_that_keeps_a_part_is_refused(bench: Bench, coin: Any) -> None:
    bench.fund(BUYER, coin, 100)
    offer = bench.offer(price=10, token=coin.address)
    coin.keep(1)
    with refused("the token did not send the price"):
        bench.buy(offer)
    with refused("the token did not send the price"):
        bench.market.deposit(coin.address, 10, sender=BUYER.address)
    coin.keep(0)
    bench.buy(offer)


def test_a_token_that_says_no_or_sends_nothing_buys_nothing(bench: Bench, coin: Any) -> None:
    bench.fund(BUYER, coin, 100)
    offer = bench.offer(price=10, token=coin.address)
    coin.send_nothing(True)
    with refused("the token did not send the price"):
        bench.buy(offer)
    coin.say_no(True)
    with refused("the token refuses"):
        bench.buy(offer)
    assert bench.until(offer) == bench.owed(SELLER, coin) == 0


def test_what_could_not_be_sent_is_still_owed(bench: Bench, coin: Any) -> None:
    bench.fund(BUYER, coin, 100)
    bench.buy(bench.offer(price=10, token=coin.address))
    coin.say_no(True)
    with refused("the token refuses"):
        bench.market.withdraw(coin.address, SELLER.address, sender=SELLER.address)
    assert bench.owed(SELLER, coin) == 10
    coin.say_no(False)
    bench.market.withdraw(coin.address, SELLER.address, sender=SELLER.address)
    assert coin.balanceOf(SELLER.address) == 10


def test_a_token_that_returns_nothing_is_taken(bench: Bench) -> None:
    quiet = load("Quiet")
    bench.fund(BUYER, quiet, 100)
    offer = bench.offer(price=10, token=quiet.address)
    bench.buy(offer)
    bench.market.withdraw(quiet.address, SELLER.address, sender=STRANGER.address)
    assert (bench.until(offer), quiet.balanceOf(SELLER.address)) == (FOR_GOOD, 10)


@pytest.mark.parametrize("token", ["an account", "nobody"])
def test_what_is_no_token_buys_nothing(bench: Bench, token: str) -> None:
    address = OTHER.address if token == "an account" else bench.assets.address
    offer = bench.offer(price=10, token=address)
    with boa.reverts():
        bench.buy(offer)
    with boa.reverts():
        bench.market.buy_with_permit(
            offer.purchase(bench.recipient()), [], 0, 27, bytes(32), bytes(32), sender=BUYER.address
        )


@pytest.mark.parametrize("mode", range(1, 9))
def test_a_token_that_answers_oddly_is_refused(bench: Bench, mode: int) -> None:
    odd = load("Odd")
    bench.fund(BUYER, odd, 100)
    offer = bench.offer(price=10, token=odd.address)
    none = (BUYER.address, 0, 1, 27, bytes(32), bytes(32))
    bench.buy(offer)
    bench.market.buy_with_authorization(offer.purchase(bench.recipient()), [], *none, sender=STRANGER.address)
    purchase = offer.purchase(bench.recipient())
    calls: list[Callable[[], Any]] = [lambda: bench.buy(offer)]
    if mode not in (5, 6):  # it is asked for no answer
        calls.append(lambda: bench.market.buy_with_authorization(purchase, [], *none, sender=STRANGER.address))
    if mode in (5, 6, 7):
        calls.append(lambda: bench.market.withdraw(odd.address, SELLER.address, sender=SELLER.address))
    for call in calls:
        odd.behave(mode)
        with boa.reverts():
            call()
    assert bench.owed(SELLER, odd) == 20


def test_what_is_authorized_and_not_sent_buys_nothing(bench: Bench, coin: Any) -> None:
    """A token whose code is that of Credits, and that sends to nobody: the balance decides."""
    odd = load("Odd")
    odd.mint(bench.market.address, 10)
    offer = bench.offer(price=10, token=odd.address)
    none = (bench.market.address, 0, 1, 27, bytes(32), bytes(32))  # from the market to the market
    with refused("the token did not send the price"):
        bench.market.buy_with_authorization(offer.purchase(bench.recipient()), [], *none, sender=STRANGER.address)
    for token in (OTHER.address, coin.address):
        offer = bench.offer(price=10, token=token)
        with boa.reverts():
            bench.market.buy_with_authorization(offer.purchase(bench.recipient()), [], *none, sender=STRANGER.address)


def test_a_payee_on_a_tokens_list_is_in_nobodys_way(bench: Bench, coin: Any) -> None:
    """A payee that the token refuses stops neither sales nor anybody else's money; nor does a buyer stop a refund."""
    bench.fund(BUYER, coin, 1_000)
    shares = (account_share(PAYEES[0], 2_500), account_share(PAYEES[1], 2_500))
    offer = bench.offer(price=100, token=coin.address, shares=shares)
    job = bench.buy(bench.offer(rules_of(JOB, 0, 60), number=2, price=100, token=coin.address))
    for account in (PAYEES[0], SELLER, BUYER):
        coin.refuse(account.address, True)
    with boa.reverts():
        bench.buy(offer)  # the buyer's own trouble
    coin.refuse(BUYER.address, False)
    bench.buy(offer)
    coin.refuse(BUYER.address, True)
    bench.refund(job)

    bench.market.withdraw(coin.address, PAYEES[1].address, sender=STRANGER.address)
    for account in (PAYEES[0], SELLER, BUYER):
        with boa.reverts():
            bench.market.withdraw(coin.address, account.address, sender=STRANGER.address)
        coin.refuse(account.address, False)
        bench.market.withdraw(coin.address, account.address, sender=STRANGER.address)
    found = [coin.balanceOf(each.address) for each in (PAYEES[0], PAYEES[1], SELLER, BUYER)]
    assert found == [25, 25, 50, 900]
    assert coin.balanceOf(bench.market.address) == 0


@pytest.mark.parametrize("decimals", [0, 6])
def test_prices_are_in_the_smallest_unit(bench: Bench, decimals: int) -> None:
    coin = load("Coin", decimals)
    bench.fund(BUYER, coin, 10)
    shares = (account_share(PAYEES[0], 3_333), account_share(PAYEES[1], 3_333))
    bench.buy(bench.offer(price=1, token=coin.address, shares=shares))
    assert [bench.owed(each, coin) for each in (SELLER, *PAYEES[:2])] == [1, 0, 0]  # one unit is not divided
    bench.buy(bench.offer(price=9, token=coin.address, shares=shares))
    assert [bench.owed(each, coin) for each in (SELLER, *PAYEES[:2])] == [6, 2, 2]
    with boa.reverts():
        bench.buy(bench.offer(price=1, token=coin.address))


# Reentrancy


def attacks(bench: Bench, coin: Any) -> dict[str, tuple[Any, ...]]:
    """What a token, called in the middle of a purchase, calls the market with; each would be taken but for that."""
    free = bench.offer(number=9, price=0)
    purchase = free.purchase(bench.recipient())
    order = bench.deliver(bench.buy(bench.offer(rules_of(JOB, 0, 60), number=8)))
    held = bench.buy(bench.offer(rules_of(JOB, 0, 60), number=8))
    close = order.ends
    return {
        "offer": (bench.asset, 1, 1, free.terms),
        "on_registered": (bench.asset, SELLER.address, b""),
        "withdraw_offer": (bench.asset, 9),
        "set_split": (bench.asset, []),
        "buy": (purchase, []),
        "buy_many": ([purchase], [[]]),
        "buy_with_permit": (purchase, [], 0, 27, bytes(32), bytes(32)),
        "buy_with_authorization": (purchase, [], BUYER.address, 0, 1, 27, bytes(32), bytes(32)),
        "buy_from_balance": (purchase, []),
        "deposit": (coin.address, 1),
        "deliver": (held.id, held.rules, PRICE, held.deal_hash, PRICE, digest("x")),
        "deliver_as_operator": (
            bench.asset,
            8,
            held.recipient,
            SELLER.address,
            held.rules,
            held.deal,
            PRICE,
            digest("x"),
        ),
        "deliver_and_settle": (held.id, held.rules, PRICE, held.deal, [], digest("x")),
        "settle": (*close, []),
        "refund": (close[0], bench.asset, 8, *close[1:]),
        "withdraw": (bench.credits.address, SELLER.address),
        "withdraw_fees": (bench.credits.address, []),
        "claim": (digest("root"), coin.address, BUYER.address, 1, 0, 1, []),
        "review": (free.id, 5, digest("x")),
        "review_order": (*close, 5, digest("x")),
        "set_fee": (1,),
        "set_paused": (False,),
        "offer_governor": (STRANGER.address,),
        "accept_governor": (),
        "assets": (),
        "market": (),
        "offered": (bench.asset, 9, free.terms),
        "access_until": (free.id, BUYER.address),
        "access": (free.id, BUYER.address),
        "order": (order.id,),
        "owed": (bench.credits.address, SELLER.address),
        "pot": (digest("root"), coin.address, BUYER.address),
    }


def calldata(bench: Bench, function: str, values: tuple[Any, ...]) -> bytes:
    prepared: bytes = getattr(bench.market, function).prepare_calldata(*values)
    return prepared


@pytest.mark.parametrize("during", ["buy", "deposit", "withdraw", "withdraw_fees"])
def test_the_market_is_not_entered_while_it_waits_for_a_token(bench: Bench, coin: Any, during: str) -> None:
    coin.mint(coin.address, 100)
    bench.fund(BUYER, coin, 10_000)
    offer = bench.offer(price=10, token=coin.address)
    bench.market.set_fee(1_000, sender=bench.market.market()[0])
    bench.buy(bench.offer(number=2))  # so that SELLER is owed credits
    calls: dict[str, Callable[[], Any]] = {
        "buy": lambda: bench.buy(offer),
        "deposit": lambda: bench.market.deposit(coin.address, 1, sender=BUYER.address),
        "withdraw": lambda: bench.market.withdraw(coin.address, SELLER.address, sender=BUYER.address),
        "withdraw_fees": lambda: bench.market.withdraw_fees(coin.address, [SELLER.address], sender=BUYER.address),
    }
    tried = attacks(bench, coin)
    assert sorted(tried) == sorted(CHANGING + LOOKING)
    for function, values in tried.items():
        with boa.env.anchor():
            bench.buy(offer)
            owed = bench.owed(SELLER), bench.owed(BUYER)
            coin.call_back(bench.market.address, calldata(bench, function, values))
            calls[during]()
            assert coin.was_called() == 1, function
            assert coin.was_refused(), function
            coin.call_back(NOBODY, b"")
            assert (bench.owed(SELLER), bench.owed(BUYER)) == owed
            assert bench.market.access_until(offer.id, coin.address) == 0


def test_what_the_token_tried_would_be_taken_at_another_time(bench: Bench, coin: Any) -> None:
    """So that the refusals above are the guard's."""
    tried = attacks(bench, coin)
    for function in ("buy", "buy_many", "buy_from_balance", "withdraw", "settle", "owed", "access_until"):
        with boa.env.anchor():
            if function == "withdraw":
                bench.buy(bench.offer(number=2, rules=LICENCE))
            sender = BUYER.address if function == "settle" else coin.address
            getattr(bench.market, function)(*tried[function], sender=sender)


def test_a_token_that_moves_the_asset_meanwhile_stops_the_sale(bench: Bench, coin: Any) -> None:
    bench.fund(BUYER, coin, 10)
    for operator in (coin, bench.market):
        bench.assets.setApprovalForAll(operator.address, True, sender=SELLER.address)
    offer = bench.offer(4, price=10, token=coin.address)
    steal = bench.assets.transferFrom.prepare_calldata(SELLER.address, STRANGER.address, bench.asset)
    coin.call_back(bench.assets.address, steal)
    with refused("not the owner's to send"):
        bench.buy(offer)
    assert bench.assets.ownerOf(bench.asset) == SELLER.address
