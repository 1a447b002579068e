"""Charts: from counts to places on a sheet of 420 by 200 units, drawn by the macros in charts.html.

Every chart has a title, a description that says what it shows, and its numbers as a table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import ceil, floor, log10
from typing import Final

from counterfoil.web.formats import number

__all__ = ["Chart", "Mark", "Series", "Tick", "bars", "columns", "lines", "nice_ticks"]

WIDTH: Final = 420.0
HEIGHT: Final = 200.0
LEFT: Final = 44.0
"""Room for the labels at the left, where none of them needs more."""
LABEL_GAP: Final = 6.0
DIGIT: Final = 6.8
"""No wider is a character of a label: 11 units high in the console's style, digits of one width."""
RIGHT: Final = 8.0
TOP: Final = 10.0
BOTTOM: Final = 24.0
MOST_SERIES: Final = 6
MOST_X_TICKS: Final = 6
MOST_BARS: Final = 10
MOST_THICK: Final = 26.0
LABEL_CHARS: Final = 20
"""Characters of a bar's name, at most; the table beside the chart has it whole."""


@dataclass(frozen=True, slots=True)
class Series:
    """Values with a name, one for each place along the chart; None where there is nothing to show."""

    name: str
    values: Sequence[float | None]


@dataclass(frozen=True, slots=True)
class Tick:
    """A label at a place along an axis."""

    at: float
    text: str


