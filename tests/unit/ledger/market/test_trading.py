"""A seller and a buyer on one ledger: offered, bought, delivered, settled, refunded; each once, and on record."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256

import pytest
from eth_abi.abi import encode
from two_traders import SHEET, Fair, digest, done, sent, trades

from counterfoil.errors import InvalidInput, NotAllowed, NotFound, OutOfFunds, Reverted
from counterfoil.ledger.assets.kinds import ROLES
from counterfoil.ledger.contracts.abi import ContractAbi
from counterfoil.ledger.market.selling import OfferDraft
from counterfoil.ledger.market.terms import Share

JOB = {"kind": "job", "price": "10", "delivery_s": 3_600, "window_s": 600}
HELD = {"delivery_s": 3_600, "window_s": 600}

# Offering


def test_an_offer_is_made_once_and_says_everything(fair: Fair) -> None:
    asset = fair.asset("offered")
    draft = OfferDraft("period", "0.25", SHEET, number=7, duration_s=86_400, referrer_bps=500, supply=3, **HELD)
    quote, carry_out = fair.sells.offering(asset, draft)
    assert (quote.transactions, quote.moves) == (1, ())
    assert (quote.public["price"], quote.public["token"]) == ("0.25 CREDIT", fair.sells.balance().token)
    assert quote.public["window_s"] == "600"
    offer = carry_out(lambda _: None)

    shown = offer.to_json()
    assert (shown["number"], shown["kind"], shown["supply"], shown["left"]) == (7, "period", 3, 3)
    assert (shown["duration_s"], shown["delivery_s"], shown["window_s"], shown["referrer_bps"]) == (
        86_400,
        3600,
        600,
        500,
    )
    assert (shown["open"], shown["ours"], shown["shares"]) == (True, True, [])
    assert fair.buys.offer(offer.offer).is_ours is False
    count, size = len(sent(fair.seller)), fair.seller.archive.size
    again, carry_out = fair.sells.offering(asset, draft)
    assert (again.gas, again.transactions) == (0, 0)
    assert carry_out(lambda _: None) == offer
    assert (len(sent(fair.seller)), fair.seller.archive.size) == (count, size)
    record = trades(fair.seller)[-1]
    assert (record.action, record.offer, record.asset, record.amount) == ("offered", offer.offer, asset, "0.25")


def test_a_price_changes_and_a_buyer_of_the_old_one_is_told(fair: Fair) -> None:
    offer = fair.offer("repriced", supply=5)
    read = fair.to_buy(offer)
    new = done(fair.sells.repricing(offer.offer, "20"))
    assert (new.price.amount, new.left, new.offer) == ("20.00", 5, offer.offer)
    with pytest.raises(NotAllowed, match=r"costs 20\.00 CREDIT, and at most 12\.50") as dear:
        fair.buys.buying(read)
    assert "--max" in dear.value.hint
    done(fair.sells.offering(offer.asset, OfferDraft("licence", "12.50", "77" * 32)))
    with pytest.raises(NotAllowed, match="under the sheet 7777"):
        fair.buys.buying(read)


def test_an_offer_that_is_withdrawn_or_sold_out_cannot_be_bought(fair: Fair) -> None:
    offer = fair.offer("rare", supply=1, price="1")
    done(fair.buys.buying(fair.to_buy(offer)))
    with pytest.raises(NotAllowed, match="sold out"):
        fair.buys.buying(fair.to_buy(offer, 2))
    with pytest.raises(InvalidInput, match="sold out") as refused:
        fair.sells.repricing(offer.offer, "2")
    assert "another supply" in refused.value.hint
    same = OfferDraft("licence", "1", SHEET, supply=1)
    assert fair.sells.offering(offer.asset, same)[0].gas == 0  # a repetition sells no more than was offered
    assert done(fair.sells.offering(offer.asset, replace(same, supply=2))).left == 2
    other = fair.offer("taken back")
    for _ in range(2):
        assert done(fair.sells.withdrawing_offer(other.offer)).is_open is False
    with pytest.raises(NotAllowed, match="withdrawn"):
        fair.buys.buying(fair.to_buy(other))
    assert trades(fair.seller)[-1].action == "withdrawn"


def test_what_is_sold_before_an_offer_is_said_anew_is_not_sold_again(fair: Fair) -> None:
    offer, last = (fair.offer(f"{supply} left", supply=supply, price="1") for supply in (3, 1))
    _, reprice = fair.sells.repricing(offer.offer, "2")
    _, share = fair.sells.setting_shares(last.offer, (Share.of("0x" + "77" * 20, 500),))
    for each in (offer, last):
        done(fair.buys.buying(fair.to_buy(each)))
    changed = reprice(lambda _: None)
    assert (changed.price.amount, changed.left) == ("2.00", 2)
    assert reprice(lambda _: None) == changed
    with pytest.raises(InvalidInput, match="sold out"):
        share(lambda _: None)


def test_an_offer_lapses_where_its_asset_is_recalled(fair: Fair) -> None:
    offer = fair.offer("recalled")
    fair.seller.ledger.assets.set_state(offer.asset, "recalled")
    assert fair.buys.offer(offer.offer).is_open is False
    assert offer.offer not in {each.offer for each in fair.buys.offers(is_open=True)}
    with pytest.raises(NotAllowed, match="recalled"):
        fair.buys.buying(fair.to_buy(offer))
    fair.seller.ledger.assets.set_state(offer.asset, "active")
    assert fair.buys.offer(offer.offer).is_open is True


def test_only_whom_the_owner_lets_offers_an_asset(fair: Fair) -> None:
    asset = fair.asset("foreign")
    with pytest.raises(NotAllowed, match="may not offer it"):
        fair.buys.offering(asset, OfferDraft("licence", "1", SHEET))
    with pytest.raises(NotFound, match="no asset"):
        fair.sells.offering("0x" + "12" * 32, OfferDraft("licence", "1", SHEET))
    with pytest.raises(NotFound, match="no offer"):
        fair.sells.offer("12" * 32)
    with pytest.raises(NotFound, match="no order"):
        fair.sells.order("12" * 32)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"kind": "gift"}, "no kind of offer"),
        ({"price": "1e3"}, "no amount"),
        ({"price": "0.0000001"}, "finer than"),
        ({"price": str(2**96)}, "out of range"),
        ({"sheet": "00" * 32}, "needs a sheet"),
        ({"sheet": "12"}, "not the SHA-256 digest"),
        ({"duration_s": 5}, "does not fit a licence"),
        ({"kind": "period"}, "does not fit a period"),
        ({"kind": "job"}, "no time to deliver"),
        ({"window_s": 5}, "no time to deliver"),
        ({"delivery_s": 5}, "paid at once"),
        ({"delivery_s": 400 * 86_400, "window_s": 1}, "out of range"),
        ({"kind": "sale", "delivery_s": 5, "window_s": 5}, "paid at once"),
        ({"referrer_bps": 1_001}, "for a referrer cannot be"),
        ({"supply": 0}, "cannot be offered"),
        ({"number": -1}, "no number"),
        ({"shares": (Share(b"\0" * 12 + b"\1" * 20, 6_000), Share(b"\0" * 12 + b"\2" * 20, 6_000))}, "cannot be"),
        ({"token": "0x" + "12" * 20}, "there is no token"),
    ],
    ids=range(18),
)
def test_what_cannot_be_offered_is_refused_before_anything_is_sent(
    fair: Fair, wrong: dict[str, object], words: str
) -> None:
    count = len(sent(fair.seller))
    with pytest.raises(InvalidInput, match=words):
        fair.offer("wrong", **wrong)
    assert len(sent(fair.seller)) == count


def test_an_asset_is_registered_and_offered_in_one_transaction(fair: Fair) -> None:
    for _ in range(2):
        offer = done(
            fair.sells.registering_and_offering(
                "model", digest("both"), OfferDraft("licence", "3", SHEET), uri="https://x.example/m", royalty_bps=100
            )
        )
    shown = fair.seller.ledger.assets.show(offer.asset).asset
    assert (shown.kind, shown.royalty_bps, shown.transaction) == ("model", 100, trades(fair.seller)[-1].transaction)
    kinds = [
        fair.seller.archive.record(place).kind
        for place in range(fair.seller.archive.size - 2, fair.seller.archive.size)
    ]
    assert kinds == ["trade", "asset"]
    assert done(fair.buys.buying(fair.to_buy(offer))).state == "paid"


# Paid at once


def test_a_licence_is_bought_with_a_signature_and_paid_at_once(fair: Fair) -> None:
    offer = fair.offer("licence")
    assert (offer.kind, offer.price.text, offer.left, offer.is_open) == ("licence", "12.50 CREDIT", None, True)
    before, owed = fair.buys.balance().units, fair.sells.owed().units

    quote, carry_out = fair.buys.buying(fair.to_buy(offer))
    assert quote.transactions == 1
    assert quote.moves == ("12.50 CREDIT, paid to the seller at once",)
    assert "authorization" in quote.signs
    assert quote.public["token"] == offer.price.token
    assert quote.to_json()["pays"]["amount"] == "12.50"
    order = carry_out(lambda _: None)

    assert (order.state, order.until, order.sheet, order.recipient) == ("paid", None, SHEET, digest(1))
    assert fair.buys.access_until(offer.offer) is None
    assert fair.sells.access_until(offer.offer, order.buyer) is None
    assert fair.sells.access_until(offer.offer) == 0
    assert before - fair.buys.balance().units == fair.sells.owed().units - owed == 12_500_000
    record = trades(fair.buyer)[-1]
    assert (record.action, record.order, record.transaction) == ("bought", order.order, order.transaction)
    assert (record.amount, record.digest) == ("12.50", SHEET)
    row = next(each for each in fair.buyer.ledger.opened.outbox.rows() if "bought" in each.purpose)
    assert row.fee_paid_wei is not None
    assert row.fee_paid_wei <= quote.most_wei
    assert [each.order for each in fair.sells.orders(offer=offer.offer)] == [order.order]
    again, carry_out = fair.buys.buying(fair.to_buy(offer))
    assert (again.gas, carry_out(lambda _: None)) == (0, order)


def test_a_free_offer_is_bought_like_any_other(fair: Fair) -> None:
    offer = fair.offer("free", price="0", kind="period", duration_s=100)
    assert offer.price.text == "nothing"
    order = done(fair.buys.buying(fair.to_buy(offer)))
    assert order.until == fair.clock.now_s + 100
    assert fair.buys.access_until(offer.offer) == order.until
    second = done(fair.buys.buying(fair.to_buy(offer, 2)))  # added to what is left
    assert second.until == fair.clock.now_s + 200


def test_several_are_bought_in_one_transaction(fair: Fair) -> None:
    offers = [fair.offer(f"several {place}", price="2") for place in range(3)]
    wanted = [fair.to_buy(each) for each in offers]
    quote, carry_out = fair.buys.buying_several(wanted)
    assert (quote.transactions, quote.moves) == (2, ("6.00 CREDIT, paid to the seller at once",))
    orders = carry_out(lambda _: None)

    assert [each.offer for each in orders] == [each.offer for each in offers]
    assert len({each.transaction for each in orders}) == 1
    assert [each.order for each in trades(fair.buyer)[-3:]] == [each.order for each in orders]
    assert sent(fair.buyer)[-2:] == ["allowed", "bought"]
    assert fair.buys.buying_several(wanted)[0].gas == 0
    with pytest.raises(InvalidInput, match="two to 8"):
        fair.buys.buying_several(wanted[:1])
    with pytest.raises(InvalidInput, match="same key"):
        fair.buys.buying_several([fair.to_buy(offers[0], 5)] * 2)


def test_of_several_it_is_said_how_much_is_held(fair: Fair) -> None:
    each_asks = ({"price": "2"}, {"price": "3", **HELD}, {"price": "0"})
    offers = [fair.offer(f"of several {place}", **asks) for place, asks in enumerate(each_asks)]
    assert fair.buys.buying_several([fair.to_buy(each) for each in offers])[0].moves == (
        "2.00 CREDIT, paid to the seller at once",
        "3.00 CREDIT, held by the market until it is delivered",
    )


def test_an_asset_is_sold_and_its_creator_gets_a_royalty(fair: Fair) -> None:
    made = fair.seller.ledger.assets.register("dataset", digest("sold"), royalty_bps=1_000)
    quote, carry_out = fair.sells.offering(made.asset, OfferDraft("sale", "100", SHEET, supply=1))
    assert quote.transactions == 2
    assert quote.public["handed over by"] == "the market, to whoever buys it"
    offer = carry_out(lambda _: None)
    owed = fair.sells.owed().units

    order = done(fair.buys.buying(fair.to_buy(offer)))

    assert fair.buyer.ledger.assets.show(made.asset).asset.is_ours
    assert (order.kind, order.until, fair.sells.owed().units - owed) == ("sale", 0, 100_000_000)
    [sold] = fair.buys.events(names=("Sold",), asset=made.asset)
    assert (sold.order, sold.told["royalty"]) == (order.order, 10_000_000)


def test_an_asset_is_registered_and_put_up_for_sale_at_once(fair: Fair) -> None:
    shares = (Share.of(fair.buyer.ledger.require_connection().account, 1_000),)
    draft = OfferDraft("sale", "10", SHEET, supply=1, shares=shares)
    quote, carry_out = fair.sells.registering_and_offering("dataset", digest("at once"), draft)
    assert quote.transactions == 3
    offer = carry_out(lambda _: None)
    assert offer.shares == shares
    assert trades(fair.seller)[-1].contract == fair.seller.ledger.require_connection().market
    done(fair.buys.buying(fair.to_buy(offer)))
    assert fair.buyer.ledger.assets.show(offer.asset).asset.is_ours


def test_others_offer_and_deliver_for_the_owner_in_their_roles(fair: Fair) -> None:
    asset, helper = fair.asset("in roles"), fair.buyer.ledger.require_connection().account
    opened = fair.seller.ledger.opened
    calldata = ContractAbi("Assets").calldata(
        "set_roles", ("uint256", "address", "uint256"), (int(asset, 16), helper, ROLES["operator"] + ROLES["pricer"])
    )
    opened.outbox.wait(opened.outbox.submit(opened.assets.contract.address, calldata, purpose="roles"))

    offer = done(fair.buys.offering(asset, OfferDraft("licence", "4", SHEET, **HELD)))
    assert (offer.is_ours, offer.seller) == (False, fair.seller.ledger.require_connection().account)
    order = done(fair.buys.buying(fair.to_buy(offer)))
    assert done(fair.buys.delivering(order.order, digest("by an operator"))).state == "delivered"
    assert done(fair.buys.refunding(order.order)).state == "refunded"


def test_what_cannot_be_paid_is_refused_before_anything_is_signed(fair: Fair) -> None:
    dear = fair.offer("dear", price="1000000000")
    with pytest.raises(OutOfFunds, match="are to be paid"):
        fair.buys.buying(fair.to_buy(dear))
    with pytest.raises(OutOfFunds, match="owes this account"):
        fair.buys.buying(fair.to_buy(dear), way="balance")
    with pytest.raises(InvalidInput, match="is a licence"):
        fair.buys.buying(fair.to_buy(dear, job=digest("job")))
    with pytest.raises(InvalidInput, match="not an X25519 key"):
        fair.buys.buying(fair.to_buy(dear).__class__(dear.offer, "12", "1", dear.sheet))


# Held until delivered


def test_an_order_is_delivered_and_settled_when_its_window_is_over(fair: Fair) -> None:
    offer = fair.offer("held", **HELD)
    order = done(fair.buys.buying(fair.to_buy(offer)))
    assert (order.state, order.due, order.ends) == ("held", fair.clock.now_s + 3_600, 0)
    owed = fair.sells.owed().units
    with pytest.raises(NotAllowed, match="order is held, and cannot be settled"):
        fair.sells.settling(order.order)

    for _ in range(2):
        delivered = done(fair.sells.delivering(order.order, digest("statement")))
    assert (delivered.state, delivered.digest, delivered.charge.amount) == ("delivered", digest("statement"), "12.50")
    with pytest.raises(NotAllowed, match="cannot be delivered"):
        fair.sells.delivering(order.order, digest("another statement"))
    with pytest.raises(Reverted, match="the window is open"):
        fair.sells.settling(order.order)
    assert fair.sells.owed().units == owed
    fair.clock.move(600)
    for _ in range(2):
        assert done(fair.sells.settling(order.order)).state == "settled"

    assert fair.sells.owed().units - owed == 12_500_000
    with pytest.raises(NotAllowed, match="cannot be refunded"):
        fair.sells.refunding(order.order)
    assert [each.action for each in trades(fair.seller)[-2:]] == ["delivered", "settled"]
    assert fair.buys.order(order.order).state == "settled"


def test_a_job_may_charge_less_and_its_buyer_accepts_it_early(fair: Fair) -> None:
    offer = fair.offer("job", **JOB)
    with pytest.raises(InvalidInput, match="is a job"):
        fair.buys.buying(fair.to_buy(offer))
    order = done(fair.buys.buying(fair.to_buy(offer, job=digest("spec"))))
    assert (order.kind, order.job, order.until) == ("job", digest("spec"), 0)
    with pytest.raises(InvalidInput, match=r"11\.00 CREDIT are asked"):
        fair.sells.delivering(order.order, digest("receipt"), "11")
    done(fair.sells.delivering(order.order, digest("receipt"), "4"))
    owed = fair.buys.owed().units

    quote, carry_out = fair.buys.accepting(order.order)
    assert quote.moves == ("4.00 CREDIT to the seller, contributors and fees", "6.00 CREDIT back to the buyer")
    assert carry_out(lambda _: None).charge.text == "4.00 CREDIT"

    assert fair.buys.owed().units - owed == 6_000_000
    with pytest.raises(NotAllowed, match="only its buyer accepts"):
        fair.sells.accepting(order.order)
    review = done(fair.buys.reviewing(offer.offer, 4, digest("fine")))
    assert (review.told["stars"], review.told["digest"]) == (4, f"0x{digest('fine')}")


def test_the_rest_of_a_job_pays_the_next_purchase(fair: Fair) -> None:
    done(fair.buys.depositing("3"))
    assert fair.buys.owed().units >= 3_000_000
    offer = fair.offer("from the balance", price="3")
    owed, held = fair.buys.owed().units, fair.buys.balance().units
    done(fair.buys.buying(fair.to_buy(offer), way="balance"))
    assert (owed - fair.buys.owed().units, fair.buys.balance().units) == (3_000_000, held)


def test_a_refund_gives_the_money_back_and_takes_the_access(fair: Fair) -> None:
    offer = fair.offer("refunded", **HELD)
    order = done(fair.buys.buying(fair.to_buy(offer)))
    assert fair.buys.access_until(offer.offer) is None
    owed = fair.buys.owed().units
    with pytest.raises(Reverted, match="not due yet"):
        fair.buys.reclaiming(order.order)

    for _ in range(2):
        assert done(fair.sells.refunding(order.order)).state == "refunded"

    assert fair.buys.access_until(offer.offer) == 0
    assert fair.buys.owed().units - owed == 12_500_000
    assert trades(fair.seller)[-1].action == "refunded"


def test_what_was_due_and_not_delivered_is_taken_back(fair: Fair) -> None:
    offer = fair.offer("reclaimed", **HELD)
    order = done(fair.buys.buying(fair.to_buy(offer)))
    with pytest.raises(NotAllowed, match="only its buyer takes"):
        fair.sells.reclaiming(order.order)
    fair.clock.move(3_600)
    with pytest.raises(Reverted, match="it was due before"):
        fair.sells.delivering(order.order, digest("too late"))
    assert done(fair.buys.reclaiming(order.order)).state == "refunded"
    assert trades(fair.buyer)[-1].action == "refunded"


# Money


def test_shares_and_fees_are_paid_out(fair: Fair) -> None:
    helper = fair.buyer.ledger.require_connection().account
    done(fair.sells.setting_fee(100))
    offer = fair.offer("shared", price="100", shares=(Share.of(helper, 2_500),))
    assert [each.to_json() for each in fair.buys.offer(offer.offer).shares or ()] == [{"bps": 2_500, "payee": helper}]
    earned = fair.buys.owed().units

    done(fair.buys.buying(fair.to_buy(offer)))

    assert fair.buys.owed().units - earned == 24_750_000  # a quarter of what the fee of 1 % leaves
    before = fair.sells.balance().units
    owed = fair.sells.owed()
    quote, carry_out = fair.sells.withdrawing()
    assert quote.moves == (f"{owed.text} to this account",)
    assert carry_out(lambda _: None).units == before + owed.units
    assert fair.sells.withdrawing()[0].gas == 0
    assert (trades(fair.seller)[-1].action, trades(fair.seller)[-1].amount) == ("paid", owed.amount)
    done(fair.sells.collecting_fees())
    assert fair.sells.balance().units == before + owed.units + 1_000_000  # this home governs, too
    done(fair.sells.setting_fee(0))


def test_many_are_paid_through_a_root_of_claims(fair: Fair) -> None:
    helper = fair.buyer.ledger.require_connection().account
    root = sha256(b"\0" + encode(["address", "uint256"], [helper, 10**12])).hexdigest()  # a tree of one leaf
    offer = fair.offer("claimed", price="8")
    shared = done(fair.sells.setting_share_root(offer.offer, root, 5_000))
    assert [each.to_json()["payee"] for each in shared.shares or ()] == [f"0x{root}"]
    done(fair.buys.buying(fair.to_buy(shared)))
    before = fair.buys.balance().units

    quote, carry_out = fair.buys.claiming(root, 10**12, 0, 1, [])
    assert quote.moves == ("4.00 CREDIT to this account",)
    assert carry_out(lambda _: None).units == before + 4_000_000
    assert fair.buys.claiming(root, 10**12, 0, 1, [])[0].gas == 0
    assert trades(fair.buyer)[-1].digest == root
    without = done(fair.sells.setting_shares(offer.offer, ()))
    assert without.shares == ()


def test_credits_are_made_by_their_minter_each_time_it_is_asked(fair: Fair) -> None:
    account = fair.buyer.ledger.require_connection().account
    before = fair.sells.balance(account=account).units
    for _ in range(2):
        done(fair.sells.minting(account, "5"))
    assert fair.sells.balance(account=account).units == before + 10_000_000
    assert [each.action for each in trades(fair.seller)[-2:]] == ["minted", "minted"]
    with pytest.raises(InvalidInput, match="nothing would be moved"):
        fair.sells.minting(account, "0")


# Reviews and governing


def test_a_review_takes_what_was_bought(fair: Fair) -> None:
    offer = fair.offer("reviewed", price="1")
    with pytest.raises(NotAllowed, match="has not bought it"):
        fair.buys.reviewing(offer.offer, 5, digest("good"))
    done(fair.buys.buying(fair.to_buy(offer)))
    for _ in range(2):
        done(fair.buys.reviewing(offer.offer, 5, digest("good")))
    done(fair.buys.reviewing(offer.offer, 1, digest("bad")))
    assert [each.told["stars"] for each in fair.sells.events(names=("Reviewed",), offer=offer.offer)] == [5, 1]
    with pytest.raises(InvalidInput, match="stars"):
        fair.buys.reviewing(offer.offer, 6, digest("good"))


def test_what_was_bought_is_reviewed_when_something_else_is_offered_under_its_number(fair: Fair) -> None:
    offer = fair.offer("another kind", price="1")
    done(fair.buys.buying(fair.to_buy(offer)))
    done(fair.sells.offering(offer.asset, OfferDraft(sheet=SHEET, **JOB)))
    assert done(fair.buys.reviewing(offer.offer, 3, digest("fair"))).told["stars"] == 3


def test_the_governor_pauses_buying_alone_and_hands_over(fair: Fair) -> None:
    offer = fair.offer("paused", price="1", **HELD)
    order = done(fair.buys.buying(fair.to_buy(offer)))
    assert done(fair.sells.pausing(True)).is_paused
    with pytest.raises(NotAllowed, match="market is paused"):
        fair.buys.buying(fair.to_buy(offer, 2))
    assert done(fair.sells.refunding(order.order)).state == "refunded"
    assert done(fair.buys.withdrawing()).units
    done(fair.sells.pausing(False))
    with pytest.raises(NotAllowed, match="governs the market"):
        fair.buys.setting_fee(10)
    with pytest.raises(NotAllowed, match="not named"):
        fair.buys.accepting_governor()
    with pytest.raises(InvalidInput, match="cannot be"):
        fair.sells.setting_fee(1_001)
    ours, theirs = (each.ledger.require_connection().account for each in (fair.seller, fair.buyer))
    assert done(fair.sells.offering_governor(theirs)).to_json()["next_governor"] == theirs
    assert done(fair.buys.accepting_governor()).to_json()["governor"] == theirs
    done(fair.buys.offering_governor(ours))
    assert done(fair.sells.accepting_governor()).to_json() == {
        "fee_bps": 0,
        "governor": ours,
        "next_governor": None,
        "paused": False,
    }


# Looking


def test_offers_and_orders_are_found_by_what_is_asked(fair: Fair) -> None:
    cheap, dear = fair.offer("found", price="0.5"), fair.offer("found", number=2, price="500", kind="sale")
    market, theirs = fair.buys, fair.buyer.ledger.require_connection().account
    assert [each.number for each in market.offers(asset=cheap.asset)] == [1, 2]
    assert [each.number for each in market.offers(asset=cheap.asset, most="100")] == [1]
    assert [each.number for each in market.offers(asset=cheap.asset, kind="sale")] == [2]
    assert market.offers(seller=theirs) == []
    order = done(market.buying(fair.to_buy(cheap)))
    assert [each.order for each in market.orders(buyer=theirs, offer=cheap.offer, states=("paid",))] == [order.order]
    assert market.orders(buyer=theirs, offer=cheap.offer, states=("refunded",)) == []
    assert order.order in {each.order for each in market.orders(seller=cheap.seller)}
    with pytest.raises(InvalidInput, match="no kind of offer"):
        market.offers(kind="gift")
    with pytest.raises(InvalidInput, match="is no state"):
        market.orders(states=("lost",))
    assert fair.buys.records(order=order.order) == [fair.buyer.archive.size - 1]
    assert dear.offer in {each.offer for each in market.offers(kind="sale", is_open=True)}
    assert market.amount("1.5").text == "1.50 CREDIT"


def test_whoever_follows_reads_each_event_once(fair: Fair) -> None:
    cursor = fair.sells.events()[-1].cursor
    offer = fair.offer("followed", price="1")
    order = done(fair.buys.buying(fair.to_buy(offer)))
    names = []
    while told := fair.sells.events(after=cursor, limit=1, is_final=True):
        names.append(told[0].name)
        cursor = told[0].cursor
    assert names == ["Transfer", "Offered", "Bought"]
    assert told == []
    found = fair.buys.events(order=order.order)
    assert [(each.offer, each.asset, each.name) for each in found] == [(offer.offer, offer.asset, "Bought")]
    assert found[0].to_json()["told"]["until"] == str(2**256 - 1)  # exact for those who count in doubles
    assert found[0].to_json()["told"]["paid"] == 1_000_000
    with pytest.raises(InvalidInput, match="no place"):
        fair.sells.events(after="yesterday")
