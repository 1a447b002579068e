"""What a quality report says, as canonical JSON and as lines.

Values of the table are named for one purpose only: to call groups and labels by their names. A group or label is
named where it has `LEAST_NAMED` rows or more; the others are told together, without names.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from counterfoil.core.wording import counted
from counterfoil.errors import MalformedEvidence

__all__ = ["LEAST_NAMED", "ColumnQuality", "GroupQuality", "NamedGroup", "QualityReport"]

REPORT_VERSION: Final = 1
LEAST_NAMED: Final = 10
MOST_NAMED: Final = 50
MOST_LABELS: Final = 20
MOST_COLUMNS: Final = 150
NOTICEABLE_MICRO: Final = 100_000
"""Drift from which on a column is told of in lines, as is the custom; reports have all."""


@dataclass(frozen=True, slots=True)
class ColumnQuality:
    """One column.

    Attributes:
        name: Its name.
        missing: Rows that hold nothing.
        different: Different values; 50,001 stands for more than 50,000.
        constant: Whether all rows hold the same, or nothing.
        outliers: Numbers that lie far out; None for what is not numbers.
        drift_micro: Population stability index against the parent, in millionths; None without one.
    """

    name: str
    missing: int
    different: int
    constant: bool
    outliers: int | None
    drift_micro: int | None

    def to_json(self) -> dict[str, Any]:
        """Returns it as JSON values."""
        return {
            "constant": self.constant,
            "different": self.different,
            "driftMicro": self.drift_micro,
            "missing": self.missing,
            "name": self.name,
            "outliers": self.outliers,
        }

    @property
    def notable(self) -> tuple[int, int, bool, int]:
        """By this the columns are ordered where not all are told, the most notable last."""
        return (self.drift_micro or 0, self.missing, self.constant, self.outliers or 0)


@dataclass(frozen=True, slots=True)
class NamedGroup:
    """A group that is large enough to be called by its value.

    Attributes:
        value: Of the group's column.
        rows: In it.
        labels: (label, rows) of the labels that are named, in the report's order; none where few rows of the group
            have one of the labels.
    """

    value: str
    rows: int
    labels: tuple[tuple[str, int], ...]

    def to_json(self) -> dict[str, Any]:
        """Returns it as JSON values."""
        return {"labels": [list(each) for each in self.labels], "rows": self.rows, "value": self.value}


@dataclass(frozen=True, slots=True)
class GroupQuality:
    """The groups of one column.

    Attributes:
        column: Its name.
        groups: How many there are; a missing value is one.
        smallest: Rows in the smallest, named or not.
        named: The largest first.
        other_groups: How many are not named.
        other_rows: Rows in those.
    """

    column: str
    groups: int
    smallest: int
    named: tuple[NamedGroup, ...]
    other_groups: int
    other_rows: int

    def to_json(self) -> dict[str, Any]:
        """Returns it as JSON values."""
        return {
            "column": self.column,
            "groups": self.groups,
            "named": [each.to_json() for each in self.named],
            "otherGroups": self.other_groups,
            "otherRows": self.other_rows,
            "smallest": self.smallest,
        }


@dataclass(frozen=True, slots=True)
class QualityReport:
    """What a quality report says.

    Attributes:
        sha256: Of the table's file, hex; of a folder, the root of its fingerprint.
        parent_sha256: Of the parent's; None without one.
        rows: Of the table.
        parent_rows: Of the parent; None without one.
        duplicates: Rows that equal an earlier one.
        columns: The most notable, in the table's order; `MOST_COLUMNS` at most.
        more_columns: How many are not told.
        most_missing: Rows that the column with the most lacks, told or not.
        most_drift_micro: Largest drift of any column; None without a parent.
        label: Column of the labels; empty without one.
        labels: (label, rows) of those that are named, the most frequent first.
        other_labels: How many are not named.
        groups: For each column of groups.
    """

    sha256: str
    parent_sha256: str | None
    rows: int
    parent_rows: int | None
    duplicates: int
    columns: tuple[ColumnQuality, ...]
    more_columns: int
    most_missing: int
    most_drift_micro: int | None
    label: str
    labels: tuple[tuple[str, int], ...]
    other_labels: int
    groups: tuple[GroupQuality, ...]

    def to_json(self) -> dict[str, Any]:
        """Returns it as JSON values; docs/reference/dataset-reports.md says what they mean."""
        return {
            "columns": [each.to_json() for each in self.columns],
            "duplicates": self.duplicates,
            "groups": [each.to_json() for each in self.groups],
            "label": self.label,
            "labels": [list(each) for each in self.labels],
            "moreColumns": self.more_columns,
            "mostDriftMicro": self.most_drift_micro,
            "mostMissing": self.most_missing,
            "otherLabels": self.other_labels,
            "parentRows": self.parent_rows,
            "parentSha256": self.parent_sha256,
            "rows": self.rows,
            "sha256": self.sha256,
            "version": REPORT_VERSION,
        }

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> QualityReport:
        """Reads it back.

        Raises:
            MalformedEvidence: A part is missing or of another type.
        """
        try:
            return _read(told)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise MalformedEvidence("a quality report lacks a part or holds another type") from error

    def lines(self, changed: Mapping[str, str] | None = None) -> Iterator[str]:
        """Yields it for people; `changed` has the columns that a recorded run was to change, and by which rule."""
        yield f"{counted(self.rows, 'row')}; {counted(self.duplicates, 'row')} equal an earlier one."
        for each in self.columns:
            told = _column_words(each, self.rows, (changed or {}).get(each.name, ""))
            if told:
                yield f"  {each.name}: {told}"
        if self.more_columns:
            yield f"  and {counted(self.more_columns, 'column')} with less to tell"
        if self.label:
            yield f"{self.label}: {_shares(self.labels, self.rows)}"
        for group in self.groups:
            size = counted(group.smallest, "row")
            yield f"By {group.column}: {counted(group.groups, 'group')}, the smallest of {size}."
            for named in group.named:
                labels = f"; {self.label}: {_shares(named.labels, named.rows)}" if named.labels else ""
                yield f"  {named.value}: {counted(named.rows, 'row')} ({_share(named.rows, self.rows)}){labels}"
            if group.other_groups:
                yield f"  {counted(group.other_groups, 'other group')}: {counted(group.other_rows, 'row')}"
        if self.most_drift_micro is not None:
            yield f"Largest drift from the parent: {self.most_drift_micro / 1e6:.3f} (stability index)."


def _column_words(column: ColumnQuality, rows: int, rule: str) -> str:
    told = []
    if column.missing:
        told.append(f"{counted(column.missing, 'row')} without a value ({_share(column.missing, rows)})")
    if column.constant:
        told.append("the same in every row")
    if column.outliers:
        told.append(f"{counted(column.outliers, 'number')} far out")
    if column.drift_micro is not None and column.drift_micro >= NOTICEABLE_MICRO:
        told.append(f"drift {column.drift_micro / 1e6:.3f}" + (f", changed on purpose ({rule})" if rule else ""))
    return "; ".join(told)


def _shares(labels: tuple[tuple[str, int], ...], rows: int) -> str:
    return ", ".join(f"{label} {_share(count, rows)}" for label, count in labels)


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "none"


def _read(told: Mapping[str, Any]) -> QualityReport:
    if told["version"] != REPORT_VERSION:
        raise ValueError("another version")
    return QualityReport(
        str(told["sha256"]),
        None if told["parentSha256"] is None else str(told["parentSha256"]),
        int(told["rows"]),
        _number(told["parentRows"]),
        int(told["duplicates"]),
        tuple(_read_column(each) for each in told["columns"]),
        int(told["moreColumns"]),
        int(told["mostMissing"]),
        _number(told["mostDriftMicro"]),
        str(told["label"]),
        _read_labels(told["labels"]),
        int(told["otherLabels"]),
        tuple(_read_group(each) for each in told["groups"]),
    )


def _read_column(told: Mapping[str, Any]) -> ColumnQuality:
    return ColumnQuality(
        str(told["name"]),
        int(told["missing"]),
        int(told["different"]),
        bool(told["constant"]),
        _number(told["outliers"]),
        _number(told["driftMicro"]),
    )


def _read_group(told: Mapping[str, Any]) -> GroupQuality:
    named = (NamedGroup(str(each["value"]), int(each["rows"]), _read_labels(each["labels"])) for each in told["named"])
    return GroupQuality(
        str(told["column"]),
        int(told["groups"]),
        int(told["smallest"]),
        tuple(named),
        int(told["otherGroups"]),
        int(told["otherRows"]),
    )


def _read_labels(told: Any) -> tuple[tuple[str, int], ...]:
    return tuple((str(label), int(rows)) for label, rows in told)


def _number(told: Any) -> int | None:
    return None if told is None else int(told)
