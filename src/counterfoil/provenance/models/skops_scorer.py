"""Runs a scikit-learn model from a skops file or from memory, one row at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from counterfoil.core.canonical import JsonValue
from counterfoil.errors import INSTALL_ML, InvalidInput, NotAllowed, NotSetUp
from counterfoil.provenance.models.features import Feature, Label, find_label
from counterfoil.provenance.models.fixedpoint import to_micro
from counterfoil.provenance.models.open_row import check_row
from counterfoil.provenance.models.semantic import skops_schema

__all__ = ["EstimatorScorer", "load_skops", "score_many"]


def load_skops(
    data: bytes, trusted: Sequence[str] = (), names: Sequence[str] = (), positive: Label | None = None
) -> EstimatorScorer:
    """Returns a scorer for a skops file of which every type is trusted.

    Raises:
        NotAllowed: Naming the types that are not trusted.
        InvalidInput: If the file is damaged or holds no classifier.
        NotSetUp: If skops is not installed.
    """
    skops_schema(data)[1].close()
    try:
        from skops import io as skops_io
    except ImportError as error:
        raise NotSetUp("reading skops files needs skops", hint=INSTALL_ML) from error
    try:
        odd = sorted(set(skops_io.get_untrusted_types(data=data)) - set(trusted))
        if odd:
            raise NotAllowed(
                "the skops file needs types that are not trusted: " + ", ".join(odd)[:500],
                hint="read what they do, then name each with --trust TYPE (in Python: trusted=)",
            )
        estimator = skops_io.loads(data, trusted=list(trusted))
    except NotAllowed:
        raise
    except Exception as error:  # a hostile schema can make any part of the reader fail
        raise InvalidInput(f"not a usable skops file: {str(error)[:200]}") from error
    return EstimatorScorer(estimator, names, positive)


class EstimatorScorer:
    """A fitted classifier with `predict_proba`, on one row and one thread.

    Args:
        estimator: The classifier.
        names: Feature names, if it was fitted on a bare array; x0, x1, ... if empty.
        positive: The scored class; by default the last of `classes_`.

    Raises:
        InvalidInput: If it is not a fitted classifier, or has no such class.
    """

    def __init__(self, estimator: Any, names: Sequence[str] = (), positive: Label | None = None) -> None:
        from threadpoolctl import ThreadpoolController

        self._estimator = estimator
        self._column, self.positive = _column(estimator, positive)
        self._framed = hasattr(estimator, "feature_names_in_")
        own = list(estimator.feature_names_in_) if self._framed else list(names)
        if not own:
            own = [f"x{i}" for i in range(getattr(estimator, "n_features_in_", 0))]
        # A category without known values takes both texts and numbers: the estimator decides.
        kind = "category" if self._framed else "number"
        self.features = tuple(Feature(str(name), kind) for name in own)  # type: ignore[arg-type]
        self._threads = ThreadpoolController()

    @property
    def fitted_estimator(self) -> Any:
        """The classifier, for reasons; None where it does not know its features' names."""
        return self._estimator if self._framed else None

    def score(self, row: Mapping[str, JsonValue]) -> float:
        """Returns the score of the positive outcome; see `Scorer.score`."""
        values = check_row(row, self.features)
        table = self._table(values)
        try:
            with self._threads.limit(limits=1):
                return float(self._estimator.predict_proba(table)[0, self._column])
        except Exception as error:  # somebody else's code: it can raise anything
            raise InvalidInput(f"the model gives no score for this row: {str(error)[:200]}") from error

    def score_micro(self, row: Mapping[str, JsonValue]) -> int:
        """Returns the score in micro-units; see `Scorer.score_micro`."""
        return to_micro(self.score(row))

    def _table(self, values: Sequence[int | float | str]) -> Any:
        if self._framed:
            import pandas as pd

            return pd.DataFrame([values], columns=[feature.name for feature in self.features])
        import numpy as np

        return np.array([values], dtype=float)


def score_many(
    estimator: Any, names: Sequence[str] = (), positive: Label | None = None
) -> Callable[[Any], list[float]]:
    """Returns a function from rows (a list of objects, or a DataFrame) to scores, for `certify`.

    Raises:
        InvalidInput: If it is not a fitted classifier, or has no such class.
    """
    column, _ = _column(estimator, positive)
    framed = hasattr(estimator, "feature_names_in_")
    own = list(estimator.feature_names_in_) if framed else list(names)
    own = own or [f"x{i}" for i in range(getattr(estimator, "n_features_in_", 0))]

    def score(rows: Any) -> list[float]:
        import pandas as pd

        whole = rows if isinstance(rows, pd.DataFrame) else pd.DataFrame(list(rows))
        table: Any = whole[own] if framed else whole[own].to_numpy(dtype=float)
        return [float(value) for value in estimator.predict_proba(table)[:, column]]

    return score


def _label(item: Any) -> Any:
    """Returns a class as JSON holds it; 1.0 and 1 are one class."""
    item = item.item() if hasattr(item, "item") else item
    return int(item) if isinstance(item, float) and item.is_integer() else item


def _column(estimator: Any, positive: Label | None) -> tuple[int, Label]:
    """Returns the column of the scored class, and its label."""
    if not hasattr(estimator, "predict_proba"):
        raise InvalidInput(f"{type(estimator).__name__} is no classifier with probabilities")
    classes = [_label(item) for item in getattr(estimator, "classes_", ())]
    if not classes:
        raise InvalidInput(f"the {type(estimator).__name__} is not fitted", hint="call fit first")
    if len(classes) != 2:
        raise InvalidInput(f"only models of two classes can be scored, this one has {len(classes)}")
    column = 1 if positive is None else find_label(positive, classes)
    return column, classes[column]
