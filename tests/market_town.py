"""Two homes that trade, and the processes that open them and are killed: see e2e/market_writer.py."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from making_market import Stall, free_port
from organisations import Clock, copy_home, open_home
from two_traders import joined

from counterfoil.ledger.embedded.server import serve
from counterfoil.organisation import Organisation

__all__ = ["KILLED", "Town", "Writer", "kinds", "opened_town"]

WRITER = Path(__file__).with_name("e2e") / "market_writer.py"
KILLED = {"ended": -signal.SIGKILL}


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
        self._to_hear: list[dict[str, Any]] = []

    def begin(self, told: dict[str, Any]) -> None:
        assert self._process.stdin
        print(json.dumps(told), file=self._process.stdin, flush=True)

    def hear(self) -> dict[str, Any]:
        if self._to_hear:
            return self._to_hear.pop()
        assert self._process.stdout
        return dict(json.loads(self._process.stdout.readline()))

    def hear_again(self, said: dict[str, Any]) -> None:
        """Leaves something that was heard for whoever hears next."""
        self._to_hear.append(said)

    def close(self) -> None:
        with self._process as process:
            os.killpg(process.pid, signal.SIGKILL)  # and whatever it forked last


@dataclass
class Town:
    """Two homes, the processes that open them, and what is on offer.

    Attributes:
        folder: Where both homes lie.
        offers: Name to id of what is sold.
        ports: Of the ledger's node and of the seller's.
        now_s: What both clocks say.
        sells: Forks the seller.
        buys: Forks the buyer.
    """

    folder: Path
    offers: dict[str, str]
    ports: tuple[int, int]
    now_s: float
    sells: Writer
    buys: Writer

    def sell(self, at: str = "", nth: int = 1) -> int | None:
        """Begins to serve; returns the process's number, None where it was killed before it said that it serves."""
        told = {"do": "serve", "home": str(self.folder / "seller" / "home"), "now": self.now_s, "at": at, "nth": nth}
        self.sells.begin(told | {"rpc": self.ports[0], "listen": f"127.0.0.1:{self.ports[1]}"})
        said = self.sells.hear()
        if at and said == KILLED:  # whoever waited for it was there at once
            self.sells.hear_again(said)
            return None
        return int(said["serving"])

    def stop(self, pid: int | None) -> None:
        assert pid is not None
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


@contextmanager
def opened_town(folder: Path, offer_all: Callable[[Stall], dict[str, str]]) -> Iterator[Town]:
    """Makes both homes, has the seller offer what it sells, and ends every process afterwards."""
    ports, clock = (free_port(), free_port()), Clock()
    url = f"http://127.0.0.1:{ports[1]}"
    own = f'public_url = "{url}"\nmarket_networks = ["127.0.0.0/8"]\n'
    with open_home(copy_home(folder / "seller", own), clock) as seller:
        seller.ledger.connect()
        with (
            serve(seller.ledger.opened.chain.rpc, port=ports[0]) as node,  # type: ignore[arg-type]
            joined(folder / "buyer", seller, node, clock, own) as buyer,  # type: ignore[arg-type]
        ):
            offers = offer_all(Stall(seller, buyer, node, clock, url))  # type: ignore[arg-type]
    made = Town(folder, offers, ports, clock(), Writer(), Writer())
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
