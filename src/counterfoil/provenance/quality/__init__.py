"""How good a table is, whom it represents, and how far it moved from its parent."""

from counterfoil.provenance.quality.check import check_quality
from counterfoil.provenance.quality.report import QualityReport

__all__ = ["QualityReport", "check_quality"]
