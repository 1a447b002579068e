"""Does an output hold input rows? Compares values, and knows what it cannot find.

1. *rows*: a whole input row, its values in their order, at least three of them different.
2. *cells*: three telling values of one input row close to one another, in any order.
3. *column*: eight values of one input column in their order, at least four of them different.
4. *values*: many telling values that are also in the data: ten or more, and a hundredth of all telling values, are held
   for the owner; half of them are refused.
5. *entries*: a list or dimension with exactly as many entries as the data have rows (twenty or more).

A value is telling when it has four significant digits, or six characters, and is in the data eight times at most.
Values are compared as 32-bit floats. **This finds the careless, not the malicious**: rows that were scaled, encrypted,
or spread over many values that look random are not found by any comparison. What holds those back is the size of
outputs, noise (`privacy`), and reading an algorithm before it is allowed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from counterfoil.errors import InvalidInput
from counterfoil.market.compute.gate.cells import Cells, Run, value_cells

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["MOST_CELLS", "Finding", "RowIndex"]

MOST_CELLS: Final = 8_000_000
"""Most values of the data that are compared with; of larger data every n-th row is, and decisions say so."""

_MOST_SHARED: Final = 8
_LEAST_TOGETHER: Final = 3
_COLUMN_RUN: Final = 8
_LEAST_DIFFERENT: Final = 4
_MANY_VALUES: Final = 10
_LEAST_ROWS: Final = 20
_MOST_EVENTS: Final = 2_000_000
_FACTOR: Final = 0x9E3779B97F4A7C15


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found, where, and whether it is certain enough to refuse or for the owner to see."""

    rule: Literal["rows", "cells", "column", "values", "entries"]
    where: str
    outcome: Literal["refused", "held"]


