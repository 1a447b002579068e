"""Policies: the written rules by which a score becomes a decision."""

from counterfoil.decisions.policy.features import Feature, FeatureValue
from counterfoil.decisions.policy.policy import (
    MICRO,
    MOST_REASONS,
    Outcome,
    Policy,
    ReasonCode,
    ReasonMethod,
    ReasonSettings,
    round_to_micro,
)

__all__ = [
    "MICRO",
    "MOST_REASONS",
    "Feature",
    "FeatureValue",
    "Outcome",
    "Policy",
    "ReasonCode",
    "ReasonMethod",
    "ReasonSettings",
    "round_to_micro",
]
