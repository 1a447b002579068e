"""Jobs without a window: delivered and paid out by one transaction, where the seller's own account does it."""

from __future__ import annotations

import pytest
from two_traders import SHEET, Fair, digest, done, sent, trades

from counterfoil.errors import NotAllowed
from counterfoil.ledger.accounts.account import parse_address
from counterfoil.ledger.assets.kinds import ROLES
from counterfoil.ledger.contracts.abi import ContractAbi
from counterfoil.ledger.market.contract import MarketContract, Purchase
from counterfoil.ledger.market.offer import Offer, Order
from counterfoil.ledger.market.terms import KINDS, Share, Terms, offer_id, order_id, split_of

AT_ONCE = {"kind": "job", "price": "10", "delivery_s": 3_600}


def bought(fair: Fair, offer: Offer) -> Order:
    return done(fair.buys.buying(fair.to_buy(offer, offer.offer, job=digest("spec"))))


def test_a_job_is_delivered_and_paid_out_by_one_transaction_and_recorded_as_both(fair: Fair) -> None:
    helper = fair.buyer.ledger.require_connection().account
    offer = fair.offer("at once", **AT_ONCE, shares=(Share.of(helper, 2_500),))
    order, count, size = bought(fair, offer), len(sent(fair.seller)), fair.seller.archive.size
    mine, theirs = fair.sells.owed().units, fair.buys.owed().units

    quote, carry_out = fair.sells.delivering(order.order, digest("receipt"), "4")
    assert quote.transactions == 1
    assert quote.moves == ("4.00 CREDIT to the seller, contributors and fees", "6.00 CREDIT back to the buyer")
    settled = carry_out(lambda _: None)

    assert (settled.state, settled.charge.amount, settled.digest) == ("settled", "4.00", digest("receipt"))
    assert settled.ends > order.block >= 0
    assert (fair.sells.owed().units - mine, fair.buys.owed().units - theirs) == (3_000_000, 7_000_000)
    delivered, paid = trades(fair.seller)[-2:]
    assert (delivered.action, paid.action, paid.transaction) == ("delivered", "settled", delivered.transaction)
    assert {each.order for each in (delivered, paid)} == {order.order}
    assert fair.buys.order(order.order).state == "settled"

    again = fair.sells.delivering(order.order, digest("receipt"), "4")
    assert again[0].transactions == 0
    assert done(again) == settled
    assert (len(sent(fair.seller)) - count, fair.seller.archive.size - size) == (1, 2)
    with pytest.raises(NotAllowed, match="order is settled, and cannot be delivered"):
        fair.sells.delivering(order.order, digest("another receipt"), "4")


def test_a_record_that_was_not_written_in_time_is_written_later(fair: Fair) -> None:
    """As when the home was killed between the transaction and its records."""
    order = bought(fair, fair.offer("killed", **AT_ONCE))
    row = fair.sells.require_order(order.order)
    calldata = fair.sells._delivered(row, int(row.price), bytes.fromhex(digest("receipt")), ())
    outbox, market = fair.seller.ledger.opened.outbox, parse_address(fair.seller.ledger.require_connection().market)
    outbox.wait(outbox.submit(market, calldata, purpose=f"trade delivered {order.order}"))
    assert fair.sells.order(order.order).state == "settled"
    assert [each for each in trades(fair.seller) if each.order == order.order] == []

    for _ in range(2):
        assert done(fair.sells.delivering(order.order, digest("receipt"))).state == "settled"
    assert [each.action for each in trades(fair.seller) if each.order == order.order] == ["delivered", "settled"]


def test_where_its_shares_were_not_shown_it_is_delivered_alone(fair: Fair) -> None:
    asset, shares = int(fair.asset("hidden shares"), 16), (Share(bytes.fromhex(digest("payee")), 100),)
    seller, buyer = fair.seller.ledger.opened, fair.buyer.ledger.opened
    market = seller.market.contract.address
    rules = {"kind": KINDS["job"], "duration_s": 0, "delivery_s": 3_600, "window_s": 0, "referrer_bps": 0}
    named = {"token": bytes(20), "price": 0, "sheet": bytes.fromhex(SHEET), "split": split_of(shares)}
    terms = Terms(seller=seller.account.address, **named, **rules)
    offered = MarketContract.offer(asset, 1, 10, terms)
    seller.outbox.wait(seller.outbox.submit(market, offered, purpose="offered"))
    key, spec = bytes.fromhex(digest("key")), bytes.fromhex(digest("spec"))
    taken = MarketContract.buy(Purchase(asset, 1, terms, key, spec, bytes(20)), shares)
    buyer.outbox.wait(buyer.outbox.submit(market, taken, purpose="bought"))
    order = order_id(offer_id(asset, 1), buyer.account.address, key).hex()

    assert done(fair.sells.delivering(order, digest("receipt"))).state == "delivered"
    with pytest.raises(NotAllowed, match="not shown"):
        fair.sells.settling(order)
    assert done(fair.sells.settling(order, shares)).state == "settled"


def test_an_operator_delivers_alone_and_anybody_settles_then(fair: Fair) -> None:
    offer = fair.offer("by an operator", **AT_ONCE)
    opened, helper = fair.seller.ledger.opened, fair.buyer.ledger.require_connection().account
    types = ("uint256", "address", "uint256")
    calldata = ContractAbi("Assets").calldata("set_roles", types, (int(offer.asset, 16), helper, ROLES["operator"]))
    opened.outbox.wait(opened.outbox.submit(opened.assets.contract.address, calldata, purpose="roles"))
    order = bought(fair, offer)

    quote, carry_out = fair.buys.delivering(order.order, digest("receipt"))
    assert quote.moves == ("10.00 CREDIT to the seller when the window is over",)
    assert carry_out(lambda _: None).state == "delivered"
    assert done(fair.sells.settling(order.order)).state == "settled"
