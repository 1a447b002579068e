"""Where data and models come from: registering them, keeping and running their artefacts."""

from counterfoil.provenance.candidate import table_rows
from counterfoil.provenance.datasets import Dataset
from counterfoil.provenance.deidentification.deidentifications import Deidentifications, Deidentified
from counterfoil.provenance.deidentification.settings import Settings as DeidentificationSettings
from counterfoil.provenance.lineage.capture import Capture
from counterfoil.provenance.lineage.graph import Edge, Graph, Node, Origin, Way
from counterfoil.provenance.lineage.records import Rederivation, RunRecord
from counterfoil.provenance.lineage.runs import Run
from counterfoil.provenance.model_register import Model
from counterfoil.provenance.models.artefact import Scorer
from counterfoil.provenance.models.certificate import Certificate
from counterfoil.provenance.models.features import Feature
from counterfoil.provenance.models.fixedpoint import to_micro
from counterfoil.provenance.models.integer import IntegerModel, probe_rows
from counterfoil.provenance.models.integer import from_bytes as integer_model
from counterfoil.provenance.passports.countries import is_jurisdiction
from counterfoil.provenance.passports.passport import Passport
from counterfoil.provenance.privacy.report import PrivacyReport
from counterfoil.provenance.provenance import Provenance
from counterfoil.provenance.quality.report import QualityReport
from counterfoil.provenance.quality.stability import stability_index
from counterfoil.provenance.recalls.bar import Bar, Hold
from counterfoil.provenance.recalls.register import Recall
from counterfoil.provenance.records import DatasetRecord, ModelRecord
from counterfoil.provenance.reports.dataset_gate import RuleAnswer
from counterfoil.provenance.rows import Commitment, Commitments
from counterfoil.provenance.view_set import provenance_views

__all__ = [
    "Bar",
    "Capture",
    "Certificate",
    "Commitment",
    "Commitments",
    "Dataset",
    "DatasetRecord",
    "DeidentificationSettings",
    "Deidentifications",
    "Deidentified",
    "Edge",
    "Feature",
    "Graph",
    "Hold",
    "IntegerModel",
    "Model",
    "ModelRecord",
    "Node",
    "Origin",
    "Passport",
    "PrivacyReport",
    "Provenance",
    "QualityReport",
    "Recall",
    "Rederivation",
    "RuleAnswer",
    "Run",
    "RunRecord",
    "Scorer",
    "Way",
    "integer_model",
    "is_jurisdiction",
    "probe_rows",
    "provenance_views",
    "stability_index",
    "table_rows",
    "to_micro",
]
