"""Terms decide alike each time, deny what nothing allows, and nobody gains by silence or by one more denial."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import making_terms as made
from hypothesis import given, settings
from hypothesis import strategies as st

from counterfoil.core.note import VerifierKey
from counterfoil.market.terms import Claims, Context, Rule, Terms, decide
from counterfoil.market.terms.rule import CredentialWanted, Places, Uses

PURPOSES = ("research", "marketing")
CODES = ("DE", "EU", "US", "US-CA", "CH")
TIMES = ("2026-01-01T00:00:00Z", made.NOW, "2027-01-01T00:00:00Z")
NAMES = ("lab.example", "rival.example")
ISSUER = VerifierKey.parse(made.key_of("ministry.example"))
SHOWN = (
    made.credential(),
    made.credential("jurisdiction", claims={"jurisdiction": "DE"}),
    made.credential("student", holder="lab.example"),
    made.credential(expires="2026-11-01T00:00:00Z"),
)
BASE = {name: made.claims(name) for name in NAMES}


def some(*values: Any) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(st.sampled_from(values), unique=True, max_size=2).map(tuple)


def times() -> st.SearchStrategy[str | None]:
    return st.none() | st.sampled_from(TIMES)


@st.composite
def rules(draw: st.DrawFn, effects: tuple[Any, ...] = ("allow", "deny")) -> Rule:
    effect = draw(st.sampled_from(effects))
    codes = draw(some(*CODES))
    allows = effect == "allow"
    issuers = draw(some(ISSUER)) if allows else ()
    kinds = draw(some("accredited-researcher", "student")) if allows else ()
    return Rule(
        effect,
        "a rule",
        draw(some(*NAMES, *(made.key_of(name) for name in NAMES))),
        tuple(CredentialWanted(kind, ISSUER) for kind in kinds),
        draw(some(*PURPOSES)),
        Places(codes, issuers) if codes else None,
        draw(times()),
        draw(times()),
        draw(st.none() | st.just(Uses(1, "order")) | st.just(Uses(2, "buyer"))) if allows else None,
        draw(st.none() | st.just(made.LICENCE)) if allows else None,
    )


@st.composite
def asked(draw: st.DrawFn) -> tuple[Claims, Context, str]:
    claims = replace(
        BASE[draw(st.sampled_from(NAMES))],
        organisation=draw(st.sampled_from(NAMES)),
        purpose=draw(st.none() | st.sampled_from(PURPOSES)),
        jurisdiction=draw(st.none() | st.sampled_from(CODES)),
        accepts=draw(some(made.LICENCE)),
        credentials=tuple(SHOWN[number] for number in draw(some(*range(len(SHOWN))))),
    )
    known = {name: frozenset({made.public_of(name)}) for name in draw(some(*NAMES))}
    context = Context(known, draw(st.integers(0, 2)), draw(st.integers(0, 2)))
    return claims, context, draw(st.sampled_from(TIMES))


@settings(max_examples=300)
@given(st.lists(rules(), max_size=4), rules(("deny",)), st.integers(0, 4), asked())
def test_one_more_rule_that_denies_never_lets_anybody_in(listed: Any, more: Rule, at: int, asking: Any) -> None:
    before = decide(Terms(tuple(listed)), *asking)
    after = decide(Terms((*listed[:at], more, *listed[at:])), *asking)
    assert not after.allowed or before.allowed


@settings(max_examples=300)
@given(st.lists(rules(), max_size=4), asked(), st.sampled_from(["purpose", "jurisdiction", "accepts", "credentials"]))
def test_whoever_says_less_never_gets_more(listed: Any, asking: Any, part: str) -> None:
    claims, context, now = asking
    less = replace(claims, **{part: () if part in ("accepts", "credentials") else None})
    assert not decide(Terms(tuple(listed)), less, context, now).allowed or decide(Terms(tuple(listed)), *asking).allowed


@settings(max_examples=300)
@given(st.lists(rules(), max_size=4), asked())
def test_the_answer_is_always_the_same_and_names_a_rule_that_says_so(listed: Any, asking: Any) -> None:
    terms = Terms(tuple(listed))
    answer = decide(terms, *asking)
    assert decide(terms, *asking) == answer
    if answer.rule is None:
        assert not answer.allowed
    else:
        assert listed[answer.rule - 1].effect == ("allow" if answer.allowed else "deny")
        alone = decide(Terms((listed[answer.rule - 1],)), *asking)
        assert alone.allowed == answer.allowed
    if not any(rule.effect == "allow" for rule in listed):
        assert not answer.allowed


@given(st.lists(rules(("allow",)), max_size=4), asked())
def test_the_order_of_rules_names_another_rule_and_never_decides_otherwise(listed: Any, asking: Any) -> None:
    assert decide(Terms(tuple(listed)), *asking).allowed == decide(Terms(tuple(listed[::-1])), *asking).allowed
