"""Checks a table for what points to persons: identifiers, groups that are too small, columns that single out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from counterfoil.errors import InvalidInput
from counterfoil.provenance.groups import group_rows
from counterfoil.provenance.privacy.identifiers import find_identifiers
from counterfoil.provenance.privacy.measures import diversity_of
from counterfoil.provenance.privacy.report import MOST_FINDINGS, Groups, PrivacyReport, SizeBand
from counterfoil.provenance.privacy.singling_out import MOST_COLUMNS, uniqueness_of
from counterfoil.provenance.text_table import (
    CodedColumn,
    TextTable,
    coded_columns,
    digest_of,
    expected_rows,
    text_table,
)

if TYPE_CHECKING:
    import numpy as np

__all__ = ["check_privacy"]

MOST_CELLS: Final = 100_000_000
"""Cells that are kept at once, 4 bytes each; of a wider table, fewer columns are looked at for uniqueness."""

MOST_QUASI: Final = 64
MOST_NAME: Final = 200
_BANDS: Final = ((1, 1), (2, 2), (3, 4), (5, 9), (10, 19), (20, 49), (50, 99), (100, None))

Progress = Callable[[int, int], None]


def check_privacy(
    path: Path,
    *,
    quasi: Sequence[str] = (),
    sensitive: Sequence[str] = (),
    progress: Progress | None = None,
) -> PrivacyReport:
    """Returns what a table tells about persons; it is read twice.

    Args:
        path: CSV with a header row, Parquet or Arrow.
        quasi: Columns that together may single out a person; without any, k, l and t are not worked out.
        sensitive: Columns that should not become known of a person; they are no quasi-identifiers.
        progress: Told (rows read, rows in all), over both readings.

    Raises:
        NotFound: There is no such file.
        InvalidInput: It cannot be read, holds no such column, or a column is named twice.
    """
    table = text_table(path)
    table.require([*quasi, *sensitive])
    named = (*quasi, *sensitive)
    if len(set(named)) != len(named) or len(named) > MOST_QUASI:
        raise InvalidInput("a column is named twice, or more than 64 are", hint="name each as one thing, once")
    if sensitive and not quasi:
        raise InvalidInput("sensitive columns need quasi-identifiers beside them", hint="name them with --quasi")
    if any(len(name) > MOST_NAME or not name.isprintable() for name in table.names):
        raise InvalidInput(f"a column's name is longer than {MOST_NAME} characters, or cannot be printed")
    total = 2 * expected_rows(path) if progress is not None else 0
    found = find_identifiers(table, _from(progress, 0, total))
    columns = _columns(table, named, found.rows, _from(progress, found.rows, 2 * found.rows))
    by_name = {each.name: each for each in columns}
    groups = None
    if quasi:
        groups = _groups([by_name[name] for name in quasi], [by_name[name] for name in sensitive], found.rows)
    uniqueness = uniqueness_of(columns, found.rows)
    return PrivacyReport(
        digest_of(path),
        found.rows,
        found.columns,
        found.findings[:MOST_FINDINGS],
        max(0, len(found.findings) - MOST_FINDINGS),
        found.pseudonyms[:MOST_FINDINGS],
        groups,
        replace(uniqueness, own=uniqueness.own[:MOST_FINDINGS]),
    )


def _columns(table: TextTable, named: tuple[str, ...], rows: int, progress: Any) -> list[CodedColumn]:
    """Reads the named columns, and of the others as many as there is room for."""
    room = max(0, min(MOST_CELLS // max(1, rows), 4 * MOST_COLUMNS) - len(named))
    others = [name for name in table.names if name not in set(named)][:room]
    return coded_columns(table, (*named, *others), progress, blanks_apart=True)


def _groups(quasi: Sequence[CodedColumn], sensitive: Sequence[CodedColumn], rows: int) -> Groups:
    if not rows:
        return Groups(tuple(each.name for each in quasi), 0, 0, 0, (), ())
    places, sizes = group_rows([each.codes for each in quasi], rows)
    return Groups(
        tuple(each.name for each in quasi),
        int(sizes.min()),
        len(sizes),
        int((sizes == 1).sum()),
        tuple(_bands(sizes)),
        tuple(diversity_of(each, places) for each in sensitive),
    )


def _bands(sizes: np.ndarray[Any, Any]) -> list[SizeBand]:
    bands = []
    for least, most in _BANDS:
        inside = sizes[(sizes >= least) & (sizes <= (most or sizes.max()))]
        bands.append(SizeBand(least, most, len(inside), int(inside.sum())))
    return bands


def _from(progress: Progress | None, before: int, total: int) -> Callable[[int], None] | None:
    if progress is None:
        return None
    return lambda rows: progress(before + rows, max(total, before + rows))
