"""A seller and a buyer on one ledger: offered, bought, delivered, settled, refunded; each once, and on record."""

from __future__ import annotations

from two_traders import SHEET, Fair, digest, trades


def test_a_licence_is_bought_with_a_signature_and_paid_at_once(fair: Fair) -> None:
    offer = fair.offer("licence")
    assert (offer.kind, offer.price.text, offer.left, offer.is_open) == ("licence", "12.50 CREDIT", None, True)
    before, owed = fair.buys.balance().units, fair.sells.owed().units

    quote, carry_out = fair.buys.buying(fair.to_buy(offer))
    assert quote.transactions == 1
    assert quote.moves == ("12.50 CREDIT, paid to the seller at once",)
    assert "permit" in quote.signs
    assert quote.to_json()["pays"]["amount"] == "12.50"
    order = carry_out(lambda _: None)

    assert (order.state, order.until, order.sheet, order.recipient) == ("paid", None, SHEET, digest(1))
    assert fair.buys.access_until(offer.offer) is None
    assert fair.sells.access_until(offer.offer, order.buyer) is None
    assert before - fair.buys.balance().units == fair.sells.owed().units - owed == 12_500_000
    record = trades(fair.buyer)[-1]
    assert (record.action, record.order, record.transaction) == ("bought", order.order, order.transaction)
    assert (record.amount, record.digest) == ("12.50", SHEET)
    row = next(each for each in fair.buyer.ledger.opened.outbox.rows() if "bought" in each.purpose)
    assert row.fee_paid_wei is not None
    assert row.fee_paid_wei <= quote.most_wei
    assert [each.order for each in fair.sells.orders(offer=offer.offer)] == [order.order]
