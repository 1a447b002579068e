"""Whole-number scoring against exact arithmetic, for any model and row."""

from __future__ import annotations

import math
from decimal import Decimal, localcontext
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from counterfoil.errors import InvalidInput
from counterfoil.provenance.models.features import Feature, fixed
from counterfoil.provenance.models.fixedpoint import LARGEST_INTEGER, divide_half_even, quantise, sigmoid_micro
from counterfoil.provenance.models.integer import from_bytes
from counterfoil.provenance.models.linear import LinearModel, Term
from counterfoil.provenance.models.trees import TreeModel

INTEGERS = st.integers(-LARGEST_INTEGER, LARGEST_INTEGER)
MARGINS = st.integers(-17 * 10**9, 17 * 10**9)


@given(MARGINS)
def test_sigmoid_is_the_nearest_micro(margin: int) -> None:
    with localcontext() as context:
        context.prec = 60
        exact = 10**6 / (1 + (Decimal(-margin) / 10**9).exp())
        assert abs(exact - sigmoid_micro(margin)) <= Decimal("0.5000001") or abs(margin) >= 16 * 10**9


@given(MARGINS, st.integers(0, 10**9))
def test_sigmoid_never_falls_and_mirrors(margin: int, more: int) -> None:
    assert sigmoid_micro(margin) <= sigmoid_micro(margin + more)
    assert sigmoid_micro(margin) + sigmoid_micro(-margin) == 1_000_000


@given(INTEGERS, st.integers(1, 10**20))
def test_division_is_pythons_own_rounding(numerator: int, denominator: int) -> None:
    assert divide_half_even(numerator, denominator) == round(Fraction(numerator, denominator))


@given(st.floats(), st.integers(0, 12))
def test_a_float_is_its_shortest_text_rounded_half_even(value: float, decimals: int) -> None:
    if math.isfinite(value) and abs(Fraction(repr(value)) * 10**decimals) <= LARGEST_INTEGER:
        assert fixed(value, decimals, "x") == round(Fraction(repr(value)) * 10**decimals)
        return
    try:
        fixed(value, decimals, "x")
    except InvalidInput as error:
        assert "'x'" in error.message
    else:
        raise AssertionError("an unusable number was taken")


@given(st.lists(st.fractions(-(10**12), 10**12), min_size=1, max_size=5))
def test_quantised_weights_are_near(values: list[Fraction]) -> None:
    integers, decimals = quantise(values, most_decimals=24)
    assert all(abs(integer) <= LARGEST_INTEGER for integer in integers)
    assert all(
        abs(Fraction(i, 10**decimals) - v) * 2 * 10**decimals <= 1 for i, v in zip(integers, values, strict=True)
    )


@given(
    INTEGERS,
    st.lists(st.tuples(INTEGERS, st.integers(0, 24), st.integers(0, 6), st.integers(-(10**9), 10**9)), min_size=1),
)
def test_linear_margins_are_exact(intercept: int, parts: list[tuple[int, int, int, int]]) -> None:
    features = tuple(Feature(f"f{i}", "number", part[2]) for i, part in enumerate(parts))
    terms = tuple(Term((weight,), decimals) for weight, decimals, _, _ in parts)
    model = LinearModel(features, ("no", "yes"), Term((intercept,), 6), terms)
    row = {f"f{i}": part[3] for i, part in enumerate(parts)}
    exact = Fraction(intercept, 10**6) + sum(Fraction(w * x, 10**d) for w, d, _, x in parts)
    assert model.margin(row) == round(exact * 10**9)
    assert from_bytes(model.to_bytes()).margin(dict(reversed(row.items()))) == model.margin(row)


@given(st.integers(-1000, 1000), st.lists(st.integers(-1000, 1000), min_size=1, max_size=20, unique=True))
def test_a_tree_finds_the_interval(value: int, edges: list[int]) -> None:
    """A chain of splits "x <= edge" counts the edges below x."""
    nodes: list[int | tuple[int, int, int]] = []
    for i, edge in enumerate(sorted(edges)):
        nodes += [(0, edge, 2 * i + 2), i]
    tree = (*nodes, len(edges))
    model = TreeModel((Feature("x", "number", 0),), (0, 1), (tree,), 0, 6, "identity")
    assert model.score_micro({"x": value}) == sum(edge < value for edge in edges)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        from_bytes(data)
    except InvalidInput:
        return
    raise AssertionError("random bytes were read as a model")
