"""Whose signature counts."""

from __future__ import annotations

import pytest
from making import ORIGIN, signer

from counterfoil.core.note import parse_note
from counterfoil.core.steps import Status
from counterfoil.core.trust import MAX_HANDOVERS, Trust, sign_handover
from counterfoil.errors import MalformedEvidence

ONE, TWO, THREE = signer(1), signer(2), signer(3)
TEXT = "anything\n"


def test_follows_a_chain_from_the_key_the_checker_named() -> None:
    notes = [sign_handover(ONE, TWO.key, 5), sign_handover(TWO, THREE.key, 9)]
    assert Trust.following(ONE.key, notes).keys == (ONE.key, TWO.key, THREE.key)
    assert Trust.following(TWO.key, notes).keys == (TWO.key, THREE.key)
    assert Trust.following(ONE.key, notes[::-1]).keys == (ONE.key, TWO.key)
    assert Trust.following(ONE.key, notes * 30).keys == (ONE.key, TWO.key, THREE.key)


def test_without_a_named_key_nothing_is_read() -> None:
    assert Trust.following(None, ["not even a note"] * 1_000).keys == ()


@pytest.mark.parametrize(
    "notes",
    [
        [""],
        [ONE.sign("counterfoil.dev/handover/v1\n")],
        [ONE.sign(f"counterfoil.dev/handover/v2\n{ORIGIN}\n{TWO.key}\n5\n")],
        [ONE.sign(f"counterfoil.dev/handover/v1\n{ORIGIN}\nkey\n5\n")],
        [ONE.sign(f"counterfoil.dev/handover/v1\nother.example\n{TWO.key}\n5\n")],
        [ONE.sign(f"counterfoil.dev/handover/v1\n{ORIGIN}\n{TWO.key}\n05\n")],
        [ONE.sign(f"counterfoil.dev/handover/v1\n{ORIGIN}\n{TWO.key}\n5\nmore\n")],
        [sign_handover(ONE, TWO.key, 5)] * (MAX_HANDOVERS + 1),
    ],
    ids=range(8),
)
def test_hand_overs_that_cannot_be_read(notes: list[str]) -> None:
    with pytest.raises(MalformedEvidence):
        Trust.following(ONE.key, notes)


def test_the_step_says_who_signed() -> None:
    trust = Trust.following(ONE.key, [sign_handover(ONE, TWO.key, 5)])
    own, rotated, foreign = (parse_note(key.sign(TEXT)) for key in (ONE, TWO, THREE))
    assert trust.signed(own) == ONE.key
    assert trust.step(own, "the head", ORIGIN).status is Status.PASSED
    assert "handed over" in trust.step(rotated, "the head", ORIGIN).detail
    assert trust.step(foreign, "the head", ORIGIN).status is Status.FAILED
    assert trust.step(own, "the head", "other.example").status is Status.FAILED
    assert Trust().step(own, "the head", ORIGIN).status is Status.NOT_CHECKED
