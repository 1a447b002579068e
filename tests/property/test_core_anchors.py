"""Trees, RLP and hashes of a ledger against the libraries that ledgers use; proofs that were tampered with."""

from __future__ import annotations

from typing import Any

import pytest
import rlp
from Crypto.Hash import keccak as compiled
from hypothesis import given
from hypothesis import strategies as st
from making import BankLog
from making_anchors import anchored, block_of, head_of, path_of, proof_of, tree_of

from counterfoil.core.anchor import Anchor
from counterfoil.core.check_anchor import LedgerView, check_anchor
from counterfoil.core.keccak import keccak256_plain
from counterfoil.core.rlp import decode, encode
from counterfoil.core.steps import Status
from counterfoil.core.trie_proof import proven_value
from counterfoil.errors import MalformedEvidence

ITEMS = st.recursive(st.binary(max_size=70), lambda inner: st.lists(inner, max_size=5), max_leaves=20)
HALVES = st.lists(st.sampled_from(b"\x00\x01\x10\x11\xff"), max_size=6).map(bytes)
TREES = st.dictionaries(HALVES, st.binary(min_size=1, max_size=50), min_size=1, max_size=12)
"""Keys that share beginnings, and values small enough to stand inside the node above or not."""

LOG = BankLog().fill(12)


@given(st.binary(max_size=700))
def test_keccak_agrees_with_the_compiled_one(data: bytes) -> None:
    assert keccak256_plain(data) == compiled.new(data=data, digest_bits=256).digest()


@given(ITEMS)
def test_rlp_agrees_with_the_library(item: Any) -> None:
    data = rlp.encode(item)
    assert encode(item) == data
    assert decode(data) == item


@given(st.binary(max_size=80))
def test_what_is_read_has_one_form(data: bytes) -> None:
    try:
        item = decode(data)
    except MalformedEvidence:
        with pytest.raises(rlp.exceptions.RLPException):
            rlp.decode(data, strict=True)
        return
    assert encode(item) == data


@given(TREES, HALVES)
def test_trees_agree_with_the_library(items: dict[bytes, bytes], other: bytes) -> None:
    tree = tree_of(items)
    for key in (*items, other):
        assert proven_value(tree.root_hash, key, proof_of(tree, key)) == items.get(key)


@given(TREES, HALVES, HALVES, st.data())
def test_a_tampered_proof_never_shows_anything_else(
    items: dict[bytes, bytes], key: bytes, other: bytes, data: st.DataObject
) -> None:
    tree = tree_of(items)
    nodes = list(proof_of(tree, other if data.draw(st.booleans()) else key))
    for _ in range(data.draw(st.integers(0, 3))):
        place = data.draw(st.integers(0, max(0, len(nodes) - 1)))
        change = data.draw(st.sampled_from(["drop", "double", "flip", "swap", "replace"]))
        if change == "drop":
            del nodes[place : place + 1]
        elif change == "double" and nodes:
            nodes.insert(place, nodes[place])
        elif change == "flip" and nodes and nodes[place]:
            at = data.draw(st.integers(0, len(nodes[place]) - 1))
            nodes[place] = nodes[place][:at] + bytes([nodes[place][at] ^ 1]) + nodes[place][at + 1 :]
        elif change == "swap":
            nodes.reverse()
        elif change == "replace":
            nodes[place : place + 1] = [data.draw(st.binary(max_size=40))]
    try:
        found = proven_value(tree.root_hash, key, nodes)
    except MalformedEvidence:
        return
    assert found == items.get(key)


@given(
    st.integers(1, 12),
    st.sampled_from(["event", "storage"]),
    st.integers(0, 10),
    st.integers(0, 8),
    st.integers(1, 20),
    st.data(),
)
def test_every_ledger_is_read(
    size: int, kind: Any, accounts: int, logs: int, transactions: int, data: st.DataObject
) -> None:
    place = data.draw(st.integers(0, transactions - 1))
    parts = {"accounts": accounts, "logs": logs, "transactions": transactions, "place": place}
    anchor = anchored(LOG, size, kind, event=data.draw(st.integers(0, 3)), type=data.draw(st.integers(0, 4)), **parts)
    assert Anchor.parse(anchor.encode()) == anchor
    step = check_anchor(anchor, head_of(LOG), LedgerView(anchor.block_hash), 0)
    assert step.status is Status.PASSED


@given(st.integers(1, 12), st.integers(1, 12))
def test_a_path_from_another_size_does_not_fit(size: int, other: int) -> None:
    anchor = block_of(LOG, size).anchor("event", path_of(LOG, other))
    step = check_anchor(anchor, head_of(LOG), LedgerView(anchor.block_hash), 0)
    assert (step.status is Status.PASSED) == (path_of(LOG, other) == path_of(LOG, size))
