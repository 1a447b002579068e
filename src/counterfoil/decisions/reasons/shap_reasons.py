"""Reasons of scikit-learn tree ensembles, by the shap library's exact tree algorithm.

With background rows the values are interventional: each row of the background is
used, none is drawn at random. Without, they are path-dependent, and the training
rows counted in the trees' nodes stand in for the background.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from counterfoil.decisions.reasons.reasons import ReasonConfig, Row, background_sha256
from counterfoil.decisions.reasons.sklearn_parts import encode, final_estimator, origins, require_package, version_of
from counterfoil.errors import InvalidInput

__all__ = ["MAX_BACKGROUND_ROWS", "TREE_ENSEMBLES", "TreeEstimator", "explain_tree_estimator"]

TREE_ENSEMBLES: Final = frozenset(
    {
        "DecisionTreeClassifier",
        "ExtraTreeClassifier",
        "ExtraTreesClassifier",
        "GradientBoostingClassifier",
        "HistGradientBoostingClassifier",
        "RandomForestClassifier",
    }
)

MAX_BACKGROUND_ROWS: Final = 1000
"""Most background rows; each costs about 10 us a decision."""


class TreeEstimator:
    """Explains a fitted scikit-learn tree ensemble, its one-hot columns summed by feature."""

    def __init__(self, model: Any, rows: Sequence[Row], most: int, position: int) -> None:
        shap = require_package("shap")
        self._model = model
        self._position = position
        self._origins = origins(model)
        trees = final_estimator(model)
        # scikit-learn's own trees compare in single precision, and so must the explanation,
        # or rows beside a threshold are explained by the other side of it.
        self._precision = "float64" if type(trees).__name__.startswith("Hist") else "float32"
        if rows:
            data = shap.maskers.Independent(self._encode(rows), max_samples=len(rows))
            self._explainer = shap.TreeExplainer(trees, data, feature_perturbation="interventional")
        else:
            self._explainer = shap.TreeExplainer(trees, feature_perturbation="tree_path_dependent")
        if self._precision == "float32":
            self._explainer.model.thresholds = _floor_single(self._explainer.model.thresholds)
        self.config = ReasonConfig(
            "tree_shap" if rows else "tree_shap_path",
            f"shap {version_of('shap')}",
            background_sha256(rows) if rows else "",
            most=most,
            of="margin" if "Boosting" in type(trees).__name__ else "score",
        )

    def contributions(self, row: Row) -> dict[str, float]:
        """Returns what each feature adds to the margin (boosting) or to the score (forests).

        Raises:
            InvalidInput: If the library finds that its parts do not add up to the model's output.
        """
        try:
            values = self._explainer.shap_values(self._encode([row]), check_additivity=True)
        except Exception as error:  # the library's own ExplainerError has no stable place
            if type(error).__name__ != "ExplainerError":
                raise
            raise InvalidInput(
                "the contributions do not add up to the score, so they are not issued as reasons",
                hint='use method = "permutation" in the policy',
            ) from error
        totals = dict.fromkeys(self._origins, 0.0)
        for name, part in zip(self._origins, self._of_class(values).tolist(), strict=True):
            totals[name] += part
        return totals

    def second_opinion(self, row: Row) -> None:
        """Gives no second opinion: the values are exact."""

    def _encode(self, rows: Sequence[Row]) -> Any:
        return encode(self._model, rows).astype(self._precision)

    def _of_class(self, values: Any) -> Any:
        """Picks the class: boosting has one margin, for the second class; forests have one output a class."""
        if values.ndim == 3:
            return values[0, :, self._position]
        return values[0] if self._position == 1 else -values[0]


def _floor_single(thresholds: Any) -> Any:
    """Returns the largest single-precision number not above each threshold.

    shap's interventional code rounds thresholds to single precision, some of them
    upwards, past values they should stop. A single-precision value is at most the
    threshold exactly if it is at most this number, which survives that rounding.
    """
    numpy = require_package("numpy")
    single = thresholds.astype(numpy.float32)
    lower = numpy.nextafter(single, numpy.float32("-inf"))
    return numpy.where(single.astype(numpy.float64) > thresholds, lower, single).astype(numpy.float64)


def explain_tree_estimator(model: Any, rows: Sequence[Row], most: int, position: int) -> TreeEstimator:
    """Returns the explainer of a tree ensemble for the class at `position`.

    Raises:
        InvalidInput: For too many background rows or an encoding that cannot be followed.
        NotSetUp: If shap is not installed.
    """
    if len(rows) > MAX_BACKGROUND_ROWS:
        raise InvalidInput(
            f"the background has {len(rows)} rows, and {MAX_BACKGROUND_ROWS} is the most for trees",
            hint="commit a sample of the training rows",
        )
    return TreeEstimator(model, rows, most, position)
