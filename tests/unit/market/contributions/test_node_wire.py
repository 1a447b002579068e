"""What an owner's node says of a proposal: held to its form before anybody reads it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from sources import source

from counterfoil.errors import MalformedEvidence
from counterfoil.market.contributions.node_wire import OwnersWire
from counterfoil.provenance.snapshots.addresses import Reach

DIGEST = "ab" * 32
STANDING = {"against": 1, "agree": 2, "proposal": DIGEST, "state": "declined", "words": None}


def standing(answer: str) -> dict[str, Any]:
    with source() as node:
        node.bodies[f"/api/v1/market/proposals/{DIGEST}/standing"] = answer.encode()
        return OwnersWire(node.url, Reach()).standing(DIGEST)


def test_how_a_proposal_stands_is_taken_as_it_is_told_and_its_words_made_printable() -> None:
    assert standing(json.dumps(STANDING)) == STANDING
    words = standing(json.dumps(STANDING | {"words": "No,\nthank you.\x1b[2J" + "!" * 3_000}))["words"]
    assert words.startswith("No,\nthank you.[2J!")
    assert len(words) == 1_999


@pytest.mark.parametrize(
    "answer",
    [
        "[]",
        "no JSON",
        json.dumps(STANDING | {"state": "lost"}),
        json.dumps(STANDING | {"proposal": "\x1b[2J"}),
        json.dumps(STANDING | {"agree": -1}),
        json.dumps(STANDING | {"agree": True}),
        json.dumps(STANDING | {"agree": float("inf")}),
        json.dumps({"state": "open"}),
    ],
)
def test_an_answer_of_another_form_is_refused(answer: str) -> None:
    with pytest.raises(MalformedEvidence, match="something else"):
        standing(answer)
