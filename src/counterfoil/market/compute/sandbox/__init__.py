"""The sandbox: one algorithm, locked in with what it is given."""

from __future__ import annotations

from counterfoil.market.compute.sandbox.interpreter import Interpreter
from counterfoil.market.compute.sandbox.limits import Limits
from counterfoil.market.compute.sandbox.outcome import Exit, Outcome, Output, Usage
from counterfoil.market.compute.sandbox.placing import Task
from counterfoil.market.compute.sandbox.sandbox import Sandbox
from counterfoil.market.compute.sandbox.walls import Walls

__all__ = [
    "Exit",
    "Interpreter",
    "Limits",
    "Outcome",
    "Output",
    "Sandbox",
    "Task",
    "Usage",
    "Walls",
]
