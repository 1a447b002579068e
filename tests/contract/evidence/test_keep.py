"""Older heads that are kept, and entries that are shown to be in a log."""

from __future__ import annotations

from typing import Any

import pytest
from contract.evidence.harness import STRANGER, Tree, anchor, events, refused

NO_BEGINNING = "not a beginning of the head held"
TREE = Tree.of(13)


@pytest.mark.parametrize("size", [1, 2, 6, 8, 12, 13])
def test_anybody_keeps_a_beginning_of_the_head_held(evidence: Any, log_id: bytes, size: int) -> None:
    anchor(evidence, log_id, TREE)

    evidence.keep(log_id, size, TREE.root(size), TREE.consistency(size), sender=STRANGER.address)

    assert events(evidence) == [("Kept", log_id, size, TREE.root(size))]
    assert evidence.kept(log_id, size) == TREE.root(size)
    assert evidence.kept(log_id, size - 1) == evidence.kept(log_id, size + 1) == bytes(32)


def test_a_kept_head_stays_while_the_log_grows(evidence: Any, log_id: bytes) -> None:
    anchor(evidence, log_id, TREE, 6)
    evidence.keep(log_id, 6, TREE.root(6), [])

    anchor(evidence, log_id, TREE)
    evidence.keep(log_id, 6, TREE.root(6), TREE.consistency(6))

    assert evidence.kept(log_id, 6) == TREE.root(6)


OTHER = Tree.of(13, "other")
PROOF = TREE.consistency(6)
REFUSED = {
    "no size": (0, bytes(32), []),
    "no proof": (6, TREE.root(6), []),
    "a hash short": (6, TREE.root(6), PROOF[:-1]),
    "a hash left over": (6, TREE.root(6), [*PROOF, bytes(32)]),
    "the root of another size": (6, TREE.root(5), PROOF),
    "another size": (7, TREE.root(6), PROOF),
    "another log's root": (6, OTHER.root(6), PROOF),
    "another log's head and proof": (6, OTHER.root(6), OTHER.consistency(6)),
    "the size held, another root": (13, OTHER.root(), []),
    "larger": (14, Tree.of(14).root(), []),
    "larger, the proof backwards": (14, Tree.of(14).root(), Tree.of(14).consistency(13)),
    "the largest number": (2**256 - 1, TREE.root(), []),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_beginning_is_not_kept(evidence: Any, log_id: bytes, case: str) -> None:
    anchor(evidence, log_id, TREE)

    with refused(NO_BEGINNING):
        evidence.keep(log_id, *REFUSED[case])

    assert evidence.kept(log_id, REFUSED[case][0]) == bytes(32)


def test_nothing_is_kept_before_there_is_a_head(evidence: Any, log_id: bytes) -> None:
    for size in (0, 1):
        with refused(NO_BEGINNING):
            evidence.keep(log_id, size, bytes(32), [])


@pytest.mark.parametrize("size", [1, 8, 11, 13])
def test_an_entry_is_shown_against_a_kept_head_or_the_one_held(evidence: Any, log_id: bytes, size: int) -> None:
    anchor(evidence, log_id, TREE)
    evidence.keep(log_id, size, TREE.root(size), TREE.consistency(size))

    for index in range(size):
        assert evidence.included(log_id, size, TREE.leaves[index], index, TREE.inclusion(index, size))
        assert not evidence.included(log_id, size, TREE.root(size + 1), index, TREE.inclusion(index, size))


def test_an_entry_is_not_shown_without_a_head_of_that_size(evidence: Any, log_id: bytes) -> None:
    shown = (log_id, 13, TREE.leaves[4], 4, TREE.inclusion(4))
    assert not evidence.included(*shown)
    assert not evidence.included(log_id, 0, bytes(32), 0, [])

    anchor(evidence, log_id, TREE)

    assert evidence.included(*shown)
    assert not evidence.included(log_id, 8, TREE.leaves[4], 4, TREE.inclusion(4, 8))
    assert not evidence.included(log_id, 13, TREE.leaves[4], 5, TREE.inclusion(4))
    assert not evidence.included(log_id, 13, TREE.leaves[4], 13, TREE.inclusion(4))
    assert not evidence.included(log_id, 13, TREE.leaves[4], 4, TREE.inclusion(4)[:-1])
    assert not evidence.included(log_id, 13, TREE.leaves[4], 4, [*TREE.inclusion(4), bytes(32)])
    assert not evidence.included(bytes(32), *shown[1:])
