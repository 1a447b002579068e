"""The figures of a quality report that catalogues compare, taken out of it."""

from __future__ import annotations

from math import ceil

from counterfoil.errors import InvalidInput
from counterfoil.market.sheets.wares import Quality
from counterfoil.provenance.quality.report import QualityReport

__all__ = ["quality_figures"]


def quality_figures(report: QualityReport, record: str = "") -> Quality:
    """Returns the figures; shares are rounded up, never to a better one.

    Args:
        report: Of the table that is offered.
        record: Leaf hash (hex) of its record in the seller's log; empty without one.

    Raises:
        InvalidInput: The table has no rows.
    """
    if not report.rows:
        raise InvalidInput("the quality report is on a table without rows", hint="leave its figures out")

    def micro(rows: int) -> int:
        return ceil(1_000_000 * rows / report.rows)

    return Quality(
        report.sha256,
        report.rows,
        len(report.columns) + report.more_columns,
        micro(report.most_missing),
        micro(report.duplicates),
        report.most_drift_micro,
        record,
    )
