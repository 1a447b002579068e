"""Choosing how a model is explained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from counterfoil.decisions.policy import Policy
from counterfoil.decisions.reasons.linear_reasons import (
    ClosedForm,
    LinearEstimator,
    explain_linear_estimator,
    is_linear_model,
)
from counterfoil.decisions.reasons.reasons import Explainer, Row
from counterfoil.decisions.reasons.sampled_reasons import Sampled, scorer_of
from counterfoil.decisions.reasons.shap_reasons import TREE_ENSEMBLES, TreeEstimator, explain_tree_estimator
from counterfoil.decisions.reasons.sklearn_parts import final_estimator, input_names
from counterfoil.decisions.reasons.tree_reasons import IntegerTrees, is_tree_model
from counterfoil.errors import InvalidInput

__all__ = ["explainer_for"]

_LINEAR_ESTIMATORS: Final = ("LogisticRegression",)


def explainer_for(model: Any, policy: Policy, background_rows: Sequence[Row] = ()) -> Explainer:
    """Returns the explainer the policy asks for; "auto" takes the exact method where there is one.

    Linear models are explained in closed form, trees by interventional SHAP values (by
    path-dependent ones where a scikit-learn ensemble comes without background rows).
    Everything else is sampled by permutations and, unless the policy says "permutation",
    left for a replay on demand.

    Args:
        model: A loaded model, or a fitted scikit-learn classifier.
        policy: The policy of the decisions.
        background_rows: Checked rows to compare with; only the model's features are used.

    Raises:
        InvalidInput: If policy and model do not fit, or the method does not fit the model.
        NotSetUp: If a library the method needs is not installed.
    """
    # A loaded skops model is explained by what is inside, where that knows its features' names.
    fitted = getattr(model, "fitted_estimator", None)
    model = model if fitted is None else fitted
    rows = [{name: row.get(name) for name in policy.model_features} for row in background_rows]
    policy.require_model(_feature_names(model))
    wanted = policy.reason_settings.method
    exact = None if wanted == "permutation" else _exact(model, policy, rows)
    if exact is None:
        if wanted in ("closed_form", "tree_shap"):
            raise InvalidInput(
                f"the policy asks for the reason method {wanted!r}, which does not fit a {type(model).__name__}",
                hint='use method = "auto"',
            )
        return _sampled(model, policy, rows, on_demand=wanted != "permutation")
    if wanted in ("closed_form", "tree_shap") and not exact.config.method.startswith(wanted):
        raise InvalidInput(
            f"the policy asks for the reason method {wanted!r}, and this model is explained by {exact.config.method!r}",
            hint='use method = "auto"',
        )
    if wanted == "on_demand":
        exact.config = replace(exact.config, on_demand=True)
    return exact


def _exact(
    model: Any, policy: Policy, rows: Sequence[Row]
) -> ClosedForm | IntegerTrees | LinearEstimator | TreeEstimator | None:
    most = policy.reason_settings.most
    if is_linear_model(model):
        _require_positive(model, policy)
        return ClosedForm(model, _require_rows(rows), most)
    if is_tree_model(model):
        _require_positive(model, policy)
        return IntegerTrees(model, _require_rows(rows), most)
    if not hasattr(model, "predict_proba"):
        return None
    kind = type(final_estimator(model)).__name__
    position = policy.class_position(model.classes_)
    if kind in _LINEAR_ESTIMATORS and len(model.classes_) == 2:
        return explain_linear_estimator(model, _require_rows(rows), most, position)
    if kind in TREE_ENSEMBLES and (len(model.classes_) == 2 or "Forest" in kind):
        return explain_tree_estimator(model, rows, most, position)
    return None


def _sampled(model: Any, policy: Policy, rows: Sequence[Row], *, on_demand: bool) -> Sampled:
    settings = policy.reason_settings
    if hasattr(model, "classes"):
        _require_positive(model, policy)
    position = policy.class_position(model.classes_) if hasattr(model, "classes_") else 1
    score, library = scorer_of(model, position)
    return Sampled(score, library, _require_rows(rows), settings.seed, settings.most, on_demand=on_demand)


def _feature_names(model: Any) -> list[str]:
    if hasattr(model, "score_micro") or is_linear_model(model):
        return [getattr(feature, "name", feature) for feature in model.features]
    return input_names(model)


def _require_positive(model: Any, policy: Policy) -> None:
    """An integer model scores its last class, so that must be the policy's."""
    classes = getattr(model, "classes", None)
    if classes is not None and policy.class_position(classes) != len(classes) - 1:
        raise InvalidInput(
            f"the score is the probability of {policy.score_of!r}, and this model scores {str(classes[-1])!r}",
            hint="export the model with its classes in the other order",
        )


def _require_rows(rows: Sequence[Row]) -> Sequence[Row]:
    if not rows:
        raise InvalidInput(
            "reasons compare the applicant with background rows, and there are none",
            hint="give the training rows, or a committed sample of them",
        )
    return rows
