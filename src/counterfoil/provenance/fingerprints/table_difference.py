"""What changed between two tables: which columns, and which rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from counterfoil.errors import InvalidInput
from counterfoil.provenance.fingerprints.hash_list import differing_runs
from counterfoil.provenance.fingerprints.table import BLOCK_ROWS, TableFingerprint

__all__ = ["TableDifference", "table_difference"]


@dataclass(frozen=True, slots=True)
class TableDifference:
    """What is not as it was.

    Attributes:
        added: Names of columns that are new.
        removed: Names of columns that are gone.
        retyped: Names of columns with another type.
        changed: Names of columns with another content; empty where no order of rows counts.
        rows: (first row, row behind the last) of parts with changed rows, from 0, 256 rows fine; likewise.
        rows_before: Number of rows before.
        rows_after: Number of rows now.
        is_same: Whether both say the same.
    """

    added: tuple[str, ...]
    removed: tuple[str, ...]
    retyped: tuple[str, ...]
    changed: tuple[str, ...]
    rows: tuple[tuple[int, int], ...]
    rows_before: int
    rows_after: int
    is_same: bool


def table_difference(before: TableFingerprint, after: TableFingerprint) -> TableDifference:
    """Returns what changed from `before` to `after`.

    Raises:
        InvalidInput: In one the order of the rows counts, and in the other it does not.
    """
    if before.order != after.order:
        raise InvalidInput(
            "in one fingerprint the order of the rows counts, and in the other it does not",
            hint="make both with --any-order, or neither",
        )
    old, new = ({each.name: each for each in side.columns} for side in (before, after))
    both = [each for each in after.columns if each.name in old]
    return TableDifference(
        tuple(name for name in new if name not in old),
        tuple(name for name in old if name not in new),
        tuple(each.name for each in both if each.type != old[each.name].type),
        tuple(each.name for each in both if each.digest != old[each.name].digest),
        tuple(_ranges(before, after)),
        before.rows,
        after.rows,
        before.digest == after.digest,
    )


def _ranges(before: TableFingerprint, after: TableFingerprint) -> Iterator[tuple[int, int]]:
    """Yields the runs of blocks that differ, as rows."""
    rows = max(before.rows, after.rows)
    for start, end in differing_runs(before.blocks, after.blocks):
        yield start * BLOCK_ROWS, min(end * BLOCK_ROWS, rows)
