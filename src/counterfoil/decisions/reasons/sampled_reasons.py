"""Reasons of models that can only be asked: Shapley values sampled by permutations.

Every draw comes from SHA-256 of the seed, so any program can repeat it. A sample is
not the truth: reasons are issued only where a second, independent sample names the
same codes (`reasons.explain`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Any, Final

from counterfoil.decisions.policy import round_to_micro
from counterfoil.decisions.reasons.reasons import ReasonConfig, Row, background_sha256
from counterfoil.decisions.reasons.sklearn_parts import frame_of, input_names, version_of
from counterfoil.errors import InvalidInput

__all__ = ["BACKGROUND_ROWS", "ROUNDS", "Sampled", "permutation", "scorer_of"]

RULE: Final = "counterfoil permutations 1"
"""Name and version of the rule."""

ROUNDS: Final = 32
"""Permutations drawn for each decision, each walked forwards and backwards."""

BACKGROUND_ROWS: Final = 16
"""Background rows each permutation is compared with, evenly spread over those given."""

Scorer = Callable[[Sequence[Row]], Sequence[float]]
"""Scores rows: one share of one a row."""


class Sampled:
    """Explains anything that can score rows."""

    def __init__(
        self, score: Scorer, library: str, rows: Sequence[Row], seed: int, most: int, *, on_demand: bool
    ) -> None:
        self.config = ReasonConfig(
            "permutation", library, background_sha256(rows), seed, ROUNDS, most, "score", on_demand
        )
        self._score = score
        count = min(len(rows), BACKGROUND_ROWS)
        self._rows = [dict(rows[number * len(rows) // count]) for number in range(count)]

    def contributions(self, row: Row) -> dict[str, int]:
        """Returns what each feature adds to the score, in micro-units."""
        return self._sample(row, 0)

    def second_opinion(self, row: Row) -> dict[str, int]:
        """Returns the same from independent permutations."""
        return self._sample(row, ROUNDS)

    def _sample(self, row: Row, first_round: int) -> dict[str, int]:
        names = sorted(row)
        totals = dict.fromkeys(names, 0.0)
        for number in range(first_round, first_round + ROUNDS):
            order = [names[i] for i in permutation(len(names), self.config.seed, number)]
            for walk in (order, order[::-1]):
                for name, difference in zip(walk, self._differences(row, walk), strict=True):
                    totals[name] += difference
        count = 2 * ROUNDS * len(self._rows)
        return {name: round_to_micro(total / count) for name, total in totals.items()}

    def _differences(self, row: Row, walk: Sequence[str]) -> list[float]:
        """Returns what each step of a walk from the background to the row adds, over all background rows."""
        asked: list[Row] = []
        for start in self._rows:
            mixed = dict(start)
            asked.append(dict(mixed))
            for name in walk:
                mixed[name] = row[name]
                asked.append(dict(mixed))
        scores = self._score(asked)
        steps = len(walk) + 1
        if len(scores) != len(asked):
            raise InvalidInput(f"the model gave {len(scores)} scores for {len(asked)} rows")
        return [
            sum(scores[at + step + 1] - scores[at + step] for at in range(0, len(asked), steps))
            for step in range(len(walk))
        ]


def permutation(count: int, seed: int, number: int) -> list[int]:
    """Returns the permutation of 0..count-1 that belongs to a seed and a round.

    Fisher-Yates from the end, each draw the SHA-256 of "seed/round/place" as one number,
    modulo the places left; of 256 bits the modulo's bias is nothing.
    """
    order = list(range(count))
    for place in range(count - 1, 0, -1):
        drawn = hashlib.sha256(f"{seed}/{number}/{place}".encode("ascii")).digest()
        other = int.from_bytes(drawn, "big") % (place + 1)
        order[place], order[other] = order[other], order[place]
    return order


def scorer_of(model: Any, position: int) -> tuple[Scorer, str]:
    """Returns how to score rows with a model, and the rule's name with the library's version.

    Raises:
        InvalidInput: If the model offers no probability to score with.
    """
    if hasattr(model, "score_micro"):
        return lambda rows: [model.score_micro(row) / 1_000_000 for row in rows], RULE
    if not hasattr(model, "predict_proba"):
        raise InvalidInput(
            f"a {type(model).__name__} gives no probability, so its score cannot be explained",
            hint="use a classifier with predict_proba",
        )
    input_names(model)  # refuses a model without names before the first decision

    def score(rows: Sequence[Row]) -> Sequence[float]:
        probabilities: Sequence[float] = model.predict_proba(frame_of(model, rows))[:, position].tolist()
        return probabilities

    return score, f"{RULE}, scikit-learn {version_of('sklearn')}"
