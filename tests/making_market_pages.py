"""A seller and a buyer whose consoles are served, with something of everything that the market's pages show."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from making_market import Stall, market, offered
from making_node import running, settled
from signing_in import PAGE
from two_traders import done

from counterfoil.market.buying.computing import ToCompute
from counterfoil.market.buying.purchases import Stated
from counterfoil.market.compute.algorithms import Algorithm
from counterfoil.market.compute.jobs.job_book import JobState
from counterfoil.node.access import HOME
from counterfoil.node.app import build_app
from counterfoil.node.node import Node
from counterfoil.node.settings import NodeSettings
from counterfoil.organisation import Organisation
from counterfoil.provenance.quality.check import check_quality
from counterfoil.web.roles import Role

__all__ = ["LICENCE_TEXT", "PURPOSES", "Counter", "Fairground", "fairground"]

LICENCE_TEXT = "You may use it for research in the EU, and must not pass it on."
PURPOSES: dict[str, Any] = {
    "purposes": ["research", "teaching"],
    "rules": [
        {"effect": "allow", "jurisdictions": {"in": ["EU"]}, "name": "research in the EU", "purposes": ["research"]},
        {"effect": "deny", "name": "not our competitor", "organisations": ["rival.example"]},
    ],
}
LOOKS = (
    '# /// counterfoil\n# name = "mean dose"\n# version = "1"\n# ///\n'
    "import json\n"
    "for part in range(1, 5): print('part', part, 'of 4')\n"
    "json.dump({'mean': 7.25}, open('/out/result.json', 'w'))\n"
    "open('/out/notes.txt', 'w').write('all is well: 300 rows, mean 7.25')\n"
)
GATE: dict[str, Any] = {
    "maxBytes": 10_000,
    "files": [
        {
            "name": "result.json",
            "type": "json",
            "maxBytes": 1_000,
            "schema": {
                "type": "object",
                "properties": {"mean": {"type": "number"}},
                "required": ["mean"],
                "additionalProperties": False,
            },
        },
        {"name": "notes.txt", "type": "text", "maxBytes": 1_000},
    ],
}


@dataclass
class Counter:
    """One side's console.

    Attributes:
        org: Whose.
        node: Serves it.
        url: Where.
        token: Of an operator's key.
    """

    org: Organisation
    node: Node
    url: str
    token: str

    @property
    def headers(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self.token}"}

    @property
    def client(self) -> httpx.Client:
        return httpx.Client(base_url=self.url, headers=self.headers | PAGE)


@dataclass
class Fairground:
    """Both sides.

    Attributes:
        stall: The two homes.
        seller, buyer: Their consoles.
        file: A table that is on record at the seller's as `loans`, and not on offer yet.
        offer: Of access for good to scans.
        order: What the buyer bought of it, and fetched.
    """

    stall: Stall
    seller: Counter
    buyer: Counter
    file: Path
    offer: str
    order: str


@contextmanager
def fairground(folder: Path) -> Iterator[Fairground]:
    """Opens both, with an offer that was bought and fetched, and a table that could be sold."""
    with market(folder) as stall:
        assert stall.node_of_seller is not None
        buying = Node(stall.buyer, NodeSettings())
        with running(build_app(buying), NodeSettings()) as url:
            seller = Counter(stall.seller, stall.node_of_seller, stall.url, _token(stall.node_of_seller))
            buyer = Counter(stall.buyer, buying, url, _token(buying))
            offer, order = _sold(stall, folder)
            yield Fairground(stall, seller, buyer, _loans(stall.seller, folder), offer, order)


def with_jobs(ground: Fairground, folder: Path) -> str:
    """Has the buyer buy a computation whose notes wait at the release desk; returns the order."""
    assert shutil.which("bwrap") is not None
    stall, path = ground.stall, folder / "doses.csv"
    path.write_text("person,dose\n" + "".join(f"{each},{each % 15}\n" for each in range(300)))
    looks = Algorithm.of({"main.py": LOOKS.encode()})
    rules = {"algorithms": {"digests": [looks.digest_hex]}, "gate": GATE}
    offer, _ = offered(stall, path, name="doses", kind="job", delivery_s=86_400, window_s=600, compute=rules)
    order = stall.buyer.market.computing.planning(offer.offer, ToCompute(looks)).carry_out(lambda _: None).order
    jobs = stall.seller.market.jobs

    def is_held() -> bool:
        jobs.step()
        return jobs.book.at(order).state is JobState.HELD

    settled(is_held)
    return order


def _sold(stall: Stall, folder: Path) -> tuple[str, str]:
    path = folder / "scans.bin"
    path.write_bytes(bytes(range(256)) * 400)
    offer, _ = offered(stall, path)
    kept = folder / "sessions.csv"
    kept.write_text("session\n1\n")
    offered(stall, kept, name="sessions", kind="period", duration_s=30 * 86_400, price="3", terms=PURPOSES, supply=5)
    buying, bought = stall.buyer.market.buying, stall.buyer.market.bought
    order = buying.planning(offer.offer, Stated()).carry_out(lambda _: None).order
    (bought / order).mkdir(parents=True)
    buying.fetch(order, bought / order)
    done(stall.buyer.market.reviews.planning(offer.offer, 4, "Clean, and delivered in a minute."))
    held = folder / "held.csv"
    held.write_text("held\n1\n")
    other, _ = offered(stall, held, name="held", window_s=86_400, delivery_s=3 * 86_400, price="40")
    buying.planning(other.offer, Stated()).carry_out(lambda _: None)
    for org in (stall.seller, stall.buyer):
        org.market.refresh()
    return offer.offer, order


def _loans(org: Organisation, folder: Path) -> Path:
    path = folder / "loans.csv"
    rows = [
        f"{each},p{each}@mail.example,{20 + each % 50},{1_000 + each * 7},{'yes' if each % 3 else 'no'}"
        for each in range(400)
    ]
    path.write_text("number,email,age,amount,repaid\n" + "\n".join(rows) + "\n")
    dataset = org.provenance.register_dataset(path, name="loans")
    org.provenance.reports.record_quality(dataset, check_quality(path))
    return path


def _token(node: Node) -> str:
    return node.access.keys.add("browser", frozenset({Role.OPERATOR}), by=HOME).token
