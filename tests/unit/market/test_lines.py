"""Offers in lines for people: a buyer sees every condition before it pays."""

from __future__ import annotations

from typing import Any

import pytest

from counterfoil.market.lines import terms_lines

RULE: dict[str, Any] = {"effect": "allow", "name": "research"}


@pytest.mark.parametrize(
    ("asked", "line"),
    [
        ({"purposes": ["research", "teaching"]}, "  purposes: research, teaching"),
        ({"jurisdictions": {"in": ["EU", "CH"]}}, "  jurisdictions: in EU, CH"),
        ({"credentials": [{"issuer": "k", "kind": "ethics"}]}, "  credentials: issuer k kind ethics"),
        ({"uses": {"most": 3, "per": "buyer"}}, "  uses: most 3 per buyer"),
        ({"until": "2027-12-31T23:59:59Z"}, "  until: 2027-12-31T23:59:59Z"),
    ],
    ids=["purposes", "jurisdictions", "credentials", "uses", "until"],
)
def test_a_rule_is_told_with_its_conditions(asked: dict[str, Any], line: str) -> None:
    assert list(terms_lines({"rules": [RULE | asked]})) == ["rule 1      allow: research", line]


def test_the_words_for_purposes_come_first() -> None:
    assert list(terms_lines({"purposes": ["care", "research"], "rules": []})) == ["purposes    care, research"]
