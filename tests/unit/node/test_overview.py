"""The overview's charts: a label keeps its place, and so its colour, whatever was decided most."""

from __future__ import annotations

import pytest

from counterfoil.data import german_credit_policy
from counterfoil.decisions import Policy
from counterfoil.decisions.policies import RegisteredPolicy
from counterfoil.decisions.search import DecisionCount
from counterfoil.node.overview import _volume_chart

POLICY = Policy.from_toml(german_credit_policy())
KNOWN = [RegisteredPolicy(3, "00" * 32, POLICY)]


def counts(**decisions: int) -> list[DecisionCount]:
    day, policy, version = "2026-11-23", POLICY.name, POLICY.version
    return [DecisionCount(day, policy, version, label, count) for label, count in decisions.items()]


@pytest.mark.parametrize(
    "found", [counts(refer=9, approve=5, decline=1), counts(decline=9, approve=1), counts(approve=1)], ids=range(3)
)
def test_labels_come_in_the_order_of_the_policys_outcomes(found: list[DecisionCount]) -> None:
    assert _volume_chart(found, KNOWN, "2026-11-24").legend == ("approve", "refer", "decline")


def test_what_the_policy_does_not_know_comes_last() -> None:
    erased = DecisionCount("2026-11-23", POLICY.name, POLICY.version, None, 2)
    chart = _volume_chart([*counts(hold=7, approve=5), erased], KNOWN, "2026-11-24")
    assert chart.legend == ("approve", "refer", "decline", "hold", "erased")
    assert "refer" not in chart.description
    many = counts(**{f"label{number}": 9 - number for number in range(8)})
    assert _volume_chart(many, [], "2026-11-24").legend == (*(f"label{number}" for number in range(5)), "other")
