from __future__ import annotations

from typing import Any

import making_terms as made
import pytest

from counterfoil.errors import InvalidInput
from counterfoil.market.terms import Terms

TOML = f"""
purposes = ["research", "quality-control"]

[[rules]]
effect = "allow"
name = "research in the EU"
organisations = ["lab.example", "{made.key_of("clinic.example")}"]
credentials = [{{ kind = "accredited-researcher", issuer = "{made.key_of("ministry.example")}" }}]
purposes = ["research"]
jurisdictions = {{ in = ["EU", "US-CA"], issuers = ["{made.key_of("state.example")}"] }}
from = 2026-01-01T01:00:00+01:00
until = "2027-01-01T00:00:00Z"
uses = {{ most = 3, per = "buyer" }}
licence = "{made.LICENCE}"

[[rules]]
effect = "deny"
name = "not our rival"
organisations = ["rival.example"]
"""


def test_toml_and_json_say_the_same() -> None:
    terms = Terms.from_toml(TOML)
    first = terms.rules[0]
    assert (first.effect, first.starts, first.until) == ("allow", "2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z")
    assert first.uses is not None
    assert (first.uses.most, first.uses.per, first.licence) == (3, "buyer", made.LICENCE)
    assert first.places is not None
    assert first.places.codes == ("EU", "US-CA")
    assert first.places.issuers[0].name == "state.example"
    assert terms.rules[1].to_json() == {
        "effect": "deny",
        "name": "not our rival",
        "organisations": ["rival.example"],
    }
    assert Terms.from_json(terms.to_json()) == terms


def test_no_rules_are_terms_that_let_nobody_in() -> None:
    assert Terms.from_json({}).rules == ()
    assert Terms.from_json(Terms.from_json({}).to_json()) == Terms(())


def rule(**parts: Any) -> dict[str, Any]:
    return {"rules": [{"effect": "allow", "name": "a"} | parts], "purposes": ["research"]}


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({"rule": []}, "rules"),
        (rule(effekt="deny"), "unknown key"),
        (rule(effect="perhaps"), "allow"),
        (rule(name=""), "blank"),
        (rule(name="a\nb"), "name"),
        (rule(purposes=["marketing"]), "marketing"),
        (rule(purposes=[]), "empty"),
        (rule(jurisdictions={"in": ["XX"]}), "no jurisdiction"),
        (rule(jurisdictions={"in": ["DE"], "by": "me"}), "unknown key"),
        (rule(jurisdictions={}), "no in"),
        (rule(organisations=["a b"]), "names no organisation"),
        (rule(organisations=["https://lab.example"]), "names no organisation"),
        (rule(organisations=["lab.example+00000000+AAAA"]), "no key in note form"),
        (rule(credentials=[{"kind": "x", "issuer": "nobody"}]), "no key in note form"),
        (rule(uses={"most": 0, "per": "order"}), "most"),
        (rule(uses={"most": True, "per": "order"}), "whole number"),
        (rule(uses={"most": 1, "per": "day"}), "per"),
        (rule(licence="AB" * 32), "licence"),
        (rule(**{"from": "2026-02-30T00:00:00Z"}), "time"),
        (rule(**{"from": "2026-03-01T00:00:00Z", "until": "2026-03-01T00:00:00Z"}), "before it begins"),
        ({"rules": [{"effect": "allow", "name": "a"}] * 2}, "two rules"),
        ({"rules": [{"effect": "allow", "name": str(number)} for number in range(101)]}, "101 rules"),
        ({"rules": {}}, "tables"),
    ],
    ids=lambda value: str(value)[-80:],
)
def test_terms_that_cannot_be_meant_are_refused(document: Any, words: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        Terms.from_json(document)
    assert words in f"{caught.value} {caught.value.hint}"


@pytest.mark.parametrize(
    "condition",
    [
        {"credentials": [{"kind": "x", "issuer": made.key_of("ministry.example")}]},
        {"licence": made.LICENCE},
        {"uses": {"most": 1, "per": "order"}},
        {"jurisdictions": {"in": ["DE"], "issuers": [made.key_of("state.example")]}},
    ],
    ids=["credential", "licence", "uses", "jurisdiction-by-credential"],
)
def test_a_rule_that_denies_cannot_ask_for_what_would_be_kept_back(condition: dict[str, Any]) -> None:
    assert Terms.from_json(rule(**condition)).rules
    with pytest.raises(InvalidInput, match="denies and asks for"):
        Terms.from_json(rule(effect="deny", **condition))


@pytest.mark.parametrize("text", ["rules = [", "[[rules]]\nname = 1", "a" * 300_000], ids=["cut", "type", "long"])
def test_toml_that_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        Terms.from_toml(text)
