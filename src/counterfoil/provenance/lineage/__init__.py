"""Lineage: what data and models came from, through which runs, and what they reached."""

from __future__ import annotations

from counterfoil.provenance.lineage.capture import Capture
from counterfoil.provenance.lineage.lineage import Edge, Graph, Lineage, Node
from counterfoil.provenance.lineage.records import Code, Rederivation, RunRecord
from counterfoil.provenance.lineage.runs import Run, Runs
from counterfoil.provenance.lineage.views import LineageView

__all__ = [
    "Capture",
    "Code",
    "Edge",
    "Graph",
    "Lineage",
    "LineageView",
    "Node",
    "Rederivation",
    "Run",
    "RunRecord",
    "Runs",
]
