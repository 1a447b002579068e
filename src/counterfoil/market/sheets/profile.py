"""What the columns of a table hold, in figures behind each of which at least a few rows stand.

A figure that rests on fewer rows than the least group is left out: a value that few rows have, a quantile beyond
which few rows lie, how many rows lack a value where it is few that do or few that do not. What is left out cannot
be worked out from what is told either: the values that are not named have the least group together, or the value
with the fewest rows is not named with them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import floor, log10
from typing import Any, Final, Self

from counterfoil.errors import InvalidInput
from counterfoil.market.sheets.members import Members
from counterfoil.market.sheets.sample import MOST_CELL, MOST_COLUMNS, MOST_NAME, require_columns, shown_text
from counterfoil.provenance.quality.column_values import ColumnValues
from counterfoil.provenance.text_table import TextTable, as_texts

__all__ = ["LEAST_GROUP", "ColumnProfile", "Profile", "take_profile"]

LEAST_GROUP: Final = 10
"""Rows that stand behind a figure unless the owner asks for more."""

QUANTILES: Final = (5, 25, 50, 75, 95)
"""In per cent of the rows that hold a number."""

MOST_VALUES: Final = 20
_DIGITS: Final = 3
"""Significant digits of a quantile: a number of one row is not told exactly."""

_TYPES: Final = ("number", "text")


@dataclass(frozen=True, slots=True)
class ColumnProfile:
    """One column.

    Attributes:
        name: Its name.
        type: `number` or `text`.
        missing: Rows that hold nothing; None where that is not told.
        quantiles: (per cent, value) of a column of numbers, rounded.
        values: (value, rows) of the values that are named, the most frequent first.
        other_rows: Rows that hold a value which is not named; 0 for numbers.
    """

    name: str
    type: str
    missing: int | None
    quantiles: tuple[tuple[int, float], ...] = ()
    values: tuple[tuple[str, int], ...] = ()
    other_rows: int = 0

    @classmethod
    def read(cls, told: Members) -> Self:
        """Reads it; InvalidInput names the member that is wrong."""
        made = cls(
            told.text("name", MOST_NAME),
            told.one_of("type", _TYPES),
            told.some("missing"),
            tuple(_read_quantile(each) for each in told.tables("quantiles", len(QUANTILES))),
            tuple(_read_value(each) for each in told.tables("values", MOST_VALUES)),
            told.whole("otherRows"),
        )
        told.require_known()
        return made

    def to_json(self) -> dict[str, Any]:
        """Returns it as the sheet has it."""
        told: dict[str, Any] = {"name": self.name, "otherRows": self.other_rows, "type": self.type}
        if self.missing is not None:
            told["missing"] = self.missing
        if self.quantiles:
            told["quantiles"] = [{"at": at, "value": value} for at, value in self.quantiles]
        if self.values:
            told["values"] = [{"rows": rows, "value": value} for value, rows in self.values]
        return told


@dataclass(frozen=True, slots=True)
class Profile:
    """The columns of a table that the owner chose.

    Attributes:
        rows: Of the table.
        least_group: Rows behind every figure, at least.
        columns: In the order chosen.
    """

    rows: int
    least_group: int
    columns: tuple[ColumnProfile, ...]

    @classmethod
    def read(cls, told: Members) -> Self:
        """Reads it; InvalidInput names the member that is wrong."""
        made = cls(
            told.whole("rows"),
            told.whole("leastGroup", least=1),
            tuple(ColumnProfile.read(each) for each in told.tables("columns", MOST_COLUMNS)),
        )
        told.require_known()
        if not made.columns:
            raise told.error("columns", "show nothing; leave the profile out then")
        return made

    def to_json(self) -> dict[str, Any]:
        """Returns it as the sheet has it."""
        return {
            "columns": [each.to_json() for each in self.columns],
            "leastGroup": self.least_group,
            "rows": self.rows,
        }


def take_profile(table: TextTable, columns: Sequence[str], least_group: int = LEAST_GROUP) -> Profile:
    """Returns what the columns hold that the owner chose.

    Args:
        table: The table; it is read once.
        columns: Names of those that are told of.
        least_group: Rows that stand behind every figure; `LEAST_GROUP` or more.

    Raises:
        InvalidInput: A column is not there or named twice, or the least group is too small; or the table is.
    """
    require_columns(table, columns)
    if least_group < LEAST_GROUP:
        raise InvalidInput(
            f"figures on {least_group} rows could tell of one person", hint=f"{LEAST_GROUP} rows is the least"
        )
    read = [ColumnValues(name) for name in columns]
    rows = 0
    for batch in table.batches():
        for column in read:
            column.add(as_texts(batch.column(column.name)))
        rows += batch.num_rows
    if rows < least_group:
        raise InvalidInput(
            f"the table has {rows:,} rows, fewer than the least group of {least_group:,}", hint="leave the profile out"
        )
    return Profile(rows, least_group, tuple(_profiled(each, least_group) for each in read))


def _profiled(column: ColumnValues, least: int) -> ColumnProfile:
    there = column.rows - column.missing
    is_told = all(part == 0 or part >= least for part in (column.missing, there))
    missing = column.missing if is_told else None
    numbers = column.numbers() if there else None
    if numbers is not None and len(numbers):
        return ColumnProfile(column.name, "number", missing, _quantiles(numbers, least))
    counts = column.counts() if is_told else None
    named = _named(counts, least) if counts is not None else ()
    others = there - sum(rows for _, rows in named) if is_told else 0
    return ColumnProfile(column.name, "text", missing, (), named, others)


def _quantiles(numbers: Any, least: int) -> tuple[tuple[int, float], ...]:
    """Returns the quantiles on both sides of which the least group lies, the value's own row not counted."""
    found = []
    for at in QUANTILES:
        place = floor((len(numbers) - 1) * at / 100)
        if min(place, len(numbers) - 1 - place) >= least:
            found.append((at, _rounded(float(numbers[place]))))
    return tuple(found)


def _rounded(value: float) -> float:
    """Returns a number with `_DIGITS` significant digits."""
    return round(value, _DIGITS - 1 - floor(log10(abs(value)))) if value else 0.0


def _named(counts: Mapping[str, int], least: int) -> tuple[tuple[str, int], ...]:
    """Returns the values that are named: each has the least group, and so have those that are not, together."""
    ordered = sorted(counts.items(), key=lambda each: (-each[1], each[0]))
    named = [each for each in ordered if each[1] >= least][:MOST_VALUES]
    others = sum(counts.values()) - sum(rows for _, rows in named)
    while named and 0 < others < least:
        others += named.pop()[1]
    return tuple((shown_text(value), rows) for value, rows in named)


def _read_quantile(told: Members) -> tuple[int, float]:
    made = told.whole("at", least=1, most=99), told.number("value")
    told.require_known()
    return made


def _read_value(told: Members) -> tuple[str, int]:
    made = told.cell("value", MOST_CELL) or "", told.whole("rows", least=1)
    told.require_known()
    return made
