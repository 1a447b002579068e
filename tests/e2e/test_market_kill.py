"""kill -9 at every step of a purchase, on either side: it is paid once, delivered once, recorded once."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from making_market import LICENCE, Stall, offered
from market_town import KILLED, Town, kinds, opened_town
from organisations import Clock, open_home

SIZE = 3 * (1 << 20) + 5

BUYING = [
    ("buy", "Purchases.keep", 1),  # before it is kept
    ("buy", "ContractCalls._submitted", 1),  # kept, and not sent
    ("buy", "awaited", 1),  # in the outbox
    ("resume", "Buying._settled", 1),  # on its way, and nobody asked again
    ("buy", "Trades._record", 1),  # final, and not on record
    ("resume", "Purchases.change", 1),  # on record, and not known as bought
    ("buy", "BuyersWire.challenge", 1),  # bought, and no ticket
    ("resume", "BuyersWire.ticket", 1),
    ("resume", "fetch", 1),  # a ticket, and nothing asked for
    ("resume", "_Fetch._hashes", 1),  # during the statement
    ("resume", "_Fetch._take", 3),  # during the download
    ("resume", "_name", 1),  # all is there, under no name
    ("resume", "Received.record", 1),  # here, and not on record
    ("resume", "Purchases.change", 2),  # on record, and not known as fetched
]
HELD = [("buy", "BuyersWire.ticket", 1), ("resume", "_Fetch._take", 2)]
SELLING = [
    ("Admissions._record", 1),  # decided, and not on record
    ("Tickets.issue", 1),  # on record, and no ticket
    ("Deliveries._new_statement", 1),  # asked for, and nothing promised
    ("Selling._promised", 1),  # signed, and not on record
    ("ContractCalls._submitted", 1),  # promised, and the ledger not told
    ("awaited", 1),  # in the outbox
    ("Trades._record", 1),  # the ledger knows, and the log does not
    ("Deliveries.ciphertext", 1),  # before the first byte
]
SETTLING = [("ContractCalls._submitted", 1), ("awaited", 1), ("Trades._record", 1)]


@pytest.fixture(scope="module")
def content(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sold") / "scans.bin"
    path.write_bytes(os.urandom(SIZE))
    return path


@pytest.fixture(scope="module")
def town(content: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    def offer_all(stall: Stall) -> dict[str, str]:
        paid, _ = offered(stall, content, name="paid")
        held, _ = offered(stall, content, name="held", delivery_s=3_600, window_s=86_400)
        return {"paid": paid.offer, "held": held.offer}

    with opened_town(tmp_path_factory.mktemp("town"), offer_all) as made:
        yield made


@pytest.mark.parametrize("what", ["paid", "held"])
def test_a_buyer_killed_at_every_step_pays_once_and_has_it(town: Town, content: Path, what: str) -> None:
    offer, to = town.offers[what], town.folder / f"{what}.bin"
    serving = town.sell()
    for do, at, nth in BUYING if what == "paid" else HELD:
        town.buy(do, offer, to, at, nth)
        assert town.buys.hear() == KILLED, f"{at} was not reached"
    town.buy("resume", offer, to)
    [newest] = town.bought()
    town.stop(serving)
    assert (newest["state"], newest["fault"]) == ("fetched", None)
    assert to.read_bytes() == content.read_bytes()
    assert not to.with_name(f"{to.name}.partial").exists()
    with town.opened() as (seller, buyer):
        [order] = buyer.ledger.market.orders(offer=offer)
        assert order.order == newest["order"]
        assert buyer.ledger.market.records(order=order.order) != []
        assert kinds(buyer, order.order) == {"bought": 1, "received": 1}
        delivered = {"delivered": 1} if what == "held" else {}
        assert kinds(seller, order.order) == {"admission": 1, "delivery": 1} | delivered
        spent = len(buyer.ledger.market.orders()) * 125 * 10**5
        assert buyer.ledger.market.balance().units == 10**9 - spent


def test_a_seller_killed_at_every_step_delivers_once_and_is_paid_once(town: Town, content: Path) -> None:
    to = town.folder / "from a seller.bin"
    with town.opened() as (seller, buyer):
        buyer.market.shelf.put_licence(LICENCE)
        buyer.market.shelf.put_sheet(seller.market.shelf.sheet(seller.ledger.market.offer(town.offers["held"]).sheet))
        known = {each.order for each in buyer.ledger.market.orders()}
        bought = buyer.market.buying.planning(town.offers["held"], to=to, asks_seller=False).carry_out(lambda _: None)
        assert bought.order not in known
    first = town.sell(*SELLING[0])
    town.buy("resume", town.offers["held"], to)
    for place, (at, _) in enumerate(SELLING):
        assert town.sells.hear() == KILLED, f"{at} was not reached"
        if at == "Deliveries.ciphertext":
            assert not to.exists()
            with open_home(town.folder / "seller" / "home", Clock(town.now_s)) as seller:
                assert seller.ledger.market.order(bought.order).state == "delivered"
        first = town.sell(*SELLING[place + 1]) if place + 1 < len(SELLING) else town.sell()
    assert {each["state"] for each in town.bought()} == {"fetched"}
    assert to.read_bytes() == content.read_bytes()
    town.stop(first)
    town.now_s += 86_401
    for at, nth in SETTLING:
        town.sell(at, nth)
        assert town.sells.hear() == KILLED, f"{at} was not reached"
    with town.opened() as (seller, buyer):
        assert "went on" in seller.market.step()
        assert seller.market.step() == ""
        assert kinds(seller, bought.order) == {"admission": 1, "delivery": 1, "delivered": 1, "settled": 1}
        assert kinds(buyer, bought.order) == {"bought": 1, "received": 1}
        sold = seller.ledger.market.orders(offer=town.offers["held"])
        assert {each.state for each in sold} == {"settled"}
        assert seller.ledger.market.owed().units == len(buyer.ledger.market.orders()) * 125 * 10**5
