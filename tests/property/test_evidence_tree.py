"""The contract's proof verifiers against the core's, on true, changed and made-up proofs of any size."""

from __future__ import annotations

from typing import Any

import pytest
from contract.evidence.harness import (
    MAX_SIZE,
    Growth,
    Inclusion,
    are_consistent,
    are_included,
    load,
    made_up_inclusion,
    made_up_proof,
)
from hypothesis import Phase, event, given, settings
from hypothesis import strategies as st

from counterfoil.core.merkle import is_consistent, is_included

# Shrinking runs the EVM hundreds of times; the printed cases are small enough as they are.
SETTINGS = settings(max_examples=40, phases=[Phase.explicit, Phase.reuse, Phase.generate])
HASHES = st.binary(min_size=32, max_size=32)


@pytest.fixture(scope="module")
def trees() -> Any:
    return load("Tree")


@st.composite
def sizes(draw: st.DrawFn) -> int:
    """Sizes of any length in bits, with few or many bits set."""
    bits = draw(st.integers(1, 48))
    low, high = 1 << (bits - 1), (1 << bits) - 1
    return draw(st.sampled_from([low, high]) | st.integers(low, high))


@st.composite
def proofs(draw: st.DrawFn, proof: list[bytes]) -> list[bytes]:
    """The proof as it is, or with a few things done to it."""
    proof = list(proof)
    for change in draw(st.lists(st.sampled_from(["replace", "drop", "add", "swap"]), max_size=2)):
        place = draw(st.integers(0, max(0, len(proof) - 1)))
        if change == "add":
            proof.insert(place, draw(HASHES))
        elif proof and change == "drop":
            proof.pop(place)
        elif proof and change == "replace":
            proof[place] = draw(HASHES)
        elif proof:
            proof[place], proof[0] = proof[0], proof[place]
    return proof


@st.composite
def growths(draw: st.DrawFn) -> Growth:
    old, new = sorted((draw(sizes()), draw(sizes())))
    old_root, new_root, proof = made_up_proof(old, new)
    claimed_old, claimed_new = draw(near(old)), draw(near(new))
    old_root, new_root = draw(
        st.sampled_from([(old_root, new_root)] * 3 + [(new_root, old_root), (old_root, old_root)])
    )
    return claimed_old, old_root, claimed_new, new_root, draw(proofs(proof))


@st.composite
def inclusions(draw: st.DrawFn) -> Inclusion:
    size = draw(sizes())
    index = draw(st.integers(0, size - 1) | st.sampled_from([0, size - 1]))
    leaf, root, proof = made_up_inclusion(index, size)
    return leaf, draw(near(index)), draw(near(size)), draw(proofs(proof)), root


def near(number: int) -> st.SearchStrategy[int]:
    """The number itself mostly, else one close to it or with another bit."""
    others = {number - 1, number + 1, number * 2, number // 2, number ^ 4, 0, MAX_SIZE}
    return st.sampled_from([number] * 8 + sorted(other for other in others if 0 <= other <= MAX_SIZE))


@given(st.lists(growths(), min_size=10, max_size=10))
@SETTINGS
def test_consistency_is_judged_as_the_core_judges_it(trees: Any, cases: list[Growth]) -> None:
    expected = [case[0] > 0 and is_consistent(*case) for case in cases]

    assert are_consistent(trees, cases) == expected
    event(f"{sum(expected)} of 10 proofs hold")


@given(st.lists(inclusions(), min_size=10, max_size=10))
@SETTINGS
def test_inclusion_is_judged_as_the_core_judges_it(trees: Any, cases: list[Inclusion]) -> None:
    expected = [is_included(*case) for case in cases]

    assert are_included(trees, cases) == expected
    event(f"{sum(expected)} of 10 proofs hold")
