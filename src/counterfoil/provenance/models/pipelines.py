"""Follows the columns of a fitted scikit-learn pipeline back to the features they come from."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from counterfoil.errors import InvalidInput
from counterfoil.provenance.models.features import Label

__all__ = ["Column", "NotExportable", "Step", "follow", "input_names", "kind_of", "label_of", "split_pipeline"]


class NotExportable(InvalidInput):
    """The estimator cannot be written as an integer model; the message says which part."""


@dataclass(frozen=True, slots=True)
class Step:
    """What a scaler does to a number, in scikit-learn's own order of operations.

    (x - subtract) / divide, then * multiply + add, then clipped to low..high.
    """

    subtract: float = 0.0
    divide: float = 1.0
    multiply: float = 1.0
    add: float = 0.0
    low: float | None = None
    high: float | None = None

    def apply(self, value: float) -> float:
        """Returns the scaled value in double precision, as NumPy computes it."""
        value = (value - self.subtract) / self.divide * self.multiply + self.add
        if self.low is not None:
            value = max(value, self.low)
        return value if self.high is None else min(value, self.high)

    def slope_and_offset(self) -> tuple[Fraction, Fraction]:
        """Returns a and b of a * x + b, exactly.

        Raises:
            NotExportable: If the step clips, which is not a straight line.
        """
        if self.low is not None or self.high is not None:
            raise NotExportable("a scaler that clips cannot be part of a linear integer model")
        slope = Fraction(self.multiply) / Fraction(self.divide)
        return slope, Fraction(self.add) - Fraction(self.subtract) * slope


@dataclass(frozen=True, slots=True)
class Column:
    """One column inside the pipeline.

    Args:
        source: Position of the input feature it comes from.
        steps: What happened to it since, for a number.
        categories: The known values, once an encoder has seen it.
        ignores_unknown: Whether the encoder lets unknown values pass.
        values: For a category: the column's number for each index (and for unknown last).
        fill: What an imputer puts for a missing value, or None.
    """

    source: int
    steps: tuple[Step, ...] = ()
    categories: tuple[Label, ...] = ()
    ignores_unknown: bool = False
    values: tuple[float, ...] = ()
    fill: Any = None

    def number(self, value: float) -> float:
        """Returns what the pipeline makes of a number."""
        for step in self.steps:
            value = step.apply(value)
        return value

    def then(self, step: Step) -> Column:
        """Returns the column after one more step."""
        if self.categories:
            return replace(self, values=tuple(step.apply(value) for value in self.values))
        return replace(self, steps=(*self.steps, step))


def kind_of(thing: Any) -> str:
    """Returns the class name of one of scikit-learn's own estimators, else an empty string."""
    kind = type(thing)
    return str(kind.__name__) if str(kind.__module__).startswith("sklearn.") else ""


def label_of(value: Any) -> Label:
    """Returns a class or category of scikit-learn as JSON holds it.

    Raises:
        NotExportable: For anything but text, whole numbers and truth values.
    """
    item = value.item() if hasattr(value, "item") else value
    if isinstance(item, float) and item.is_integer():
        item = int(item)
    if isinstance(item, str | int):
        return str(item) if isinstance(item, str) else item
    raise NotExportable(f"the category or class {item!r} is not a text, whole number or truth value")


def split_pipeline(estimator: Any) -> tuple[list[Any], Any]:
    """Returns the transformers before a classifier, and the classifier."""
    if kind_of(estimator) != "Pipeline":
        return [], estimator
    steps = [step for _, step in estimator.steps if step is not None and not isinstance(step, str)]
    before, last = split_pipeline(steps[-1]) if steps else ([], None)
    return [*steps[:-1], *before], last


def input_names(estimator: Any, given: Sequence[str] | None) -> list[str]:
    """Returns the names of the columns the estimator was fitted on."""
    if hasattr(estimator, "feature_names_in_"):
        names = [str(name) for name in estimator.feature_names_in_]
        if given is not None and list(given) != names:
            raise NotExportable("the given feature names are not those the estimator was fitted with")
        return names
    count = getattr(estimator, "n_features_in_", None)
    if count is None:
        raise NotExportable("the estimator is not fitted", hint="call fit first")
    names = [f"x{i}" for i in range(count)] if given is None else [str(name) for name in given]
    if len(names) != count:
        raise NotExportable(f"{len(names)} feature names were given for {count} features")
    return names


def follow(transformer: Any, columns: list[Column]) -> list[Column]:
    """Returns the columns that come out of a fitted transformer.

    Raises:
        NotExportable: For a transformer this module does not know.
    """
    kind = kind_of(transformer)
    if transformer is None or (isinstance(transformer, str) and transformer == "passthrough"):
        return columns
    if kind == "FunctionTransformer" and transformer.func is None:
        return columns  # how a fitted ColumnTransformer holds "passthrough"
    if kind == "Pipeline":
        for _, step in transformer.steps:
            columns = follow(step, columns)
        return columns
    if kind == "ColumnTransformer":
        return _column_transformer(transformer, columns)
    if kind in _ENCODERS:
        return _ENCODERS[kind](transformer, columns)
    if kind in _SCALERS:
        return [
            column.then(step) for column, step in zip(columns, _SCALERS[kind](transformer, len(columns)), strict=True)
        ]
    name = kind or f"{type(transformer).__module__}.{type(transformer).__name__}"
    raise NotExportable(
        f"the transformer {name} is not known",
        hint="known: ColumnTransformer, Pipeline, " + ", ".join(sorted([*_ENCODERS, *_SCALERS])),
    )


