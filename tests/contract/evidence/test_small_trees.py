"""Append-only, over all small trees: the contract's verifier takes true proofs and nothing else.

The verifier is asked as the contract asks it, compiled by the same compiler into a
contract that answers many cases a call.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import combinations, product
from typing import Any

import pytest
from contract.evidence.harness import Growth, Tree, are_consistent, load

from counterfoil.core.merkle import is_consistent, node_hash

LARGEST = 12
"""Leaves of the largest tree."""
TREE, OTHER = Tree.of(LARGEST), Tree.of(LARGEST, "other")
SIZES = [(old, new) for new in range(1, LARGEST + 1) for old in range(1, new + 1)]


@pytest.fixture(scope="module")
def trees() -> Any:
    return load("Tree")


def growth(old: int, new: int, proof: list[bytes] | None = None) -> Growth:
    return old, TREE.root(old), new, TREE.root(new), TREE.consistency(old, new) if proof is None else proof


def test_every_true_proof_is_taken(trees: Any) -> None:
    assert all(are_consistent(trees, [growth(*sizes) for sizes in SIZES]))


def changed(proof: list[bytes]) -> Iterator[list[bytes]]:
    """Yields the proof with one hash changed, dropped, doubled or put in, or two of them exchanged."""
    for place in range(len(proof)):
        before, after = proof[:place], proof[place + 1 :]
        yield [*before, node_hash(proof[place], proof[place]), *after]
        yield [*before, *after]
        yield [*before, proof[place], *proof[place:]]
    for place in range(len(proof) + 1):
        yield [*proof[:place], bytes(32), *proof[place:]]
    for one, two in combinations(range(len(proof)), 2):
        swapped = list(proof)
        swapped[one], swapped[two] = proof[two], proof[one]
        yield swapped


def test_no_changed_proof_is_taken(trees: Any) -> None:
    cases = [growth(old, new, proof) for old, new in SIZES for proof in changed(TREE.consistency(old, new))]

    assert len(cases) > 500
    assert not any(are_consistent(trees, cases))


def test_no_proof_of_other_sizes_is_taken_unless_it_is_the_same_proof(trees: Any) -> None:
    cases = [growth(*sizes, TREE.consistency(*others)) for sizes in SIZES for others in SIZES]

    assert are_consistent(trees, cases) == [proof == TREE.consistency(old, new) for old, _, new, _, proof in cases]


def test_no_proof_of_another_log_is_taken(trees: Any) -> None:
    grown = [(old, new) for old, new in SIZES if old < new]
    theirs = [growth(old, new, OTHER.consistency(old, new)) for old, new in grown]
    mixed = [(old, TREE.root(old), new, OTHER.root(new), OTHER.consistency(old, new)) for old, new in grown]
    turned = [(old, OTHER.root(old), new, TREE.root(new), OTHER.consistency(old, new)) for old, new in grown]

    assert not any(are_consistent(trees, theirs + mixed + turned))


def test_sizes_out_of_order_are_refused(trees: Any) -> None:
    backwards = [
        (new, TREE.root(new), old, TREE.root(old), TREE.consistency(old, new)) for old, new in SIZES if old < new
    ]
    empty = [(0, root, new, TREE.root(new), []) for new in (0, 1, 5) for root in (bytes(32), TREE.root(1))]
    huge = [(2**256 - 1, TREE.root(4), 4, TREE.root(4), []), (2**48, TREE.root(4), 4, TREE.root(4), [])]

    assert not any(are_consistent(trees, backwards + empty + huge))


def test_what_is_no_extension_is_never_taken(trees: Any) -> None:
    """All trees of up to four leaves with two values, with the true proof of every tree that could help."""
    cases, is_extension = [], []
    for old_size, new_size in [(old, new) for new in range(1, 5) for old in range(1, new + 1)]:
        for old, new in product(all_trees(old_size), all_trees(new_size)):
            for helper in {Tree(new.leaves), *extensions(old, new_size)}:
                cases.append((old_size, old.root(), new_size, new.root(), helper.consistency(old_size)))
                is_extension.append(new.leaves[:old_size] == old.leaves and helper == new)

    found = are_consistent(trees, cases)
    for case, taken, extends in zip(cases, found, is_extension, strict=True):
        # Where both trees are of one size, whatever helper there was gives the same empty proof.
        assert taken == (case[1] == case[3] if case[0] == case[2] else extends)


@pytest.mark.parametrize(("old_size", "new_size"), [(1, 2), (1, 3), (2, 3)])
def test_no_proof_made_of_any_hashes_shows_what_is_no_extension(trees: Any, old_size: int, new_size: int) -> None:
    pool = {tree.subtree(0, size) for size in (1, 2) for tree in all_trees(size)}
    length = len(TREE.consistency(old_size, new_size))
    cases, extends = [], []
    for old, new in product(all_trees(old_size), all_trees(new_size)):
        for proof in product(sorted(pool), repeat=length):
            cases.append((old_size, old.root(), new_size, new.root(), list(proof)))
            extends.append(new.leaves[:old_size] == old.leaves)

    found = are_consistent(trees, cases)

    assert found == [is_consistent(*case) for case in cases]
    assert all(extended for taken, extended in zip(found, extends, strict=True) if taken)
    assert sum(found) == sum(
        new.leaves[:old_size] == old.leaves for old in all_trees(old_size) for new in all_trees(new_size)
    )


def all_trees(size: int) -> list[Tree]:
    """Returns every tree of so many leaves of which each has one of two values."""
    return [Tree(leaves) for leaves in product(TREE.leaves[:2], repeat=size)]


def extensions(tree: Tree, size: int) -> Iterable[Tree]:
    """Returns every tree of so many leaves that begins with those of `tree`."""
    return [Tree((*tree.leaves, *more.leaves)) for more in all_trees(size - len(tree.leaves))]
