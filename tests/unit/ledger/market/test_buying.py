"""How it is paid: once, whatever happens meanwhile, and by what token and account can."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from eth_abi.abi import encode
from organisations import open_home
from two_traders import Fair, another_token, done, joined, sent, trades

from counterfoil.errors import CounterfoilError, InvalidInput, NotAllowed
from counterfoil.ledger.accounts.account import LocalAccount
from counterfoil.ledger.accounts.transaction import SignedTransaction, Transaction
from counterfoil.ledger.market.buying import Way
from counterfoil.ledger.market.contract import MarketContract
from counterfoil.ledger.market.selling import OfferDraft
from counterfoil.ledger.market.terms import UNLIMITED, Share
from counterfoil.ledger.market.token import Permit, Token
from counterfoil.ledger.market.trades import terms_of
from counterfoil.ledger.rpc.hexadecimal import data
from counterfoil.ledger.sending.outbox import Outbox


class Interrupted(Exception):
    """Somebody does not wait."""


def interrupt(_: str) -> None:
    raise Interrupted


@pytest.mark.parametrize(
    ("way", "calls"),
    [
        ("permit", ["bought"]),
        ("authorization", ["bought"]),
        ("allowance", ["allowed", "bought"]),
    ],
)
def test_each_way_buys_once_and_leaves_no_allowance(fair: Fair, way: Way, calls: list[str]) -> None:
    offer = fair.offer(f"way {way}", price="2")
    held, count = fair.buys.balance().units, len(sent(fair.buyer))
    quote, carry_out = fair.buys.buying(fair.to_buy(offer), way=way)
    assert quote.transactions == len(calls)
    assert (way in quote.signs) == (way != "allowance")
    order = carry_out(lambda _: None)
    assert order.state == "paid"
    assert sent(fair.buyer)[count:] == calls
    assert held - fair.buys.balance().units == 2_000_000
    token = fair.buys.token(fair.buys.opened.credits)
    assert token.allowance(fair.buys.account, fair.buys.opened.contract.address) == 0


def test_what_is_left_of_another_allowance_is_taken_back_first(fair: Fair) -> None:
    """Some tokens refuse to change one allowance into another."""
    offer, opened = fair.offer("a rest", price="2"), fair.buyer.ledger.opened
    market = fair.buys.opened
    calldata = Token.approve(market.contract.address, 1)
    opened.outbox.wait(opened.outbox.submit(market.credits, calldata, purpose="by hand"))
    count = len(sent(fair.buyer))

    quote, carry_out = fair.buys.buying(fair.to_buy(offer), way="allowance")

    assert quote.transactions == 3
    assert carry_out(lambda _: None).state == "paid"
    assert sent(fair.buyer)[count:] == ["cleared", "allowed", "bought"]


@pytest.mark.parametrize("way", ["permit", "authorization", "allowance"])
def test_an_interrupted_purchase_goes_on_where_it_stopped(fair: Fair, way: Way, tmp_path: Path) -> None:
    offer = fair.offer(f"interrupted {way}", price="2")
    wanted = fair.to_buy(offer)
    with joined(tmp_path, fair.seller, fair.node, fair.clock) as buyer:
        planned = buyer.ledger.market.buying(wanted, way=way)[1]
        with pytest.raises(Interrupted):
            planned(interrupt)
    with open_home(tmp_path / "home", fair.clock) as buyer:
        market = buyer.ledger.market
        assert trades(buyer) == []
        order = done(market.buying(wanted, way=way))
        again = done(market.buying(wanted, way=way))
        assert again == order
        assert sent(buyer).count("bought") == 1
        assert market.balance().units == 998_000_000
        assert [each.action for each in trades(buyer)] == ["bought"]


def test_what_was_final_before_its_record_was_written_is_recorded_by_the_next_call(fair: Fair) -> None:
    """The process died between the ledger and the log."""
    offer = fair.offer("unrecorded", price="0")
    wanted = fair.to_buy(offer)
    planned = fair.buys.buying(wanted)[1]
    with pytest.raises(Interrupted):
        planned(interrupt)
    outbox: Outbox = fair.buyer.ledger.opened.outbox
    assert outbox.wait(outbox.rows()[0].id).state == "final"
    size = len(trades(fair.buyer))

    order = done(fair.buys.buying(wanted))

    assert [each.transaction for each in trades(fair.buyer)[size:]] == [order.transaction]


def test_credits_that_were_made_before_the_record_are_not_made_again(fair: Fair) -> None:
    account = fair.buyer.ledger.require_connection().account
    before = fair.buys.balance().units
    with pytest.raises(Interrupted):
        fair.sells.minting(account, "7")[1](interrupt)
    outbox = fair.seller.ledger.opened.outbox
    assert outbox.wait(outbox.rows()[0].id).state == "final"
    done(fair.sells.minting(account, "7"))
    assert fair.buys.balance().units - before == 7_000_000
    assert trades(fair.seller)[-1].amount == "7.00"


def test_many_at_once_buy_the_same_once_and_different_things_once_each(fair: Fair) -> None:
    one, others = fair.offer("at once", price="1"), [fair.offer(f"at once {place}", price="1") for place in range(3)]
    held = fair.buys.balance().units
    wanted = [fair.to_buy(each) for each in (one, one, one, *others)]
    with ThreadPoolExecutor(6) as pool:
        orders = list(pool.map(lambda each: done(fair.buys.buying(each)), wanted))
    assert len({each.order for each in orders}) == 4
    assert held - fair.buys.balance().units == 4_000_000
    assert [each.order for each in trades(fair.buyer)].count(orders[0].order) == 1


# Whoever sees what was signed


def test_a_permit_that_somebody_used_before_does_not_stop_the_purchase(fair: Fair) -> None:
    offer = fair.offer("front-run permit", price="2")
    _, carry_out = fair.buys.buying(fair.to_buy(offer), way="permit")
    account, token = fair.buyer.ledger.opened.account, fair.buys.token(fair.buys.opened.credits)
    spender, given, domain = fair.buys.opened.contract.address, token.permits_given(account.address), token.domain()
    assert isinstance(account, LocalAccount)
    assert given is not None
    assert domain is not None
    permit = Permit(account.address, spender, 2_000_000, given, fair.buys._deadline_s)  # signed the same each time
    bring(fair, token.address, permit.calldata(account.sign_digest(permit.digest(domain))))
    assert token.allowance(account.address, spender) == 2_000_000

    assert carry_out(lambda _: None).state == "paid"
    assert token.allowance(account.address, spender) == 0


def test_an_authorization_that_somebody_brought_before_buys_the_same_once(fair: Fair) -> None:
    offer = fair.offer("front-run authorization", price="2")
    wanted, held = fair.to_buy(offer), fair.buys.balance().units
    call = fair.buys.buying(wanted, way="authorization")[1]
    row = signed_call(fair, wanted)
    bring(fair, fair.buys.opened.contract.address, row)

    order = call(lambda _: None)

    assert (order.buyer, order.state) == (fair.buyer.ledger.require_connection().account, "paid")
    assert held - fair.buys.balance().units == 2_000_000
    assert trades(fair.buyer)[-1].transaction == order.transaction


def test_a_quote_shows_nobody_what_would_buy(fair: Fair) -> None:
    """Whoever is asked what it costs could bring it to the market before anybody agreed."""
    offer = fair.offer("not agreed to", price="2")
    before = len(fair.node.bodies)
    quote, carry_out = fair.buys.buying(fair.to_buy(offer), way="authorization")
    assert quote.transactions == 1
    shown = json.dumps(fair.node.bodies[before:])
    buys = signed_call(fair, fair.to_buy(offer))[:4].hex()
    assert f'"0x{buys}' not in shown
    assert carry_out(lambda _: None).state == "paid"
    assert f'"0x{buys}' in json.dumps(fair.node.bodies[before:])  # that is how it would have looked
    [row] = fair.buyer.ledger.opened.outbox.rows()[:1]
    assert row.gas_used is not None
    assert quote.gas >= row.gas_used


def test_many_shares_cost_no_more_than_was_said(fair: Fair) -> None:
    shares = tuple(Share.of(f"0x{number:040x}", 10) for number in range(1, 33))
    offer = fair.offer("many shares", price="2", shares=shares)
    for way in ("allowance", "authorization"):
        quote, carry_out = fair.buys.buying(fair.to_buy(offer, way), way=way)
        before = len(fair.buyer.ledger.opened.outbox.rows())
        carry_out(lambda _: None)
        rows = fair.buyer.ledger.opened.outbox.rows()
        assert quote.gas >= sum(row.gas_used or quote.gas + 1 for row in rows[: len(rows) - before])


def test_what_is_bought_already_is_not_paid_again_among_others(fair: Fair) -> None:
    """The contract takes an older key of an offer again: it remembers the newest alone."""
    offer = fair.offer("bought before", price="2")
    for key in (1, 2):
        done(fair.buys.buying(fair.to_buy(offer, key)))
    held = fair.buys.balance().units
    with pytest.raises(InvalidInput, match="would be paid again"):
        done(fair.buys.buying_several([fair.to_buy(offer, 1), fair.to_buy(offer, 3)]))
    assert fair.buys.balance().units == held


def test_what_the_market_owes_pays_for_who_holds_nothing(fair: Fair, tmp_path: Path) -> None:
    offer = fair.offer("all deposited", price="2")
    with joined(tmp_path, fair.seller, fair.node, fair.clock) as buyer:
        market = buyer.ledger.market
        done(market.depositing(market.balance().amount))
        assert market.balance().units == 0
        assert done(market.buying(fair.to_buy(offer), way="balance")).state == "paid"
        assert market.owed().amount == "998.00"


def test_the_same_price_in_another_token_is_not_paid(fair: Fair) -> None:
    offer, other = fair.offer("another token", price="2"), another_token(fair)
    read = fair.to_buy(offer, token=offer.price.token)
    changed = done(fair.sells.offering(offer.asset, OfferDraft("licence", "2", offer.sheet, token=other)))
    assert (changed.offer, changed.price.text) == (offer.offer, offer.price.text)
    with pytest.raises(NotAllowed, match=f"costs 2.00 CREDIT of the token {other}"):
        fair.buys.buying(read)


def test_what_is_bought_stays_bought_whatever_is_offered_next(fair: Fair) -> None:
    """Its seller offers the same with shares that it shows nobody, before the buyer's log has the purchase."""
    offer, outbox = fair.offer("shares not shown", price="0"), fair.seller.ledger.opened.outbox
    wanted = fair.to_buy(offer)
    order = done(fair.buys.buying(wanted))
    hidden = replace(terms_of(fair.sells.require_offer(offer.offer)), split=b"\x99" * 32)
    calldata = MarketContract.offer(int(offer.asset, 16), offer.number, UNLIMITED, hidden)
    assert outbox.wait(outbox.submit(fair.sells.opened.contract.address, calldata, purpose="by hand")).state == "final"

    with pytest.raises(NotAllowed, match="was not shown"):
        fair.buys.buying(fair.to_buy(offer, 2))
    assert done(fair.buys.buying(wanted)) == order


