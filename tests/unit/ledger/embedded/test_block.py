"""Headers, base fees, and the roots and blooms that headers carry."""

from __future__ import annotations

from dataclasses import replace

import pytest
from eth_bloom import BloomFilter
from hypothesis import given
from hypothesis import strategies as st
from trie import HexaryTrie

from counterfoil.core.keccak import keccak256
from counterfoil.core.rlp import decode, encode
from counterfoil.core.trie_proof import EMPTY_TRIE, proven_value
from counterfoil.errors import HomeDamaged
from counterfoil.ledger.embedded.block import BLOCK_GAS_LIMIT, Block, Header, next_base_fee_wei
from counterfoil.ledger.embedded.ordered_trie import ordered_root
from counterfoil.ledger.embedded.receipts import bloom_of
from counterfoil.ledger.embedded.trees import leaves, prove

FIRST = Block.first(99, EMPTY_TRIE, 1_795_460_400)


def test_a_header_comes_back_as_it_was() -> None:
    later = Block.of(replace(FIRST.header, number=2**40, base_fee_wei=0, gas_used=5, bloom=b"\xff" * 256))
    for block in (FIRST, later):
        assert Block.parse(block.raw) == block
        assert block.hash == keccak256(block.raw)
    assert FIRST.chain_id == 99


@pytest.mark.parametrize("place", range(21))
def test_a_header_with_another_constant_is_refused(place: int) -> None:
    fields = decode(FIRST.raw)
    assert isinstance(fields, list)
    fields[place] = b"\1" * 33 if place in (8, 10, 11, 15) else [b""]  # type: ignore[list-item]
    with pytest.raises(HomeDamaged, match="header"):
        Block.parse(encode(fields))


@pytest.mark.parametrize("place", [1, 2, 7, 9, 13, 14, 16, 17, 18, 19, 20])
def test_a_header_that_this_ledger_does_not_write(place: int) -> None:
    fields = decode(FIRST.raw)
    assert isinstance(fields, list)
    fields[place] = b"\7" * max(len(fields[place]), 1)
    with pytest.raises(HomeDamaged, match="does not write"):
        Block.parse(encode(fields))


def test_only_a_first_block_names_its_chain() -> None:
    for header in (replace(FIRST.header, number=1), replace(FIRST.header, extra_data=b"")):
        with pytest.raises(HomeDamaged, match="does not name its chain"):
            Block.of(header).chain_id  # noqa: B018


@pytest.mark.parametrize(
    ("base", "gas_used", "expected"),
    [
        (10**9, 0, 875_000_000),
        (10**9, BLOCK_GAS_LIMIT // 2, 10**9),
        (10**9, BLOCK_GAS_LIMIT, 1_125_000_000),
        (10**9, BLOCK_GAS_LIMIT // 2 + 1, 10**9 + 6),
        (7, 0, 7),
        (8, 0, 7),
        (7, BLOCK_GAS_LIMIT, 8),
        (0, BLOCK_GAS_LIMIT, 1),
    ],
)
def test_the_next_base_fee(base: int, gas_used: int, expected: int) -> None:
    """By the formula of EIP-1559, whole numbers rounded down, and up by 1 at least."""
    assert next_base_fee_wei(replace(FIRST.header, base_fee_wei=base, gas_used=gas_used)) == expected


@given(st.lists(st.binary(min_size=1, max_size=80), max_size=300))
def test_a_lists_root_is_that_of_its_tree(values: list[bytes]) -> None:
    tree = HexaryTrie({})
    for place, value in enumerate(values):
        tree[encode(place)] = value
    assert ordered_root(values) == tree.root_hash


@given(st.dictionaries(st.binary(min_size=32, max_size=32), st.binary(min_size=1, max_size=60), max_size=40), st.data())
def test_proofs_and_leaves_of_any_tree(items: dict[bytes, bytes], data: st.DataObject) -> None:
    """Half the keys begin alike, so that there are extensions; short values make nodes inside nodes."""
    items |= {b"\7" * 30 + key[:2]: value[:1] for key, value in items.items()}
    nodes: dict[bytes, bytes] = {}
    tree = HexaryTrie(nodes)
    for key, value in items.items():
        tree[key] = value
    assert dict(leaves(nodes.get, tree.root_hash)) == items
    absent = data.draw(st.binary(min_size=32, max_size=32))
    for key in [*items, absent, b"\7" * 32]:
        value, proof = prove(nodes.get, tree.root_hash, key)
        assert value == items.get(key)
        assert proven_value(tree.root_hash, key, proof) == value


def test_a_tree_with_a_missing_node_is_told() -> None:
    nodes: dict[bytes, bytes] = {}
    tree = HexaryTrie(nodes)
    for number in range(99):
        tree[keccak256(bytes([number]))] = bytes([number]) * 40
    missing = nodes.pop(max(nodes))
    assert len(missing) > 31
    with pytest.raises(HomeDamaged, match="missing"):
        list(leaves(nodes.get, tree.root_hash))
    with pytest.raises(HomeDamaged, match="missing"):
        [prove(nodes.get, tree.root_hash, keccak256(bytes([number]))) for number in range(99)]


TOPICS = st.lists(st.binary(min_size=32, max_size=32), max_size=4)


@given(st.lists(st.tuples(st.binary(min_size=20, max_size=20), TOPICS), max_size=9))
def test_the_bloom_is_ethereums(events: list[tuple[bytes, list[bytes]]]) -> None:
    items = [item for address, topics in events for item in (address, *topics)]
    assert bloom_of([(address, tuple(topics), b"") for address, topics in events]) == int(
        BloomFilter.from_iterable(items)
    )


def test_headers_compare_by_what_they_say() -> None:
    assert Header(**{name: getattr(FIRST.header, name) for name in Header.__slots__}) == FIRST.header
