"""How well groups of rows hide one row: k-anonymity, l-diversity and t-closeness, as their papers define them.

A group is all rows that agree in the quasi-identifiers. With p_s the share of sensitive value s in a group, and q_s
its share in the whole table:

- k-anonymity: the size of the smallest group (Sweeney 2002, "k-anonymity: a model for protecting privacy", def. 3).
- distinct l-diversity: the fewest different sensitive values of any group.
- entropy l-diversity: the least exp(-sum p_s ln p_s) of any group (Machanavajjhala 2007, "l-diversity: privacy beyond
  k-anonymity", def. 4.1).
- recursive (c,l)-diversity: r_1 < c (r_l + ... + r_m) in every group, r_i being the counts of its values, the most
  frequent first (def. 4.2); told is the ratio that c must exceed.
- t-closeness: the largest distance between a group and the table, by the earth mover's distance: for numbers
  1/(m-1) sum_i |sum_{j<=i} (p_j - q_j)| over the m values in order ("ordered distance"), for categories
  1/2 sum |p_i - q_i| ("equal distance") (Li 2007, "t-closeness: privacy beyond k-anonymity and l-diversity", 4).

A missing quasi-identifier is a value of its own, and NaN or an empty text of a typed table another one than null. Rows
in which the sensitive value is missing say nothing: they are left out of l and t, and a group in which all are missing
has l = 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from math import ceil, floor
from typing import TYPE_CHECKING, Any, Final

from counterfoil.provenance.text_table import CodedColumn

if TYPE_CHECKING:
    import numpy as np

__all__ = ["Diversity", "diversity_of", "is_ordered"]

_MICRO: Final = 1_000_000
_NEARLY: Final = 1e-9
"""Sums of shares of 64 bits are off by less; a result is not rounded away from a whole millionth for it."""


@dataclass(frozen=True, slots=True)
class Diversity:
    """How much the groups tell about one sensitive column.

    Attributes:
        column: Its name.
        ordered: Whether its values are numbers, and the distance the ordered one.
        distinct_l: Fewest different values of any group.
        entropy_l_micro: Entropy l in millionths, rounded down.
        c_micro: What c must exceed for recursive (c, distinct_l)-diversity, in millionths, rounded up; None where
            l is below 2.
        t_micro: Largest distance in millionths, rounded up.
        missing: Rows without a value.
    """

    column: str
    ordered: bool
    distinct_l: int
    entropy_l_micro: int
    c_micro: int | None
    t_micro: int
    missing: int

    def to_json(self) -> dict[str, Any]:
        """Returns it as JSON values."""
        return {
            "cMicro": self.c_micro,
            "column": self.column,
            "distinctL": self.distinct_l,
            "entropyLMicro": self.entropy_l_micro,
            "missing": self.missing,
            "ordered": self.ordered,
            "tMicro": self.t_micro,
        }


def diversity_of(column: CodedColumn, places: np.ndarray[Any, Any]) -> Diversity:
    """Returns how much the groups tell about a sensitive column.

    Args:
        column: The sensitive column.
        places: (rows,) the group of each row, from 0.
    """
    import numpy as np

    ordered = is_ordered(column)
    there = column.is_there
    codes = column.codes[there]
    counts = _Counts.of(places[there], _ranks(column)[codes] if ordered else codes)
    groups = int(places.max(initial=-1)) + 1
    missing = int((~there).sum())
    if not len(counts.size) or len(np.unique(counts.group)) < groups:  # a group without any value
        distinct, entropy, c = 0, 0.0, None
    else:
        distinct = int(np.bincount(counts.group, minlength=groups).min())
        entropy = counts.least_entropy_l(groups)
        c = counts.largest_ratio(distinct) if distinct >= 2 else None
    t = counts.largest_distance(ordered=ordered) if len(counts.size) else 0.0
    return Diversity(
        column.name,
        ordered,
        distinct,
        floor(entropy * _MICRO * (1 + _NEARLY)),
        None if c is None else ceil(c * _MICRO * (1 - _NEARLY)),
        ceil(t * _MICRO * (1 - _NEARLY)),
        missing,
    )


def is_ordered(column: CodedColumn) -> bool:
    """Whether all values of a column are numbers."""
    return bool(column.values) and all(_number(value) is not None for value in column.values)


@dataclass(frozen=True, slots=True)
class _Counts:
    """How often each value is in each group; pairs that are nowhere take no room.

    Attributes:
        group: Of each pair, ascending.
        value: Of each pair, ascending within a group.
        size: Rows of each pair.
        of_group: Rows of the pair's group.
        shares: Of each value in the whole table.
    """

    group: np.ndarray[Any, Any]
    value: np.ndarray[Any, Any]
    size: np.ndarray[Any, Any]
    of_group: np.ndarray[Any, Any]
    shares: np.ndarray[Any, Any]

    @classmethod
    def of(cls, places: np.ndarray[Any, Any], codes: np.ndarray[Any, Any]) -> _Counts:
        """Counts pairs of a group and a value; codes begin with 1, and every one of them is somewhere."""
        import numpy as np

        most = int(codes.max(initial=0))
        pairs, size = np.unique(places.astype(np.int64) * most + (codes - 1), return_counts=True)
        group, value = (pairs // most, pairs % most) if most else (pairs, pairs)
        of_group = np.bincount(group, weights=size)[group] if len(group) else size
        shares = np.bincount(value, weights=size, minlength=most) / max(1, len(codes))
        return cls(group, value, size, of_group, shares)

    def least_entropy_l(self, groups: int) -> float:
        """Returns the least entropy l of any group."""
        import numpy as np

        p = self.size / self.of_group
        entropy = np.bincount(self.group, weights=-p * np.log(p), minlength=groups)
        return float(np.exp(entropy.min()))

    def largest_ratio(self, l: int) -> float:  # noqa: E741 - the papers' letter
        """Returns the largest r_1 / (r_l + ... + r_m) of any group."""
        import numpy as np

        order = np.lexsort((-self.size, self.group))
        group, size = self.group[order], self.size[order]
        first = np.r_[True, group[1:] != group[:-1]]
        begins = np.flatnonzero(first)
        rank = np.arange(len(group)) - begins[np.cumsum(first) - 1]
        rest = np.bincount(group, weights=np.where(rank >= l - 1, size, 0))
        return float((size[begins] / rest[group[begins]]).max())

    def largest_distance(self, *, ordered: bool) -> float:
        """Returns the largest distance of any group from the table."""
        import numpy as np

        p, q = self.size / self.of_group, self.shares
        if len(q) < 2:
            return 0.0
        if not ordered:
            # sum |p - q| over all values is that over the group's own, and q of all others: 1 - sum of its own q
            own = np.bincount(self.group, weights=np.abs(p - q[self.value]) - q[self.value])
            return float((own[np.unique(self.group)].max() + 1) / 2)
        return self._largest_ordered_distance(p)

    def _largest_ordered_distance(self, p: np.ndarray[Any, Any]) -> float:
        """Returns the largest sum of |P_i - Q_i| / (m - 1), both cumulative, over the steps of each group's P."""
        import numpy as np

        table = np.cumsum(self.shares)  # Q_i
        upto = np.r_[0.0, np.cumsum(table)]  # sums of Q_i
        first = np.r_[True, self.group[1:] != self.group[:-1]]
        running = np.cumsum(p)
        height = running - (running - p)[first][np.cumsum(first) - 1]  # P from a pair's value on
        ends = np.r_[np.where(first[1:], len(table), self.value[1:]), len(table)]
        begin = self.value
        cross = np.clip(np.searchsorted(table, height), begin, ends)  # Q is below P before, and not after
        below = height * (cross - begin) - (upto[cross] - upto[begin])
        above = (upto[ends] - upto[cross]) - height * (ends - cross)
        before = np.where(first, upto[begin], 0.0)  # P is 0 up to a group's lowest value
        total = np.bincount(self.group, weights=below + above + before)
        return float(total.max() / (len(table) - 1))


def _ranks(column: CodedColumn) -> np.ndarray[Any, Any]:
    """Returns for each code one that ascends with the numbers, equal numbers having the same."""
    import numpy as np

    numbers = [_number(value) for value in column.values]
    ranks = {number: rank for rank, number in enumerate(sorted({each for each in numbers if each is not None}), 1)}
    return np.array([0, *(0 if number is None else ranks[number] for number in numbers)], dtype=np.int64)


def _number(text: str) -> Decimal | None:
    try:
        found = Decimal(text.strip())
    except InvalidOperation:
        return None
    return found if found.is_finite() else None
