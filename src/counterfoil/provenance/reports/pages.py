"""The page of a dataset: what it holds, what points to persons in it, and whom it represents."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import Request
from starlette.responses import Response

from counterfoil.provenance.passports.shapes import passport_facts
from counterfoil.provenance.privacy.identifiers import IDENTIFIERS
from counterfoil.provenance.reports.charts import drift_chart, group_chart, label_charts, missing_chart, strong_drift
from counterfoil.web.pages import Pages

if TYPE_CHECKING:
    from counterfoil.organisation import Organisation

__all__ = ["DatasetPage"]


class DatasetPage:
    """Shows one dataset.

    Args:
        org: The organisation.
        pages: Renders it.
    """

    def __init__(self, org: Organisation, pages: Pages) -> None:
        self._org = org
        self._pages = pages

    def show(self, index: int, request: Request) -> Response:
        """Shows a dataset, its newest reports, and whether it meets the home's rules for models."""
        provenance = self._org.provenance
        dataset = provenance.dataset_at(index)
        checks, reports = provenance.reports.privacy(dataset), provenance.reports.quality(dataset)
        check = checks[-1] if checks else None
        report = reports[-1] if reports else None
        passport = provenance.passports.of(dataset)
        groups = check.report.groups if check is not None else None
        return self._pages.render(
            request,
            "provenance/dataset.html",
            answers=provenance.gate.answers(dataset),
            check=check,
            checks=len(checks),
            dataset=dataset,
            drift=drift_chart(report.report) if report is not None else None,
            facts=list(passport_facts(passport.passport)) if passport else [],
            identifiers=IDENTIFIERS,
            labels=label_charts(report.report) if report is not None else [],
            missing=missing_chart(report.report) if report is not None else None,
            passport=passport,
            record=dataset.record,
            report=report,
            reports=len(reports),
            sizes=group_chart(groups) if groups is not None else None,
            strong_drift=strong_drift,
            versions=[each for each in reversed(provenance.datasets(dataset.record.name)) if each.index != index],
        )
