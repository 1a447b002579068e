"""Fingerprints: one short number for a file, folder, table, array or model, that changes when anything in it does."""

from __future__ import annotations

from counterfoil.provenance.fingerprints.algorithm import Algorithm
from counterfoil.provenance.fingerprints.difference import Change, Difference, difference_of
from counterfoil.provenance.fingerprints.entry import Entry
from counterfoil.provenance.fingerprints.fingerprint import Fingerprint
from counterfoil.provenance.fingerprints.model import model_digest
from counterfoil.provenance.fingerprints.reading import fingerprint_of
from counterfoil.provenance.fingerprints.table import TableFingerprint
from counterfoil.provenance.fingerprints.table_source import table_of
from counterfoil.provenance.fingerprints.tensors import array_digest, tensors_digest

__all__ = [
    "Algorithm",
    "Change",
    "Difference",
    "Entry",
    "Fingerprint",
    "TableFingerprint",
    "array_digest",
    "difference_of",
    "fingerprint_of",
    "model_digest",
    "table_of",
    "tensors_digest",
]
