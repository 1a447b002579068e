"""Attacks on selling and buying: by buyers, sellers, strangers, and by the ledger taking things back."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from making_hostile_node import hostile_node
from making_market import ANYBODY, Stall, market, offered
from making_node import settled
from organisations import full_disk
from two_traders import digest, done

from counterfoil.core.age import recipient_of
from counterfoil.core.age_payload import decrypt
from counterfoil.errors import (
    CounterfoilError,
    DoesNotMatch,
    HomeBusy,
    InvalidInput,
    MalformedEvidence,
    NodeUnreachable,
    NotAllowed,
    NotFound,
    NotSignedIn,
    Reverted,
    Stale,
)
from counterfoil.ledger.market.buying import ToBuy
from counterfoil.ledger.market.selling import OfferDraft
from counterfoil.market.buying.buying import Buying
from counterfoil.market.buying.node_wire import BuyersWire
from counterfoil.market.buying.purchases import Purchase, PurchaseState, Stated
from counterfoil.market.buying.sheet_finder import SheetFinder
from counterfoil.market.delivery.tickets import TICKET_S
from counterfoil.market.delivery.wire import Patience
from counterfoil.market.selling.sold_orders import LOOK_AGAIN_S
from counterfoil.market.sheets.sheet import OfferSheet, sign_sheet
from counterfoil.provenance.snapshots.addresses import Reach

HELD: dict[str, Any] = {"delivery_s": 3_600, "window_s": 86_400}
QUICK = Patience(silence_s=0.5, answer_s=0.5, mib_s=0.5)


@pytest.fixture(scope="module")
def stall(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stall]:
    with market(tmp_path_factory.mktemp("market")) as made:
        yield made


@pytest.fixture
def scans(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    path = tmp_path / "scans.csv"
    path.write_text("person,dose\n" + "".join(f"{request.node.name}-{each},{each % 7}\n" for each in range(20_000)))
    return path


def buy(stall: Stall, offer: str, stated: Stated | None = None) -> Purchase:
    return stall.buyer.market.buying.planning(offer, stated).carry_out(lambda _: None)


def records(stall: Stall, whose: str, kind: str, order: str) -> list[Any]:
    org = getattr(stall, whose)
    found = [org.archive.record(place) for place in range(org.archive.size)]
    return [each for each in found if each.kind == kind and each.about.get("order") == order]


def asked(stall: Stall, path: str, body: Any = None, ticket: str = "") -> httpx.Response:
    headers = {"authorization": f"Bearer {ticket}"} if ticket else {}
    url = f"{stall.url}/api/v1/market/{path}"
    return httpx.get(url, headers=headers) if body is None else httpx.post(url, json=body, headers=headers)


def word_for(stall: Stall, bought: Purchase) -> str:
    secret = stall.buyer.market.purchases.secret_of(bought)
    return decrypt(asked(stall, f"orders/{bought.order}/challenge", {}).content, secret).decode()


def careful(stall: Stall, *networks: str) -> Buying:
    """Returns the buyer's side of a home that reaches the public internet and these networks alone."""
    org, reach = stall.buyer, Reach(networks)
    finder = SheetFinder(org.ledger, org.market.shelf, reach)
    secret = org.market.purchases._secret
    return Buying(org.ledger, org.market.purchases, org.recorder, org.views, secret, "buyer", finder.sheet_of, reach)


# By buyers


def test_an_order_that_paid_somebody_else_under_our_sheet_gives_nothing(stall: Stall, scans: Path) -> None:
    offer, signed = offered(stall, scans, name="somebody else's")
    asset = stall.buyer.ledger.assets.register("dataset", digest("a thief's")).asset
    theirs = done(stall.buys.offering(asset, OfferDraft("licence", "0", signed.digest_hex)))
    assert theirs.sheet == offer.sheet
    purchases = stall.buyer.market.purchases
    begun = purchases.begin(
        offer=theirs.offer,
        asset=theirs.asset,
        kind="licence",
        title="free",
        sheet=signed.data,
        account=stall.buys.account,
        stated=Stated(),
    )
    recipient = recipient_of(purchases.secret_of(begun)).hex()
    order = done(stall.buys.buying(ToBuy(theirs.offer, recipient, "0", signed.digest_hex)))
    assert (order.order, order.state) == (begun.order, "paid")
    with pytest.raises(DoesNotMatch):  # it is not for its key
        word_for(stall, begun)
    with pytest.raises(NotFound, match="not for an offer of this home"):
        stall.seller.market.selling.admissions.admit(order.order, stall.buyer.market.buying.entrance.claims(begun))
    with pytest.raises(NotFound, match="not this home's"):
        stall.seller.market.selling.preview(theirs.offer, stall.buyer.market.buying.entrance.claims(begun))
    assert records(stall, "seller", "admission", order.order) == []


