"""Reasons: why a score was as low as it was, and the methods that find out."""

from counterfoil.decisions.reasons.explainers import explainer_for
from counterfoil.decisions.reasons.reasons import (
    Explainer,
    Reason,
    ReasonConfig,
    Row,
    background_sha256,
    explain,
    reasons_for,
)

__all__ = [
    "Explainer",
    "Reason",
    "ReasonConfig",
    "Row",
    "background_sha256",
    "explain",
    "explainer_for",
    "reasons_for",
]
