"""A seller whose node really serves, and a buyer on the same ledger who reaches it over HTTP."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lying_node import LyingNode
from making_access import CHEAP
from making_node import running
from organisations import Clock, copy_home, open_home
from two_traders import Fair, done, joined

from counterfoil.ledger.market.offer import Offer
from counterfoil.ledger.market.selling import OfferDraft
from counterfoil.market.selling.goods import Place
from counterfoil.market.selling.offering import Listing, Registered
from counterfoil.market.sheets.sheet import SignedSheet
from counterfoil.market.sheets.wares import Seller, SheetLicence, Wares
from counterfoil.node.app import build_app
from counterfoil.node.chores import Chores
from counterfoil.node.node import Node
from counterfoil.node.settings import NodeSettings

__all__ = ["ANYBODY", "LICENCE", "Stall", "free_port", "market", "offered"]

LICENCE = b"You may use it for research and must not pass it on.\n"
ANYBODY: dict[str, Any] = {"rules": [{"name": "anybody", "effect": "allow"}]}


@dataclass
class Stall(Fair):
    """A fair whose seller also serves a node.

    What a node does by itself is left out: each test takes those steps when it wants them.

    Attributes:
        url: The seller's node.
        node_of_seller: The same.
    """

    url: str = ""
    node_of_seller: Node | None = None


def free_port() -> int:
    """Returns a port of loopback that nobody listens on now."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


@contextmanager
def market(folder: Path) -> Iterator[Stall]:
    """Opens seller, ledger, node and buyer."""
    clock, url = Clock(), f"http://127.0.0.1:{free_port()}"
    own = f'public_url = "{url}"\nmarket_folder = "goods"\nmarket_networks = ["127.0.0.0/8"]\n'
    with open_home(copy_home(folder / "seller", own), clock) as seller:
        seller.ledger.connect()
        served = Node(seller, NodeSettings(), password_cost=CHEAP)
        served.chores = Chores(served.state, [])
        with (
            LyingNode(seller.ledger.opened.chain.rpc) as node,
            running(build_app(served), NodeSettings(), listen=url.removeprefix("http://")),
            joined(folder / "buyer", seller, node, clock, own) as buyer,
        ):
            yield Stall(seller, buyer, node, clock, url, served)


def offered(
    stall: Stall,
    path: Path,
    *,
    terms: dict[str, Any] | None = None,
    name: str = "scans",
    compute: dict[str, Any] | None = None,
    parameters: dict[str, Any] | None = None,
    **draft: Any,
) -> tuple[Offer, SignedSheet]:
    """Lists a file or folder, and returns the offer and its sheet."""
    seller = stall.seller
    known = seller.provenance.register_dataset(path, name=name)
    of = Registered("dataset", name, known.record.version, known.leaf, known.leaf)
    kind = draft.setdefault("kind", "licence")
    wares = Wares(
        kind,
        "dataset",
        "Scans of 40 chests",
        "Made in one clinic, with consent.",
        SheetLicence("research only", seller.market.shelf.put_licence(LICENCE)),
        stall.url,
        Seller("Bank", seller.archive.origin),
        tags=("health",),
        terms=terms or ANYBODY,
        compute=compute,
        parameters=parameters or {},
    )
    listing = Listing(
        wares, of, Place("path", str(path)), OfferDraft(**{"price": "12.50", "sheet": ""} | draft), uri=f"{stall.url}/"
    )
    quote, signed, carry_out = seller.market.selling.offering.planning(listing)
    return done((quote, carry_out)), signed
