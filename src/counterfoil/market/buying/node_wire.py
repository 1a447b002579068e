"""What a buyer asks a seller's node before it has a ticket: would I be let in, and let me in."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from counterfoil.errors import MalformedEvidence
from counterfoil.market.delivery.wire import PATIENCE, NodeWire, Patience
from counterfoil.provenance.snapshots.addresses import Reach

__all__ = ["BuyersWire", "Preview"]

MOST_ANSWER_BYTES: Final = 65_536


@dataclass(frozen=True, slots=True)
class Preview:
    """What the terms would decide.

    Attributes:
        is_allowed: Whether they would let in.
        why: In words that the seller's node chose, cut and printable.
    """

    is_allowed: bool
    why: str


class BuyersWire:
    """Asks one seller's node.

    Args:
        url: Address of the node.
        reach: Which addresses may be asked.
        patience: How long the node is waited for.
    """

    def __init__(self, url: str, reach: Reach, patience: Patience = PATIENCE) -> None:
        self._wire = NodeWire(url, reach, patience)

    def preview(self, offer: str, claims: Mapping[str, Any]) -> Preview:
        """Asks how the terms would decide over claims about an order that is not made yet.

        Raises:
            NodeUnreachable: The node does not answer as it should.
            CounterfoilError: What it said was wrong.
        """
        told = self._posted(f"/market/offers/{offer}/preview", {"claims": dict(claims)})
        try:
            answer = json.loads(told)
            return Preview(answer["allowed"] is True, _words(str(answer["why"])))
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise MalformedEvidence("the seller's node answers something else than a decision") from error

    def challenge(self, order: str) -> bytes:
        """Asks for the word that shows whose the order is, as a file of the age format."""
        return self._posted(f"/market/orders/{order}/challenge", {})

    def ticket(self, order: str, claims: Mapping[str, Any], challenge: str) -> bytes:
        """Asks to be let in; returns the ticket as a file of the age format."""
        return self._posted(f"/market/orders/{order}/ticket", {"challenge": challenge, "claims": dict(claims)})

    def _posted(self, path: str, body: Mapping[str, Any]) -> bytes:
        return self._wire.post(path, json.dumps(body).encode(), most_bytes=MOST_ANSWER_BYTES)


def _words(text: str) -> str:
    """Returns somebody else's words, cut and printable."""
    return "".join(each for each in text[:1_000] if each.isprintable())
