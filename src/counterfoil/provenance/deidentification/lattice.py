"""Which levels make every group large enough: a search over all combinations of levels, the least loss first.

The table's quasi-identifiers form a lattice: level 0 of a column is the value as it is, the highest one value for
everything (Samarati 2001; Sweeney 2002, "Achieving k-anonymity privacy protection using generalization and
suppression"). Going up joins groups and never splits one, so rows in groups that are too small only become fewer.

1. Combinations are tried by loss: the sum over columns of level / highest level, in millionths, rounded down; of
   equal loss the one that comes first in the order of columns.
2. One is passed over where one or two of its columns alone already leave too many rows in small groups (the subset
   property; LeFevre 2005, "Incognito").
3. The first in which no more rows than allowed are in groups below k is taken; those rows are left out. One that
   empties a column, by taking it to its highest level, is passed over unless that is allowed.

The same table and settings give the same levels on any machine.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations, product
from typing import TYPE_CHECKING, Any, Final

from counterfoil.errors import InvalidInput
from counterfoil.provenance.deidentification.levels import ANY, Level
from counterfoil.provenance.groups import group_rows, joined_codes
from counterfoil.provenance.text_table import CodedColumn

if TYPE_CHECKING:
    import numpy as np

__all__ = ["Choice", "Quasi", "at_level", "choose"]

MOST_NODES: Final = 200_000
"""Combinations of levels, at most."""

Tried = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Quasi:
    """A column that may single out a person, and its ways to be coarser.

    Attributes:
        column: Its values.
        levels: From fine to coarse.
        fixed: The level to use; None to choose.
    """

    column: CodedColumn
    levels: tuple[Level, ...]
    fixed: int | None

    @property
    def highest(self) -> int:
        """The level at which everything is one value."""
        return len(self.levels) + 1

    def is_emptied_at(self, level: int) -> bool:
        """Whether nothing is left of the column at a level: every value is `ANY`."""
        return level == self.highest and self.fixed is None

    def choices(self) -> range:
        """Returns the levels that may be used."""
        return range(self.highest + 1) if self.fixed is None else range(self.fixed, self.fixed + 1)

    def codes_at(self, level: int) -> np.ndarray[Any, Any]:
        """Returns what each of the column's codes becomes at a level, as new codes; 0 stays a missing value."""
        import numpy as np

        values = self.column.values
        if level == 0:
            return np.arange(len(values) + 1, dtype=np.int64)
        if level == self.highest:
            return np.zeros(len(values) + 1, dtype=np.int64)
        known: dict[str, int] = {}
        coarser = (self.levels[level - 1](value) for value in values)
        new = (0 if text is None else known.setdefault(text, len(known) + 1) for text in coarser)
        return np.array([0, *new], dtype=np.int64)


@dataclass(frozen=True, slots=True)
class Choice:
    """The levels that were chosen.

    Attributes:
        levels: One for each quasi-identifier.
        k: Rows in the smallest group that stays; 0 where none stays.
        groups: How many groups stay.
        stays: (rows,) whether each row stays.
        tried: Combinations that were counted.
    """

    levels: tuple[int, ...]
    k: int
    groups: int
    stays: np.ndarray[Any, Any]
    tried: int


def choose(
    quasi: Sequence[Quasi], least: int, most_suppressed: int, *, may_empty: bool = False, progress: Tried | None = None
) -> Choice:
    """Returns the levels of least loss at which all but a few rows are in groups of `least` rows.

    Args:
        quasi: The columns, each with as many rows.
        least: k.
        most_suppressed: Rows that may be left out.
        may_empty: Whether a column may become one value for everything.
        progress: Told (combinations looked at, combinations in all).

    Raises:
        InvalidInput: Not even one group of all rows is large enough, a column would have to be emptied and may not,
            or there are too many combinations.
    """
    rows = len(quasi[0].column.codes)
    nodes = _nodes(quasi)
    search = _Search(quasi, least, most_suppressed)
    refused: list[str] = []
    for number, levels in enumerate(nodes, 1):
        if progress is not None:
            progress(number, len(nodes))
        emptied = [each.column.name for each, level in zip(quasi, levels, strict=True) if each.is_emptied_at(level)]
        is_refused = bool(emptied) and not may_empty
        if is_refused and refused:
            continue
        if search.is_enough(levels):
            if is_refused:
                refused = emptied
                continue
            return _chosen(quasi, levels, least, search.tried)
    if refused:
        columns = " and ".join(repr(name) for name in refused)
        raise InvalidInput(
            f"groups of {least:,} rows, with {most_suppressed:,} of {rows:,} rows left out at most, take emptying"
            f" {columns}: every value would be {ANY}",
            hint="give coarser levels, let more rows be left out (most_suppressed), drop a column, or allow it:"
            " allow_emptied = true under [k]",
        )
    raise InvalidInput(
        f"groups of {least:,} rows cannot be reached: {rows:,} rows, {most_suppressed:,} of which may be left out",
        hint="ask for a smaller k, let more rows be left out, or give more columns levels to choose from",
    )


