"""What a buyer asks a node before it has a ticket; nodes that misbehave are in tests/hostile/test_market.py."""

from __future__ import annotations

from making_hostile_node import hostile_node

from counterfoil.market.buying.node_wire import BuyersWire
from counterfoil.provenance.snapshots.addresses import Reach


def test_each_question_goes_to_its_own_address() -> None:
    with hostile_node() as node:
        wire = BuyersWire(f"{node.url}/shop/", Reach(("127.0.0.0/8",)))
        node.body = b'{"allowed": true, "why": "allowed by rule 1"}'
        preview = wire.preview("0x1", {"format": "counterfoil claims 1"})
        assert (preview.is_allowed, preview.why) == (True, "allowed by rule 1")
        node.body = b"age"
        assert (wire.challenge("0x2"), wire.ticket("0x2", {}, "word")) == (b"age", b"age")
        assert node.paths == [
            "/shop/api/v1/market/offers/0x1/preview",
            "/shop/api/v1/market/orders/0x2/challenge",
            "/shop/api/v1/market/orders/0x2/ticket",
        ]
