"""Proofs in a ledger's trees: what they show, and every node that does not belong."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from making_anchors import proof_of, tree_of

from counterfoil.core.keccak import keccak256
from counterfoil.core.rlp import Item, encode
from counterfoil.core.trie_proof import EMPTY_TRIE, proven_value
from counterfoil.errors import MalformedEvidence

WORDS = {b"do": b"verb", b"dog": b"puppy", b"doge": b"coins", b"horse": b"stallion", b"x" * 40: b"y" * 90}
"""Keys that share beginnings, with values small enough to stand inside the node above; after ethereum.org."""

TREE = tree_of(WORDS)


def chained(*nodes: list[Item]) -> tuple[bytes, list[bytes]]:
    """Returns the root and proof of nodes each of which holds `None` where the next one's hash goes."""
    raws: list[bytes] = []
    for node in reversed(nodes):
        below = keccak256(raws[0]) if raws else b""
        raws.insert(0, encode([below if item == b"next" else item for item in node]))
    return keccak256(raws[0]), raws


def test_every_value_is_shown() -> None:
    for key, value in WORDS.items():
        assert proven_value(TREE.root_hash, key, proof_of(TREE, key)) == value


@pytest.mark.parametrize("key", [b"", b"d", b"dogs", b"doges", b"hors", b"horsemen", b"x" * 39, b"z"])
def test_absence_is_shown(key: bytes) -> None:
    assert proven_value(TREE.root_hash, key, proof_of(TREE, key)) is None


def test_an_empty_tree_holds_nothing() -> None:
    assert tree_of({}).root_hash == EMPTY_TRIE == keccak256(encode(b""))
    assert proven_value(EMPTY_TRIE, b"dog", ()) is None
    for nodes in ((b"\x80",), proof_of(TREE, b"dog")):
        with pytest.raises(MalformedEvidence):
            proven_value(EMPTY_TRIE, b"dog", nodes)


def test_the_published_root() -> None:
    """The example of ethereum.org's page on Patricia Merkle Trees, whose root is in the suite of Ethereum tests."""
    published = {b"do": b"verb", b"horse": b"stallion", b"doge": b"coin", b"dog": b"puppy"}
    root = bytes.fromhex("5991bb8c6514148a29db676a14ac506cd2cd5775ace63c30a4fe457715e9ac84")
    for key, value in published.items():
        assert proven_value(root, key, proof_of(tree_of(published), key)) == value


def refused(root: bytes, key: bytes, nodes: Sequence[bytes]) -> str:
    with pytest.raises(MalformedEvidence) as caught:
        proven_value(root, key, nodes)
    return caught.value.message


def test_nodes_missing_added_doubled_or_swapped() -> None:
    key = b"x" * 40
    good = proof_of(TREE, key)
    assert len(good) > 1
    for nodes in ((), good[:-1], good[1:], (*good, good[-1]), (good[0], *good), good[::-1], (*good, b""), (b"", *good)):
        refused(TREE.root_hash, key, nodes)
    assert "goes on after" in refused(TREE.root_hash, key, (*good, good[-1]))
    assert "breaks off" in refused(TREE.root_hash, key, good[:-1])


def test_a_proof_shows_its_own_key_only() -> None:
    for key in WORDS:
        for other in WORDS:
            nodes = proof_of(TREE, other)
            try:
                assert proven_value(TREE.root_hash, key, nodes) == WORDS[key]
            except MalformedEvidence:
                assert nodes != proof_of(TREE, key)


def test_another_root() -> None:
    refused(bytes(32), b"dog", proof_of(TREE, b"dog"))
    refused(b"", b"dog", proof_of(TREE, b"dog"))


LEAF: list[Item] = [b"\x20\x12", b"value"]


@pytest.mark.parametrize(
    "nodes",
    [
        [[b"next"] * 16],
        [[b"", b"", b""]],
        [[]],
        [[b"", b"value"]],  # no part of a key at all
        [[b"\x40\x12", b"value"]],  # an unknown kind
        [[b"\x21\x12", b"value"]],  # even length, and the half-byte that fills up is not 0
        [[b"\x01\x12", b"next"], LEAF],
        [[b"\x00", b"next"], LEAF],  # shares nothing
        [[b"\x00\x12", b"next" * 7]],  # the child's hash is short
        [[b"\x00\x12", b""]],
        [[b"\x00\x12", b"x" * 33]],
        [[[b"\x20\x12"], b"value"]],
        [[b"\x20\x12", [b"value"]]],
        [[b"\x00\x12", []]],
        [[b"\x00\x12", [b"\x20", [b"value"]]]],
    ],
    ids=range(15),
)
def test_nodes_of_another_form(nodes: list[list[Item]]) -> None:
    root, raws = chained(*nodes)
    refused(root, b"\x12", raws)


def test_small_nodes_stand_inside_the_one_above() -> None:
    inner: list[Item] = [b"\x20", b"v"]
    branch: list[Item] = [b"", inner, *[b""] * 15]
    root, raws = chained([b"\x00\x12", branch])
    assert proven_value(root, b"\x12\x10", raws) is None
    branch = [b"", [b"\x30", b"v"], *[b""] * 15]
    root, raws = chained([b"\x00\x12", branch])
    assert proven_value(root, b"\x12\x10", raws) == b"v"
    assert proven_value(root, b"\x12\x20", raws) is None
    assert "goes on" in refused(root, b"\x12\x10", [*raws, encode([b"\x30", b"v"])])


def test_a_branch_holds_the_value_of_a_key_that_ends_there() -> None:
    root, raws = chained([*[b""] * 16, b"here"])
    assert proven_value(root, b"", raws) == b"here"
    root, raws = chained([*[b""] * 16, [b"here"]])
    refused(root, b"", raws)
    root, raws = chained([*[b""] * 16, b""])
    assert proven_value(root, b"", raws) is None