def signed_call(fair: Fair, wanted: Any) -> bytes:
    """Returns what this buyer signed for a purchase, as its node saw it."""
    found = fair.buys._found(wanted)
    calldata = fair.buys._authorized(fair.buys.token(fair.buys.opened.credits), found)
    assert calldata is not None
    return calldata


def bring(fair: Fair, to: bytes, calldata: bytes) -> None:
    """Has the seller's account send what the buyer signed."""
    outbox = fair.seller.ledger.opened.outbox
    assert outbox.wait(outbox.submit(to, calldata, purpose="in front")).state == "final"


# Accounts and tokens that cannot sign


class Elsewhere:
    """A signer that signs transactions alone, as one behind a URL does."""

    def __init__(self, account: LocalAccount) -> None:
        self._account = account
        self.address = account.address

    def sign(self, transaction: Transaction) -> SignedTransaction:
        return self._account.sign(transaction)


def test_a_signer_elsewhere_allows_the_price_first(fair: Fair) -> None:
    offer = fair.offer("elsewhere", price="2")
    opened = fair.buyer.ledger.opened
    account = opened.account
    assert isinstance(account, LocalAccount)
    fair.buyer.ledger._opened = replace(opened, account=Elsewhere(account))
    try:
        with pytest.raises(InvalidInput, match="cannot pay by permit"):
            fair.buys.buying(fair.to_buy(offer), way="permit")
        quote, carry_out = fair.buys.buying(fair.to_buy(offer))
        assert (quote.transactions, quote.signs) == (2, "")
        assert carry_out(lambda _: None).state == "paid"
    finally:
        fair.buyer.ledger._opened = opened


