"""Rows that an owner shows of a table: some columns, the first rows, cells cut short."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

from counterfoil.errors import InvalidInput
from counterfoil.market.sheets.members import Members
from counterfoil.provenance.text_table import TextTable, as_texts

__all__ = ["MOST_CELL", "MOST_COLUMNS", "MOST_NAME", "MOST_ROWS", "Sample", "shown_text", "take_sample"]

MOST_COLUMNS: Final = 64
MOST_ROWS: Final = 50
MOST_CELL: Final = 200
MOST_NAME: Final = 200


@dataclass(frozen=True, slots=True)
class Sample:
    """Some rows.

    Attributes:
        columns: Names of the columns that are shown.
        rows: (rows, columns) cells as texts; None where one is missing.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[str | None, ...], ...]

    @classmethod
    def read(cls, told: Members) -> Self:
        """Reads it; InvalidInput names the member that is wrong."""
        columns = told.texts("columns", MOST_COLUMNS, MOST_NAME)
        rows = tuple(_read_row(told, row, len(columns)) for row in told.rows("rows", MOST_ROWS))
        told.require_known()
        if not columns or not rows:
            raise told.error("rows", "show nothing; leave the sample out then")
        return cls(columns, rows)

    def to_json(self) -> dict[str, Any]:
        """Returns it as the sheet has it."""
        return {"columns": list(self.columns), "rows": [list(row) for row in self.rows]}


def take_sample(table: TextTable, columns: Sequence[str], rows: int = 10) -> Sample:
    """Returns the first rows of a table, of the columns that the owner chose.

    Args:
        table: The table.
        columns: Names of those that may be shown; everybody will see them.
        rows: How many, at most `MOST_ROWS`.

    Raises:
        InvalidInput: A column is not there, or named twice; too many or none of either; the table is empty.
    """
    require_columns(table, columns)
    if not 0 < rows <= MOST_ROWS:
        raise InvalidInput(f"a sample of {rows:,} rows cannot be shown", hint=f"1 to {MOST_ROWS} rows")
    found = tuple(_first_rows(table, columns, rows))
    if not found:
        raise InvalidInput("the table has no rows to show", hint="leave the sample out")
    return Sample(tuple(columns), found)


def require_columns(table: TextTable, columns: Sequence[str]) -> None:
    """Refuses a choice of columns that cannot be shown (InvalidInput)."""
    table.require(columns)
    if not 0 < len(columns) <= MOST_COLUMNS or len(set(columns)) != len(columns):
        raise InvalidInput("no column is chosen, one twice, or too many", hint=f"name 1 to {MOST_COLUMNS} columns")
    for name in columns:
        if len(name) > MOST_NAME or not name.isprintable() or name != name.strip() or not name:
            raise InvalidInput(f"the column {name[:60]!r} has a name that cannot be shown", hint="rename it first")


def shown_text(value: str) -> str:
    """Returns a value as a sheet shows it: printable, at most `MOST_CELL` characters, a cut marked with "…"."""
    text = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in value[: MOST_CELL + 1])
    return text if len(text) <= MOST_CELL else text[: MOST_CELL - 1] + "…"


def _first_rows(table: TextTable, columns: Sequence[str], most: int) -> Iterator[tuple[str | None, ...]]:
    left = most
    for batch in table.batches():
        cells = [as_texts(batch.column(name).slice(0, left)).to_pylist() for name in columns]
        for row in zip(*cells, strict=True):
            yield tuple(None if cell is None else shown_text(cell) for cell in row)
        left -= min(left, batch.num_rows)
        if not left:
            return


def _read_row(told: Members, row: Sequence[Any], width: int) -> tuple[str | None, ...]:
    if len(row) != width:
        raise told.error("rows", f"has a row of {len(row):,} cells; the sample has {width:,} columns")
    cells = told.places("rows", row)
    return tuple(cells.cell(str(place), MOST_CELL) for place in range(1, width + 1))
