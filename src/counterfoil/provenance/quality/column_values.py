"""What a column holds, counted while it is read: every value with its rows, or for many numbers just the numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from counterfoil.provenance.quality.stability import stability_index

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

__all__ = ["ColumnValues"]

MOST_COUNTED: Final = 50_000
"""Different values that are counted one by one; a column with more is numbers, or nothing is worked out of it."""

PARTS: Final = 10
"""Parts into which the parent's numbers are cut, each with as many rows as can be."""

CATEGORIES: Final = 20
"""The parent's most frequent values, each a part; all others are one more."""

FAR_OUT: Final = 3.0
"""Times the distance of the quartiles, beyond a quartile: Tukey's "far out" (Exploratory Data Analysis, 1977)."""


@dataclass(slots=True)
class ColumnValues:
    """One column, read so far.

    Attributes:
        name: Its name.
        rows: Of the table.
        missing: Rows that hold nothing.
    """

    name: str
    rows: int = 0
    missing: int = 0
    _counts: dict[str, int] | None = field(default_factory=dict)
    _numbers: list[np.ndarray[Any, Any]] | None = None

    def add(self, texts: pa.Array) -> None:
        """Takes a batch of it."""
        self.rows += len(texts)
        self.missing += texts.null_count
        there = texts.drop_null()
        if self._counts is not None:
            for each in there.value_counts().to_pylist():
                self._counts[each["values"]] = self._counts.get(each["values"], 0) + each["counts"]
            if len(self._counts) > MOST_COUNTED:
                found = _expanded(self._counts)
                self._numbers = None if found is None else [found]
                self._counts = None
        elif self._numbers is not None:
            found = _floats(there.to_pylist())
            self._numbers = None if found is None else [*self._numbers, found]

    @property
    def different(self) -> int:
        """How many different values there are; `MOST_COUNTED` + 1 stands for more."""
        return MOST_COUNTED + 1 if self._counts is None else len(self._counts)

    def counts(self) -> dict[str, int] | None:
        """Returns how many rows hold each value; None where there are more than `MOST_COUNTED` different ones."""
        return self._counts

    @property
    def is_constant(self) -> bool:
        """Whether all rows hold the same, or nothing."""
        return self.rows > 0 and (self.missing == self.rows or (self.different == 1 and not self.missing))

    def numbers(self) -> np.ndarray[Any, Any] | None:
        """Returns all its numbers in ascending order; None where something in it is none."""
        import numpy as np

        if self._counts is not None:
            return _expanded(self._counts)
        return None if self._numbers is None else np.sort(np.concatenate(self._numbers))

    def outliers(self) -> int | None:
        """Returns how many numbers lie far out; None for what is not numbers."""
        import numpy as np

        found = self.numbers()
        if found is None or not len(found):
            return None
        low, high = np.quantile(found, (0.25, 0.75))
        reach = FAR_OUT * (high - low)
        return int(((found < low - reach) | (found > high + reach)).sum()) if reach else 0

    def drift_from(self, parent: ColumnValues) -> float | None:
        """Returns the stability index against the parent's column.

        None where it cannot be worked out: one holds numbers and the other does not, or texts of too many kinds.
        """
        ours, theirs = self.numbers(), parent.numbers()
        if (ours is None) != (theirs is None):
            return None
        if ours is not None and theirs is not None and len(theirs):
            before, now = _in_parts(theirs, ours)
        elif self._counts is not None and parent._counts is not None:
            before, now = _in_categories(parent._counts, self._counts)
        else:
            return None
        return stability_index([*before, parent.missing], [*now, self.missing])


def _expanded(counts: dict[str, int]) -> np.ndarray[Any, Any] | None:
    import numpy as np

    numbers = _floats(list(counts))
    return None if numbers is None else np.sort(np.repeat(numbers, list(counts.values())))


def _floats(texts: Sequence[str]) -> np.ndarray[Any, Any] | None:
    """Returns texts as numbers; None where one is none, or infinite."""
    import numpy as np

    try:
        found = np.array([float(text) for text in texts], dtype=np.float64)
    except ValueError:
        return None
    return found if bool(np.isfinite(found).all()) else None


def _in_parts(theirs: np.ndarray[Any, Any], ours: np.ndarray[Any, Any]) -> tuple[list[int], list[int]]:
    """Returns the rows in each part of the parent's numbers, of both tables; values with many rows make it fewer."""
    import numpy as np

    edges = np.unique(np.quantile(theirs, [part / PARTS for part in range(1, PARTS)], method="lower"))
    counts = [
        np.bincount(np.searchsorted(edges, each, side="right"), minlength=len(edges) + 1) for each in (theirs, ours)
    ]
    return counts[0].tolist(), counts[1].tolist()


def _in_categories(theirs: dict[str, int], ours: dict[str, int]) -> tuple[list[int], list[int]]:
    top = sorted(theirs, key=lambda value: (-theirs[value], value))[:CATEGORIES]
    before, now = ([each.get(value, 0) for value in top] for each in (theirs, ours))
    return [*before, sum(theirs.values()) - sum(before)], [*now, sum(ours.values()) - sum(now)]
