"""How far two histograms lie apart."""

from __future__ import annotations

from collections.abc import Sequence
from math import log

__all__ = ["stability_index"]


def stability_index(before: Sequence[int], now: Sequence[int]) -> float:
    """Returns the population stability index of two histograms: sum of (q - p) ln(q / p) over their parts.

    Half a count is added to every part, so that an empty one does not count infinitely.
    """
    p_total, q_total = sum(before) + len(before) / 2, sum(now) + len(now) / 2
    shares = [((b + 0.5) / p_total, (n + 0.5) / q_total) for b, n in zip(before, now, strict=True)]
    return sum((q - p) * log(q / p) for p, q in shares)
