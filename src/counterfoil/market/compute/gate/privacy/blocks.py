"""Differential privacy for any algorithm: it runs over blocks of rows, and only the noisy mean of its answers leaves.

1. `split` puts every person into exactly one of k blocks, by a secret seed.
2. The caller runs the algorithm once for each block, with that block's rows and nothing else.
3. `aggregate` moves each declared number into its declared range, takes the mean over the blocks, and adds noise.

The guarantee, for the numbers that `aggregate` returns: with a person column, whether any one person is in the data or
not, and without one, whatever any one row holds, at most one block differs, so at most one of k answers, by at most
`high - low` in each number. The noise makes that epsilon-differentially private (Laplace) or (epsilon, delta)
(Gaussian). It holds whatever the algorithm is, also one made to tell. It does not hold for what leaves beside these
numbers: how long a run took, that it failed, what it logged. A block without an answer counts as the middle of the
range, and that it had none is not told.

Source: sample and aggregate, Nissim, Raskhodnikova and Smith, "Smooth Sensitivity and Sampling in Private Data
Analysis" (2007), section 4; with the mean for the aggregate, as in GUPT (Mohan et al., 2012).
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from math import isfinite
from typing import Any, Final

from counterfoil.errors import InvalidInput
from counterfoil.market.compute.gate.privacy.noise import STEPS, add_gaussian, add_laplace, standard_deviation

__all__ = ["Aggregate", "Output", "aggregate", "split"]

LEAST_BLOCKS: Final = 2
MOST_BLOCKS: Final = 10_000
_SEED_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class Output:
    """A number that an algorithm declares to give, and the bounds it lies in. They must not be taken from the data."""

    name: str
    low: float
    high: float

    def __post_init__(self) -> None:
        if not (isfinite(self.low) and isfinite(self.high) and self.low < self.high):
            raise InvalidInput(f"the range of {self.name} is {self.low} to {self.high}", hint="low is less than high")


@dataclass(frozen=True, slots=True)
class Aggregate:
    """What may leave.

    Attributes:
        values: By name, within their ranges.
        standard_errors: Standard deviation of the noise on each, by name; how much blocks differ comes on top.
        mechanism: How noise was added.
        epsilon, delta: What it costs; delta is 0 for Laplace noise.
        blocks: Over how many.
    """

    values: Mapping[str, float]
    standard_errors: Mapping[str, float]
    mechanism: str
    epsilon: float
    delta: float
    blocks: int

    def to_json(self) -> dict[str, Any]:
        """Returns it as answers hold it."""
        return {
            "blocks": self.blocks,
            "delta": self.delta,
            "epsilon": self.epsilon,
            "mechanism": self.mechanism,
            "standardErrors": dict(self.standard_errors),
            "values": dict(self.values),
        }


def split(seed: bytes, rows: int, blocks: int, persons: Sequence[Any] | None = None) -> list[list[int]]:
    """Returns the row numbers of each block, growing.

    With persons, a keyed hash of the person says the block, whoever else is there. Without, rows are ranked by a keyed
    hash of their number and dealt out in turn, so that blocks are of one size.

    Args:
        seed: 32 secret bytes, made for this job; the same give the same blocks.
        rows: How many rows there are.
        blocks: How many blocks.
        persons: Whose each row is; None where each row is a person, and how many there are is no secret.

    Raises:
        InvalidInput: The seed is short, there are fewer than 2 or more than 10,000 blocks, or more blocks than rows.
    """
    if len(seed) != _SEED_BYTES:
        raise InvalidInput(f"a seed of {len(seed)} bytes", hint="32 random bytes, kept secret")
    if not LEAST_BLOCKS <= blocks <= MOST_BLOCKS or (blocks > rows if persons is None else len(persons) != rows):
        raise InvalidInput(
            f"{rows} rows cannot be put into {blocks} blocks", hint="2 to 10,000, and one row in each at least"
        )
    made: list[list[int]] = [[] for _ in range(blocks)]
    if persons is not None:
        for row, person in enumerate(persons):
            made[int.from_bytes(_keyed(seed, f"person {person}"), "big") % blocks].append(row)
        return made
    ranked = sorted(range(rows), key=lambda row: _keyed(seed, f"row {row}"))
    for place, row in enumerate(ranked):
        made[place % blocks].append(row)
    return [sorted(block) for block in made]


def aggregate(
    answers: Sequence[Mapping[str, Any] | None], outputs: Sequence[Output], epsilon: float, *, delta: float = 0.0
) -> Aggregate:
    """Returns the noisy means. Whoever calls this has spent epsilon and delta before.

    Args:
        answers: Of each block, in any order: what the algorithm gave, by name; None where it gave nothing usable.
        outputs: What it declared. Anything else in an answer is dropped.
        epsilon: For all outputs together.
        delta: 0 for Laplace noise, more for Gaussian, which is less where there are many outputs.

    Raises:
        InvalidInput: There are too few blocks, no outputs, or epsilon or delta are not usable.
        NotSetUp: OpenDP is not installed.
    """
    blocks = len(answers)
    if blocks < LEAST_BLOCKS or not outputs or len({each.name for each in outputs}) != len(outputs):
        raise InvalidInput(f"{blocks} answers with {len(outputs)} outputs", hint="2 answers, and 1 output at least")
    sums = [sum(_steps(answer, output) for answer in answers) for output in outputs]
    if delta:
        noisy = add_gaussian(sums, len(outputs) * STEPS**2, epsilon, delta)
    else:
        noisy = add_laplace(sums, len(outputs) * STEPS, epsilon)
    values, errors = {}, {}
    for output, total in zip(outputs, noisy.values, strict=True):
        unit = (output.high - output.low) / STEPS / blocks
        values[output.name] = min(max(output.low + total * unit, output.low), output.high)
        errors[output.name] = standard_deviation(noisy) * unit
    return Aggregate(values, errors, noisy.mechanism, epsilon, delta, blocks)


def _steps(answer: Mapping[str, Any] | None, output: Output) -> int:
    """Returns a block's number in steps from the low bound, 0 to STEPS; the middle where it is none."""
    value = None if answer is None else answer.get(output.name)
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value:
        return STEPS // 2
    clamped = min(max(value, output.low), output.high)
    return min(max(round((clamped - output.low) / (output.high - output.low) * STEPS), 0), STEPS)


def _keyed(seed: bytes, text: str) -> bytes:
    return hmac.new(seed, f"counterfoil blocks 1 {text}".encode(), sha256).digest()
