"""Where data and models come from: registering them, keeping and running their artefacts."""

from counterfoil.provenance.candidate import table_rows
from counterfoil.provenance.datasets import Dataset
from counterfoil.provenance.lineage.capture import Capture
from counterfoil.provenance.lineage.lineage import Edge, Graph, Node
from counterfoil.provenance.lineage.records import Rederivation, RunRecord
from counterfoil.provenance.lineage.runs import Run
from counterfoil.provenance.lineage.views import LineageView
from counterfoil.provenance.model_register import Model
from counterfoil.provenance.models.artefact import Scorer
from counterfoil.provenance.models.certificate import Certificate
from counterfoil.provenance.models.features import Feature
from counterfoil.provenance.models.fixedpoint import to_micro
from counterfoil.provenance.models.integer import IntegerModel, probe_rows
from counterfoil.provenance.provenance import Provenance
from counterfoil.provenance.records import DatasetRecord, ModelRecord
from counterfoil.provenance.rows import Commitment, Commitments, RowsView
from counterfoil.provenance.views import ProvenanceView

__all__ = [
    "Capture",
    "Certificate",
    "Commitment",
    "Commitments",
    "Dataset",
    "DatasetRecord",
    "Edge",
    "Feature",
    "Graph",
    "IntegerModel",
    "LineageView",
    "Model",
    "ModelRecord",
    "Node",
    "Provenance",
    "ProvenanceView",
    "Rederivation",
    "RowsView",
    "Run",
    "RunRecord",
    "Scorer",
    "probe_rows",
    "table_rows",
    "to_micro",
]