@dataclass(frozen=True, slots=True)
class Mark:
    """One rectangle (`path` empty) or one line; `series` counts from 1 and names its colour."""

    series: int
    x: float = 0.0
    y: float = 0.0
    width: float = 0.0
    height: float = 0.0
    path: str = ""


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart ready to be drawn.

    Attributes:
        id: Unique on its page.
        title: What is shown.
        description: The same in a sentence, with what stands out.
        marks: What is drawn.
        x_ticks: Labels below.
        y_ticks: Labels at the left, each with a line across.
        left: Where columns and lines begin, right of the labels.
        legend: Names of the series, in the order of their colours; empty for one.
        head: Header of the table.
        rows: The numbers as a table, ready to read.
    """

    id: str
    title: str
    description: str
    marks: tuple[Mark, ...]
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    left: float
    legend: tuple[str, ...]
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def nice_ticks(highest: float, count: int = 4) -> list[float]:
    """Returns about `count` round numbers from 0 up to the first at or above `highest`."""
    if highest <= 0:
        return [0.0, 1.0]
    rough = highest / count
    power = 10.0 ** floor(log10(rough))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= rough * 0.999)
    return [step * index for index in range(ceil(highest / step - 1e-9) + 1)]


def columns(
    id: str,
    title: str,
    description: str,
    places: Sequence[str],
    series: Sequence[Series],
    *,
    what: str,
    gap: float = 0.2,
) -> Chart:
    """Returns stacked columns, one for each of `places`.

    Args:
        id: Unique on its page.
        title: What is shown.
        description: The same in a sentence.
        places: Labels along the chart, evenly spaced.
        series: At most six; they are stacked in this order, from the ground up.
        what: Header of the table's first column.
        gap: Share of a column's room that stays empty.
    """
    totals = [sum(each.values[place] or 0 for each in series) for place in range(len(places))]
    ticks = nice_ticks(max(totals, default=0))
    left = _left(ticks, number)
    room = (WIDTH - left - RIGHT) / max(1, len(places))
    marks: list[Mark] = []
    for place in range(len(places)):
        ground = 0.0
        for colour, each in enumerate(series, 1):
            value = each.values[place] or 0
            if value:
                top, bottom = _y(ground + value, ticks[-1]), _y(ground, ticks[-1])
                marks.append(
                    Mark(colour, _r(left + room * (place + gap / 2)), _r(top), _r(room * (1 - gap)), _r(bottom - top))
                )
                ground += value
    return _chart(id, title, description, marks, places, series, ticks, what, number)


def bars(
    id: str,
    title: str,
    description: str,
    names: Sequence[str],
    series: Sequence[Series],
    *,
    what: str,
    shown: Callable[[float], str] = number,
) -> Chart:
    """Returns lying bars, one for each of `names`, at most ten; several series lie one behind the other in a bar."""
    assert len(names) <= MOST_BARS
    totals = [sum(each.values[place] or 0 for each in series) for place in range(len(names))]
    ticks = nice_ticks(max(totals, default=0))
    labels = [name if len(name) <= LABEL_CHARS else name[: LABEL_CHARS - 1] + "…" for name in names]
    left = _r(max([LEFT, *(len(label) * DIGIT + LABEL_GAP for label in labels)]))
    room = (HEIGHT - TOP - BOTTOM) / max(1, len(names))
    thick = min(room * 0.7, MOST_THICK)
    scale = (WIDTH - left - RIGHT) / ticks[-1]
    marks: list[Mark] = []
    for place in range(len(names)):
        begin = 0.0
        for colour, each in enumerate(series, 1):
            value = each.values[place] or 0
            if value:
                top = TOP + room * (place + 0.5) - thick / 2
                marks.append(Mark(colour, _r(left + begin * scale), _r(top), _r(value * scale), _r(thick)))
                begin += value
    rows = _rows(names, series, shown)
    told = tuple(each.name for each in series)
    return Chart(
        id,
        title,
        description,
        tuple(marks),
        tuple(Tick(_r(left + value * scale), shown(_whole(value))) for value in ticks[:-1]),
        tuple(Tick(_r(TOP + room * (place + 0.5)), label) for place, label in enumerate(labels)),
        left,
        told if len(told) > 1 else (),
        (what, *told),
        rows,
    )


def lines(
    id: str,
    title: str,
    description: str,
    places: Sequence[str],
    series: Sequence[Series],
    *,
    what: str,
    highest: float,
    shown: Callable[[float], str],
) -> Chart:
    """Returns one line for each series; a line breaks off where there is no value."""
    ticks = nice_ticks(highest)
    left = _left(ticks, shown)
    marks: list[Mark] = []
    for colour, each in enumerate(series, 1):
        for run in _runs(each.values):
            points = [(_x(place, len(places), left), _y(value, ticks[-1])) for place, value in run]
            if len(points) == 1:  # a lone value would be a line without length
                points = [(points[0][0] - 3, points[0][1]), (points[0][0] + 3, points[0][1])]
            marks.append(Mark(colour, path="M" + "L".join(f"{_r(x)} {_r(y)}" for x, y in points)))
    return _chart(id, title, description, marks, places, series, ticks, what, shown)


def _chart(
    id: str,
    title: str,
    description: str,
    marks: Sequence[Mark],
    places: Sequence[str],
    series: Sequence[Series],
    ticks: Sequence[float],
    what: str,
    shown: Callable[[float], str],
) -> Chart:
    """Adds axes, legend and table to what is drawn."""
    assert len(series) <= MOST_SERIES
    left = _left(ticks, shown)
    every = max(1, ceil(len(places) / MOST_X_TICKS))
    x_ticks = [Tick(_r(_x(place, len(places), left)), text) for place, text in enumerate(places) if place % every == 0]
    y_ticks = [Tick(_r(_y(value, ticks[-1])), shown(_whole(value))) for value in ticks]
    rows = _rows(places, series, shown)
    names = tuple(each.name for each in series)
    return Chart(
        id,
        title,
        description,
        tuple(marks),
        tuple(x_ticks),
        tuple(y_ticks),
        left,
        names if len(names) > 1 else (),
        (what, *names),
        rows,
    )


def _rows(
    places: Sequence[str], series: Sequence[Series], shown: Callable[[float], str]
) -> tuple[tuple[str, ...], ...]:
    """Returns the numbers as a table; a value that is not there is a dash."""
    return tuple(
        (text, *("\N{EN DASH}" if (v := each.values[place]) is None else shown(v) for each in series))
        for place, text in enumerate(places)
    )


def _runs(values: Sequence[float | None]) -> Iterator[list[tuple[int, float]]]:
    """Yields the stretches without a gap, each as (place, value)."""
    run: list[tuple[int, float]] = []
    for place, value in enumerate(values):
        if value is not None:
            run.append((place, value))
        elif run:
            yield run
            run = []
    if run:
        yield run


def _left(ticks: Sequence[float], shown: Callable[[float], str]) -> float:
    """Returns where the drawing begins, so that the longest label has room beside it."""
    longest = max(len(shown(_whole(value))) for value in ticks)
    return _r(max(LEFT, longest * DIGIT + LABEL_GAP))


def _x(place: int, count: int, left: float) -> float:
    return left + (WIDTH - left - RIGHT) * (place + 0.5) / max(1, count)


def _y(value: float, highest: float) -> float:
    return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * value / highest


def _r(value: float) -> float:
    return round(value, 1)


def _whole(value: float) -> float:
    return int(value) if float(value).is_integer() else value