# A node that cannot be believed


@pytest.mark.parametrize(
    "answer",
    [
        "0x",
        "0x01",
        "0x" + "ff" * 32,
        "0x" + "ff" * 4096,
        data(encode(["string"], ["\x1b[31mCREDIT\n" * 50])),
        data(encode(["uint256", "uint256"], [2**256 - 1, 2**256 - 1])),
        "0xzz",
        None,
        7,
        {"data": "0x"},
    ],
    ids=range(10),
)
def test_nothing_is_bought_on_an_answer_that_cannot_be(fair: Fair, answer: Any) -> None:
    offer = fair.offer("hostile", price="2", number=1)
    count, held = len(sent(fair.buyer)), fair.buys.balance().units
    wanted = fair.to_buy(offer)
    fair.buys._facts.clear()
    fair.node.lie("eth_call", lambda _found, _params: answer)
    try:
        with pytest.raises(CounterfoilError) as refused:
            done(fair.buys.buying(wanted))
        assert refused.value.message.isprintable()
        shown = fair.buys.offer(offer.offer)  # from the events; the token's own word is not believed
        assert shown.price.text.isprintable()
    finally:
        fair.node.honest()
        fair.buys._facts.clear()
    assert (len(sent(fair.buyer)), fair.buys.balance().units) == (count, held)