def test_access_ends_within_a_second_of_a_refund_and_the_money_is_back(
    stall: Stall, scans: Path, tmp_path: Path
) -> None:
    offer, _ = offered(stall, scans, name="refunded", **HELD)
    before = stall.buys.balance().units + stall.buys.owed().units
    bought = buy(stall, offer.offer)
    ticket = stall.buyer.market.buying.ticket(bought.order)
    stall.seller.market.selling.fulfilment.step()
    statement = f"orders/{bought.order}/statement"
    settled(lambda: asked(stall, statement, ticket=ticket).status_code == 200)
    done(stall.sells.refunding(bought.order))
    time.sleep(LOOK_AGAIN_S)
    for path in (statement, f"orders/{bought.order}/content", f"orders/{bought.order}/content-hashes"):
        assert asked(stall, path, ticket=ticket).status_code == 401
    with pytest.raises(NotAllowed):
        stall.buyer.market.buying.ticket(bought.order)
    assert [each.state for each in stall.buyer.market.buying.resume() if each.order == bought.order] == ["refunded"]
    with pytest.raises(NotAllowed, match="was refunded"):
        stall.buyer.market.buying.fetch(bought.order, tmp_path / "got.csv")
    assert stall.buys.balance().units + stall.buys.owed().units == before
    with pytest.raises((NotAllowed, Reverted)):
        done(stall.sells.settling(bought.order))


def test_a_period_ends_with_its_last_second_and_goes_on_when_it_is_renewed(stall: Stall, scans: Path) -> None:
    offer, _ = offered(stall, scans, name="period", kind="period", duration_s=1_000)
    first = buy(stall, offer.offer)
    until = stall.buys.order(first.order).until
    assert until is not None
    ticket = stall.buyer.market.buying.ticket(first.order)
    path = f"orders/{first.order}/statement"
    stall.clock.move(until - 1 - stall.clock())
    assert asked(stall, path, ticket=ticket).status_code == 200
    stall.clock.move(1)
    assert asked(stall, path, ticket=ticket).status_code == 401
    with pytest.raises(NotAllowed):
        stall.buyer.market.buying.ticket(first.order)
    buy(stall, offer.offer)
    assert asked(stall, path, ticket=ticket).status_code == 200  # the same buyer has access again
    stall.clock.move(1_001)
    assert asked(stall, path, ticket=ticket).status_code == 401


def test_uses_are_counted_once_for_each_access_and_burnt_by_nobody_else(stall: Stall, scans: Path) -> None:
    terms = {"rules": [{"name": "once", "effect": "allow", "uses": {"most": 1, "per": "order"}}]}
    offer, _ = offered(stall, scans, name="uses", terms=terms)
    bought = buy(stall, offer.offer)
    claims = stall.buyer.market.buying.entrance.claims(bought)  # somebody has seen these on their way
    for word in ("", "0" * 64, "ö" * 64, "a" * 64):
        answer = asked(stall, f"orders/{bought.order}/ticket", {"claims": claims, "challenge": word})
        assert answer.status_code == 401
    assert records(stall, "seller", "admission", bought.order) == []
    buying = stall.buyer.market.buying
    assert len({buying.ticket(bought.order) for _ in range(3)}) == 3  # interrupted, and asked again
    [record] = records(stall, "seller", "admission", bought.order)
    assert record.about["rule"] == "once"
    stall.clock.move(TICKET_S)
    with pytest.raises(NotAllowed, match="used up"):
        buying.ticket(bought.order)
    assert [each.about["allowed"] for each in records(stall, "seller", "admission", bought.order)] == [True, False]


