"""Which columns, and which two or three of them together, single out rows: whose values nobody else in the table has.

Combinations are bounded: constant columns and those in which every row has its own value are left out, the columns
with the most different values come first, and no more rows are looked at than `MOST_LOOKS`, over all combinations.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from math import comb
from typing import Any, Final

from counterfoil.provenance.groups import group_sizes
from counterfoil.provenance.text_table import CodedColumn

__all__ = ["Combination", "Uniqueness", "uniqueness_of"]

MOST_LOOKS: Final = 200_000_000
"""Rows times combinations, at most: seconds, not minutes."""

MOST_COLUMNS: Final = 24
MOST_TOLD: Final = 20
LARGEST: Final = 3


@dataclass(frozen=True, slots=True)
class Combination:
    """Columns that single out rows together.

    Attributes:
        columns: Their names.
        unique_rows: Rows that no other row agrees with in all of them.
    """

    columns: tuple[str, ...]
    unique_rows: int

    def to_json(self) -> dict[str, Any]:
        """Returns it as JSON values."""
        return {"columns": list(self.columns), "uniqueRows": self.unique_rows}


@dataclass(frozen=True, slots=True)
class Uniqueness:
    """What was looked at, and what singles out most.

    Attributes:
        combinations: Those that single out most rows, the most first; of one size, no more than `MOST_TOLD`.
        looked_at: How many combinations were counted.
        possible: How many there are of the columns that come into question.
        own: Columns in which every row has a value of its own.
    """

    combinations: tuple[Combination, ...]
    looked_at: int
    possible: int
    own: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Returns it as JSON values."""
        return {
            "combinations": [each.to_json() for each in self.combinations],
            "lookedAt": self.looked_at,
            "ownValues": list(self.own),
            "possible": self.possible,
        }


def uniqueness_of(columns: Sequence[CodedColumn], rows: int) -> Uniqueness:
    """Returns which of the columns single out rows, alone and up to three together."""
    own = tuple(each.name for each in columns if rows > 1 and len(each.values) == rows)
    varied = [each for each in columns if rows and each.codes.min() != each.codes.max() and each.name not in own]
    varied.sort(key=lambda each: (-len(each.values), each.name))
    possible = sum(comb(len(varied), size) for size in range(1, LARGEST + 1))
    left = MOST_LOOKS // max(1, rows)
    looked_at, found = 0, []
    for size in range(1, LARGEST + 1):
        counted = []
        for chosen in combinations(varied[:MOST_COLUMNS], size):
            if looked_at >= left:
                break
            looked_at += 1
            sizes = group_sizes([each.codes for each in chosen], rows)
            counted.append(Combination(tuple(each.name for each in chosen), int((sizes == 1).sum())))
        counted.sort(key=lambda each: (-each.unique_rows, each.columns))
        found += [each for each in counted[:MOST_TOLD] if each.unique_rows]
    return Uniqueness(tuple(found), looked_at, possible, own)
