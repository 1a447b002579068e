"""Writes a fitted scikit-learn classifier as a canonical integer model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from counterfoil.errors import InvalidInput
from counterfoil.provenance.models.export_trees import TREE_KINDS, export_trees
from counterfoil.provenance.models.features import DECIMALS, Feature, Label
from counterfoil.provenance.models.fixedpoint import quantise
from counterfoil.provenance.models.integer import IntegerModel
from counterfoil.provenance.models.linear import MAX_WEIGHT_DECIMALS, LinearModel, Term
from counterfoil.provenance.models.pipelines import (
    Column,
    NotExportable,
    follow,
    input_names,
    kind_of,
    label_of,
    split_pipeline,
)

__all__ = ["EXPORTABLE", "NotExportable", "export"]

_LINEAR_KINDS = ("LogisticRegression", "LogisticRegressionCV", "SGDClassifier")

EXPORTABLE = (*_LINEAR_KINDS, *TREE_KINDS)
"""Names of the scikit-learn classifiers `export` knows."""


def export(
    estimator: Any,
    *,
    feature_names: Sequence[str] | None = None,
    positive: Label | None = None,
    decimals: int | Mapping[str, int] = DECIMALS,
) -> IntegerModel:
    """Returns the integer model that answers as the fitted classifier does.

    Labels agree for every row whose numbers have at most `decimals` decimals, except
    linear models and sums of leaves within 10^-9 of a tie. Splits of trees are found in
    scikit-learn's own arithmetic (double-precision scaling, then the cast of
    `sklearn.tree` to single precision, then `<=`), so they never fall on another side.

    Args:
        estimator: A classifier of two classes, bare or in a Pipeline.
        feature_names: Names of the columns, if it was fitted on a bare array.
        positive: The class the score is about; by default the last of `classes_`.
        decimals: Decimals kept of a number, for all features or by name.

    Raises:
        NotExportable: Naming the part that is not known.
    """
    transformers, classifier = split_pipeline(estimator)
    kind = kind_of(classifier)
    if kind not in EXPORTABLE:
        name = kind or f"{type(classifier).__module__}.{type(classifier).__name__}"
        raise NotExportable(f"the classifier {name} is not known", hint="known: " + ", ".join(EXPORTABLE))
    names = input_names(estimator, feature_names)
    if not hasattr(classifier, "classes_"):
        raise NotExportable(f"the {kind} is not fitted", hint="call fit first")
    columns = [Column(i) for i in range(len(names))]
    for transformer in transformers:
        columns = follow(transformer, columns)
    if len(columns) != classifier.n_features_in_:
        raise NotExportable(f"the {kind} was fitted on {classifier.n_features_in_} columns, {len(columns)} come in")
    features, columns = _features(names, columns, decimals)
    classes, flipped = _classes(classifier, positive)
    try:
        if kind in _LINEAR_KINDS:
            return _export_linear(classifier, kind, features, columns, classes, flipped)
        return export_trees(classifier, kind, features, columns, classes, flipped)
    except OverflowError as error:
        raise NotExportable(f"the {kind} has numbers too large for an integer model: {error}") from error


def _classes(classifier: Any, positive: Label | None) -> tuple[tuple[Label, Label], bool]:
    """Returns the two labels, the scored one last, and whether that is scikit-learn's first."""
    found = list(classifier.classes_)
    if len(found) != 2 or any(hasattr(item, "__len__") and not isinstance(item, str) for item in found):
        raise NotExportable(f"only models of two classes can be exported, this one has {len(found)}")
    first, last = label_of(found[0]), label_of(found[1])
    if positive is None or positive == last:
        return (first, last), False
    if positive == first:
        return (last, first), True
    raise NotExportable(f"the model has no class {positive!r}", hint=f"its classes are {first!r} and {last!r}")


def _features(
    names: list[str], columns: list[Column], decimals: int | Mapping[str, int]
) -> tuple[tuple[Feature, ...], list[Column]]:
    """Returns the features in use, and the columns with `source` counting those only."""
    used = sorted({column.source for column in columns})
    features: list[Feature] = []
    for source in used:
        own = [column for column in columns if column.source == source]
        shapes = {(column.categories, column.ignores_unknown) for column in own}
        fills = {column.fill for column in own}
        if len(shapes) != 1 or len(fills) != 1:
            raise NotExportable(f"the feature {names[source]!r} is prepared in two different ways")
        kept = decimals if isinstance(decimals, int) else decimals.get(names[source], DECIMALS)
        features.append(_feature(names[source], own[0], kept))
    place = {source: i for i, source in enumerate(used)}
    moved = [Column(place[c.source], c.steps, c.categories, c.ignores_unknown, c.values, c.fill) for c in columns]
    return tuple(features), moved


def _feature(name: str, column: Column, decimals: int) -> Feature:
    fill = column.fill.item() if hasattr(column.fill, "item") else column.fill
    unknown = "ignore" if column.ignores_unknown else "refuse"
    if column.categories:
        bare = Feature(name, "category", categories=column.categories, unknown=unknown)  # type: ignore[arg-type]
    else:
        bare = Feature(name, "number", decimals)
    if fill is None:
        return bare
    try:
        missing = bare.encode(fill)
    except InvalidInput as error:
        raise NotExportable(f"the value {fill!r} an imputer puts for {name!r} cannot be encoded") from error
    return Feature(name, bare.kind, bare.decimals, bare.categories, bare.unknown, missing)


def _export_linear(
    classifier: Any,
    kind: str,
    features: tuple[Feature, ...],
    columns: list[Column],
    classes: tuple[Label, Label],
    flipped: bool,
) -> LinearModel:
    """Folds scalers and one-hot columns into one term a feature, in exact fractions."""
    if kind == "SGDClassifier" and classifier.loss != "log_loss":
        raise NotExportable(f"an SGDClassifier with loss {classifier.loss!r} gives no probability")
    if getattr(classifier, "multi_class", None) == "multinomial":
        raise NotExportable("a LogisticRegression with multi_class='multinomial' is not known")
    sign = -1 if flipped else 1
    intercept = sign * Fraction(float(classifier.intercept_[0]))
    weights = [[Fraction(0)] * (1 if feature.kind == "number" else feature.slots) for feature in features]
    for coefficient, column in zip(classifier.coef_[0], columns, strict=True):
        weight = sign * Fraction(float(coefficient))
        own = weights[column.source]
        if column.categories:
            for i, value in enumerate(column.values):
                own[i] += weight * Fraction(value)
            continue
        for step in reversed(column.steps):
            slope, offset = step.slope_and_offset()
            intercept += weight * offset
            weight *= slope
        own[0] += weight
    return LinearModel(features, classes, _term([intercept]), tuple(_term(own) for own in weights))


def _term(weights: list[Fraction]) -> Term:
    integers, decimals = quantise(weights, most_decimals=MAX_WEIGHT_DECIMALS)
    return Term(tuple(integers), decimals)