def test_what_a_buyer_stated_is_in_no_public_part_of_the_log(stall: Stall, scans: Path) -> None:
    rules = [{"name": "research", "effect": "allow", "purposes": ["research"]}]
    offer, _ = offered(stall, scans, name="stated", terms={"purposes": ["research", "espionage"], "rules": rules})
    stated = Stated(purpose="espionage")
    bought = stall.buyer.market.buying.planning(offer.offer, stated, asks_seller=False).carry_out(lambda _: None)
    with pytest.raises(NotAllowed, match="no rule allows it: rule 1 'research' is for research"):
        stall.buyer.market.buying.ticket(bought.order)
    [record] = records(stall, "seller", "admission", bought.order)
    assert record.about["rule"] == "default"
    assert b"espionage" not in record.about_bytes


@pytest.mark.parametrize("wrong", ["another order", "another account", "too old"])
def test_claims_count_for_one_order_of_one_account_and_for_a_while(stall: Stall, scans: Path, wrong: str) -> None:
    offer, _ = offered(stall, scans, name=f"claims {wrong}")
    first, bought = buy(stall, offer.offer), buy(stall, offer.offer)
    about = {
        "another order": first,
        "another account": replace(bought, account=f"0x{'7' * 40}"),
        "too old": bought,
    }[wrong]
    claims = stall.buyer.market.buying.entrance.claims(about)
    if wrong == "too old":
        stall.clock.move(901)
    body = {"claims": claims, "challenge": word_for(stall, bought)}
    answer = asked(stall, f"orders/{bought.order}/ticket", body)
    assert answer.status_code in (400, 409, 422)
    assert records(stall, "seller", "admission", bought.order) == []


def test_a_ticket_opens_its_own_order_alone(stall: Stall, scans: Path) -> None:
    offer, _ = offered(stall, scans, name="tickets")
    first, second = buy(stall, offer.offer), buy(stall, offer.offer)
    ticket = stall.buyer.market.buying.ticket(first.order)
    assert asked(stall, f"orders/{first.order}/statement", ticket=ticket).status_code == 200
    refused = asked(stall, f"orders/{second.order}/statement", ticket=ticket)
    unknown = asked(stall, f"orders/0x{'5' * 64}/statement", ticket=ticket)
    assert refused.status_code == unknown.status_code == 401
    assert refused.json()["detail"] == unknown.json()["detail"]


# By strangers


def shape(answer: httpx.Response) -> tuple[Any, ...]:
    return answer.status_code, len(answer.content), sorted(set(answer.headers) - {"date"})


def test_a_stranger_cannot_tell_orders_that_are_here_from_others(stall: Stall, scans: Path) -> None:
    offer, _ = offered(stall, scans, name="probed")
    bought, nowhere = buy(stall, offer.offer), f"0x{'6' * 64}"
    claims = stall.buyer.market.buying.entrance.claims(bought)
    here, there = (asked(stall, f"orders/{each}/challenge", {}) for each in (bought.order, nowhere))
    assert shape(here) == shape(there)
    body = {"claims": claims, "challenge": "0" * 64}
    here, there = (asked(stall, f"orders/{each}/ticket", body) for each in (bought.order, nowhere))
    assert shape(here) == shape(there)
    assert here.json()["detail"] == there.json()["detail"]
    # The base point of X25519 has a secret that anybody can work out; so has any other fixed key somebody chose.
    of_base_point = next(
        secret
        for m in range(4, 8)
        for sign in (1, -1)
        if (secret := (m * (2**252 + 27742317777372353535851937790883648493) + sign)) % 8 == 0
    ).to_bytes(32, "little")
    assert recipient_of(of_base_point) == bytes([9]) + bytes(31)
    with pytest.raises(DoesNotMatch):
        decrypt(there_again := asked(stall, f"orders/{nowhere}/challenge", {}).content, of_base_point)
    assert there_again


# By sellers


