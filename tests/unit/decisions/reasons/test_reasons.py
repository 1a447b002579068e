from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterfoil.core import canonical
from counterfoil.data import german_credit_policy
from counterfoil.decisions.policy import Policy
from counterfoil.decisions.reasons import (
    ReasonConfig,
    background_sha256,
    explain,
    reasons_for,
)
from counterfoil.errors import InvalidInput

POLICY = Policy.from_toml(german_credit_policy())


def test_groups_by_code_and_orders_by_size() -> None:
    contributions = {
        "credit_amount": -300_000,
        "job": -0.1,
        "number_of_existing_credits_at_this_bank": -250_000,
        "other_installment_plans": 100_000,
        "purpose": 900_000,
        "telephone": -1,
        "property": -2,
    }
    reasons = reasons_for(contributions, POLICY, "decline")
    assert [(each.code, each.contribution_micro) for each in reasons] == [
        ("R01", -300_000),
        ("R07", -150_000),
        ("R09", -100_000),
        ("R10", -2),
    ]
    assert reasons[1].features == ("number_of_existing_credits_at_this_bank",)
    assert reasons[0].text["de"] == "Die Höhe des beantragten Betrags."
    assert reasons[0].actionable
    assert not reasons[2].actionable


def test_equal_contributions_are_ordered_by_code() -> None:
    contributions = {"telephone": -5, "credit_amount": -5, "job": -5}
    assert [each.code for each in reasons_for(contributions, POLICY, "refer")] == ["R01", "R09", "R15"]


def test_a_favourable_label_has_reasons_only_where_the_policy_asks() -> None:
    assert reasons_for({"job": -5}, POLICY, "approve") == ()
    text = german_credit_policy().replace("most = 4", "most = 1\nwhen_favourable = true")
    asked = Policy.from_toml(text)
    assert [each.code for each in reasons_for({"job": -5, "telephone": -4}, asked, "approve")] == ["R09"]


def test_what_raised_the_score_is_never_a_reason() -> None:
    assert reasons_for({"job": 5, "credit_amount": 0}, POLICY, "decline") == ()


@pytest.mark.parametrize(
    ("contributions", "words"),
    [
        ({"age_in_years": -5}, "protects"),
        ({"shoe_size": -5}, "no feature 'shoe_size'"),
        ({"job": float("nan")}, "finite"),
        ({"job": True}, "finite"),
    ],
)
def test_refuses_contributions_that_cannot_be(contributions: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        reasons_for(contributions, POLICY, "decline")


def test_refuses_an_unknown_label() -> None:
    with pytest.raises(InvalidInput, match="no outcome 'declined'"):
        reasons_for({}, POLICY, "declined")


_CONTRIBUTIONS = st.dictionaries(st.sampled_from(POLICY.model_features), st.integers(-(10**9), 10**9))


@given(_CONTRIBUTIONS, st.randoms(use_true_random=False))
def test_order_of_features_changes_nothing_and_the_rule_holds(contributions: dict[str, int], random: Any) -> None:
    shuffled = list(contributions.items())
    random.shuffle(shuffled)
    reasons = reasons_for(contributions, POLICY, "decline")
    assert reasons == reasons_for(dict(shuffled), POLICY, "decline")
    assert len(reasons) <= 4
    assert len({each.code for each in reasons}) == len(reasons)
    sizes = [each.contribution_micro for each in reasons]
    assert sizes == sorted(sizes)
    for each in reasons:
        named = POLICY.reason(each.code).features
        assert each.contribution_micro == sum(contributions.get(name, 0) for name in named) < 0
        assert set(each.features) <= set(named)
        assert all(contributions[name] < 0 for name in each.features)


class Settled:
    """An explainer that says what it is told."""

    def __init__(self, first: dict[str, int], second: dict[str, int] | None = None) -> None:
        self.config = ReasonConfig("permutation" if second else "closed_form", "test", "")
        self.first, self.second = first, second
        self.seen: list[dict[str, Any]] = []

    def contributions(self, row: Any) -> dict[str, int]:
        self.seen.append(dict(row))
        return self.first

    def second_opinion(self, row: Any) -> dict[str, int] | None:
        return self.second


def test_unstable_reasons_are_not_issued() -> None:
    with pytest.raises(InvalidInput, match="unstable: R09 with one sample, R15 with another; they are not issued"):
        explain(Settled({"job": -5}, {"telephone": -5}), {}, POLICY, "decline")


def test_stable_reasons_are_issued_and_the_model_sees_nothing_protected() -> None:
    explainer = Settled({"job": -5, "telephone": -4}, {"telephone": -6, "job": -5})
    reasons = explain(explainer, {"age_in_years": 20, "job": "x"}, POLICY, "decline")
    assert [each.code for each in reasons] == ["R09", "R15"]
    assert set(explainer.seen[0]) == set(POLICY.model_features)


def test_nothing_is_computed_for_a_favourable_label() -> None:
    explainer = Settled({"job": -5})
    assert explain(explainer, {}, POLICY, "approve") == ()
    assert explainer.seen == []


def test_the_configuration_is_committed_whole() -> None:
    config = ReasonConfig("tree_shap", "shap 0.51.0", background_sha256([{"a": 1}]), most=3)
    document = canonical.loads(canonical.dumps(config.to_json()))
    assert ReasonConfig.from_json(document) == config
    assert ReasonConfig.from_json(document).digest() == config.digest()
    others = [
        ReasonConfig("tree_shap", "shap 0.51.1", config.background_sha256, most=3),
        ReasonConfig("tree_shap", "shap 0.51.0", background_sha256([{"a": 2}]), most=3),
        ReasonConfig("tree_shap", "shap 0.51.0", config.background_sha256, seed=1, most=3),
        ReasonConfig("tree_shap", "shap 0.51.0", config.background_sha256, most=3, on_demand=True),
    ]
    assert len({config.digest(), *(each.digest() for each in others)}) == 5


@pytest.mark.parametrize(
    "change", [{"method": "guess"}, {"seed": "1"}, {"seed": True}, {"extra": 1}, {"most": 4.0}, {"on_demand": 0}]
)
def test_a_damaged_configuration_is_refused(change: dict[str, Any]) -> None:
    document = {**ReasonConfig("closed_form", "x", "").to_json(), **change}
    with pytest.raises(InvalidInput):
        ReasonConfig.from_json(document)


def test_a_recorded_reason_leaves_the_words_to_the_policy() -> None:
    (reason,) = reasons_for({"job": -5}, POLICY, "decline")
    assert json.loads(json.dumps(reason.to_json())) == {
        "code": "R09",
        "contribution_micro": -5,
        "features": ["job"],
    }
