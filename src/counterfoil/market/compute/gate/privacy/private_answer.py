"""The only way to an answer with noise: within the rules of the offer, paid from the budget before it is made.

    {"format": "counterfoil private answer 1", "kind": "statistics" or "blocks", "answers": […] or {…}, "epsilon": 0.5}

Canonical JSON. A job has one answer: asked again it is the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from counterfoil.core import canonical
from counterfoil.errors import NotAllowed
from counterfoil.market.compute.gate.privacy.blocks import aggregate
from counterfoil.market.compute.gate.privacy.budget import Budget, Cost
from counterfoil.market.compute.gate.privacy.rules import PrivacyRules
from counterfoil.market.compute.gate.privacy.statistics import Statistic, answer_statistics, require_columns

__all__ = ["Paying", "answer_blocks", "answer_privately"]

ANSWER_FORMAT: Final = "counterfoil private answer 1"


@dataclass(frozen=True, slots=True)
class Paying:
    """Who pays for what, from which budget.

    Attributes:
        budget: Of the home.
        job: SHA-256 (hex) of the job's specification.
        buyer: The buyer's account.
        dataset: Content root of the dataset (hex).
        now: RFC 3339.
    """

    budget: Budget
    job: str
    buyer: str
    dataset: str
    now: str


def answer_privately(
    paying: Paying, rules: PrivacyRules, asked: Sequence[Statistic], columns: Mapping[str, Sequence[Any]]
) -> bytes:
    """Returns the answer to statistics.

    Raises:
        NotAllowed: The offer does not give them, or the budget does not reach. Nothing was spent.
        NotFound: The data have no such column. Nothing was spent.
        DoesNotMatch: The job was paid for otherwise.
        NotSetUp: OpenDP is not installed.
    """
    epsilon = rules.require_statistics(asked)
    require_columns(asked, columns, rules.person)

    def make() -> bytes:
        found = answer_statistics(asked, columns, person=rules.person, rows_per_person=rules.rows_per_person)
        return _document("statistics", [each.to_json() for each in found], epsilon)

    return _paid(paying, rules, Cost.of(epsilon), make)


def answer_blocks(paying: Paying, rules: PrivacyRules, answers: Sequence[Mapping[str, Any] | None]) -> bytes:
    """Returns the answer of an algorithm that ran over blocks (`split`), with what it gave for each.

    Raises:
        NotAllowed: The offer runs none over so many blocks, or the budget does not reach. Nothing was spent.
        DoesNotMatch: The job was paid for otherwise.
        NotSetUp: OpenDP is not installed.
    """
    blocks = rules.blocks
    if blocks is None or len(answers) != blocks.count:
        raise NotAllowed(
            f"this offer runs nothing over {len(answers)} blocks", hint=f"it says {blocks.count if blocks else 'none'}"
        )

    def make() -> bytes:
        found = aggregate(answers, blocks.outputs, blocks.epsilon, delta=blocks.delta)
        return _document("blocks", found.to_json(), blocks.epsilon)

    return _paid(paying, rules, Cost.of(blocks.epsilon, blocks.delta), make)


def _paid(paying: Paying, rules: PrivacyRules, cost: Cost, make: Callable[[], bytes]) -> bytes:
    asked = (paying.job, paying.buyer, paying.dataset)
    return paying.budget.answer(*asked, cost, rules.limit, paying.now, make)


def _document(kind: str, answers: Any, epsilon: float) -> bytes:
    return canonical.dumps({"answers": answers, "epsilon": epsilon, "format": ANSWER_FORMAT, "kind": kind})
