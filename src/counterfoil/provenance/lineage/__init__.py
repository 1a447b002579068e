"""Lineage: what data and models came from, through which runs, and what they reached."""

from __future__ import annotations

from counterfoil.provenance.lineage.capture import Capture
from counterfoil.provenance.lineage.graph import Edge, Graph, Node, Origin, Way
from counterfoil.provenance.lineage.lineage import Lineage
from counterfoil.provenance.lineage.records import Code, Compared, Rederivation, RunRecord
from counterfoil.provenance.lineage.rederivation.rederiver import BuiltIn, Rederived
from counterfoil.provenance.lineage.runs import Run, Runs
from counterfoil.provenance.lineage.step import Step
from counterfoil.provenance.lineage.views import LineageView

__all__ = [
    "BuiltIn",
    "Capture",
    "Code",
    "Compared",
    "Edge",
    "Graph",
    "Lineage",
    "LineageView",
    "Node",
    "Origin",
    "Rederivation",
    "Rederived",
    "Run",
    "RunRecord",
    "Runs",
    "Step",
    "Way",
]
