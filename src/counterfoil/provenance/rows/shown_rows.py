"""Rows that are to be shown, read from the data once more: a home keeps none."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from counterfoil.core.rows import ShownRow, columns_digest
from counterfoil.core.rows_proof import Shown
from counterfoil.errors import InvalidInput
from counterfoil.provenance.fingerprints.cells import framed_cells
from counterfoil.provenance.fingerprints.table_source import table_source
from counterfoil.provenance.rows.secret import RowsSecret

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["shown_rows"]

Progress = Callable[[int, int], None]


def shown_rows(
    path: Path,
    secret: RowsSecret,
    numbers: Sequence[int],
    leaf_of: Callable[[int], bytes],
    progress: Progress | None = None,
) -> Shown:
    """Returns rows of a table by their numbers, with their salts.

    Args:
        path: The data that was committed to.
        secret: Of the commitment.
        numbers: Ascending, from 0.
        leaf_of: Returns the leaf of a row as it was committed to.
        progress: Told (rows read, rows to read).

    Raises:
        InvalidInput: The file is another.
    """
    source = table_source(path)
    names, found, first = tuple(source.schema.names), list[ShownRow](), 0
    left = list(numbers)
    for batch in source.batches():
        while left and left[0] < first + batch.num_rows:
            found.append(_row(batch.slice(left[0] - first, 1), secret, left[0]))
            left.pop(0)
        first += batch.num_rows
        if progress is not None:
            progress(first, max(first, numbers[-1] + 1))
        if not left:
            break
    columns = columns_digest(names)
    if left or any(row.leaf(columns) != leaf_of(number) for row, number in zip(found, numbers, strict=True)):
        raise InvalidInput(
            f"the rows of {path.name} are not the ones that were committed to",
            hint="give the data as it was registered; without it, a proof shows that there are rows, and not the rows",
        )
    return Shown(names, tuple(found))


def _row(batch: pa.RecordBatch, secret: RowsSecret, number: int) -> ShownRow:
    cells = [framed_cells(column)[0].as_py() for column in batch.columns]
    return ShownRow(secret.salts(number, 1), tuple(cell.partition(b":")[2] for cell in cells))
