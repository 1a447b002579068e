"""Anchoring: a head is taken only when it extends the one held."""

from __future__ import annotations

from typing import Any

import boa
import pytest
from contract.evidence.harness import MAX_SIZE, STRANGER, WRITER, Tree, anchor, events, made_up_proof, open_log, refused

from counterfoil.core.check_anchor import head_slots
from counterfoil.ledger.contracts.artefact import Artefact

NO_EXTENSION = "not an extension of the head held"
TREE = Tree.of(40)


def send(evidence: Any, log_id: bytes, size: int, root: bytes, proof: list[bytes]) -> None:
    evidence.anchor(log_id, size, root, proof, sender=WRITER.address)


def test_a_first_head_needs_no_proof(evidence: Any, log_id: bytes) -> None:
    send(evidence, log_id, 5, TREE.root(5), [])

    assert events(evidence) == [("Anchored", log_id, 5, TREE.root(5))]
    assert evidence.head(log_id) == (5, TREE.root(5), boa.env.timestamp)


@pytest.mark.parametrize(
    ("size", "root", "proof", "reason"),
    [
        (0, TREE.root(1), [], "size out of range"),
        (MAX_SIZE + 1, TREE.root(1), [], "size out of range"),
        (2**256 - 1, TREE.root(1), [], "size out of range"),
        (1, TREE.root(1), [TREE.root(1)], "the first head needs no proof"),
        (1, bytes(32), [], "a head needs a root"),
    ],
    ids=["no size", "a size too large", "the largest number", "a proof", "no root"],
)
def test_a_first_head_has_its_limits(
    evidence: Any, log_id: bytes, size: int, root: bytes, proof: list[bytes], reason: str
) -> None:
    with refused(reason):
        send(evidence, log_id, size, root, proof)


def test_the_largest_size_is_taken(evidence: Any, log_id: bytes) -> None:
    send(evidence, log_id, MAX_SIZE, TREE.root(1), [])
    send(evidence, log_id, MAX_SIZE, TREE.root(1), [])

    assert evidence.head(log_id)[0] == MAX_SIZE
    assert evidence.writer(log_id) == WRITER.address
    with refused("size out of range"):
        send(evidence, log_id, MAX_SIZE + 1, TREE.root(1), [])


@pytest.mark.parametrize("sizes", [(1, 2, 3, 4, 5, 6, 7, 8, 9), (1, 40), (8, 16, 32), (7, 8, 33), (12, 40), (31, 32)])
def test_a_head_that_extends_the_one_held_is_taken(evidence: Any, log_id: bytes, sizes: tuple[int, ...]) -> None:
    for size in sizes:
        boa.env.time_travel(seconds=60)
        anchor(evidence, log_id, TREE, size)
        assert events(evidence) == [("Anchored", log_id, size, TREE.root(size))]
        assert evidence.head(log_id) == (size, TREE.root(size), boa.env.timestamp)
        assert evidence.writer(log_id) == WRITER.address


def test_a_head_is_in_storage_where_checkers_look(evidence: Any, log_id: bytes) -> None:
    anchor(evidence, log_id, TREE, 6)
    slots = head_slots(log_id, Artefact.load("Evidence").slots["_heads"])

    packed, root = (boa.env.get_storage(evidence.address, int.from_bytes(slot, "big")) for slot in slots)

    assert packed == int(WRITER.address, 16) | 6 << 160 | boa.env.timestamp << 208
    assert root == int.from_bytes(TREE.root(6), "big")


def test_the_same_head_again_renews_its_time(evidence: Any, log_id: bytes) -> None:
    anchor(evidence, log_id, TREE, 6)
    boa.env.time_travel(seconds=3600)

    send(evidence, log_id, 6, TREE.root(6), [])

    assert events(evidence) == [("Anchored", log_id, 6, TREE.root(6))]
    assert evidence.head(log_id) == (6, TREE.root(6), boa.env.timestamp)


