"""Charts of a dataset's reports: how large groups are, what is missing, who has which label, what moved."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from counterfoil.core.wording import counted
from counterfoil.provenance.privacy.report import Groups
from counterfoil.provenance.quality.report import GroupQuality, QualityReport
from counterfoil.web.charts import Chart, Series, bars
from counterfoil.web.formats import number

__all__ = ["drift_chart", "group_chart", "label_charts", "missing_chart", "strong_drift"]

MOST_COLUMNS: Final = 8
MOST_LABELS: Final = 5
STRONG: Final = 0.25
OTHER: Final = "other labels"


def group_chart(groups: Groups) -> Chart | None:
    """Returns how many rows are in groups of which size; None where there are none."""
    if not groups.sizes:
        return None
    below = sum(band.rows for band in groups.sizes if band.most is not None and band.most < 5)
    description = (
        f"Rows by the size of their group. The smallest group has {counted(groups.k, 'row')};"
        f" {counted(below, 'row')} are in groups of fewer than 5."
    )
    series = [Series("rows", [band.rows for band in groups.sizes])]
    places = [band.label for band in groups.sizes]
    return bars("group-sizes", "How many share a group", description, places, series, what="Rows in the group")


def missing_chart(report: QualityReport) -> Chart | None:
    """Returns the columns with most missing values; None where nothing is missing."""
    found = sorted((each for each in report.columns if each.missing), key=lambda each: -each.missing)[:MOST_COLUMNS]
    if not found:
        return None
    first = found[0]
    description = f"Of {counted(report.rows, 'row')}, {number(first.missing)} have no {first.name}, the most of all."
    series = [Series("rows without a value", [each.missing for each in found])]
    return bars("missing", "Missing values", description, [each.name for each in found], series, what="Column")


def drift_chart(report: QualityReport) -> Chart | None:
    """Returns the columns that moved furthest from the parent; None without one."""
    told = [(each.name, each.drift_micro / 1e6) for each in report.columns if each.drift_micro is not None]
    found = sorted(told, key=lambda each: -each[1])[:MOST_COLUMNS]
    if not found:
        return None
    name, most = found[0]
    strong = sum(drift >= STRONG for _, drift in found)
    description = (
        f"Population stability index against the parent; {name} moved furthest, by {most:.3f}."
        f" {counted(strong, 'column')} of these {'is' if strong == 1 else 'are'} at 0.25 or more, which is strong."
    )
    series = [Series("index", [drift for _, drift in found])]
    return bars(
        "drift", "Moved from the parent", description, [name for name, _ in found], series, what="Column", shown=_three
    )


def label_charts(report: QualityReport) -> list[Chart]:
    """Returns, for each column of groups, the share of each label in its largest groups."""
    return [
        _label_chart(report, group, f"labels-{place}")
        for place, group in enumerate(report.groups)
        if report.label and group.named
    ]


def strong_drift(micro: int | None) -> bool:
    """Whether a column moved so far that it is worth looking into."""
    return micro is not None and micro >= STRONG * 1e6


def _label_chart(report: QualityReport, group: GroupQuality, id: str) -> Chart:
    largest = [each for each in group.named if each.labels][:MOST_COLUMNS]
    labels = [label for label, _ in report.labels[:MOST_LABELS]]
    series = [Series(label, [_share_of(each.labels, label, each.rows) for each in largest]) for label in labels]
    rest = [100 - sum(each.values[place] or 0 for each in series) for place in range(len(largest))]
    if max(rest, default=0) > 0.05:
        series.append(Series(OTHER, rest))
    first = labels[0] if labels else ""
    shares = series[0].values if labels else []
    low, high = min((each or 0 for each in shares), default=0), max((each or 0 for each in shares), default=0)
    description = f"Share of each label by {group.column}: {first} from {low:.1f} to {high:.1f} % of a group."
    title = f"{report.label} by {group.column}"
    return bars(id, title, description, [each.value for each in largest], series, what=group.column, shown=_percent)


def _share_of(labels: Sequence[tuple[str, int]], wanted: str, rows: int) -> float:
    return next((100 * count / rows for label, count in labels if label == wanted), 0.0)


def _three(value: float) -> str:
    return f"{value:.3f}".rstrip("0").rstrip(".")


def _percent(value: float) -> str:
    return f"{value:.1f} %".replace(".0 %", " %")
