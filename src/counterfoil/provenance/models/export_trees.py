"""Writes the trees of scikit-learn's tree classifiers in whole numbers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from counterfoil.provenance.models.features import Feature, Label
from counterfoil.provenance.models.fixedpoint import LARGEST_INTEGER, quantise
from counterfoil.provenance.models.pipelines import Column, NotExportable, kind_of
from counterfoil.provenance.models.trees import MAX_NODES, MAX_VALUE_DECIMALS, Leaf, Split, TreeModel

__all__ = ["TREE_KINDS", "export_trees"]

TREE_KINDS = (
    "DecisionTreeClassifier",
    "ExtraTreeClassifier",
    "RandomForestClassifier",
    "ExtraTreesClassifier",
    "GradientBoostingClassifier",
    "HistGradientBoostingClassifier",
)


@dataclass(frozen=True, slots=True)
class _Raw:
    """One node as scikit-learn holds it: a leaf's value, or column, threshold and children."""

    value: Fraction | None
    column: int = 0
    threshold: float = 0.0
    left: int = 0
    right: int = 0


def export_trees(
    classifier: Any,
    kind: str,
    features: tuple[Feature, ...],
    columns: list[Column],
    classes: tuple[Label, Label],
    flipped: bool,
) -> TreeModel:
    """Returns the tree model of a fitted classifier; see `sklearn_export.export`."""
    base = Fraction(0)
    link = "logit"
    if kind == "GradientBoostingClassifier":
        base, raw = _boosting(classifier, -1 if flipped else 1)
    elif kind == "HistGradientBoostingClassifier":
        base, raw = _histogram_boosting(classifier, -1 if flipped else 1)
    else:
        link = "mean"
        members = [classifier] if kind.endswith("TreeClassifier") else classifier.estimators_
        raw = [_probability_tree(member.tree_, 0 if flipped else 1) for member in members]
    if sum(map(len, raw)) > MAX_NODES:
        raise NotExportable(f"the model has more than {MAX_NODES} nodes")
    values = [node.value for tree in raw for node in tree if node.value is not None]
    integers, decimals = quantise([base, *values], most_decimals=MAX_VALUE_DECIMALS - 3)
    leaves = iter(integers[1:])
    conditions = _Conditions(features, columns, single=not kind.startswith("Hist"))
    trees = []
    for tree in raw:
        numbered = [None if node.value is None else next(leaves) for node in tree]
        trees.append(_preorder(tree, numbered, conditions))
    return TreeModel(features, classes, tuple(trees), integers[0], decimals, link)  # type: ignore[arg-type]


def _probability_tree(tree: Any, outcome: int) -> list[_Raw]:
    shares = tree.value[:, 0, :]

    def leaf(i: int) -> Fraction:
        return Fraction(float(shares[i, outcome])) / Fraction(float(shares[i].sum()))

    return _raw_tree(tree, leaf)


def _raw_tree(tree: Any, leaf: Callable[[int], Fraction]) -> list[_Raw]:
    nodes = zip(
        tree.children_left.tolist(),
        tree.children_right.tolist(),
        tree.feature.tolist(),
        tree.threshold.tolist(),
        strict=True,
    )
    return [
        _Raw(leaf(i)) if left == -1 else _Raw(None, column, threshold, left, right)
        for i, (left, right, column, threshold) in enumerate(nodes)
    ]


def _boosting(classifier: Any, sign: int) -> tuple[Fraction, list[list[_Raw]]]:
    """Sum of learning rate times leaf; exponential loss has the link expit(2 * raw)."""
    import numpy as np

    init = classifier.init_
    if not (isinstance(init, str) and init == "zero") and kind_of(init) != "DummyClassifier":
        raise NotExportable("a GradientBoostingClassifier with an estimator as init is not known")
    factor = sign * (2 if classifier.loss == "exponential" else 1)
    start = classifier._raw_predict_init(np.zeros((1, classifier.n_features_in_), dtype=np.float32))
    rate = factor * Fraction(float(classifier.learning_rate))

    def one(tree: Any) -> list[_Raw]:
        values = tree.value[:, 0, 0].tolist()
        return _raw_tree(tree, lambda i: rate * Fraction(values[i]))

    base = factor * Fraction(float(start.ravel()[0]))
    return base, [one(stage[0].tree_) for stage in classifier.estimators_]


