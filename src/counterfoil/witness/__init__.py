"""Witnesses: cosigning the heads of other organisations' logs, and having one's own cosigned."""

from __future__ import annotations

from counterfoil.core.witness_policy import WitnessPolicy
from counterfoil.witness.witness import Witness

__all__ = ["Witness", "WitnessPolicy"]