def test_nothing_is_signed_for_a_token_that_shows_another_ones_domain(fair: Fair) -> None:
    """It would be a signature for that other token."""
    other = b"\x77" * 32
    token = fair.buys.token(fair.buys.opened.credits)
    assert token.domain() is not None
    separator = "0x3644e515"
    fair.node.lie("eth_call", lambda found, params: data(other) if params[0]["data"].startswith(separator) else found)
    try:
        assert token.domain() is None
        offer = fair.offer("another domain", price="2")
        assert fair.buys.buying(fair.to_buy(offer))[0].signs == ""
    finally:
        fair.node.honest()


def test_a_node_that_hides_the_offer_or_invents_one_sells_nothing(fair: Fair) -> None:
    offer = fair.offer("hidden", price="2")
    cheap = fair.to_buy(offer)
    topic = data(bytes.fromhex(offer.offer[2:]))

    def half_price(events: list[dict[str, Any]], _params: Any) -> list[dict[str, Any]]:
        return [
            each | {"data": each["data"].replace(f"{2_000_000:064x}", f"{1_000_000:064x}")}
            if topic in each["topics"]
            else each
            for each in events
        ]

    fair.node.lie("eth_getLogs", half_price)
    try:
        assert fair.buys.offer(offer.offer).price.amount == "1.00"
        with pytest.raises(NotAllowed, match="cannot be bought"):
            fair.buys.buying(cheap)  # the contract knows other terms
    finally:
        fair.node.honest()


def test_a_token_is_told_from_what_is_none(fair: Fair) -> None:
    chain = fair.seller.ledger.opened.chain
    facts = Token(chain, fair.sells.opened.credits).facts()
    assert (facts.symbol, facts.decimals, facts.shown(12_500_000)) == ("CREDIT", 6, "12.50 CREDIT")
    for address in (b"\x12" * 20, fair.sells.opened.contract.address):
        with pytest.raises(InvalidInput, match="no token"):
            Token(chain, address).facts()
