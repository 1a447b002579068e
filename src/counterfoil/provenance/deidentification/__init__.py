"""Making a table without what points to persons: settings, keys, the search for k, and the writing."""

from counterfoil.provenance.deidentification.deidentify import Outcome, deidentify, preview
from counterfoil.provenance.deidentification.settings import Settings

__all__ = ["Outcome", "Settings", "deidentify", "preview"]
