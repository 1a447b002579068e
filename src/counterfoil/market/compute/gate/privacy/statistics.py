"""Private statistics: the owner's own code counts, and what leaves has noise on it.

The guarantee: whether any one person is in the data or not, no answer becomes more than e^epsilon times as likely,
where epsilon is the sum over all statistics of one request. A person is whoever has one value in the `person` column,
and of each person the first `rows_per_person` rows count; without such a column each row is a person of its own.
It holds for the numbers that leave. It does not hold for how long the work took.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any, Final, Literal

from counterfoil.core.strict_table import StrictTable
from counterfoil.errors import InvalidInput, NotFound
from counterfoil.market.compute.gate.privacy.noise import STEPS, Noisy, add_laplace, choose_noisily, standard_deviation

__all__ = ["Answer", "Statistic", "answer_statistics", "read_statistics", "require_columns", "total_epsilon"]

Kind = Literal["count", "sum", "mean", "histogram", "quantile"]

MOST_STATISTICS: Final = 50
MOST_BINS: Final = 1_000
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,99}")


@dataclass(frozen=True, slots=True)
class Statistic:
    """One statistic that is asked for.

    Attributes:
        name: By which its answer is called.
        kind: `count` of rows; `sum`, `mean` or `quantile` of a column; `histogram` of a column's values.
        column: Empty for a count of rows.
        epsilon: What it costs.
        low, high: Values of the column are moved into these bounds first. They must not be taken from the data.
        values: Of a histogram, what is counted; other values are not.
        share: Of a quantile, 0 to 1.
        candidates: Of a quantile, the values it may be; growing.
    """

    name: str
    kind: Kind
    column: str
    epsilon: float
    low: float = 0.0
    high: float = 0.0
    values: tuple[str, ...] = ()
    share: float = 0.5
    candidates: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer as it may leave.

    Attributes:
        name: Of the statistic.
        value: One number; of a histogram one for each value.
        mechanism: How noise was added.
        standard_error: Standard deviation of that noise in the unit of the answer, for sums and counts; else None.
    """

    name: str
    value: float | Mapping[str, float]
    mechanism: str
    standard_error: float | None

    def to_json(self) -> dict[str, Any]:
        """Returns it as answers hold it."""
        value = dict(self.value) if isinstance(self.value, Mapping) else self.value
        return {"mechanism": self.mechanism, "name": self.name, "standardError": self.standard_error, "value": value}


def read_statistics(value: Sequence[Mapping[str, Any]], place: str = "the statistics") -> tuple[Statistic, ...]:
    """Reads a list of statistics strictly.

    Raises:
        InvalidInput: A part is missing, unknown, or not as it should be.
    """
    tables = StrictTable({"statistics": list(value)}, place).tables("statistics", "statistic")
    found = tuple(_read(table) for table in tables)
    names = {each.name for each in found}
    if not 0 < len(found) <= MOST_STATISTICS or len(names) != len(found):
        raise InvalidInput(
            f"{place} are {len(found)}, {len(names)} names", hint=f"1 to {MOST_STATISTICS}, each its name"
        )
    return found


def total_epsilon(statistics: Sequence[Statistic]) -> float:
    """Returns what they cost together (basic composition)."""
    return sum(each.epsilon for each in statistics)


def answer_statistics(
    statistics: Sequence[Statistic],
    columns: Mapping[str, Sequence[Any]],
    *,
    person: str | None = None,
    rows_per_person: int = 1,
) -> list[Answer]:
    """Returns the answers, with noise. Whoever calls this has spent `total_epsilon` before.

    Args:
        statistics: What is asked for.
        columns: The data, columns of equal length.
        person: The column that says whose row it is; None where each row is a person.
        rows_per_person: How many rows of one person count, in the order of the data.

    Raises:
        NotFound: A column is not there.
        InvalidInput: `rows_per_person` is not usable.
        NotSetUp: OpenDP is not installed.
    """
    require_columns(statistics, columns, person)
    if rows_per_person < 1 or (person is None and rows_per_person != 1):
        raise InvalidInput(
            f"rows_per_person is {rows_per_person}", hint="1 without a person column, at least 1 with one"
        )
    length = len(next(iter(columns.values()), ()))
    kept = range(length) if person is None else _first_rows(columns[person], rows_per_person)
    return [_answer(each, _values(each, columns, kept, length), rows_per_person) for each in statistics]


def require_columns(statistics: Sequence[Statistic], columns: Mapping[str, Sequence[Any]], person: str | None) -> None:
    """Refuses statistics of columns that are not there (NotFound)."""
    for name in [each.column for each in statistics if each.column] + ([person] if person is not None else []):
        if name not in columns:
            raise NotFound(f"the data have no column {name!r}", hint=f"they have {', '.join(columns)}"[:300])


