"""Rows without the rows: proving that a person's record is in a dataset, or that it is not, and showing no other."""

from counterfoil.provenance.rows.commitments import Commitment, Commitments
from counterfoil.provenance.rows.records import RowsRecord
from counterfoil.provenance.rows.views import RowsView

__all__ = ["Commitment", "Commitments", "RowsRecord", "RowsView"]
