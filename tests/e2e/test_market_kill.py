"""kill -9 at every step of a purchase, on either side: it is paid once, delivered once, recorded once."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from making_market import LICENCE, Stall, free_port, offered
from organisations import Clock, copy_home, open_home
from two_traders import joined

from counterfoil.ledger.embedded.server import serve
from counterfoil.organisation import Organisation

WRITER = Path(__file__).with_name("market_writer.py")
KILLED = {"ended": -signal.SIGKILL}
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


class Writer:
    """A process that forks the ones that are killed."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(WRITER)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def begin(self, told: dict[str, Any]) -> None:
        assert self._process.stdin
        print(json.dumps(told), file=self._process.stdin, flush=True)

    def hear(self) -> dict[str, Any]:
        assert self._process.stdout
        return dict(json.loads(self._process.stdout.readline()))

    def close(self) -> None:
        with self._process as process:
            os.killpg(process.pid, signal.SIGKILL)  # and whatever it forked last


@dataclass
class Town:
    """Two homes, the processes that open them, and what is on offer."""

    folder: Path
    content: Path
    paid: str
    held: str
    ports: tuple[int, int]
    now_s: float
    sells: Writer
    buys: Writer

    def sell(self, at: str = "", nth: int = 1) -> int:
        """Begins to serve; returns the process's number."""
        told = {"do": "serve", "home": str(self.folder / "seller" / "home"), "now": self.now_s, "at": at, "nth": nth}
        self.sells.begin(told | {"rpc": self.ports[0], "listen": f"127.0.0.1:{self.ports[1]}"})
        return int(self.sells.hear()["serving"])

    def stop(self, pid: int) -> None:
        os.kill(pid, signal.SIGKILL)
        assert self.sells.hear() == KILLED

    def buy(self, do: str, offer: str, to: Path, at: str = "", nth: int = 1) -> None:
        told = {"do": do, "home": str(self.folder / "buyer" / "home"), "now": self.now_s, "at": at, "nth": nth}
        self.buys.begin(told | {"offer": offer, "to": str(to)})

    def bought(self) -> list[dict[str, Any]]:
        """Returns the purchases that a buyer that was not killed told of."""
        told = self.buys.hear()
        assert self.buys.hear() == {"ended": 0}
        return list(told["purchases"])

    @contextmanager
    def opened(self) -> Iterator[tuple[Organisation, Organisation]]:
        """Opens both homes here, while no process has them."""
        with (
            open_home(self.folder / "seller" / "home", Clock(self.now_s)) as seller,
            serve(seller.ledger.opened.chain.rpc, port=self.ports[0]),  # type: ignore[arg-type]
            open_home(self.folder / "buyer" / "home", Clock(self.now_s)) as buyer,
        ):
            yield seller, buyer


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    folder, ports, clock = tmp_path_factory.mktemp("town"), (free_port(), free_port()), Clock()
    url = f"http://127.0.0.1:{ports[1]}"
    own = f'public_url = "{url}"\nmarket_networks = ["127.0.0.0/8"]\n'
    content = folder / "scans.bin"
    content.write_bytes(os.urandom(SIZE))
    with open_home(copy_home(folder / "seller", own), clock) as seller:
        seller.ledger.connect()
        with (
            serve(seller.ledger.opened.chain.rpc, port=ports[0]) as node,  # type: ignore[arg-type]
            joined(folder / "buyer", seller, node, clock, own) as buyer,  # type: ignore[arg-type]
        ):
            stall = Stall(seller, buyer, node, clock, url)  # type: ignore[arg-type]
            paid, _ = offered(stall, content, name="paid")
            held, _ = offered(stall, content, name="held", delivery_s=3_600, window_s=86_400)
    made = Town(folder, content, paid.offer, held.offer, ports, clock(), Writer(), Writer())
    try:
        yield made
    finally:
        made.sells.close()
        made.buys.close()


def kinds(org: Organisation, order: str) -> Counter[str]:
    """Counts what a log says of an order; of trades, by what was done."""
    found = [org.archive.record(place) for place in range(org.archive.size)]
    return Counter(
        str(each.about.get("action", each.kind))
        for each in found
        if each.stream in ("market", "trades") and each.about.get("order") == order
    )


@pytest.mark.parametrize("what", ["paid", "held"])
def test_a_buyer_killed_at_every_step_pays_once_and_has_it(town: Town, what: str) -> None:
    offer, to = getattr(town, what), town.folder / f"{what}.bin"
    serving = town.sell()
    for do, at, nth in BUYING if what == "paid" else HELD:
        town.buy(do, offer, to, at, nth)
        assert town.buys.hear() == KILLED, f"{at} was not reached"
    town.buy("resume", offer, to)
    [newest] = town.bought()
    town.stop(serving)
    assert (newest["state"], newest["fault"]) == ("fetched", None)
    assert to.read_bytes() == town.content.read_bytes()
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


def test_a_seller_killed_at_every_step_delivers_once_and_is_paid_once(town: Town) -> None:
    to = town.folder / "from a seller.bin"
    with town.opened() as (seller, buyer):
        buyer.market.shelf.put_licence(LICENCE)
        buyer.market.shelf.put_sheet(seller.market.shelf.sheet(seller.ledger.market.offer(town.held).sheet))
        known = {each.order for each in buyer.ledger.market.orders()}
        bought = buyer.market.buying.planning(town.held, to=to, asks_seller=False).carry_out(lambda _: None)
        assert bought.order not in known
    first = town.sell(*SELLING[0])
    town.buy("resume", town.held, to)
    for place, (at, _) in enumerate(SELLING):
        assert town.sells.hear() == KILLED, f"{at} was not reached"
        if at == "Deliveries.ciphertext":
            assert not to.exists()
            with open_home(town.folder / "seller" / "home", Clock(town.now_s)) as seller:
                assert seller.ledger.market.order(bought.order).state == "delivered"
        first = town.sell(*SELLING[place + 1]) if place + 1 < len(SELLING) else town.sell()
    assert {each["state"] for each in town.bought()} == {"fetched"}
    assert to.read_bytes() == town.content.read_bytes()
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
        sold = seller.ledger.market.orders(offer=town.held)
        assert {each.state for each in sold} == {"settled"}
        assert seller.ledger.market.owed().units == len(buyer.ledger.market.orders()) * 125 * 10**5