@dataclass(frozen=True, slots=True)
class RowIndex:
    """The data of a job, prepared for comparing.

    Attributes:
        rows: How many rows the data have.
        compared: How many of them are compared with.
        columns: How many columns.
        names: Of the columns.
        numbers: Numeric columns by name, (rows,) float64, for counting rows in the leaves of trees.
    """

    rows: int
    compared: int
    columns: int
    names: tuple[str, ...]
    numbers: Mapping[str, NDArray[Any]]
    _keys: NDArray[Any]
    _rows_of: NDArray[Any]
    _columns_of: NDArray[Any]
    _whole_rows: NDArray[Any]
    _column_runs: NDArray[Any]

    @classmethod
    def build(cls, columns: Mapping[str, Sequence[Any]]) -> RowIndex:
        """Prepares data given as columns of equal length; numbers, texts, truth values and None.

        Raises:
            InvalidInput: There are no columns, or their lengths differ.
        """
        import numpy as np

        lengths = {len(values) for values in columns.values()}
        if len(lengths) != 1:
            raise InvalidInput("the columns of a job's data are none, or of different lengths")
        rows = lengths.pop()
        step = max(1, -(-rows * len(columns) // MOST_CELLS))
        cells = [_column_cells(values, step) for values in columns.values()]
        keys = np.stack([each.keys for each in cells], axis=1)
        telling = np.stack([each.telling for each in cells], axis=1)
        kept, rows_of, columns_of = _telling_cells(keys, telling)
        whole = _whole_rows(keys)
        runs = np.unique(np.concatenate([_column_windows(each.keys) for each in cells]))
        numbers = {name: each for name, values in columns.items() if (each := _numeric(values)) is not None}
        return cls(rows, len(keys), len(columns), tuple(columns), numbers, kept, rows_of, columns_of, whole, runs)

    def find(self, runs: Iterable[Run]) -> list[Finding]:
        """Returns what of the data is in an output, by the rules above; each rule once, the first place found."""
        found: dict[str, Finding] = {}
        shared: list[NDArray[Any]] = []
        telling = 0
        for run in runs:
            for rule in self._rules_met(run):
                found.setdefault(rule, Finding(rule, run.where, "refused"))  # type: ignore[arg-type]
            matched, count = self._telling_in(run.cells)
            shared.append(matched)
            telling += count
        values = self._values(shared, telling)
        if values is not None:
            found["values"] = values
        return list(found.values())

    def _rules_met(self, run: Run) -> list[str]:
        met = []
        if self.columns >= _LEAST_TOGETHER and _meets(_windows(run.cells.keys, self.columns), self._whole_rows):
            met.append("rows")
        if self._has_cells_together(run.cells):
            met.append("cells")
        if _meets(_windows(run.cells.keys, _COLUMN_RUN), self._column_runs):
            met.append("column")
        if self.rows >= _LEAST_ROWS and self.rows in run.shape:
            met.append("entries")
        return met

    def _telling_in(self, cells: Cells) -> tuple[NDArray[Any], int]:
        """Returns the different telling keys that are in the data, and how many different telling ones there are."""
        keys = _different(cells.keys[cells.telling])
        return keys[_is_in(keys, self._keys)], len(keys)

    def _values(self, shared: list[NDArray[Any]], telling: int) -> Finding | None:
        import numpy as np

        count = len(np.unique(np.concatenate(shared))) if shared else 0
        if count < max(_MANY_VALUES, telling // 100):
            return None
        return Finding("values", "the file", "refused" if 2 * count >= telling else "held")

    def _has_cells_together(self, cells: Cells) -> bool:
        """Whether telling values of different columns of one row stand within four rows' length of one another."""
        import numpy as np

        places = np.flatnonzero(cells.telling)
        low = np.searchsorted(self._keys, cells.keys[places], "left")
        counts = np.searchsorted(self._keys, cells.keys[places], "right") - low
        if int(counts.sum()) > _MOST_EVENTS:
            return True  # so much of the data that counting it would be a waste
        starts = np.repeat(low - np.concatenate(([0], np.cumsum(counts)[:-1])), counts)
        slots = starts + np.arange(len(starts))
        events = np.stack([self._rows_of[slots], np.repeat(places, counts), self._columns_of[slots]])
        events = events[:, np.lexsort((events[1], events[0]))]
        return _close(events, 4 * max(self.columns, _LEAST_TOGETHER))


def _close(events: NDArray[Any], near: int) -> bool:
    """Whether three events (row, place, column) of one row and different columns lie within `near` places."""
    rows, places, columns = (part.tolist() for part in events)
    start = 0
    for end in range(len(rows)):
        while rows[start] != rows[end] or places[end] - places[start] > near:
            start += 1
        if end - start >= _LEAST_TOGETHER - 1 and len(set(columns[start : end + 1])) >= _LEAST_TOGETHER:
            return True
    return False


def _column_cells(values: Sequence[Any], step: int) -> Cells:
    return value_cells(values[::step])


def _telling_cells(keys: NDArray[Any], telling: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Returns keys (sorted), rows and columns of the telling values that are in few rows."""
    import numpy as np

    rows_of, columns_of = np.nonzero(telling)
    picked = keys[rows_of, columns_of]
    _, inverse, counts = np.unique(picked, return_inverse=True, return_counts=True)
    few = counts[inverse] <= _MOST_SHARED
    picked, rows_of, columns_of = picked[few], rows_of[few], columns_of[few]
    order = np.argsort(picked, kind="stable")
    return picked[order], rows_of[order], columns_of[order]


def _whole_rows(keys: NDArray[Any]) -> NDArray[Any]:
    """Returns the hashes (sorted) of the rows that have at least three different values."""
    import numpy as np

    width = keys.shape[1]
    if width < _LEAST_TOGETHER or not len(keys):
        return np.zeros(0, dtype=np.uint64)
    ordered = np.sort(keys, axis=1)
    different = (np.diff(ordered, axis=1) != 0).sum(axis=1) + 1
    kept = keys[different >= _LEAST_TOGETHER]
    return np.unique(_hashed([kept[:, place] for place in range(width)]))


def _column_windows(keys: NDArray[Any]) -> NDArray[Any]:
    """Returns the hashes of eight values in order, where four differ and they do not merely count up."""
    import numpy as np

    if len(keys) < _COLUMN_RUN:
        return np.zeros(0, dtype=np.uint64)
    windows = np.lib.stride_tricks.sliding_window_view(keys, _COLUMN_RUN)
    hashes = _windows(keys, _COLUMN_RUN)
    kept = []
    for start in range(0, len(windows), 65_536):  # sorting copies, so it is done in parts
        part = windows[start : start + 65_536]
        different = (np.diff(np.sort(part, axis=1), axis=1) != 0).sum(axis=1) + 1
        kept.append((different >= _LEAST_DIFFERENT) & ~_counts_up(part))
    return np.asarray(hashes[np.concatenate(kept)])


def _counts_up(windows: NDArray[Any]) -> NDArray[Any]:
    """Whether each window is numbers at one distance, such as 1, 2, 3: every list of that length has those."""
    import numpy as np

    with np.errstate(invalid="ignore", over="ignore"):  # the keys of texts are no numbers, and are dropped below
        numbers: NDArray[Any] = windows.astype(np.uint32).view(np.float32).astype(np.float64)
        steps = np.diff(numbers, axis=1)
        even = np.all(np.abs(steps - steps[:, :1]) <= 1e-6 * np.abs(steps[:, :1]), axis=1)
    return np.asarray(even & (windows < 2**32).all(axis=1))


def _windows(keys: NDArray[Any], width: int) -> NDArray[Any]:
    """Returns a hash of each `width` values in order, (n - width + 1,) uint64."""
    import numpy as np

    count = len(keys) - width + 1
    if count <= 0:
        return np.zeros(0, dtype=np.uint64)
    return _hashed([keys[place : place + count] for place in range(width)])


def _hashed(parts: Sequence[NDArray[Any]]) -> NDArray[Any]:
    import numpy as np

    total: Any = np.zeros(len(parts[0]), dtype=np.uint64)
    for part in parts:  # a polynomial modulo 2^64, whose products are meant to wrap
        total = total * np.uint64(_FACTOR) + part * np.uint64(0xD6E8FEB86659FD93) + np.uint64(1)
        total = total ^ (total >> np.uint64(29))
    return np.asarray(total)


def _is_in(keys: NDArray[Any], among: NDArray[Any]) -> NDArray[Any]:
    import numpy as np

    if not len(among):
        return np.zeros(len(keys), dtype=bool)
    place = np.minimum(np.searchsorted(among, keys), len(among) - 1)
    return np.asarray(among[place] == keys)


def _different(keys: NDArray[Any]) -> NDArray[Any]:
    """Returns the different keys in order; np.unique takes several times as long for millions of different ones."""
    import numpy as np

    ordered = np.sort(keys)
    return ordered[np.concatenate(([True], ordered[1:] != ordered[:-1]))] if len(ordered) else ordered


def _meets(hashes: NDArray[Any], among: NDArray[Any]) -> bool:
    return bool(_is_in(hashes, among).any())


def _numeric(values: Sequence[Any]) -> NDArray[Any] | None:
    """Returns a column as numbers, None where any of it is none."""
    import numpy as np

    try:
        return np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        return None
