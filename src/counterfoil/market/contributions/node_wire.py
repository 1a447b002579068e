"""What contributors and reviewers ask the node of an asset's owner."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final, get_args

from counterfoil.core import canonical
from counterfoil.errors import InvalidInput, MalformedEvidence, NodeUnreachable
from counterfoil.market.contributions.opening import MOST_OPENING_BYTES, SignedOpening, read_opening
from counterfoil.market.contributions.registry import ProposalState
from counterfoil.market.contributions.vote import MOST_WORDS
from counterfoil.market.delivery.wire import NodeWire
from counterfoil.market.sheets.members import Members
from counterfoil.provenance.snapshots.addresses import Reach

__all__ = ["OwnersWire"]

_MOST_ANSWER_BYTES: Final = 16_384


class OwnersWire:
    """Asks one owner's node.

    Args:
        url: Address of the node.
        reach: Which addresses may be asked.
    """

    def __init__(self, url: str, reach: Reach) -> None:
        self._wire = NodeWire(url, reach)

    def opening(self, asset: str) -> SignedOpening:
        """Asks for an asset's newest opening.

        Raises:
            NodeUnreachable: The node does not answer as it should.
            NotFound: It takes no proposals for the asset.
        """
        with self._wire.open("GET", f"/market/openings/{asset}", {}) as incoming:
            if incoming.left_bytes > MOST_OPENING_BYTES:
                raise NodeUnreachable(f"the node answers {incoming.left_bytes:,} bytes, where an opening was asked for")
            return read_opening(incoming.read(incoming.left_bytes))

    def propose(self, proposal: Mapping[str, Any]) -> dict[str, Any]:
        """Hands in a proposal; returns how it stands."""
        return self._posted("/market/proposals", {"proposal": dict(proposal)})

    def send(self, digest: str, sealed: bytes) -> dict[str, Any]:
        """Sends the contents of a proposal, encrypted; returns how it stands."""
        headers = {"content-type": "application/octet-stream"}
        with self._wire.open("POST", f"/market/proposals/{digest}/contents", headers, sealed) as incoming:
            return _standing(incoming.read(min(incoming.left_bytes, _MOST_ANSWER_BYTES)))

    def standing(self, digest: str) -> dict[str, Any]:
        """Asks how a proposal stands."""
        with self._wire.open("GET", f"/market/proposals/{digest}/standing", {}) as incoming:
            return _standing(incoming.read(min(incoming.left_bytes, _MOST_ANSWER_BYTES)))

    def vote(self, digest: str, vote: Mapping[str, Any]) -> dict[str, Any]:
        """Gives a reviewer's vote; returns how the proposal stands."""
        return self._posted(f"/market/proposals/{digest}/votes", {"vote": dict(vote)})

    def withdraw(self, digest: str, withdrawal: Mapping[str, Any]) -> dict[str, Any]:
        """Takes a proposal back; returns how it stands."""
        return self._posted(f"/market/proposals/{digest}/withdrawal", {"withdrawal": dict(withdrawal)})

    def _posted(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        return _standing(self._wire.post(path, json.dumps(body).encode(), most_bytes=_MOST_ANSWER_BYTES))


def _standing(data: bytes) -> dict[str, Any]:
    """Returns how a proposal stands as a node tells it, its words cut and printable."""
    try:
        answer = canonical.loads(data)
        told = Members(answer, whose="the answer of the owner's node")
        words = str(answer.get("words") or "")[:MOST_WORDS]
        return {
            "against": told.whole("against"),
            "agree": told.whole("agree"),
            "proposal": told.digest("proposal"),
            "state": told.one_of("state", get_args(ProposalState)),
            "words": "".join(each for each in words if each.isprintable() or each == "\n") or None,
        }
    except InvalidInput as error:
        raise MalformedEvidence("the owner's node answers something else than how a proposal stands") from error
