"""Privacy checks and quality reports on record, each about the bytes of a dataset, under whatever name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Generic, TypeVar

from sqlalchemy import Column, Connection, Index, String, Table, select

from counterfoil.core import canonical
from counterfoil.core.statement import Draft, parse_record
from counterfoil.errors import InvalidInput
from counterfoil.provenance.datasets import Dataset
from counterfoil.provenance.privacy.report import PrivacyReport
from counterfoil.provenance.quality.report import QualityReport
from counterfoil.provenance.records import STREAM
from counterfoil.store.archive import Archive
from counterfoil.store.recorder import Recorder
from counterfoil.store.views import Place, Row, Views, metadata

__all__ = ["PRIVACY_CHECK", "QUALITY_REPORT", "DatasetReports", "DatasetReportsView", "OnRecord"]

PRIVACY_CHECK: Final = "privacy-check"
QUALITY_REPORT: Final = "quality-report"

MOST_BYTES: Final = 60_000
"""An entry of the log has less than 65,536 bytes; what is beside the report has room as well."""

Report = TypeVar("Report", PrivacyReport, QualityReport)

reports: Final = Table(
    "dataset_reports",
    metadata,
    Column("idx", Place, primary_key=True, autoincrement=False),
    Column("sha256", String, nullable=False),
    Column("kind", String, nullable=False),
    Index("dataset_reports_by_digest", "sha256", "kind"),
)


@dataclass(frozen=True, slots=True)
class OnRecord(Generic[Report]):
    """A report on record.

    Attributes:
        index: Place of its record in the log.
        time: When it was written, UTC.
        report: What it says.
    """

    index: int
    time: str
    report: Report

    def to_json(self) -> dict[str, Any]:
        """Returns it as JSON values."""
        return {"index": self.index, "report": self.report.to_json(), "time": self.time}


class DatasetReportsView:
    """Keeps one row per report."""

    kinds = frozenset({PRIVACY_CHECK, QUALITY_REPORT})

    def fold(self, connection: Connection, rows: Sequence[Row]) -> None:
        """Takes reports in log order."""
        for row in rows:
            digest = row.record.digest.hex()
            connection.execute(reports.insert().values(idx=row.index, sha256=digest, kind=row.record.kind))


class DatasetReports:
    """The reports of one home.

    Args:
        recorder: Writes records.
        archive: Reads them.
        views: Finds them.
    """

    def __init__(self, recorder: Recorder, archive: Archive, views: Views) -> None:
        self._recorder = recorder
        self._archive = archive
        self._views = views

    def record_privacy(self, dataset: Dataset, report: PrivacyReport) -> OnRecord[PrivacyReport]:
        """Records a privacy check of a dataset; one that says what the newest says is recorded once.

        Raises:
            InvalidInput: It is about another file.
        """
        _require_about(dataset, report.sha256)
        while len(canonical.dumps(report.to_json())) > MOST_BYTES and (
            report.findings or report.uniqueness.combinations
        ):
            report = _shorter(report)
        known = self.privacy(dataset)[-1:]
        if known and known[0].report == report:
            return known[0]
        return self._record(PRIVACY_CHECK, dataset, (dataset.leaf,), report)

    def record_quality(
        self, dataset: Dataset, report: QualityReport, parent: Dataset | None = None
    ) -> OnRecord[QualityReport]:
        """Records a quality report of a dataset, and the parent that it was compared with; the same once.

        Raises:
            InvalidInput: It is about another file, or was compared with another one.
        """
        _require_about(dataset, report.sha256)
        if (report.parent_sha256 is None) != (parent is None):
            raise InvalidInput("the report was compared with a parent, and none is named, or the other way round")
        if parent is not None and report.parent_sha256 is not None:
            _require_about(parent, report.parent_sha256)
        while len(canonical.dumps(report.to_json())) > MOST_BYTES and report.columns:
            kept = len(report.columns) // 2
            notable = sorted(report.columns, key=lambda each: each.notable)[-kept:] if kept else []
            told = tuple(each for each in report.columns if each in notable)
            more = report.more_columns + len(report.columns) - len(told)
            report = replace(report, columns=told, more_columns=more)
        known = self.quality(dataset)[-1:]
        if known and known[0].report == report:
            return known[0]
        leaves = (dataset.leaf,) if parent is None or parent.leaf == dataset.leaf else (dataset.leaf, parent.leaf)
        return self._record(QUALITY_REPORT, dataset, leaves, report)

    def privacy(self, dataset: Dataset) -> list[OnRecord[PrivacyReport]]:
        """Returns the privacy checks of a dataset, oldest first."""
        found = self._all(dataset, PRIVACY_CHECK)
        return [OnRecord(index, time, PrivacyReport.from_json(about)) for index, time, about in found]

    def quality(self, dataset: Dataset) -> list[OnRecord[QualityReport]]:
        """Returns the quality reports of a dataset, oldest first."""
        found = self._all(dataset, QUALITY_REPORT)
        return [OnRecord(index, time, QualityReport.from_json(about)) for index, time, about in found]

    def _record(self, kind: str, dataset: Dataset, leaves: tuple[str, ...], report: Report) -> OnRecord[Report]:
        about, name = report.to_json(), f"{dataset.record.name} {dataset.record.version}"
        written = self._recorder.write(Draft(kind, STREAM, name, leaves, about, sha256=dataset.record.sha256))
        index = written.index or 0
        return OnRecord(index, parse_record(self._archive.entry(index)).time, report)

    def _all(self, dataset: Dataset, kind: str) -> list[tuple[int, str, Mapping[str, Any]]]:
        query = select(reports.c.idx).where(reports.c.sha256 == dataset.record.sha256, reports.c.kind == kind)
        places = self._views.places(query.order_by(reports.c.idx))
        found = [(index, parse_record(self._archive.entry(index))) for index in places]
        return [(index, record.time, record.about) for index, record in found]


def _shorter(report: PrivacyReport) -> PrivacyReport:
    """Returns a report with half as many findings, counting the others; without any, half as many combinations."""
    kept, found = len(report.findings) // 2, report.uniqueness
    combinations = found.combinations if report.findings else found.combinations[: len(found.combinations) // 2]
    return replace(
        report,
        findings=report.findings[:kept],
        more=report.more + len(report.findings) - kept,
        pseudonyms=report.pseudonyms[:kept],
        uniqueness=replace(found, own=found.own[:kept], combinations=combinations),
    )


def _require_about(dataset: Dataset, sha256: str) -> None:
    if sha256 != dataset.record.sha256:
        raise InvalidInput(
            f"the file is not the one that is on record as {dataset.record.name} {dataset.record.version}",
            hint="register it as it is now: counterfoil dataset add",
        )
