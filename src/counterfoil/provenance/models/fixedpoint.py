"""Whole-number arithmetic of scores: the same answer on every machine.

Everything here but `to_micro` is defined on integers of unlimited size, so no floating-point
unit, compiler or library version can change a result. docs/reference/models.md
publishes the same rules for people who write another scorer.
"""

from __future__ import annotations

from fractions import Fraction
from math import floor, isfinite

from counterfoil.errors import InvalidInput

__all__ = [
    "LARGEST_INTEGER",
    "MARGIN_DECIMALS",
    "MICRO",
    "divide_half_even",
    "exp_negative",
    "quantise",
    "sigmoid_micro",
    "to_micro",
]

LARGEST_INTEGER = 2**53 - 1
"""Largest magnitude of any integer in a model file or an encoded value (RFC 7493 2.2)."""

MARGIN_DECIMALS = 9
"""A margin is an integer in units of 10^-9."""

MICRO = 1_000_000
"""A score of one, in micro-units."""

_ONE = 10**27
_SQUARINGS = 8
_TERMS = 16
_SATURATED = 16 * 10**MARGIN_DECIMALS


def divide_half_even(numerator: int, denominator: int) -> int:
    """Returns the quotient rounded to the nearest integer, ties to even; `denominator` > 0."""
    quotient, rest = divmod(numerator, denominator)
    twice = 2 * rest
    if twice > denominator or (twice == denominator and quotient & 1):
        return quotient + 1
    return quotient


def exp_negative(margin: int) -> int:
    """Returns e^(-margin / 10^9) in units of 10^-27, for 0 <= margin < 16 * 10^9.

    Steps (all divisions round down):

    1. r = margin * 10^18 / 256, so that r / 10^27 < 1/16.
    2. The series sum of (-r)^i / i!, i = 0..16, each term from the one before.
    3. Squared eight times, because e^-x = (e^(-x/256))^256.

    The remainder of the series is below 16^-17 / 17! < 10^-34 (alternating series).
    """
    reduced = margin * (_ONE // 10**MARGIN_DECIMALS) >> _SQUARINGS
    term = total = _ONE
    for i in range(1, _TERMS + 1):
        term = term * reduced // (_ONE * i)
        total = total - term if i & 1 else total + term
    for _ in range(_SQUARINGS):
        total = total * total // _ONE
    return total


def sigmoid_micro(margin: int) -> int:
    """Returns 1 / (1 + e^(-margin / 10^9)) in micro-units, rounded half up for margins >= 0.

    Negative margins mirror positive ones, so the two outcomes always add up to
    1,000,000. From a magnitude of 16 on the answer is 0 or 1,000,000.
    """
    size = -margin if margin < 0 else margin
    if size >= _SATURATED:
        upper = MICRO
    else:
        whole = _ONE + exp_negative(size)
        upper = (2 * MICRO * _ONE + whole) // (2 * whole)
    return MICRO - upper if margin < 0 else upper


def quantise(values: list[Fraction], *, most_decimals: int) -> tuple[list[int], int]:
    """Returns `values` as integers in units of 10^-decimals, and those decimals.

    The decimals are the most that keep every integer within 2^53 - 1; zero-valued
    lists get none. Rounding is half to even.

    Raises:
        OverflowError: If a value is beyond 2^53 - 1 even without decimals.
    """
    if not any(values):
        return [0] * len(values), 0
    largest = max(abs(value) for value in values)
    for decimals in range(most_decimals, -1, -1):
        if largest * 10**decimals <= LARGEST_INTEGER:
            return [round(value * 10**decimals) for value in values], decimals
    raise OverflowError("a weight is beyond 2^53 - 1")


def to_micro(score: float) -> int:
    """Returns a score as micro-units: floor(score * 10^6 + 0.5), within 0 to 1,000,000.

    The product and the sum are those of IEEE 754 double precision.

    Raises:
        InvalidInput: If the score is not a finite number.
    """
    if not isfinite(score):
        raise InvalidInput(f"the model answered {score!r}, which is not a score")
    return floor(min(max(score * 1e6 + 0.5, 0.0), float(MICRO)))
