"""Looks a table over: what is missing, doubled, constant or far out, who is in it, and how far it moved."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Any, Final

from counterfoil.errors import InvalidInput
from counterfoil.provenance.quality.column_values import ColumnValues
from counterfoil.provenance.quality.duplicates import Duplicates
from counterfoil.provenance.quality.report import (
    LEAST_NAMED,
    MOST_COLUMNS,
    MOST_LABELS,
    MOST_NAMED,
    ColumnQuality,
    GroupQuality,
    NamedGroup,
    QualityReport,
)
from counterfoil.provenance.text_table import (
    CodedColumn,
    TextTable,
    as_texts,
    coded_columns,
    digest_of,
    expected_rows,
    text_table,
)

__all__ = ["check_quality"]

MISSING: Final = "(missing)"
"""What the group of rows without a value is called."""

MOST_GROUP_COLUMNS: Final = 8
MOST_NAME: Final = 200
MOST_VALUE: Final = 60

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class _Read:
    """A table that was read once."""

    rows: int
    columns: list[ColumnValues]
    duplicates: int


def check_quality(
    path: Path,
    *,
    groups: Sequence[str] = (),
    label: str = "",
    parent: Path | None = None,
    progress: Progress | None = None,
) -> QualityReport:
    """Returns how good a table is, and whom it represents.

    Args:
        path: CSV with a header row, Parquet or Arrow.
        groups: Columns whose values are groups of people.
        label: Column of what is to be learned; empty without one.
        parent: The table it was made from; how far columns of the same name moved is told.
        progress: Told (rows read, rows in all).

    Raises:
        NotFound: There is no such file.
        InvalidInput: It cannot be read, or holds no such column.
    """
    table = text_table(path)
    named = (*groups, *([label] if label else []))
    table.require(named)
    if len(set(named)) != len(named) or len(groups) > MOST_GROUP_COLUMNS:
        raise InvalidInput(f"a column is named twice, or more than {MOST_GROUP_COLUMNS} are of groups")
    if any(len(name) > MOST_NAME or not name.isprintable() for name in table.names):
        raise InvalidInput(f"a column's name is longer than {MOST_NAME} characters, or cannot be printed")
    total = expected_rows(path) if progress is not None else 0
    read = _read(table, progress, total)
    before = _read(text_table(parent), None, 0) if parent is not None else None
    columns = _columns(read, before)
    labels, found = _groups(table, groups, label, read.rows)
    told = sorted(sorted(range(len(columns)), key=lambda place: columns[place].notable)[-MOST_COLUMNS:])
    drifts = [each.drift_micro for each in columns if each.drift_micro is not None]
    return QualityReport(
        digest_of(path),
        None if parent is None else digest_of(parent),
        read.rows,
        None if before is None else before.rows,
        read.duplicates,
        tuple(columns[place] for place in told),
        len(columns) - len(told),
        max((each.missing for each in columns), default=0),
        max(drifts) if drifts else None,
        label,
        labels.named,
        labels.others,
        tuple(found),
    )


def _read(table: TextTable, progress: Progress | None, total: int) -> _Read:
    columns = [ColumnValues(name) for name in table.names]
    duplicates, rows = Duplicates(), 0
    for batch in table.batches():
        texts = [as_texts(column) for column in batch.columns]
        for column, found in zip(columns, texts, strict=True):
            column.add(found)
        duplicates.add(texts)
        rows += batch.num_rows
        if progress is not None:
            progress(rows, max(rows, total))
    return _Read(rows, columns, duplicates.count())


def _columns(read: _Read, before: _Read | None) -> list[ColumnQuality]:
    parents = {each.name: each for each in before.columns} if before is not None else {}
    found = []
    for each in read.columns:
        parent = parents.get(each.name)
        drift = each.drift_from(parent) if parent is not None else None
        drift_micro = None if drift is None else ceil(drift * 1e6 - 1e-3)
        found.append(
            ColumnQuality(each.name, each.missing, each.different, each.is_constant, each.outliers(), drift_micro)
        )
    return found


@dataclass(frozen=True, slots=True)
class _Labels:
    """The labels: the column's codes, and which of its values are named."""

    column: CodedColumn | None
    codes: tuple[int, ...]
    named: tuple[tuple[str, int], ...]
    others: int


def _groups(table: TextTable, groups: Sequence[str], label: str, rows: int) -> tuple[_Labels, list[GroupQuality]]:
    """Returns the labels, and each column's groups with theirs; reads the table once more where there are any."""
    if not groups and not label:
        return _Labels(None, (), (), 0), []
    read = coded_columns(table, (*groups, *([label] if label else [])))
    labels = _labels(read.pop()) if label else _Labels(None, (), (), 0)
    return labels, [_grouped(column, labels) for column in read] if rows else []


def _labels(column: CodedColumn) -> _Labels:
    sizes = _sizes(column)
    codes = tuple(code for code, size in sizes if size >= LEAST_NAMED)[:MOST_LABELS]
    named = tuple((_value(column, code), size) for code, size in sizes if code in codes)
    return _Labels(column, codes, named, len(sizes) - len(named))


def _grouped(column: CodedColumn, labels: _Labels) -> GroupQuality:
    sizes = _sizes(column)
    named = [each for each in sizes if each[1] >= LEAST_NAMED][:MOST_NAMED]
    return GroupQuality(
        column.name,
        len(sizes),
        min(size for _, size in sizes),
        tuple(NamedGroup(_value(column, code), size, _labels_in(column, code, labels)) for code, size in named),
        len(sizes) - len(named),
        sum(size for _, size in sizes) - sum(size for _, size in named),
    )


def _labels_in(column: CodedColumn, code: int, labels: _Labels) -> tuple[tuple[str, int], ...]:
    import numpy as np

    if labels.column is None:
        return ()
    counts = np.bincount(labels.column.codes[column.codes == code], minlength=len(labels.column.values) + 1)
    if np.any((counts > 0) & (counts < LEAST_NAMED)):
        return ()  # leaving out the few alone would let them be found by subtraction
    return tuple((_value(labels.column, each), int(counts[each])) for each in labels.codes)


def _sizes(column: CodedColumn) -> list[tuple[int, int]]:
    """Returns (code, rows) of every value that is there, the most frequent first."""
    import numpy as np

    counts: Any = np.bincount(column.codes, minlength=1)
    there = [(int(code), int(counts[code])) for code in np.flatnonzero(counts)]
    return sorted(there, key=lambda each: (-each[1], _value(column, each[0])))


def _value(column: CodedColumn, code: int) -> str:
    if code == 0:
        return MISSING
    value = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in column.values[code - 1])
    return value if len(value) <= MOST_VALUE else value[: MOST_VALUE - 1] + "…"