OTHER = Tree.of(9, "other")
PROOF = TREE.consistency(6, 9)
REFUSED = {
    "same size, another root": (6, OTHER.root(6), []),
    "same head with a proof": (6, TREE.root(6), PROOF),
    "smaller": (5, TREE.root(5), []),
    "smaller, the proof backwards": (5, TREE.root(5), TREE.consistency(5, 6)),
    "no proof": (9, TREE.root(9), []),
    "a hash short at the end": (9, TREE.root(9), PROOF[:-1]),
    "a hash short at the beginning": (9, TREE.root(9), PROOF[1:]),
    "the root left over": (9, TREE.root(9), [*PROOF, TREE.root(9)]),
    "a hash left over": (9, TREE.root(9), [*PROOF, bytes(32)]),
    "as many hashes left over as fit": (9, TREE.root(9), PROOF + [bytes(32)] * (64 - len(PROOF))),
    "hashes in another order": (9, TREE.root(9), PROOF[::-1]),
    "a proof from another size": (9, TREE.root(9), TREE.consistency(5, 9)),
    "a proof to another size": (9, TREE.root(9), TREE.consistency(6, 17)),
    "the root of another size": (9, TREE.root(10), PROOF),
    "a size that needs another proof": (17, TREE.root(9), PROOF),
    "another log's head and proof": (9, OTHER.root(), OTHER.consistency(6)),
    "another log's proof": (9, TREE.root(9), OTHER.consistency(6)),
    "another log's head": (9, OTHER.root(), PROOF),
}


@pytest.mark.parametrize("size", [0, MAX_SIZE + 1, 2**256 - 1])
def test_a_next_head_has_the_same_limits(evidence: Any, log_id: bytes, size: int) -> None:
    anchor(evidence, log_id, TREE, 6)

    with refused("size out of range"):
        send(evidence, log_id, size, TREE.root(9), PROOF)


@pytest.mark.parametrize("case", REFUSED)
def test_a_head_that_does_not_extend_the_one_held_is_refused(evidence: Any, log_id: bytes, case: str) -> None:
    anchor(evidence, log_id, TREE, 6)
    held = evidence.head(log_id)
    boa.env.time_travel(seconds=60)

    with refused(NO_EXTENSION):
        send(evidence, log_id, *REFUSED[case])

    assert evidence.head(log_id) == held
    send(evidence, log_id, 9, TREE.root(9), PROOF)


@pytest.mark.parametrize(("old", "new"), [(8, 13), (8, 16), (1, 2), (16, 17)])
def test_a_power_of_two_begins_the_proof_by_itself(evidence: Any, log_id: bytes, old: int, new: int) -> None:
    anchor(evidence, log_id, TREE, old)

    with refused(NO_EXTENSION):
        send(evidence, log_id, new, TREE.root(new), [TREE.root(old), *TREE.consistency(old, new)])
    send(evidence, log_id, new, TREE.root(new), TREE.consistency(old, new))


@pytest.mark.parametrize(
    ("old", "new"), [(2**47 - 1, 2**47), (2**47 - 1, 2**48 - 1), (2**40 + 12345, 2**48 - 2), (3, MAX_SIZE)]
)
def test_proofs_reach_to_the_largest_size(evidence: Any, log_id: bytes, old: int, new: int) -> None:
    old_root, new_root, proof = made_up_proof(old, new)
    send(evidence, log_id, old, old_root, [])

    with refused(NO_EXTENSION):
        send(evidence, log_id, new, new_root, proof[:-1])
    send(evidence, log_id, new, new_root, proof)

    assert evidence.head(log_id)[:2] == (new, new_root)


def test_only_the_writer_anchors(evidence: Any, log_id: bytes) -> None:
    with refused("only the writer may anchor"):
        evidence.anchor(log_id, 1, TREE.root(1), [], sender=STRANGER.address)
    with refused("only the writer may anchor"):
        evidence.anchor(bytes(32), 1, TREE.root(1), [], sender=WRITER.address)


def test_logs_do_not_mix(evidence: Any, log_id: bytes) -> None:
    other, tree = open_log(evidence, "other.example"), Tree.of(9, "other")
    anchor(evidence, log_id, TREE, 6)
    anchor(evidence, other, tree, 6)

    with refused(NO_EXTENSION):
        send(evidence, other, 9, TREE.root(9), TREE.consistency(6, 9))
    anchor(evidence, other, tree)
    assert evidence.head(log_id)[:2] == (6, TREE.root(6))