@pytest.mark.parametrize("change", ["price", "sheet"])
def test_what_changes_between_reading_and_buying_is_not_bought(stall: Stall, scans: Path, change: str) -> None:
    offer, _ = offered(stall, scans, name=f"changing {change}")
    planned = stall.buyer.market.buying.planning(offer.offer)
    held = stall.buys.balance().units
    if change == "price":
        done(stall.sells.repricing(offer.offer, "13"))
    else:
        done(stall.sells.offering(offer.asset, OfferDraft("licence", "12.50", digest("another sheet"))))
    with pytest.raises((Reverted, NotAllowed)):
        planned.carry_out(lambda _: None)
    assert stall.buys.balance().units == held
    assert stall.buys.orders(offer=offer.offer) == []
    with pytest.raises(Stale, match="not on the ledger"):
        stall.buyer.market.buying.fetch(planned.order)


def test_a_planned_purchase_whose_sheet_is_gone_is_dropped_by_the_next(stall: Stall, scans: Path) -> None:
    offer, _ = offered(stall, scans, name="re-signed")
    buying, purchases = stall.buyer.market.buying, stall.buyer.market.purchases
    stale = buying.planning(offer.offer)
    done(stall.sells.repricing(offer.offer, "13"))
    with pytest.raises((Reverted, NotAllowed)):
        stale.carry_out(lambda _: None)
    again, signed = offered(stall, scans, name="re-signed", terms=ANYBODY | {"purposes": ["research"]}, price="13")
    assert (again.offer, again.sheet) == (offer.offer, signed.digest_hex)
    bought = buy(stall, offer.offer)
    assert bought.order != stale.order
    assert purchases.at(stale.order).state is PurchaseState.DROPPED
    assert [each.order for each in stall.buys.orders(offer=offer.offer)] == [bought.order]


def test_the_same_listing_again_is_the_same_sheet_and_one_record(stall: Stall, scans: Path) -> None:
    first, signed = offered(stall, scans, name="listed")
    stall.clock.move(60)
    again, signed_again = offered(stall, scans, name="listed")
    assert (first, signed.data) == (again, signed_again.data)
    listings = [stall.seller.archive.record(place) for place in range(stall.seller.archive.size)]
    assert [each.kind for each in listings if each.about.get("offer") == first.offer].count("listing") == 1


LIES: dict[str, Any] = {
    "asset": lambda sheet: replace(sheet, asset=f"0x{'1' * 64}"),
    "number": lambda sheet: replace(sheet, number=sheet.number + 1),
    "market": lambda sheet: replace(sheet, market=f"0x{'2' * 40}"),
    "chain": lambda sheet: replace(sheet, chain_id=sheet.chain_id + 1),
    "kind": lambda sheet: replace(sheet, wares=replace(sheet.wares, kind="period")),
}


def test_a_sheet_that_lies_about_its_offer_is_refused_before_anything_is_paid(stall: Stall, scans: Path) -> None:
    offer, signed = offered(stall, scans, name="lying")
    held, secret = stall.buys.balance().units, stall.seller.market.purchases._secret()
    for name, lie in LIES.items():
        sheet: OfferSheet = lie(signed.sheet)
        false = sign_sheet(sheet, secret, "liar")
        stall.seller.market.shelf.put_sheet(false)
        done(stall.sells.offering(offer.asset, OfferDraft("licence", "12.50", false.digest_hex)))
        with pytest.raises(DoesNotMatch, match="the offer sheet is for another"):
            stall.buyer.market.buying.planning(offer.offer)
        assert stall.buys.balance().units == held, name


def test_content_that_was_swapped_after_publishing_is_neither_delivered_nor_paid(
    stall: Stall, scans: Path, tmp_path: Path
) -> None:
    offer, _ = offered(stall, scans, name="swapped", **HELD)
    bought = buy(stall, offer.offer)
    stall.buyer.market.buying.ticket(bought.order)
    data = bytearray(scans.read_bytes())
    data[1000] ^= 1
    scans.write_bytes(data)
    assert stall.seller.market.selling.fulfilment.step() == 0
    assert stall.buys.order(bought.order).state == "held"
    with pytest.raises(HomeBusy):
        stall.buyer.market.buying.fetch(bought.order, tmp_path / "got.csv", patience_s=0)
    assert not (tmp_path / "got.csv").exists()
    with pytest.raises(Reverted, match="not due yet"):
        done(stall.buys.reclaiming(bought.order))
    before = stall.buys.owed().units
    stall.clock.move(3_601)
    done(stall.buys.reclaiming(bought.order))  # the seller is as good as gone, and the buyer has its money back
    assert stall.buys.owed().units - before == offer.price.units
    assert stall.seller.market.selling.fulfilment.step() == 0
    stall.buyer.market.buying.resume()
    assert stall.buyer.market.purchases.at(bought.order).state is PurchaseState.REFUNDED