def _column_transformer(transformer: Any, columns: list[Column]) -> list[Column]:
    if transformer.transformer_weights:
        raise NotExportable("a ColumnTransformer with transformer_weights is not known")
    found: list[Column] = []
    positions = transformer._transformer_to_input_indices
    for name, part, _ in transformer.transformers_:
        own = [columns[i] for i in positions.get(name, ())]
        if isinstance(part, str) and part == "drop":
            continue
        if own:
            found += follow(part, own)
    return found


def _one_hot(encoder: Any, columns: list[Column]) -> list[Column]:
    infrequent = getattr(encoder, "infrequent_categories_", None)
    if infrequent is not None and any(group is not None for group in infrequent):
        raise NotExportable("a OneHotEncoder that groups infrequent categories is not known")
    drop = encoder.drop_idx_ if encoder.drop_idx_ is not None else [None] * len(columns)
    ignores = encoder.handle_unknown != "error"
    found: list[Column] = []
    for column, categories, dropped in zip(columns, encoder.categories_, drop, strict=True):
        labels = _encodable(column, categories)
        for i in range(len(labels)):
            if i != dropped:
                values = tuple(float(i == j) for j in range(len(labels) + ignores))
                found.append(replace(column, categories=labels, ignores_unknown=ignores, values=values))
    return found


def _ordinal(encoder: Any, columns: list[Column]) -> list[Column]:
    if any(group is not None for group in getattr(encoder, "infrequent_categories_", None) or []):
        raise NotExportable("an OrdinalEncoder that groups infrequent categories is not known")
    ignores = encoder.handle_unknown != "error"
    if ignores and not math.isfinite(encoder.unknown_value):
        raise NotExportable("an OrdinalEncoder that marks unknown values with NaN is not known")
    found: list[Column] = []
    for column, categories in zip(columns, encoder.categories_, strict=True):
        labels = _encodable(column, categories)
        values = tuple(float(i) for i in range(len(labels))) + ((float(encoder.unknown_value),) if ignores else ())
        found.append(replace(column, categories=labels, ignores_unknown=ignores, values=values))
    return found


def _encodable(column: Column, categories: Any) -> tuple[Label, ...]:
    if column.categories or column.steps:
        raise NotExportable("an encoder after another encoder or a scaler is not known")
    return tuple(label_of(category) for category in categories)


def _imputer(imputer: Any, columns: list[Column]) -> list[Column]:
    if imputer.add_indicator:
        raise NotExportable("a SimpleImputer with add_indicator is not known")
    marker = imputer.missing_values
    if not (marker is None or (isinstance(marker, float) and math.isnan(marker)) or str(marker) == "<NA>"):
        raise NotExportable(f"a SimpleImputer that replaces {marker!r} is not known")
    found: list[Column] = []
    for column, fill in zip(columns, imputer.statistics_, strict=True):
        if fill is None or (isinstance(fill, float) and math.isnan(fill)):
            raise NotExportable("a SimpleImputer saw a column without any value")
        if column.categories or column.steps:
            raise NotExportable("a SimpleImputer after an encoder or a scaler is not known")
        found.append(replace(column, fill=fill))
    return found


def _standard(scaler: Any, count: int) -> list[Step]:
    means = scaler.mean_ if scaler.with_mean else [0.0] * count
    scales = scaler.scale_ if scaler.with_std else [1.0] * count
    return [Step(subtract=float(mean), divide=float(scale)) for mean, scale in zip(means, scales, strict=True)]


def _min_max(scaler: Any, count: int) -> list[Step]:
    low, high = scaler.feature_range if scaler.clip else (None, None)
    return [
        Step(multiply=float(a), add=float(b), low=low, high=high)
        for a, b in zip(scaler.scale_[:count], scaler.min_[:count], strict=True)
    ]


def _max_abs(scaler: Any, count: int) -> list[Step]:
    low, high = (-1.0, 1.0) if getattr(scaler, "clip", False) else (None, None)
    return [Step(divide=float(scale), low=low, high=high) for scale in scaler.scale_[:count]]


def _robust(scaler: Any, count: int) -> list[Step]:
    centres = scaler.center_ if scaler.with_centering else [0.0] * count
    scales = scaler.scale_ if scaler.with_scaling else [1.0] * count
    return [Step(subtract=float(centre), divide=float(scale)) for centre, scale in zip(centres, scales, strict=True)]


_ENCODERS = {"OneHotEncoder": _one_hot, "OrdinalEncoder": _ordinal, "SimpleImputer": _imputer}
_SCALERS = {"StandardScaler": _standard, "MinMaxScaler": _min_max, "MaxAbsScaler": _max_abs, "RobustScaler": _robust}