class _Search:
    """Counts rows in small groups, over the different combinations of values instead of over all rows."""

    def __init__(self, quasi: Sequence[Quasi], least: int, most_suppressed: int) -> None:
        import numpy as np

        joined, _ = joined_codes([each.column.codes for each in quasi], len(quasi[0].column.codes))
        _, first, counts = np.unique(joined, return_index=True, return_counts=True)
        self._base = [each.column.codes[first] for each in quasi]
        self._counts = counts
        self._quasi = quasi
        self._least = least
        self._most = most_suppressed
        self._coarser: dict[tuple[int, int], np.ndarray[Any, Any]] = {}
        self._small: dict[tuple[tuple[int, int], ...], bool] = {}
        self.tried = 0

    def is_enough(self, levels: Sequence[int]) -> bool:
        """Whether few enough rows are in small groups at these levels (steps 2 and 3)."""
        chosen = tuple(enumerate(levels))
        for size in (1, 2):
            if size < len(chosen) and any(self._is_too_small(part) for part in combinations(chosen, size)):
                return False
        return not self._is_too_small(chosen)

    def _is_too_small(self, part: tuple[tuple[int, int], ...]) -> bool:
        if part not in self._small:
            self._small[part] = self._count(part) > self._most
        return self._small[part]

    def _count(self, part: tuple[tuple[int, int], ...]) -> int:
        """Returns how many rows are in groups below k, looking at some of the columns."""
        import numpy as np

        self.tried += 1
        joined, _ = joined_codes([self._codes(*place) for place in part], len(self._counts))
        _, places = np.unique(joined, return_inverse=True)
        sizes = np.bincount(places, weights=self._counts).astype(np.int64)
        return int(sizes[sizes < self._least].sum())

    def _codes(self, number: int, level: int) -> np.ndarray[Any, Any]:
        if (number, level) not in self._coarser:
            self._coarser[number, level] = self._quasi[number].codes_at(level)[self._base[number]]
        return self._coarser[number, level]


def _nodes(quasi: Sequence[Quasi]) -> list[tuple[int, ...]]:
    """Returns all combinations, the least loss first (step 1)."""
    count = 1
    for each in quasi:
        count *= len(each.choices())
    if count > MOST_NODES:
        raise InvalidInput(
            f"the columns to generalise have {count:,} combinations of levels, and {MOST_NODES:,} are searched",
            hint="give fewer levels, or a fixed level for some",
        )

    def loss(levels: tuple[int, ...]) -> int:
        return sum(level * 1_000_000 // each.highest for level, each in zip(levels, quasi, strict=True))

    return sorted(product(*(each.choices() for each in quasi)), key=lambda levels: (loss(levels), levels))


def _chosen(quasi: Sequence[Quasi], levels: tuple[int, ...], least: int, tried: int) -> Choice:
    rows = len(quasi[0].column.codes)
    codes = [each.codes_at(level)[each.column.codes] for each, level in zip(quasi, levels, strict=True)]
    places, sizes = group_rows(codes, rows)
    stays = sizes[places] >= least
    left = sizes[sizes >= least]
    return Choice(levels, int(left.min()) if len(left) else 0, len(left), stays, tried)


def at_level(levels: Sequence[Level], level: int) -> Callable[[str], str | None]:
    """Returns what makes of a value what it is at a level; the highest also turns a missing value into `ANY`."""
    if level == 0:
        return lambda text: text
    if level > len(levels):
        return lambda _: ANY
    return levels[level - 1]