def test_a_sheet_and_its_node_do_not_lead_into_the_buyers_own_network(stall: Stall, scans: Path) -> None:
    offer, signed = offered(stall, scans, name="inwards")
    with pytest.raises(NotFound, match="not public"):  # the asset names a node of the buyer's network
        careful(stall).planning(offer.offer)
    with hostile_node() as inner:
        sheet = replace(signed.sheet, wares=replace(signed.sheet.wares, node=inner.url))
        false = sign_sheet(sheet, stall.seller.market.purchases._secret(), "liar")
        stall.seller.market.shelf.put_sheet(false)
        done(stall.sells.offering(offer.asset, OfferDraft("licence", "12.50", false.digest_hex)))
        stall.buyer.market.shelf.put_licence(stall.seller.market.shelf.licence(sheet.wares.licence.sha256))
        stall.buyer.market.shelf.put_sheet(false)  # had from somewhere: only the node is asked now
        with pytest.raises(NotAllowed, match="not public") as refused:
            careful(stall).planning(offer.offer)
        assert "market_networks" not in refused.value.message
        assert inner.paths == []


def test_a_node_that_sends_on_elsewhere_is_not_followed(stall: Stall) -> None:
    with hostile_node() as node, hostile_node() as inner:
        node.how, node.elsewhere = "redirect", f"{inner.url}/api/v1/secrets"
        wire = BuyersWire(node.url, Reach(("127.0.0.0/8",)), QUICK)
        for ask in (
            lambda: wire.preview("0x1", {}),
            lambda: wire.challenge("0x1"),
            lambda: wire.ticket("0x1", {}, "a"),
        ):
            with pytest.raises(NodeUnreachable, match="not followed"):
                ask()
        assert (len(node.paths), inner.paths) == (3, [])


@pytest.mark.parametrize("how", ["huge", "endless", "trickle", "silent"])
def test_a_node_that_is_never_done_is_let_go(how: str) -> None:
    with hostile_node() as node:
        node.how = how
        wire = BuyersWire(node.url, Reach(("127.0.0.0/8",)), QUICK)
        began = time.monotonic()
        for ask in (lambda: wire.challenge("0x1"), lambda: wire.preview("0x1", {})):
            with pytest.raises(NodeUnreachable):
                ask()
        assert time.monotonic() - began < 10


@pytest.mark.parametrize(
    "body",
    [b"", b"null", b"[1]", b'{"allowed": true}', b"[" * 30_000, b"\xff\xfe", b'{"why": "x"}'],
    ids=["empty", "null", "list", "no why", "deep", "no text", "no decision"],
)
def test_an_answer_that_is_no_decision_is_none(body: bytes) -> None:
    with hostile_node() as node:
        node.body = body
        with pytest.raises(MalformedEvidence):
            BuyersWire(node.url, Reach(("127.0.0.0/8",)), QUICK).preview("0x1", {})


def test_what_a_node_says_is_cut_and_steers_no_terminal() -> None:
    with hostile_node() as node:
        wire = BuyersWire(node.url, Reach(("127.0.0.0/8",)), QUICK)
        node.body = json.dumps({"allowed": "yes", "why": "\x1b[2Jcome in" * 1_000}).encode()
        preview = wire.preview("0x1", {})
        assert preview.is_allowed is False
        assert preview.why.isprintable()
        assert len(preview.why) <= 1_000
        node.how = "refuse"
        with pytest.raises(NotAllowed) as refused:
            wire.challenge("0x1")
        assert refused.value.message.isprintable()
        assert len(refused.value.message) < 300


