from __future__ import annotations

from typing import Any

import making_terms as made
import pytest

from counterfoil.core.signed_document import sign_document
from counterfoil.market.terms import Access, Context, Terms, decide, read_claims

KNOWN = Context({"lab.example": frozenset({made.public_of("lab.example")})})


def terms(*rules: dict[str, Any]) -> Terms:
    named = [{"effect": "allow", "name": f"rule {number}"} | rule for number, rule in enumerate(rules, 1)]
    return Terms.from_json({"purposes": ["research", "quality-control", "marketing"], "rules": named})


def decided(rule: dict[str, Any], context: Context = KNOWN, **parts: Any) -> Access:
    return decide(terms(rule), made.claims(**parts), context, made.NOW)


def test_the_rule_that_decided_is_named_in_words() -> None:
    both = terms(
        {"name": "quality control", "purposes": ["quality-control"]},
        {"name": "research in the EU", "purposes": ["research"], "jurisdictions": {"in": ["EU"]}},
        {"name": "anybody in Spain", "jurisdictions": {"in": ["ES"]}},
    )
    answer = decide(both, made.claims(purpose="research", jurisdiction="ES"), KNOWN, made.NOW)
    assert answer == Access(True, 2, "research in the EU", "allowed by rule 2 'research in the EU'")
    assert decide(both, made.claims(jurisdiction="ES"), KNOWN, made.NOW).rule == 3


def test_a_rule_that_denies_wins_wherever_it_stands() -> None:
    rules = ({"name": "all"}, {"effect": "deny", "name": "no marketing", "purposes": ["marketing"]})
    for order in (rules, rules[::-1]):
        answer = decide(terms(*order), made.claims(purpose="marketing"), KNOWN, made.NOW)
        assert (answer.allowed, answer.why) == (False, f"denied by rule {answer.rule} 'no marketing'")
        assert decide(terms(*order), made.claims(purpose="research"), KNOWN, made.NOW).allowed


def test_what_no_rule_allows_is_denied_and_says_what_lacks() -> None:
    assert decide(Terms(()), made.claims(), KNOWN, made.NOW) == Access(
        False, None, "default", "no rule allows it: there is none that could"
    )
    answer = decided({"licence": made.LICENCE})
    assert (answer.allowed, answer.rule) == (False, None)
    assert "asks that the licence" in answer.why
    stated = decided(
        {"purposes": ["research"], "jurisdictions": {"in": ["DE"]}}, purpose="marketing", jurisdiction="ES"
    )
    assert stated.why == "no rule allows it: rule 1 'rule 1' is for research"  # what was stated is private


@pytest.mark.parametrize(
    ("rule", "parts", "allowed"),
    [
        ({"organisations": ["lab.example"]}, {}, True),
        ({"organisations": ["lab.example"]}, {"organisation": "other.example"}, False),
        ({"organisations": [made.key_of("lab.example")]}, {}, True),
        ({"organisations": [made.key_of("other.example")]}, {}, False),
        ({"purposes": ["research"]}, {"purpose": "research"}, True),
        ({"purposes": ["research"]}, {"purpose": "marketing"}, False),
        ({"purposes": ["research"]}, {}, False),
        ({"jurisdictions": {"in": ["US"]}}, {"jurisdiction": "US-CA"}, True),
        ({"jurisdictions": {"in": ["US-CA"]}}, {"jurisdiction": "US"}, False),
        ({"jurisdictions": {"in": ["EU"]}}, {"jurisdiction": "CH"}, False),
        ({"jurisdictions": {"in": ["DE"]}}, {"jurisdiction": "EU"}, False),
        ({"jurisdictions": {"in": ["DE"]}}, {}, False),
        ({"licence": made.LICENCE}, {"accepts": [made.LICENCE]}, True),
        ({"licence": made.LICENCE}, {"accepts": ["00" * 32]}, False),
        ({"until": made.NOW}, {}, False),
        ({"until": "2026-11-23T19:00:01Z", "from": made.NOW}, {}, True),
        ({"from": "2026-11-23T19:00:01Z"}, {}, False),
    ],
    ids=str,
)
def test_a_rule_that_allows_needs_every_condition_shown(rule: Any, parts: Any, allowed: bool) -> None:
    assert decided(rule, **parts).allowed is allowed


