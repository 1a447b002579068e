"""Whether a model and a policy fit each other, asked before anything is recorded."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from counterfoil.decisions.policy import Policy
from counterfoil.errors import InvalidInput
from counterfoil.provenance import Scorer, table_rows

__all__ = ["BACKGROUND_ROWS", "compared_rows", "require_fit", "require_names", "scored_class"]

BACKGROUND_ROWS: Final = 100
"""Most rows that reasons compare an applicant with."""


def require_fit(scorer: Scorer, policy: Policy) -> None:
    """Raises InvalidInput unless a model takes the policy's features and scores the policy's class."""
    policy.require_model([feature.name for feature in scorer.features])
    scored = getattr(scorer, "positive", policy.score_of)
    if str(scored) != policy.score_of:
        raise InvalidInput(
            f"the score is the probability of {policy.score_of!r}, and this model scores {str(scored)!r}",
            hint="register the model for that class, or correct score_of in the policy",
        )


def scored_class(model: Any, policy: Policy) -> Any:
    """Returns the class of an estimator whose probability the policy scores by."""
    classes = getattr(model, "classes_", None)
    if classes is None:  # a file: whichever of its classes the policy names
        return policy.score_of if isinstance(model, str | Path) else None
    found = classes[policy.class_position(classes)]
    found = found.item() if hasattr(found, "item") else found
    return int(found) if isinstance(found, float) and found.is_integer() else found


def require_names(model: Any) -> None:
    """Raises InvalidInput for an estimator that was fitted on bare numbers."""
    if hasattr(model, "n_features_in_") and not hasattr(model, "feature_names_in_"):
        raise InvalidInput(
            f"the {type(model).__name__} does not know the names of its features",
            hint="fit it on a pandas DataFrame whose columns are the policy's features",
        )


def compared_rows(background: Any, policy: Policy) -> list[dict[str, Any]]:
    """Returns the rows that reasons compare an applicant with, checked as the policy says."""
    if background is None:
        return []
    rows = table_rows(background[:BACKGROUND_ROWS] if hasattr(background, "iloc") else background, "background rows")
    compared = []
    for number, row in enumerate(rows[:BACKGROUND_ROWS], 1):
        try:
            compared.append({name: policy.feature(name).check(row.get(name)) for name in policy.model_features})
        except InvalidInput as error:
            raise InvalidInput(f"background row {number}: {error.message}", hint=error.hint) from error
    return compared