def test_nothing_but_a_word_is_decrypted_for_a_node(stall: Stall, scans: Path) -> None:
    from counterfoil.market.delivery.tickets import sealed_for

    offer, signed = offered(stall, scans, name="oracle")
    bought = buy(stall, offer.offer)
    recipient = recipient_of(stall.buyer.market.purchases.secret_of(bought))
    with hostile_node() as node:
        sheet = replace(signed.sheet, wares=replace(signed.sheet.wares, node=node.url))
        false = sign_sheet(sheet, stall.seller.market.purchases._secret(), "liar")
        lured = replace(bought, sheet=false.data)
        buying = stall.buyer.market.buying
        for body, told in (
            (sealed_for(recipient, b"what somebody else sent"), "something else than a challenge"),
            (sealed_for(recipient_of(b"7" * 32), b"0" * 64), "does not know this order"),
        ):
            node.body = body
            with pytest.raises(NodeUnreachable, match=told):
                buying.entrance.ticket(lured, false)
        node.body = b"no age file"
        with pytest.raises(CounterfoilError):
            buying.entrance.ticket(lured, false)
        assert {path.rpartition("/")[2] for path in node.paths} == {"challenge"}


# At home


def test_two_buys_of_one_offer_at_once_are_one(stall: Stall, scans: Path) -> None:
    offer, _ = offered(stall, scans, name="at once")
    buying, held = stall.buyer.market.buying, stall.buys.balance().units
    planned = [buying.planning(offer.offer, Stated(purpose=purpose)) for purpose in (None, "research")]
    came: list[Any] = []

    def carry_out(place: int) -> None:
        try:
            came.append(planned[place].carry_out(lambda _: None).order)
        except Stale as error:
            came.append(error.message)

    threads = [threading.Thread(target=carry_out, args=(place,)) for place in range(2)]
    [each.start() for each in threads]
    [each.join() for each in threads]
    [order] = stall.buys.orders(offer=offer.offer)
    assert sorted(came) == sorted([order.order, "this offer was bought meanwhile, or is being bought"])
    assert held - stall.buys.balance().units == offer.price.units


class Interrupted(Exception):
    """Somebody does not wait."""


@pytest.mark.parametrize("is_repriced", [False, True], ids=["as it was", "cheaper meanwhile"])
def test_a_purchase_on_its_way_is_gone_on_with_whatever_is_stated_then(
    stall: Stall, scans: Path, is_repriced: bool
) -> None:
    offer, _ = offered(stall, scans, name=f"on its way {is_repriced}")
    buying, held = stall.buyer.market.buying, stall.buys.balance().units

    def leave(_: str) -> None:
        raise Interrupted

    first = buying.planning(offer.offer)
    with pytest.raises(Interrupted):
        first.carry_out(leave)
    if is_repriced:
        offer = done(stall.sells.repricing(offer.offer, "12"))
    again = buying.planning(offer.offer, Stated(purpose="research"))
    assert again.order == first.order
    if is_repriced:
        with pytest.raises(Reverted, match="not offered on these terms"):
            again.carry_out(lambda _: None)
        again = buying.planning(offer.offer, Stated(purpose="research"))
        assert again.order == first.order
    bought = again.carry_out(lambda _: None)
    assert bought.stated.purpose == "research"
    assert [each.order for each in stall.buys.orders(offer=offer.offer)] == [bought.order]
    assert held - stall.buys.balance().units == offer.price.units


def test_one_order_is_fetched_into_one_file_and_recorded_once(stall: Stall, scans: Path, tmp_path: Path) -> None:
    offer, _ = offered(stall, scans, name="twice")
    bought, buying = buy(stall, offer.offer), stall.buyer.market.buying
    came: list[str] = []

    def fetch() -> None:
        try:
            came.append(buying.fetch(bought.order, tmp_path / "got.csv").state)
        except (HomeBusy, InvalidInput) as error:
            came.append(type(error).__name__)

    threads = [threading.Thread(target=fetch) for _ in range(4)]
    [each.start() for each in threads]
    [each.join() for each in threads]
    assert "fetched" in came
    assert (tmp_path / "got.csv").read_bytes() == scans.read_bytes()
    assert buying.fetch(bought.order).state is PurchaseState.FETCHED
    assert len(records(stall, "buyer", "received", bought.order)) == 1
    assert len(records(stall, "seller", "delivery", bought.order)) == 1


