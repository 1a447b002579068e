"""Money in the market: what the log says of it afterwards, and what a call that is repeated does."""

from __future__ import annotations

from hashlib import sha256

import pytest
from eth_abi.abi import encode
from two_traders import Fair, another_token, digest, done, sent, trades

from counterfoil.errors import InvalidInput, OutOfFunds
from counterfoil.ledger.accounts.account import parse_address
from counterfoil.ledger.market.terms import Share
from counterfoil.ledger.market.token import Token
from counterfoil.organisation import Organisation


class Interrupted(Exception):
    """The process dies."""


def interrupt(_: str) -> None:
    raise Interrupted


def until_final(org: Organisation) -> None:
    """Waits for what was sent last, as the ledger goes on while no process of the home runs."""
    outbox = org.ledger.opened.outbox
    assert outbox.wait(outbox.rows()[0].id).state == "final"


def test_what_was_paid_before_the_record_is_recorded_with_its_amount(fair: Fair) -> None:
    done(fair.buys.buying(fair.to_buy(fair.offer("paid, then died", price="3"))))
    owed = fair.sells.owed()
    with pytest.raises(Interrupted):
        fair.sells.withdrawing()[1](interrupt)
    until_final(fair.seller)

    done(fair.sells.withdrawing())

    record = trades(fair.seller)[-1]
    assert (record.action, record.amount) == ("paid", owed.amount)


def test_more_than_was_owed_when_it_was_planned_is_recorded_as_it_was_paid(fair: Fair) -> None:
    offer = fair.offer("sold meanwhile", price="3")
    done(fair.buys.buying(fair.to_buy(offer)))
    planned = fair.sells.withdrawing()[1]
    done(fair.buys.buying(fair.to_buy(offer, 2)))
    owed = fair.sells.owed()

    planned(lambda _: None)

    assert trades(fair.seller)[-1].amount == owed.amount


def test_what_was_claimed_before_the_record_is_recorded_with_its_amount(fair: Fair) -> None:
    helper = fair.buyer.ledger.require_connection().account
    root = sha256(b"\0" + encode(["address", "uint256"], [helper, 10**12])).hexdigest()  # a tree of one leaf
    offer = fair.offer("claimed, then died", price="8", shares=(Share.of(f"0x{root}", 5_000),))
    done(fair.buys.buying(fair.to_buy(offer)))
    with pytest.raises(Interrupted):
        fair.buys.claiming(root, 10**12, 0, 1, [])[1](interrupt)
    until_final(fair.buyer)

    done(fair.buys.claiming(root, 10**12, 0, 1, []))

    record = trades(fair.buyer)[-1]
    assert (record.action, record.amount, record.digest) == ("claimed", "4.00", root)


def test_what_was_claimed_in_another_token_is_not_recorded_as_this_ones(fair: Fair) -> None:
    """Anybody may have it sent, so this home's log does not know of it."""
    helper, other = fair.buyer.ledger.require_connection().account, another_token(fair)
    root = sha256(b"\0" + encode(["address", "uint256"], [helper, 10**12])).hexdigest()
    for number, token in enumerate(("", other), 1):
        shares = (Share.of(f"0x{root}", 1_000 * number),)
        offer = fair.offer(f"in two tokens {number}", price="8", token=token, shares=shares)
        done(fair.buys.buying(fair.to_buy(offer)))
    done(fair.buys.claiming(root, 10**12, 0, 1, []))
    word, market, outbox = bytes.fromhex(root), fair.sells.opened.contract, fair.seller.ledger.opened.outbox
    calldata = market.claim(word, parse_address(other), parse_address(helper), 10**12, 0, 1, [])
    outbox.wait(outbox.submit(market.address, calldata, purpose="by hand"))
    size = len(trades(fair.buyer))

    done(fair.buys.claiming(root, 10**12, 0, 1, []))
    assert len(trades(fair.buyer)) == size
    done(fair.buys.claiming(root, 10**12, 0, 1, [], other))
    record = trades(fair.buyer)[-1]
    assert (record.action, record.token, record.amount) == ("claimed", other, "1.60")


def test_fees_are_collected_once_and_recorded_with_their_amount(fair: Fair) -> None:
    done(fair.sells.setting_fee(100))
    done(fair.buys.buying(fair.to_buy(fair.offer("with a fee", price="100"))))
    done(fair.sells.setting_fee(0))
    planned = fair.sells.collecting_fees()[1]
    with pytest.raises(Interrupted):
        planned(interrupt)
    until_final(fair.seller)

    planned(lambda _: None)  # the same plan goes on

    record = trades(fair.seller)[-1]
    assert (record.action, record.amount) == ("collected", "1.00")
    assert fair.sells.collecting_fees()[0].gas == 0


def test_fees_of_any_seller_are_found_however_many_there_are(fair: Fair, monkeypatch: pytest.MonkeyPatch) -> None:
    done(fair.sells.setting_fee(100))
    done(fair.buys.buying(fair.to_buy(fair.offer("the 101st seller", price="100"))))
    done(fair.sells.setting_fee(0))
    book = fair.sells.opened.book
    mine = [f"0x{fair.sells.account.hex()}"]
    others = [f"0x{number:040x}" for number in range(1, 101)]
    monkeypatch.setattr(type(book), "sellers", lambda _self, _token: others + mine)

    quote, _ = fair.sells.collecting_fees()

    assert quote.moves == ("1.00 CREDIT to the governor",)
    assert quote.gas > 0


def test_what_is_left_of_an_allowance_is_taken_back_before_a_deposit(fair: Fair) -> None:
    """Some tokens refuse to change one allowance into another."""
    opened, market = fair.buyer.ledger.opened, fair.buys.opened
    calldata = Token.approve(market.contract.address, 1)
    opened.outbox.wait(opened.outbox.submit(market.credits, calldata, purpose="by hand"))
    count = len(sent(fair.buyer))

    done(fair.buys.depositing("2"))

    assert sent(fair.buyer)[count:] == ["cleared", "allowed", "deposited"]


def test_all_that_is_held_is_deposited_once_whoever_dies_meanwhile(fair: Fair) -> None:
    held, count = fair.buys.balance(), len(sent(fair.buyer))
    with pytest.raises(Interrupted):
        fair.buys.depositing(held.amount)[1](interrupt)  # dies when the first call is sent
    until_final(fair.buyer)
    planned = fair.buys.depositing(held.amount)[1]
    with pytest.raises(Interrupted):
        planned(interrupt)
    until_final(fair.buyer)
    assert fair.buys.balance().units == 0

    done(fair.buys.depositing(held.amount))

    record = trades(fair.buyer)[-1]
    assert (record.action, record.amount) == ("deposited", held.amount)
    assert sent(fair.buyer)[count:] == ["allowed", "deposited"]
    with pytest.raises(OutOfFunds):
        fair.buys.depositing("1")


def test_nothing_can_be_asked_for_a_job_that_is_free(fair: Fair) -> None:
    offer = fair.offer("free job", kind="job", price="0", delivery_s=3_600, window_s=600)
    order = done(fair.buys.buying(fair.to_buy(offer, job=digest("spec"))))
    for asked in ("4", "0.01"):
        with pytest.raises(InvalidInput, match=f"{asked} are asked, and nothing was agreed"):
            fair.sells.delivering(order.order, digest("receipt"), asked)
    with pytest.raises(InvalidInput, match="is no amount"):
        fair.sells.delivering(order.order, digest("receipt"), "much")
    assert done(fair.sells.delivering(order.order, digest("receipt"), "0")).charge.units == 0