def _first_rows(persons: Sequence[Any], most: int) -> list[int]:
    seen: Counter[Any] = Counter()
    kept = []
    for row, who in enumerate(persons):
        seen[str(who)] += 1
        if seen[str(who)] <= most:
            kept.append(row)
    return kept


def _values(statistic: Statistic, columns: Mapping[str, Sequence[Any]], kept: Sequence[int], length: int) -> list[Any]:
    column = columns[statistic.column] if statistic.column else range(length)
    values = [column[row] for row in kept]
    if statistic.kind in ("count", "histogram"):
        return values
    # What is missing does not count; whether it does is decided row by row, so one person still changes few.
    return [each for each in map(_number, values) if each is not None]


def _number(value: Any) -> float | None:
    """Returns a value as a number; None for anything else. An error would tell that somebody has such a value."""
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if isfinite(number) else None


def _answer(statistic: Statistic, values: list[Any], most: int) -> Answer:
    if statistic.kind == "count":
        noisy = add_laplace([len(values)], most, statistic.epsilon)
        return Answer(statistic.name, float(noisy.values[0]), noisy.mechanism, standard_deviation(noisy))
    if statistic.kind == "histogram":
        found = Counter(str(each) for each in values)
        noisy = add_laplace([found[each] for each in statistic.values], most, statistic.epsilon)
        counts = dict(zip(statistic.values, map(float, noisy.values), strict=True))
        return Answer(statistic.name, counts, noisy.mechanism, standard_deviation(noisy))
    low, high = statistic.low, statistic.high
    clamped = [min(max(each, low), high) for each in values]
    if statistic.kind == "quantile":
        unit = (high - low) / STEPS
        steps, places = ([round((each - low) / unit) for each in some] for some in (clamped, statistic.candidates))
        chosen = choose_noisily(steps, places, statistic.share, most, statistic.epsilon)
        return Answer(statistic.name, statistic.candidates[chosen], "noisy maximum", None)
    if statistic.kind == "sum":
        total, unit = _noisy_sum(clamped, 0.0, max(abs(low), abs(high)), most, statistic.epsilon)
        return Answer(statistic.name, total.values[0] * unit, total.mechanism, standard_deviation(total) * unit)
    middle = (low + high) / 2
    total, unit = _noisy_sum(clamped, middle, (high - low) / 2, most, statistic.epsilon / 2)
    count = add_laplace([len(clamped)], most, statistic.epsilon / 2)
    mean = middle + total.values[0] * unit / max(count.values[0], 1)
    return Answer(statistic.name, min(max(mean, low), high), total.mechanism, None)


def _noisy_sum(values: list[float], middle: float, reach: float, most: int, epsilon: float) -> tuple[Noisy, float]:
    """Returns the sum of the distances from `middle`, none beyond `reach`, in steps, and what a step is."""
    unit = reach / STEPS
    steps = sum(min(max(round((each - middle) / unit), -STEPS), STEPS) for each in values)
    return add_laplace([steps], most * STEPS, epsilon), unit


def _read(table: StrictTable) -> Statistic:
    name = table.text("name", pattern=_NAME, like="mean income")
    kind: Kind = table.choice("kind", ("count", "sum", "mean", "histogram", "quantile"))
    epsilon = float(table.number("epsilon"))
    if not 0 < epsilon <= 20:
        raise InvalidInput(f"epsilon of {name} is {epsilon}, and more than 0 and at most 20 is expected")
    column = "" if kind == "count" else table.text("column")
    values = tuple(table.texts("values")) if kind == "histogram" else ()
    low = high = 0.0
    candidates: tuple[float, ...] = ()
    share = 0.5
    if kind in ("sum", "mean", "quantile"):
        low, high = float(table.number("low")), float(table.number("high"))
        step = (high - low) / STEPS / 2
        if not (low < high and low < low + step and high - step < high):  # so that a step is never nothing
            raise InvalidInput(
                f"the bounds of {name} are {low} and {high}", hint="low is less than high, and not by a hair"
            )
    if kind == "quantile":
        share = float(table.number("share"))
        count = table.whole("candidates", 2, MOST_BINS)
        candidates = tuple(low + (high - low) * place / (count - 1) for place in range(count))
        if not 0 <= share <= 1:
            raise InvalidInput(f"share of {name} is {share}, and 0 to 1 is expected")
    table.require_empty()
    if len(values) > MOST_BINS:
        raise InvalidInput(f"{name} counts {len(values)} values", hint=f"{MOST_BINS} at most")
    return Statistic(name, kind, column, epsilon, low, high, values, share, candidates)
