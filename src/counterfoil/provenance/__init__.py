"""Where data and models come from: registering them, keeping and running their artefacts."""

from counterfoil.provenance.candidate import table_rows
from counterfoil.provenance.models.artefact import Scorer
from counterfoil.provenance.models.certificate import Certificate
from counterfoil.provenance.models.features import Feature
from counterfoil.provenance.models.fixedpoint import to_micro
from counterfoil.provenance.models.integer import IntegerModel, probe_rows
from counterfoil.provenance.provenance import Dataset, Model, Provenance
from counterfoil.provenance.records import DatasetRecord, ModelRecord
from counterfoil.provenance.views import ProvenanceView

__all__ = [
    "Certificate",
    "Dataset",
    "DatasetRecord",
    "Feature",
    "IntegerModel",
    "Model",
    "ModelRecord",
    "Provenance",
    "ProvenanceView",
    "Scorer",
    "probe_rows",
    "table_rows",
    "to_micro",
]