def test_a_full_disk_stops_a_download_which_goes_on_later(stall: Stall, tmp_path: Path) -> None:
    path = tmp_path / "large.bin"
    path.write_bytes(bytes(range(256)) * (12 * 4_096))  # 12 MiB: larger than any other file of the two homes
    offer, _ = offered(stall, path, name="large")
    bought, buying = buy(stall, offer.offer), stall.buyer.market.buying
    with full_disk(11 << 20), pytest.raises(InvalidInput, match="cannot be written"):
        buying.fetch(bought.order, tmp_path / "got.bin")
    assert not (tmp_path / "got.bin").exists()
    assert "cannot be written" in stall.buyer.market.purchases.at(bought.order).fault
    [moved] = [each for each in buying.resume() if each.order == bought.order]
    assert (moved.state, moved.fault) == (PurchaseState.FETCHED, "")
    assert (tmp_path / "got.bin").read_bytes() == path.read_bytes()


def test_a_home_restored_from_before_a_purchase_says_what_is_lost(stall: Stall, scans: Path) -> None:
    from counterfoil.market.buying.purchases import purchases

    offer, _ = offered(stall, scans, name="restored")
    bought = buy(stall, offer.offer)
    with stall.buyer.market.state.writing() as connection:
        connection.execute(purchases.delete().where(purchases.c.order == bought.order))
    for ask in (stall.buyer.market.buying.fetch, stall.buyer.market.buying.ticket):
        with pytest.raises(NotFound, match="its key is gone: the home was restored from an older backup"):
            ask(bought.order)
    with pytest.raises(NotFound, match="has no purchase"):
        stall.buyer.market.buying.fetch(f"0x{'4' * 64}")


def test_a_purchase_that_cannot_be_settled_holds_up_no_other(stall: Stall, scans: Path, tmp_path: Path) -> None:
    from counterfoil.ledger.market.views import trades

    offer, _ = offered(stall, scans, name="held up")
    buying, purchases = stall.buyer.market.buying, stall.buyer.market.purchases
    older = buying.planning(offer.offer, to=tmp_path / "got.csv").carry_out(lambda _: None)
    stall.clock.move(1)
    spoilt = buy(stall, offer.offer)  # the newest goes first
    stall.buyer.views.catch_up()
    with stall.buyer.views.engine.begin() as connection:  # as if killed before the purchase was on record
        connection.execute(trades.delete().where(trades.c.order == spoilt.order))
    purchases.change(spoilt.order, state=PurchaseState.PLANNED, sheet=b"{}")
    assert [each.order for each in buying.resume()] == [older.order]
    assert "signed document" in purchases.at(spoilt.order).fault
    purchases.change(spoilt.order, state=PurchaseState.FETCHED, fault="")


def test_a_slow_seller_does_not_hold_up_a_homes_own_orders(stall: Stall, scans: Path) -> None:
    offer, signed = offered(stall, scans, name="slow")
    bought = buy(stall, offer.offer)
    with hostile_node() as node:
        node.how = "silent"
        sheet = replace(signed.sheet, wares=replace(signed.sheet.wares, node=node.url))
        false = sign_sheet(sheet, stall.seller.market.purchases._secret(), "liar")
        stall.buyer.market.purchases.change(bought.order, sheet=false.data, path=str(scans.with_name("got.csv")))
        resuming = stall.buyer.market.resuming
        assert resuming.step(0.3) == 0
        assert len(node.paths) == 1
        assert resuming.step(0.3) == 0  # it is still being waited for, and not asked a second time
        assert len(node.paths) == 1
        node.closing.set()
        stall.buyer.market.purchases.change(bought.order, state=PurchaseState.FETCHED)


def test_a_third_party_learns_nothing_from_a_wrong_word(stall: Stall) -> None:
    with pytest.raises(NotSignedIn):
        stall.seller.market.selling.admit(f"0x{'9' * 64}", {}, "0" * 64)
