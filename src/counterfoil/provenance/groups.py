"""Rows that share the values of some columns: who stands alone, and how many stand together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import numpy as np

__all__ = ["group_rows", "group_sizes", "joined_codes"]

_COUNTED: Final = 1 << 22
"""Up to so many possible groups are counted in a table; more are sorted."""


def group_rows(columns: Sequence[np.ndarray[Any, Any]], rows: int) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Returns (the group of each row, the size of each group).

    Args:
        columns: Codes from 0 on, each (rows,).
        rows: How many rows there are; without columns all of them are one group.
    """
    import numpy as np

    joined, _ = joined_codes(columns, rows)
    _, places, sizes = np.unique(joined, return_inverse=True, return_counts=True)
    return places, sizes


def group_sizes(columns: Sequence[np.ndarray[Any, Any]], rows: int) -> np.ndarray[Any, Any]:
    """Returns the size of each group, in no order that means anything."""
    import numpy as np

    joined, most = joined_codes(columns, rows)
    if most <= _COUNTED:
        counts = np.bincount(joined, minlength=1)
        return counts[counts > 0]
    return np.unique(joined, return_counts=True)[1]


def joined_codes(columns: Sequence[np.ndarray[Any, Any]], rows: int) -> tuple[np.ndarray[Any, Any], int]:
    """Returns one code for each row, the same where all columns agree, and one more than the highest it may be."""
    import numpy as np

    joined, most = np.zeros(rows, np.int64), 1
    for codes in columns:
        width = int(codes.max(initial=0)) + 1
        if most * width >= 2**62:  # give the groups so far the lowest numbers, or the product would not fit
            found, joined = np.unique(joined, return_inverse=True)
            most = len(found)
        joined, most = joined * width + codes, most * width
    return joined, most
