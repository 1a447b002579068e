from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import making_gate as made
import pytest

from counterfoil.errors import InvalidInput, NotAllowed, NotFound
from counterfoil.market.compute.gate.privacy import (
    Budget,
    Cost,
    Paying,
    PrivacyRules,
    answer_blocks,
    answer_privately,
    read_statistics,
    split,
)

RULES: dict[str, Any] = {
    "budget": {"epsilon": 2, "delta": 1e-6, "everybodyEpsilon": 3},
    "statistics": {"columns": ["mean radius"], "mostEpsilon": 1.5},
    "blocks": {"count": 50, "epsilon": 1, "outputs": [{"name": "slope", "low": -1, "high": 1}]},
}


@pytest.fixture
def paying(tmp_path: Path) -> Iterator[Paying]:
    budget = Budget(tmp_path / "budget.db")
    yield Paying(budget, "5e" * 32, "0x" + "11" * 20, "cd" * 32, "2026-11-23T19:00:00Z")
    budget.close()


def mean(epsilon: float = 1.0, column: str = "mean radius") -> Any:
    parts = {"name": "a", "kind": "mean", "column": column, "low": 0, "high": 30, "epsilon": epsilon}
    return read_statistics([parts])


def columns() -> dict[str, Any]:
    return {name: made.cancer()[name].tolist() for name in ("mean radius", "target")}


def test_an_answer_is_paid_for_and_given_again_as_it_was(paying: Paying) -> None:
    rules = PrivacyRules.from_json(RULES)
    first = answer_privately(paying, rules, mean(), columns())
    assert answer_privately(paying, rules, mean(), columns()) == first
    document = json.loads(first)
    assert (document["format"], document["kind"], document["epsilon"]) == (
        "counterfoil private answer 1",
        "statistics",
        1,
    )
    assert 0 <= document["answers"][0]["value"] <= 30
    assert paying.budget.left(paying.buyer, paying.dataset, rules.limit) == Cost(1_000_000, 10**9)
    with pytest.raises(NotAllowed, match="left"):
        answer_privately(replace(paying, job="00" * 32), rules, mean(1.2), columns())


def test_an_algorithm_over_blocks_gives_its_declared_numbers_alone(paying: Paying) -> None:
    """Also one that was made to tell: each block writes its rows beside the number that it declared."""
    rules = PrivacyRules.from_json(RULES)
    rows = made.cancer()["mean radius"].tolist()
    answers = []
    for block in split(b"s" * 32, len(rows), 50):
        own = [rows[row] for row in block]
        answers.append({"slope": 0.25 if len(answers) % 5 else float("nan"), "rows": own})
    document = json.loads(answer_blocks(paying, rules, answers))
    assert list(document["answers"]["values"]) == ["slope"]
    assert abs(document["answers"]["values"]["slope"] - 0.2) <= 40 * 2 / 50
    assert "17.99" not in json.dumps(document)
    with pytest.raises(NotAllowed, match="49 blocks"):
        answer_blocks(replace(paying, job="00" * 32), rules, answers[1:])
    assert len(paying.budget.history(paying.dataset)) == 1


def test_what_the_offer_does_not_give_costs_nothing(paying: Paying) -> None:
    rules = PrivacyRules.from_json(RULES)
    for asked, words in ((mean(1.6), "1.5"), (mean(column="target"), "target")):
        with pytest.raises(NotAllowed, match=words):
            answer_privately(paying, rules, asked, columns())
    bare = PrivacyRules.from_json({"budget": {"epsilon": 1}})
    with pytest.raises(NotAllowed, match="no statistics"):
        answer_privately(paying, bare, mean(), columns())
    with pytest.raises(NotAllowed, match="blocks"):
        answer_blocks(paying, bare, [{}] * 50)
    with pytest.raises(NotFound):
        answer_privately(paying, rules, mean(), {"target": [1]})
    assert paying.budget.history(paying.dataset) == []


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({}, "budget"),
        ([], "no table"),
        ({"budget": {"epsilon": 0}}, "epsilon"),
        ({"budget": {"epsilon": 1, "delta": 0.1}}, "delta"),
        ({"budget": {"epsilon": 1}, "more": 1}, "unknown key"),
        ({"budget": {"epsilon": 1}, "rowsPerPerson": 2}, "person"),
        ({"budget": {"epsilon": 1}, "statistics": {"columns": [], "mostEpsilon": 1}}, "empty"),
        (RULES | {"blocks": RULES["blocks"] | {"count": 1}}, "count"),
        (RULES | {"blocks": RULES["blocks"] | {"outputs": []}}, "outputs"),
        (RULES | {"blocks": RULES["blocks"] | {"delta": 0.5}}, "delta"),
        (RULES | {"blocks": RULES["blocks"] | {"outputs": [{"name": "a", "low": 1, "high": 0}]}}, "range"),
    ],
    ids=lambda value: str(value)[-80:],
)
def test_rules_that_cannot_be_meant_are_refused(document: Any, words: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        PrivacyRules.from_json(document)
    assert words in f"{caught.value} {caught.value.hint}"
