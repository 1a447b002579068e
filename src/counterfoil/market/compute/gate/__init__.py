"""The output gate: what may leave a job, and the owner's desk for what a person has to look at."""

from counterfoil.market.compute.gate.decision import FileDecision, GateDecision
from counterfoil.market.compute.gate.gate import Gated, check_outputs
from counterfoil.market.compute.gate.leaks import Finding, RowIndex
from counterfoil.market.compute.gate.rules import GateRules

__all__ = ["FileDecision", "Finding", "GateDecision", "GateRules", "Gated", "RowIndex", "check_outputs"]
