"""What an offer lets buyers learn with noise: columns, bounds on epsilon, blocks, and the budget.

    {"budget": {"epsilon": 2, "delta": 1e-6, "everybodyEpsilon": 10},
     "person": "patient", "rowsPerPerson": 3,
     "statistics": {"columns": ["age", "sex"], "mostEpsilon": 0.5},
     "blocks": {"count": 200, "epsilon": 1, "delta": 0, "outputs": [{"name": "effect", "low": -1, "high": 1}]}}

`statistics` and `blocks` may be left out, and then there are none. `person` is the column that says whose row it is;
without it each row is a person. Bounds are set before anybody looks at the data.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from counterfoil.core.strict_table import StrictTable
from counterfoil.errors import InvalidInput, NotAllowed
from counterfoil.market.compute.gate.privacy.blocks import LEAST_BLOCKS, MOST_BLOCKS, Output
from counterfoil.market.compute.gate.privacy.budget import Limit
from counterfoil.market.compute.gate.privacy.noise import MOST_EPSILON
from counterfoil.market.compute.gate.privacy.statistics import Statistic, total_epsilon

__all__ = ["BlockRules", "PrivacyRules", "StatisticRules"]

_MOST_LIMIT: Final = 1_000.0


@dataclass(frozen=True, slots=True)
class StatisticRules:
    """Which columns may be asked about, and how much one job may cost."""

    columns: tuple[str, ...]
    most_epsilon: float


@dataclass(frozen=True, slots=True)
class BlockRules:
    """How algorithms run over blocks: how many, what one job costs, and what it declares to give."""

    count: int
    epsilon: float
    delta: float
    outputs: tuple[Output, ...]


@dataclass(frozen=True, slots=True)
class PrivacyRules:
    """The rules of one offer; see the module."""

    limit: Limit
    person: str | None
    rows_per_person: int
    statistics: StatisticRules | None
    blocks: BlockRules | None

    @classmethod
    def from_json(cls, value: Mapping[str, Any], place: str = "the privacy rules") -> PrivacyRules:
        """Reads rules strictly.

        Raises:
            InvalidInput: A part is missing, unknown, or not as it should be.
        """
        if not isinstance(value, Mapping):
            raise InvalidInput(f"{place} are no table", hint="docs/reference/output-gate.md has the format")
        table = StrictTable(value, place)
        limit = _limit(table.table("budget"))
        person = table.text("person") if table.has("person") else None
        rows = table.whole("rowsPerPerson", 1, 10_000, default=1)
        statistics = _statistics(table.table("statistics")) if table.has("statistics") else None
        blocks = _blocks(table.table("blocks")) if table.has("blocks") else None
        table.require_empty()
        if person is None and rows != 1:
            raise InvalidInput(f"{place} count {rows} rows of each person, and name no column", hint="add person")
        return cls(limit, person, rows, statistics, blocks)

    def require_statistics(self, asked: Sequence[Statistic]) -> float:
        """Returns what statistics cost together, when the offer gives them.

        Raises:
            NotAllowed: The offer gives none, not of this column, or not at this price.
        """
        rules = self.statistics
        if rules is None:
            raise NotAllowed("this offer gives no statistics", hint="its sheet says what it gives")
        odd = next((each.column for each in asked if each.column and each.column not in rules.columns), None)
        if odd is not None:
            raise NotAllowed(
                f"this offer says nothing about {odd!r}", hint=f"ask about {', '.join(rules.columns)}"[:300]
            )
        epsilon = total_epsilon(asked)
        if epsilon > rules.most_epsilon:
            raise NotAllowed(
                f"a job may cost epsilon {rules.most_epsilon:g}, and this costs {epsilon:g}", hint="ask for less"
            )
        return epsilon


def _limit(table: StrictTable) -> Limit:
    epsilon = _between(table, "epsilon", _MOST_LIMIT)
    delta = _between(table, "delta", 1e-3) if table.has("delta") else 0.0
    everybody = _between(table, "everybodyEpsilon", _MOST_LIMIT * 1_000) if table.has("everybodyEpsilon") else None
    table.require_empty()
    return Limit.of(epsilon, delta, everybody_epsilon=everybody)


def _statistics(table: StrictTable) -> StatisticRules:
    rules = StatisticRules(tuple(table.texts("columns")), _between(table, "mostEpsilon", MOST_EPSILON))
    table.require_empty()
    return rules


def _blocks(table: StrictTable) -> BlockRules:
    outputs = []
    for each in table.tables("outputs", "output"):
        outputs.append(Output(each.text("name"), float(each.number("low")), float(each.number("high"))))
        each.require_empty()
    if not outputs or len({each.name for each in outputs}) != len(outputs):
        raise InvalidInput(f"{table.place} declare {len(outputs)} outputs", hint="one at least, each with its own name")
    delta = float(table.number("delta", default=0.0))
    if not 0 <= delta <= 1e-3:
        raise InvalidInput(f"delta in {table.place} is {delta}, and 0 to 0.001 is expected")
    count = table.whole("count", LEAST_BLOCKS, MOST_BLOCKS)
    rules = BlockRules(count, _between(table, "epsilon", MOST_EPSILON), delta, tuple(outputs))
    table.require_empty()
    return rules


def _between(table: StrictTable, key: str, most: float) -> float:
    value = float(table.number(key))
    if not 0 < value <= most:
        raise InvalidInput(f"{key} in {table.place} is {value:g}, and more than 0 and at most {most:g} is expected")
    return value
