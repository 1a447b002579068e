"""Reasons of canonical integer trees: exact interventional SHAP values, in whole numbers.

For one applicant x and one background row b, the game gives a set S of features the
margin of the row that takes S from x and the rest from b. Its Shapley values follow
from the leaves: a leaf reached by taking p features from x and q from b adds
v (p-1)! q! / (p+q)! to each of the p and takes v p! (q-1)! / (p+q)! from each of the q
(Lundberg et al. 2020, interventional TreeSHAP). All background rows walk a tree
together, as one bit set, so their number hardly matters.

The players are the features as the applicant knows them. A library that explains
one-hot columns and adds them up plays another game, in which somebody can rent and
own at once; its values differ a little.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import comb, lcm
from typing import Any, Final, Literal, Protocol

from counterfoil.decisions.policy import MICRO
from counterfoil.decisions.reasons.reasons import ReasonConfig, Row, background_sha256

__all__ = ["IntegerTrees", "TreeScorer", "is_tree_model"]

RULE: Final = "counterfoil interventional trees 1"
"""Name and version of the rule."""

_Node = int | tuple[int, Any, int]


class TreeScorer(Protocol):
    """What is used of a canonical tree model."""

    @property
    def features(self) -> Sequence[Any]:
        """The model's features, each with a `name` and an `encode(value) -> int`."""

    @property
    def trees(self) -> Sequence[Sequence[_Node]]:
        """Trees in preorder: a leaf's value, or (feature, condition, right child)."""

    @property
    def decimals(self) -> int:
        """Leaves are in units of 10^-decimals."""

    @property
    def link(self) -> str:
        """The margin is the trees' average for "mean", else their sum."""


def is_tree_model(model: object) -> bool:
    """Returns True for a canonical tree model."""
    return all(hasattr(model, name) for name in ("features", "trees", "decimals", "link"))


class IntegerTrees:
    """Explains a canonical integer tree model: exact, in whole numbers."""

    def __init__(self, model: TreeScorer, rows: Sequence[Row], most: int) -> None:
        of: Literal["margin", "score"] = "margin" if model.link == "logit" else "score"
        self.config = ReasonConfig("tree_shap", RULE, background_sha256(rows), most=most, of=of)
        self._features = tuple(model.features)
        self._trees = model.trees
        self._everyone = (1 << len(rows)) - 1
        encoded = [self._encode(row) for row in rows]
        self._goes_left = [
            [0 if isinstance(node, int) else _left_bits(node, encoded) for node in tree] for tree in model.trees
        ]
        # One denominator for all Shapley weights keeps every sum a whole number.
        longest = max((_depth(tree, 0) for tree in model.trees), default=0)
        width = min(longest, len(self._features))
        self._denominator = lcm(1, *(p * comb(n, p) for n in range(1, width + 1) for p in range(1, n + 1)))
        self._unit = self._denominator * len(rows) * 10**model.decimals
        if model.link == "mean":
            self._unit *= len(model.trees)

    def contributions(self, row: Row) -> dict[str, int]:
        """Returns what each feature adds to the margin, in micro-units, half to even."""
        totals = [0] * len(self._features)
        encoded = self._encode(row)
        for tree, goes_left in zip(self._trees, self._goes_left, strict=True):
            self._walk(tree, goes_left, encoded, totals)
        return {
            feature.name: _divide_half_even(total * MICRO, self._unit)
            for feature, total in zip(self._features, totals, strict=True)
        }

    def second_opinion(self, row: Row) -> None:
        """Gives no second opinion: the values are exact."""

    def _encode(self, row: Row) -> list[int]:
        return [feature.encode(row.get(feature.name)) for feature in self._features]

    def _walk(self, tree: Sequence[_Node], goes_left: list[int], encoded: list[int], totals: list[int]) -> None:
        """Adds one tree's values to `totals`, in units of `_unit`."""
        none: tuple[int, ...] = ()
        waiting = [(0, self._everyone, none, none)]
        while waiting:
            place, who, ours, theirs = waiting.pop()
            node = tree[place]
            if isinstance(node, int):
                self._credit(node * who.bit_count(), ours, theirs, totals)
                continue
            feature, condition, right = node
            own_left = _is_left(encoded[feature], condition)
            own_place, other_place = (place + 1, right) if own_left else (right, place + 1)
            if feature in ours:
                waiting.append((own_place, who, ours, theirs))
                continue
            alike = who & (goes_left[place] if own_left else ~goes_left[place])
            unlike = who & ~alike
            if alike:
                waiting.append((own_place, alike, ours, theirs))
            if unlike:
                if feature in theirs:
                    waiting.append((other_place, unlike, ours, theirs))
                else:
                    waiting.append((own_place, unlike, (*ours, feature), theirs))
                    waiting.append((other_place, unlike, ours, (*theirs, feature)))

    def _credit(self, value: int, ours: tuple[int, ...], theirs: tuple[int, ...], totals: list[int]) -> None:
        p, q = len(ours), len(theirs)
        if p:
            share = value * (self._denominator // (p * comb(p + q, p)))
            for feature in ours:
                totals[feature] += share
        if q:
            share = value * (self._denominator // (q * comb(p + q, q)))
            for feature in theirs:
                totals[feature] -= share


def _is_left(value: int, condition: Any) -> bool:
    return value in condition if isinstance(condition, tuple) else value <= condition


def _left_bits(node: tuple[int, Any, int], encoded: list[list[int]]) -> int:
    """Returns the background rows that go left at a split, as a bit set."""
    feature, condition, _ = node
    return sum(1 << number for number, row in enumerate(encoded) if _is_left(row[feature], condition))


def _depth(tree: Sequence[_Node], place: int) -> int:
    """Returns the splits on the longest path below a node."""
    deepest, waiting = 0, [(place, 0)]
    while waiting:
        at, depth = waiting.pop()
        node = tree[at]
        if isinstance(node, int):
            deepest = max(deepest, depth)
        else:
            waiting += [(at + 1, depth + 1), (node[2], depth + 1)]
    return deepest


def _divide_half_even(value: int, unit: int) -> int:
    whole, rest = divmod(value, unit)
    return whole + (2 * rest > unit or (2 * rest == unit and whole % 2 == 1))