@pytest.mark.parametrize(
    ("rule", "parts", "denied"),
    [
        ({"jurisdictions": {"in": ["US-CA"]}}, {"jurisdiction": "US"}, True),
        ({"jurisdictions": {"in": ["US-CA"]}}, {"jurisdiction": "US-NY"}, False),
        ({"jurisdictions": {"in": ["DE"]}}, {"jurisdiction": "EU"}, True),
        ({"jurisdictions": {"in": ["DE"]}}, {}, True),
        ({"jurisdictions": {"in": ["DE"]}}, {"jurisdiction": "FR"}, False),
        ({"purposes": ["marketing"]}, {}, True),
        ({"purposes": ["marketing"]}, {"purpose": "research"}, False),
        ({"organisations": ["lab.example"]}, {}, True),
        ({"organisations": [made.key_of("lab.example")]}, {}, True),
        ({"organisations": ["other.example"]}, {}, False),
        ({"until": made.NOW}, {}, False),
        ({}, {}, True),
    ],
    ids=str,
)
def test_a_rule_that_denies_is_met_by_what_was_left_unsaid(rule: Any, parts: Any, denied: bool) -> None:
    answer = decide(terms({"effect": "deny"} | rule, {}), made.claims(**parts), KNOWN, made.NOW)
    assert answer.allowed is not denied


def test_an_origin_counts_only_under_a_key_that_the_owner_knows() -> None:
    """Anybody can write any origin into claims of their own."""
    rule = {"organisations": ["lab.example"]}
    posing = made.signed_claims("rival.example", organisation="lab.example")
    assert not decide(terms(rule), read_claims(posing), KNOWN, made.NOW).allowed
    assert not decided(rule, Context()).allowed
    # whoever is known is kept out also when calling itself something else
    document = made.signed_claims("lab.example")["document"] | {"organisation": "fresh.example"}
    other = read_claims(sign_document(document, made.secret_of("lab.example"), "fresh.example"))
    assert not decide(terms({"effect": "deny"} | rule, {}), other, KNOWN, made.NOW).allowed


def test_an_organisation_is_named_by_the_whole_origin_of_its_log() -> None:
    """An origin has a path where an organisation keeps more than one log."""
    origin = "bank.example/credit"
    known = Context({origin: frozenset({made.public_of(origin)})})
    asked = read_claims(made.signed_claims(origin, organisation=origin))
    for named, allowed in ((origin, True), ("bank.example", False), ("bank.example/cards", False)):
        assert decide(terms({"organisations": [named]}), asked, known, made.NOW).allowed is allowed
        denied = decide(terms({"effect": "deny", "organisations": [named]}, {}), asked, known, made.NOW)
        assert denied.allowed is not allowed


WANTED = {"credentials": [{"kind": "accredited-researcher", "issuer": made.key_of("ministry.example")}]}


@pytest.mark.parametrize(
    ("shown", "allowed"),
    [
        ({}, True),
        ({"holder": made.key_of("lab.example")}, True),
        ({"holder": "lab.example"}, True),
        ({"holder": "0x" + "22" * 20}, False),
        ({"holder": made.key_of("other.example")}, False),
        ({"holder": "other.example"}, False),
        ({"issuer": "forger.example"}, False),
        ({"kind": "student"}, False),
        ({"expires": made.NOW}, False),
    ],
    ids=str,
)
def test_a_credential_counts_for_its_holder_from_its_issuer_while_it_holds(shown: Any, allowed: bool) -> None:
    assert decided(WANTED, credentials=[made.credential(**shown)]).allowed is allowed
    assert not decided(WANTED).allowed


def test_a_jurisdiction_by_credential_is_no_word_of_the_buyer() -> None:
    rule = {"jurisdictions": {"in": ["EU"], "issuers": [made.key_of("state.example")]}}
    shown = made.credential("jurisdiction", issuer="state.example", claims={"jurisdiction": "FR"})
    own = made.credential("jurisdiction", issuer="lab.example", claims={"jurisdiction": "FR"})
    assert decided(rule, credentials=[shown]).allowed
    assert not decided(rule, jurisdiction="FR").allowed
    assert not decided(rule, credentials=[own]).allowed


@pytest.mark.parametrize(
    ("per", "used", "allowed"), [("order", 1, True), ("order", 2, False), ("buyer", 2, False)], ids=str
)
def test_uses_are_counted_for_each_order_or_buyer(per: str, used: int, allowed: bool) -> None:
    context = Context(uses_of_order=used if per == "order" else 0, uses_of_buyer=used if per == "buyer" else 0)
    answer = decided({"uses": {"most": 2, "per": per}}, context)
    assert answer.allowed is allowed
    assert allowed or "used up" in answer.why
