"""Tables as outputs: CSV with declared columns, read strictly and written anew."""

from __future__ import annotations

import csv
import io
import re
from math import isfinite
from typing import Any, Final

from counterfoil.core.canonical import MAX_SAFE_INTEGER, encode_number
from counterfoil.market.compute.gate.cells import Run, value_cells
from counterfoil.market.compute.gate.checked import Checked
from counterfoil.market.compute.gate.json_output import rounded
from counterfoil.market.compute.gate.refusal import Refusal
from counterfoil.market.compute.gate.rules import Column, TableRule

__all__ = ["check_table"]

_INTEGER: Final = re.compile(r"-?(?:0|[1-9][0-9]{0,15})")
_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]{0,20})(?:\.[0-9]{1,20})?(?:[eE][-+]?[0-9]{1,3})?")
_MOST_CELL: Final = 1_000


def check_table(data: bytes, rule: TableRule) -> Checked:
    """Returns a table as it may leave: declared columns, numbers as canonical JSON writes them, small groups gone.

    Raises:
        Refusal: `table` for what is no such CSV; `columns`, `length`, `cell`; `group` for a count below the smallest.
    """
    rows = _parsed(data, rule)
    kept: list[list[Any]] = []
    for row in rows:
        values = [_value(text, column) for text, column in zip(row, rule.columns, strict=True)]
        if _is_small(values, rule):
            if rule.below == "refuse":
                raise Refusal("group", f"a row stands for fewer than {rule.least_group}")
            continue
        kept.append(values)
    columns = list(zip(*kept, strict=True)) if kept else [() for _ in rule.columns]
    runs = [Run("all values", value_cells(value for row in kept for value in row), (len(kept),))]
    runs += [
        Run(f"column {column.name}", value_cells(values)) for column, values in zip(rule.columns, columns, strict=True)
    ]
    return Checked(_written(kept, rule), runs)


def _parsed(data: bytes, rule: TableRule) -> list[list[str]]:
    try:
        text = data.decode("utf-8")
        if "\0" in text or text.startswith("\ufeff"):
            raise ValueError("zero bytes or a byte order mark")
        reader = csv.reader(io.StringIO(text, newline=""), strict=True)
        rows: list[list[str]] = []
        for row in reader:
            if len(rows) > rule.max_rows:
                raise Refusal("length", f"it has more than {rule.max_rows:,} rows")
            rows.append(row)
    except (ValueError, csv.Error) as error:
        raise Refusal("table", "it is no CSV in UTF-8") from error
    names = [column.name for column in rule.columns]
    if not rows or rows[0] != names:
        raise Refusal("columns", f"its columns are not {', '.join(names)}"[:300])
    if any(len(row) != len(names) for row in rows):
        raise Refusal("columns", "a row has more or fewer cells than there are columns")
    return rows[1:]


def _value(text: str, column: Column) -> Any:
    if len(text) > _MOST_CELL:
        raise Refusal("cell", f"a cell of {column.name} is longer than {_MOST_CELL} characters")
    if column.type == "text":
        # Only listed values leave: nothing that a spreadsheet would run, and no free text.
        if text not in column.values:
            raise Refusal("cell", f"a cell of {column.name} is none of its values")
        return text
    if column.type in ("integer", "count"):
        if (
            not _INTEGER.fullmatch(text)
            or abs(int(text)) > MAX_SAFE_INTEGER
            or (column.type == "count" and text[0] == "-")
        ):
            raise Refusal("cell", f"a cell of {column.name} is no whole number")
        return int(text)
    number = float(text) if _NUMBER.fullmatch(text) else float("nan")
    if not isfinite(number):
        raise Refusal("cell", f"a cell of {column.name} is no number")
    return number if column.digits is None else rounded(number, column.digits)


def _is_small(values: list[Any], rule: TableRule) -> bool:
    return any(
        column.type == "count" and value < rule.least_group for value, column in zip(values, rule.columns, strict=True)
    )


def _written(rows: list[list[Any]], rule: TableRule) -> bytes:
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([column.name for column in rule.columns])
    for row in rows:
        writer.writerow([value if isinstance(value, str) else encode_number(value) for value in row])
    return out.getvalue().encode()
