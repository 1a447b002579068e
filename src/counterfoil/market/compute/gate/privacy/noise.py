"""Noise from OpenDP over whole numbers, where its samplers are exact and no rounding weakens the guarantee.

What is private is first put on a grid of whole steps, so that a change of one person is a whole number of steps; the
sampler's own privacy map then says what epsilon it gives, and it is refused when that is more than was asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isqrt, sqrt
from typing import Any, Final

from counterfoil.errors import INSTALL_COMPUTE, InvalidInput, NotSetUp

__all__ = ["MOST_EPSILON", "STEPS", "Noisy", "add_gaussian", "add_laplace", "choose_noisily", "standard_deviation"]

STEPS: Final = 2**20
"""Steps of the grid between the bounds of a value."""

MOST_EPSILON: Final = 20.0
"""Above that, noise protects nobody, and asking for it is a mistake."""

_MARGIN: Final = 1 + 1e-9
"""A hair more noise, so that rounding in the proof never makes epsilon larger than was asked for."""


@dataclass(frozen=True, slots=True)
class Noisy:
    """Whole numbers with noise on them.

    Attributes:
        values: In the order given.
        mechanism: `discrete Laplace` or `discrete Gaussian`.
        scale: Of the noise, in steps; of a Gaussian its standard deviation.
    """

    values: tuple[int, ...]
    mechanism: str
    scale: float


def add_laplace(values: Sequence[int], sensitivity: int, epsilon: float) -> Noisy:
    """Adds discrete Laplace noise: epsilon-differential privacy.

    Args:
        values: Whole numbers.
        sensitivity: Most that one person changes all of them together (L1).
        epsilon: Of them all together.

    Raises:
        InvalidInput: epsilon is not in (0, 20].
        NotSetUp: OpenDP is not installed.
    """
    dp = _opendp()
    _require(epsilon)
    space = dp.vector_domain(dp.atom_domain(T="i64")), dp.l1_distance(T="i64")
    scale = sensitivity / epsilon * _MARGIN
    mechanism = dp.m.make_laplace(*space, scale=scale)
    _require_map(mechanism.map(sensitivity), epsilon)
    return Noisy(tuple(mechanism(list(values))), "discrete Laplace", scale)


def add_gaussian(values: Sequence[int], sensitivity_squared: int, epsilon: float, delta: float) -> Noisy:
    """Adds discrete Gaussian noise: (epsilon, delta)-differential privacy.

    Args:
        values: Whole numbers.
        sensitivity_squared: Square of the most that one person changes all of them together (L2).
        epsilon: Of them all together.
        delta: So likely may more come out.

    Raises:
        InvalidInput: epsilon is not in (0, 20], or delta not in (0, 0.001].
        NotSetUp: OpenDP is not installed.
    """
    dp = _opendp()
    _require(epsilon)
    if not 0 < delta <= 1e-3:
        raise InvalidInput(f"delta is {delta}, and more than 0 and at most 0.001 is expected", hint="1e-6 is usual")
    space = dp.vector_domain(dp.atom_domain(T="i64")), dp.l2_distance(T="f64")
    distance = float(isqrt(sensitivity_squared) + (isqrt(sensitivity_squared) ** 2 < sensitivity_squared))

    def made(scale: float) -> Any:
        return dp.c.make_fix_delta(dp.c.make_zCDP_to_approxDP(dp.m.make_gaussian(*space, scale=scale)), delta)

    scale = dp.binary_search_param(made, d_in=distance, d_out=(epsilon, delta), bounds=(distance / 50, distance * 1e6))
    mechanism = made(scale)
    _require_map(mechanism.map(distance)[0], epsilon)
    return Noisy(tuple(mechanism(list(values))), "discrete Gaussian", scale)


def choose_noisily(values: Sequence[int], candidates: Sequence[int], share: float, changed: int, epsilon: float) -> int:
    """Returns the number of the candidate that lies near a quantile: epsilon-differential privacy.

    Args:
        values: Whole numbers.
        candidates: Whole numbers, growing.
        share: Which quantile, 0 to 1.
        changed: Most values that one person has.
        epsilon: Of the choice.
    """
    dp = _opendp()
    _require(epsilon)
    domain = dp.vector_domain(dp.atom_domain(T="i64"))
    scores = dp.t.make_quantile_score_candidates(domain, dp.symmetric_distance(), list(candidates), share)
    measure = dp.max_divergence()

    def made(scale: float) -> Any:
        return scores >> dp.m.then_noisy_max(measure, scale=scale, negate=True)

    scale = dp.binary_search_param(made, d_in=changed, d_out=epsilon)
    mechanism = made(scale)
    _require_map(mechanism.map(changed), epsilon)
    return int(mechanism(list(values)))


def standard_deviation(noisy: Noisy) -> float:
    """Returns the standard deviation of the noise, in steps."""
    return noisy.scale * sqrt(2) if noisy.mechanism == "discrete Laplace" else noisy.scale


def _require(epsilon: float) -> None:
    if not 0 < epsilon <= MOST_EPSILON:
        raise InvalidInput(f"epsilon is {epsilon}, and more than 0 and at most {MOST_EPSILON:g} is expected")


def _require_map(found: float, epsilon: float) -> None:
    """Holds the sampler's own proof against what was asked for."""
    if found > epsilon:
        raise InvalidInput(f"the noise gives epsilon {found}, and {epsilon} was asked for", hint="ask for a larger one")


def _opendp() -> Any:
    try:
        import opendp.prelude as dp
    except ImportError as error:
        raise NotSetUp("noise needs OpenDP, which is not installed", hint=INSTALL_COMPUTE) from error
    dp.enable_features("contrib")
    return dp