def _histogram_boosting(classifier: Any, sign: int) -> tuple[Fraction, list[list[_Raw]]]:
    """Leaves hold the learning rate already; scaled values are compared in double precision."""
    if classifier.is_categorical_ is not None and any(classifier.is_categorical_):
        raise NotExportable(
            "a HistGradientBoostingClassifier with categorical_features is not known",
            hint="encode categories with a OneHotEncoder or OrdinalEncoder and categorical_features=None",
        )
    trees = []
    for stage in classifier._predictors:
        nodes = stage[0].nodes
        trees.append(
            [
                _Raw(sign * Fraction(float(node["value"])))
                if node["is_leaf"]
                else _Raw(
                    None,
                    int(node["feature_idx"]),
                    float(node["num_threshold"]),
                    int(node["left"]),
                    int(node["right"]),
                )
                for node in nodes
            ]
        )
    return sign * Fraction(float(classifier._baseline_prediction.ravel()[0])), trees


def _preorder(raw: list[_Raw], leaves: list[int | None], conditions: _Conditions) -> tuple[Leaf | Split, ...]:
    """Renumbers a tree in preorder and leaves out splits that send everything one way."""
    nodes: list[Leaf | tuple[int, int | tuple[int, ...]]] = []
    rights: dict[int, int] = {}
    waiting: list[tuple[int, int]] = [(0, -1)]  # (node, the split whose right child it is)
    while waiting:
        i, parent = waiting.pop()
        node, value = raw[i], leaves[i]
        while value is None:
            condition = conditions.at(node.column, node.threshold)
            if not isinstance(condition, bool):
                break
            i = node.left if condition else node.right
            node, value = raw[i], leaves[i]
        if parent >= 0:
            rights[parent] = len(nodes)
        if value is not None:
            nodes.append(value)
            continue
        waiting += [(node.right, len(nodes)), (node.left, -1)]
        nodes.append((conditions.columns[node.column].source, conditions.at(node.column, node.threshold)))
    return tuple((*node, rights[i]) if isinstance(node, tuple) else node for i, node in enumerate(nodes))


class _Conditions:
    """Finds the integer form of "column <= threshold" over encoded features, once for each."""

    def __init__(self, features: tuple[Feature, ...], columns: list[Column], *, single: bool) -> None:
        import numpy as np

        self.features, self.columns = features, columns
        # Back to double before comparing: NumPy would round the threshold to single as well.
        self._cast: Callable[[float], float] = (lambda value: float(np.float32(value))) if single else float
        self._known: dict[tuple[int, float], bool | int | tuple[int, ...]] = {}

    def at(self, column: int, threshold: float) -> Any:
        """Returns the largest number or the indexes that go left; True or False if all or none do."""
        key = (column, threshold)
        if key not in self._known:
            known = self.columns[column].categories
            self._known[key] = self._category(*key) if known else self._number(*key)
        return self._known[key]

    def _category(self, column: int, threshold: float) -> bool | tuple[int, ...]:
        values = self.columns[column].values
        left = tuple(i for i, value in enumerate(values) if self._cast(value) <= threshold)
        return left if 0 < len(left) < len(values) else bool(left)

    def _number(self, column: int, threshold: float) -> bool | int:
        """Searches the encoded numbers by halving: scaling and casting never change their order."""
        chain = self.columns[column]
        unit = 10 ** self.features[chain.source].decimals

        def goes_left(units: int) -> bool:
            return self._cast(chain.number(units / unit)) <= threshold

        low, high = -LARGEST_INTEGER, LARGEST_INTEGER
        if goes_left(high):
            return True
        if not goes_left(low):
            return False
        while high - low > 1:
            middle = (low + high) // 2
            if goes_left(middle):
                low = middle
            else:
                high = middle
        return low
