"""Every tree up to 70 leaves against the recursive definition, every proof, and proofs gone wrong."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

import pytest

from counterfoil.core.merkle import (
    EMPTY_ROOT,
    Frontier,
    consistency_path,
    inclusion_path,
    is_consistent,
    is_included,
    leaf_hash,
    node_hash,
    root_from_inclusion,
    root_of,
    subtrees,
)

LARGEST = 70
LEAVES = [leaf_hash(b"%d" % i) for i in range(LARGEST)]


def defined_root(leaves: Sequence[bytes]) -> bytes:
    """The root as RFC 6962 2.1 defines it."""
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return sha256(b"\x01" + defined_root(leaves[:split]) + defined_root(leaves[split:])).digest()


ROOTS = [defined_root(LEAVES[:size]) for size in range(LARGEST + 1)]


def subtree(start: int, end: int) -> bytes:
    return root_of(LEAVES[start:end])


def corrupted(path: list[bytes]) -> list[list[bytes]]:
    """Every proof one step away from `path`."""
    other = leaf_hash(b"other")
    wrong = [[*path[:i], other, *path[i + 1 :]] for i in range(len(path))]
    wrong += [path[:i] + path[i + 1 :] for i in range(len(path))]
    wrong += [[*path[:i], path[i + 1], path[i], *path[i + 2 :]] for i in range(len(path) - 1)]
    wrong += [[*path, other], [other, *path], [*path, *path[-1:]] if path else [other, other]]
    return [step for step in wrong if step != path]


def test_roots() -> None:
    assert [root_of(LEAVES[:size]) for size in range(LARGEST + 1)] == ROOTS


def test_leaf_and_node_hashes_cannot_be_swapped() -> None:
    left, right = LEAVES[:2]
    assert root_of([leaf_hash(left + right)]) != root_of([left, right]) == node_hash(left, right)


@pytest.mark.parametrize("size", range(1, LARGEST + 1))
def test_inclusion_of_every_leaf(size: int) -> None:
    root = ROOTS[size]
    for index in range(size):
        path = inclusion_path(index, size, subtree)
        assert is_included(LEAVES[index], index, size, path, root)
        assert not any(is_included(LEAVES[index], index, size, wrong, root) for wrong in corrupted(path))
        assert not is_included(LEAVES[(index + 1) % LARGEST], index, size, path, root)
        assert not is_included(LEAVES[index], index, size, path, ROOTS[size - 1])
        for other in {0, index - 1, index + 1, size - 1, size} - {index}:
            assert not is_included(LEAVES[index], other, size, path, root)


@pytest.mark.parametrize("new", range(1, LARGEST + 1))
def test_consistency_of_every_pair(new: int) -> None:
    for old in range(1, new + 1):
        path = consistency_path(old, new, subtree)
        assert is_consistent(old, ROOTS[old], new, ROOTS[new], path)
        assert not any(is_consistent(old, ROOTS[old], new, ROOTS[new], wrong) for wrong in corrupted(path))
        assert not is_consistent(old, ROOTS[old - 1], new, ROOTS[new], path)
        assert not is_consistent(old, ROOTS[old], new, ROOTS[new - 1], path)
        if old < new:
            assert not is_consistent(new, ROOTS[new], old, ROOTS[old], path)


def test_the_empty_tree_is_a_prefix_of_all() -> None:
    assert is_consistent(0, EMPTY_ROOT, 5, ROOTS[5], [])
    assert is_consistent(0, EMPTY_ROOT, 0, EMPTY_ROOT, [])
    assert not is_consistent(0, ROOTS[1], 5, ROOTS[5], [])
    assert not is_consistent(0, EMPTY_ROOT, 5, ROOTS[5], [ROOTS[5]])
    assert not is_consistent(-1, EMPTY_ROOT, 5, ROOTS[5], [])


@pytest.mark.parametrize(("index", "size"), [(-1, 5), (5, 5), (0, 0), (2**70, 5)])
def test_impossible_places(index: int, size: int) -> None:
    assert root_from_inclusion(LEAVES[0], index, size, []) is None
    with pytest.raises(ValueError, match="is not in a tree"):
        inclusion_path(index, size, subtree)


@pytest.mark.parametrize(("old", "new"), [(0, 5), (6, 5), (-1, 2)])
def test_impossible_growth(old: int, new: int) -> None:
    with pytest.raises(ValueError, match="no proof leads"):
        consistency_path(old, new, subtree)


def test_hostile_sizes_end_at_once() -> None:
    huge = 2**60
    assert not is_included(LEAVES[0], 0, huge, LEAVES[:10], ROOTS[5])
    assert not is_included(LEAVES[0], huge - 1, huge, [LEAVES[1]] * 2000, ROOTS[5])
    assert not is_consistent(huge - 1, ROOTS[4], huge, ROOTS[5], LEAVES)


@pytest.mark.parametrize("start", range(0, 20))
def test_subtrees_tile_a_range(start: int) -> None:
    for end in range(start, 40):
        tiles = list(subtrees(start, end))
        assert [leaf for first, leaves in tiles for leaf in range(first, first + leaves)] == list(range(start, end))
        assert all(leaves.bit_count() == 1 and first % leaves == 0 for first, leaves in tiles)


def test_frontier_from_any_mixture_of_subtrees() -> None:
    for size in range(LARGEST + 1):
        for split in range(size + 1):
            tree = Frontier()
            for first, leaves in subtrees(0, split):
                tree.push(subtree(first, first + leaves), leaves)
            for leaf in LEAVES[split:size]:
                tree.push(leaf)
            assert (tree.size, tree.root()) == (size, ROOTS[size])


def test_frontier_copies_and_resumes() -> None:
    tree = Frontier()
    for leaf in LEAVES[:43]:
        tree.push(leaf)
    twin, resumed = tree.copy(), Frontier(43, tree.hashes())
    for leaf in LEAVES[43:50]:
        twin.push(leaf)
        resumed.push(leaf)
    assert tree.root() == ROOTS[43]
    assert twin.root() == resumed.root() == ROOTS[50]


def test_frontier_refuses_what_does_not_fit() -> None:
    with pytest.raises(ValueError, match="edge hashes"):
        Frontier(3, [LEAVES[0]])
    tree = Frontier(1, LEAVES[:1])
    for leaves in (2, 3, 4):
        with pytest.raises(ValueError, match="does not start"):
            tree.push(LEAVES[1], leaves)
