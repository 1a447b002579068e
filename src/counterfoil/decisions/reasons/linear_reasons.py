"""Reasons of linear models in closed form: weight times distance from the background's mean.

These are the exact SHAP values of a linear model under independent features
(Lundberg and Lee 2017, corollary 1), so there is nothing to sample and no seed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal, Protocol

from counterfoil.decisions.reasons.reasons import ReasonConfig, Row, background_sha256
from counterfoil.decisions.reasons.sklearn_parts import encode, final_estimator, origins, version_of

__all__ = ["ClosedForm", "LinearEstimator", "LinearScorer", "explain_linear_estimator", "is_linear_model"]

RULE: Final = "counterfoil closed form 1"
"""Name and version of the rule for canonical integer models."""


class LinearScorer(Protocol):
    """What is used of a canonical linear model."""

    @property
    def features(self) -> Sequence[Any]:
        """The model's features, each with a `name`."""

    @property
    def link(self) -> str:
        """The margin is a log-odds for "logit", and the score itself for "identity"."""

    def background(self, rows: Sequence[Row]) -> Any:
        """Returns the exact mean contributions of some rows."""

    def contributions(self, row: Row, background: Any) -> Mapping[str, int]:
        """Returns what each feature adds to the margin, in units of 10^-9."""


def is_linear_model(model: object) -> bool:
    """Returns True for a canonical linear model."""
    return hasattr(model, "contributions") and hasattr(model, "background") and hasattr(model, "features")


class ClosedForm:
    """Explains a canonical integer linear model: exact, in whole numbers."""

    def __init__(self, model: LinearScorer, rows: Sequence[Row], most: int) -> None:
        of: Literal["margin", "score"] = "margin" if model.link == "logit" else "score"
        self.config = ReasonConfig("closed_form", RULE, background_sha256(rows), most=most, of=of)
        self._contributions = model.contributions
        self._background = model.background(rows)

    def contributions(self, row: Row) -> dict[str, int]:
        """Returns what each feature adds to the margin, in micro-units, half to even."""
        nano = self._contributions(row, self._background)
        # (v + 499 + odd) // 1000 is half to even, and several times faster than round()
        return {name: (value + 499 + (value // 1000 & 1)) // 1000 for name, value in nano.items()}

    def second_opinion(self, row: Row) -> None:
        """Gives no second opinion: the closed form is exact."""


class LinearEstimator:
    """Explains a fitted scikit-learn linear classifier, its one-hot columns summed by feature."""

    def __init__(self, model: Any, rows: Sequence[Row], most: int, sign: int) -> None:
        library = f"{RULE}, scikit-learn {version_of('sklearn')}"
        self.config = ReasonConfig("closed_form", library, background_sha256(rows), most=most)
        self._model = model
        self._origins = origins(model)
        self._weights = sign * final_estimator(model).coef_[0]
        self._mean = encode(model, rows).mean(axis=0)

    def contributions(self, row: Row) -> dict[str, float]:
        """Returns what each feature adds to the margin, in units of it."""
        parts = self._weights * (encode(self._model, [row])[0] - self._mean)
        totals = dict.fromkeys(self._origins, 0.0)
        for name, part in zip(self._origins, parts.tolist(), strict=True):
            totals[name] += part
        return totals

    def second_opinion(self, row: Row) -> None:
        """Gives no second opinion: the closed form is exact."""


def explain_linear_estimator(model: Any, rows: Sequence[Row], most: int, position: int) -> LinearEstimator:
    """Returns the explainer of a two-class linear classifier for the class at `position`."""
    return LinearEstimator(model, rows, most, 1 if position == 1 else -1)
