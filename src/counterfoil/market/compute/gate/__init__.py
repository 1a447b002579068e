"""The output gate: what may leave a job, and the owner's desk for what a person has to look at."""

from counterfoil.market.compute.gate.decision import FileDecision, GateDecision
from counterfoil.market.compute.gate.desk import Desk, Pending, Preview, Settled
from counterfoil.market.compute.gate.gate import Gated, check_outputs
from counterfoil.market.compute.gate.leaks import Finding, RowIndex
from counterfoil.market.compute.gate.rules import GateRules

__all__ = [
    "Desk",
    "FileDecision",
    "Finding",
    "GateDecision",
    "GateRules",
    "Gated",
    "Pending",
    "Preview",
    "RowIndex",
    "Settled",
    "check_outputs",
]
