"""Looking into a fitted scikit-learn model: its inputs, its encoding, and which column is which feature."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from counterfoil.decisions.reasons.reasons import Row
from counterfoil.errors import INSTALL_ML, InvalidInput, NotSetUp

__all__ = ["encode", "final_estimator", "frame_of", "input_names", "origins", "require_package", "version_of"]

_DISTRIBUTIONS = {"sklearn": "scikit-learn"}


def require_package(name: str) -> Any:
    """Returns an imported optional package.

    Raises:
        NotSetUp: If it is not installed.
    """
    from importlib import import_module

    try:
        return import_module(name)
    except ImportError as error:
        raise NotSetUp(
            f"{_DISTRIBUTIONS.get(name, name)} is not installed",
            hint=INSTALL_ML,
        ) from error


def version_of(name: str) -> str:
    """Returns the version of an installed package, or "unknown"."""
    try:
        return version(_DISTRIBUTIONS.get(name, name))
    except PackageNotFoundError:
        return "unknown"


def final_estimator(model: Any) -> Any:
    """Returns the last step of a pipeline, or the model itself."""
    return model.steps[-1][1] if hasattr(model, "steps") else model


def input_names(model: Any) -> list[str]:
    """Returns the names of the features the model was trained on.

    Raises:
        InvalidInput: If it was trained without names, or not at all.
    """
    names = getattr(model, "feature_names_in_", None)
    if names is None:
        raise InvalidInput(
            f"the {type(model).__name__} does not know the names of its features",
            hint="fit it on a pandas DataFrame whose columns are the policy's features",
        )
    return [str(name) for name in names]


def frame_of(model: Any, rows: Sequence[Row]) -> Any:
    """Returns rows as a DataFrame with the model's columns, in its order."""
    pandas = require_package("pandas")
    names = input_names(model)
    return pandas.DataFrame({name: [row.get(name) for row in rows] for name in names}, columns=names)


def encode(model: Any, rows: Sequence[Row]) -> Any:
    """Returns rows as the final estimator sees them: (rows, columns) float64."""
    numpy = require_package("numpy")
    data: Any = frame_of(model, rows)
    if hasattr(model, "steps"):
        for _, step in model.steps[:-1]:
            data = data if isinstance(step, str) else step.transform(data)
    if hasattr(data, "toarray"):
        data = data.toarray()
    return numpy.asarray(data, dtype=numpy.float64)


def origins(model: Any) -> list[str]:
    """Returns, for each column the final estimator sees, the feature it comes from.

    Raises:
        InvalidInput: If a step mixes features, so that no single one can be named.
    """
    names = input_names(model)
    if hasattr(model, "steps"):
        for _, step in model.steps[:-1]:
            names = _after(step, names)
    width = getattr(final_estimator(model), "n_features_in_", len(names))
    if len(names) != width:
        raise InvalidInput(
            f"the model sees {width} columns, and {len(names)} of them can be traced to a feature",
            hint=_SAMPLE_INSTEAD,
        )
    return names


def _after(step: Any, names: list[str]) -> list[str]:
    if isinstance(step, str):  # "passthrough"; "drop" is handled where columns are chosen
        return names
    if hasattr(step, "steps"):
        for _, inner in step.steps:
            names = _after(inner, names)
        return names
    if hasattr(step, "transformers_"):
        return _after_columns(step, names)
    if type(step).__name__ == "OneHotEncoder":
        return [name for name, count in zip(names, _one_hot_counts(step), strict=True) for _ in range(count)]
    if type(step).__name__ in _ONE_TO_ONE or _is_identity(step):
        return names
    raise InvalidInput(
        f"it cannot be told which feature the columns of {type(step).__name__} come from",
        hint=_SAMPLE_INSTEAD,
    )


_SAMPLE_INSTEAD = 'use method = "permutation" in the policy'

_ONE_TO_ONE = frozenset(
    {
        "MaxAbsScaler",
        "MinMaxScaler",
        "OrdinalEncoder",
        "PowerTransformer",
        "QuantileTransformer",
        "RobustScaler",
        "SimpleImputer",
        "StandardScaler",
    }
)


def _is_identity(step: Any) -> bool:
    """A fitted "passthrough" is a FunctionTransformer without a function."""
    return type(step).__name__ == "FunctionTransformer" and step.func is None


def _after_columns(step: Any, names: list[str]) -> list[str]:
    """Follows a ColumnTransformer: its parts stand side by side, in order."""
    found: list[str] = []
    for label, part, _ in step.transformers_:
        if isinstance(part, str) and part == "drop":
            continue
        chosen = [names[position] for position in _positions(step, label, names)]
        found += _after(part, chosen) if chosen else []
    return found


def _positions(step: Any, label: str, names: list[str]) -> list[int]:
    columns = next(columns for name, _, columns in step.transformers_ if name == label)
    if isinstance(columns, slice):
        return list(range(len(names)))[columns]
    chosen = [columns] if isinstance(columns, str | int) else list(columns)
    if chosen and all(type(each).__name__ in ("bool", "bool_") for each in chosen):
        return [position for position, used in enumerate(chosen) if used]
    return [names.index(str(each)) if isinstance(each, str) else int(each) for each in chosen]


def _one_hot_counts(encoder: Any) -> list[int]:
    """Columns of each encoded feature, after rare categories are merged and one is dropped."""
    dropped = encoder.drop_idx_
    infrequent = getattr(encoder, "infrequent_categories_", None) or [None] * len(encoder.categories_)
    counts = []
    for position, categories in enumerate(encoder.categories_):
        merged = infrequent[position]
        count = len(categories) - (len(merged) - 1 if merged is not None and len(merged) else 0)
        counts.append(count - (dropped is not None and dropped[position] is not None))
    return counts
