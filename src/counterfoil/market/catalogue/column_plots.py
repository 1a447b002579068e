"""Small plots of a column's profile: where its numbers lie, or which values are frequent; each beside its figures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from counterfoil.market.sheets.profile import ColumnProfile, Profile

__all__ = ["ColumnPlot", "column_plots"]

WIDTH: Final = 200.0
MOST_BARS: Final = 5
ROW: Final = 14.0


@dataclass(frozen=True, slots=True)
class ColumnPlot:
    """One column, ready to be shown.

    Attributes:
        name: Of the column.
        type: `number` or `text`.
        missing: Share of the rows that hold nothing, 0 to 1; None where that is not told.
        marks: (y, width), in units of the drawing, of bars that lie from its left edge, each for the value beside it in
            `values`; of numbers none.
        whisker: (from, to) of the outer quantiles, from 0 to `WIDTH`; None without two.
        box: (from, to) of the quarters; None where one is not told.
        middle: Where the median lies; None where it is not told.
        values: (label, figure) in words, in the order in which they are drawn.
        other_rows: Rows with values that are not named.
        height: Of the drawing, units.
    """

    name: str
    type: str
    missing: float | None
    marks: tuple[tuple[float, float], ...]
    whisker: tuple[float, float] | None
    box: tuple[float, float] | None
    middle: float | None
    values: tuple[tuple[str, str], ...]
    other_rows: int
    height: float


def column_plots(profile: Profile) -> list[ColumnPlot]:
    """Returns a plot for each column; a profile of no rows tells nothing to be drawn."""
    return [_numbers(each, profile.rows) if each.quantiles else _texts(each, profile.rows) for each in profile.columns]


def _numbers(column: ColumnProfile, rows: int) -> ColumnPlot:
    at = dict(column.quantiles)
    low, high = min(at.values()), max(at.values())
    room = (high - low) or 1.0

    def place(percent: int) -> float | None:
        return round(4 + (WIDTH - 8) * (at[percent] - low) / room, 1) if percent in at else None

    def between(first: int, last: int) -> tuple[float, float] | None:
        begin, end = place(first), place(last)
        return None if begin is None or end is None else (begin, end)

    outer = between(min(at), max(at)) if len(at) > 1 else None
    values = tuple((_quantile_name(percent), _figure(value)) for percent, value in column.quantiles)
    return ColumnPlot(
        column.name, "number", _share(column.missing, rows), (), outer, between(25, 75), place(50), values, 0, 24.0
    )


def _texts(column: ColumnProfile, rows: int) -> ColumnPlot:
    shown = column.values[:MOST_BARS]
    most = max((count for _, count in shown), default=1)
    others = column.other_rows + sum(count for _, count in column.values[MOST_BARS:])
    return ColumnPlot(
        column.name,
        column.type,
        _share(column.missing, rows),
        tuple((round(ROW * place, 1), round(WIDTH * count / most, 1)) for place, (_, count) in enumerate(shown)),
        None,
        None,
        None,
        tuple((value or "(empty)", f"{count:,}") for value, count in shown),
        others,
        max(ROW, ROW * len(shown)),
    )


def _quantile_name(percent: int) -> str:
    return {25: "a quarter below", 50: "half below", 75: "three quarters below"}.get(percent, f"{percent} % below")


def _figure(value: float) -> str:
    return f"{int(value):,}" if value.is_integer() and abs(value) < 1e15 else f"{value:g}"


def _share(missing: int | None, rows: int) -> float | None:
    return None if missing is None or not rows else missing / rows
