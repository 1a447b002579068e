"""Rules in sentences."""

from __future__ import annotations

from typing import Any

import pytest

from counterfoil.core.note import Signer
from counterfoil.market.terms import Terms
from counterfoil.market.terms.wording import rule_words

KEY = str(Signer("academy.example", b"k" * 32).key)


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ({}, "anybody"),
        ({"licence": "5e" * 32}, "anybody who accepts the licence"),
        ({"purposes": ["research", "teaching"]}, "anybody, for research or teaching"),
        ({"organisations": ["a.example", KEY]}, "a.example or academy.example"),
        ({"jurisdictions": {"in": ["EU"]}}, "anybody, in EU, as it says"),
        ({"jurisdictions": {"in": ["DE", "FR"], "issuers": [KEY]}}, "anybody, in DE or FR, as academy.example says"),
        (
            {"credentials": [{"kind": "researcher", "issuer": KEY}], "until": "2027-01-01T00:00:00Z"},
            "anybody, with a credential researcher of academy.example, until 2027-01-01, 00:00:00 UTC",
        ),
        ({"uses": {"most": 3, "per": "buyer"}}, "anybody, 3 times for each buyer"),
    ],
    ids=["anybody", "licence", "purposes", "organisations", "place", "issuers", "credential", "uses"],
)
def test_a_rule_reads_as_a_sentence(rule: dict[str, Any], said: str) -> None:
    told = {"purposes": ["research", "teaching"], "rules": [{"effect": "allow", "name": "it"} | rule]}
    (read,) = Terms.from_json(told).rules
    assert rule_words(read) == said
