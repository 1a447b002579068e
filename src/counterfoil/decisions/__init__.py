"""Decisions that anyone can check."""

from counterfoil.decisions.decision import Decision
from counterfoil.decisions.decisions import Decisions
from counterfoil.decisions.deployment import Deployment
from counterfoil.decisions.history import FollowUp, History
from counterfoil.decisions.policies import RegisteredPolicy
from counterfoil.decisions.policy import Policy
from counterfoil.decisions.reasons import Reason
from counterfoil.decisions.search import DecisionCount
from counterfoil.decisions.views import DecisionsView

__all__ = [
    "Decision",
    "DecisionCount",
    "Decisions",
    "DecisionsView",
    "Deployment",
    "FollowUp",
    "History",
    "Policy",
    "Reason",
    "RegisteredPolicy",
]
