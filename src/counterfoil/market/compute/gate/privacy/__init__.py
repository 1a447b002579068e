"""Differential privacy: statistics and averages with noise, and the budget that they use up."""

from counterfoil.market.compute.gate.privacy.blocks import Aggregate, Output, aggregate, split
from counterfoil.market.compute.gate.privacy.budget import Budget, Cost, Limit, Spent
from counterfoil.market.compute.gate.privacy.private_answer import Paying, answer_blocks, answer_privately
from counterfoil.market.compute.gate.privacy.rules import PrivacyRules
from counterfoil.market.compute.gate.privacy.statistics import (
    Answer,
    Statistic,
    answer_statistics,
    read_statistics,
    total_epsilon,
)

__all__ = [
    "Aggregate",
    "Answer",
    "Budget",
    "Cost",
    "Limit",
    "Output",
    "Paying",
    "PrivacyRules",
    "Spent",
    "Statistic",
    "aggregate",
    "answer_blocks",
    "answer_privately",
    "answer_statistics",
    "read_statistics",
    "split",
    "total_epsilon",
]
