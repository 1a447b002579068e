"""What points to persons in a table: identifiers, small groups, columns that single out rows."""

from counterfoil.provenance.privacy.check import check_privacy
from counterfoil.provenance.privacy.report import PrivacyReport

__all__ = ["PrivacyReport", "check_privacy"]
