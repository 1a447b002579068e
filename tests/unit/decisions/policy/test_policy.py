from __future__ import annotations

import copy
import hashlib
import pickle
from datetime import date
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterfoil.core import canonical
from counterfoil.data import german_credit_policy
from counterfoil.decisions.policy import MICRO, Policy, round_to_micro
from counterfoil.errors import InvalidInput, NotFound

TOML = """
name = "loans"
version = "1"
author = "Ada"
approved_by = "Bo"
approved_on = 2026-09-01
effective_from = 2026-09-02
purpose = "Decide on small loans."
score_of = "good"

[[outcome]]
label = "approve"
at_least = 0.62
[[outcome]]
label = "refer"
at_least = 0.5
[[outcome]]
label = "decline"
adverse = true

[features.amount]
kind = "number"
title = "Amount asked for"
unit = "EUR"
min = 1
max = 5000.5
[features.months]
kind = "integer"
[features.housing]
kind = "category"
categories = ["own", "rent"]
[features.note]
kind = "text"
required = false
max_chars = 20
[features.employed]
kind = "boolean"
[features.age]
kind = "integer"
required = false
protected = true

[[reason]]
code = "R01"
features = ["amount", "months"]
text = { en = "The size of the loan." }
actionable = true
[[reason]]
code = "R02"
features = ["housing"]
text = { en = "Your housing." }
"""

ROW: dict[str, Any] = {"amount": 1200.5, "months": 12, "housing": "own", "employed": True}


@pytest.fixture(scope="module")
def policy() -> Policy:
    return Policy.from_toml(TOML)


def test_reads_what_is_written_and_fills_in_the_defaults(policy: Policy) -> None:
    assert policy.stream == "decisions/loans"
    assert policy.approved_on == date(2026, 9, 1)
    assert policy.retain_days == 0
    assert policy.reason_settings.most == 4
    assert policy.field_titles["amount"] == "Amount asked for"
    assert policy.field_titles["months"] == "months"
    assert policy.code_by_feature["months"] == "R01"
    assert policy.reason("R01").actionable
    assert not policy.is_effective(date(2026, 9, 1))
    assert policy.is_effective(date(2026, 9, 2))


def test_json_round_trip_keeps_policy_and_digest(policy: Policy) -> None:
    written = canonical.dumps(policy.to_json())
    again = Policy.from_json(canonical.loads(written))
    assert again == policy
    assert canonical.dumps(again.to_json()) == written
    assert again.digest() == policy.digest() == hashlib.sha256(written).hexdigest()


def test_layout_of_the_file_does_not_change_the_digest(policy: Policy) -> None:
    commented = "# a comment\n" + TOML.replace("at_least = 0.5\n", "at_least = 0.500000\n")
    assert Policy.from_toml(commented).digest() == policy.digest()


@pytest.mark.parametrize(
    "change",
    [("0.62", "0.620001"), ("The size", "The sizes"), ('"Bo"', '"Cy"'), ("max = 5000.5", "max = 5001"), ('"1"', '"2"')],
)
def test_any_change_of_meaning_changes_the_digest(policy: Policy, change: tuple[str, str]) -> None:
    assert Policy.from_toml(TOML.replace(*change)).digest() != policy.digest()


def test_reads_paths_texts_and_bytes(policy: Policy, tmp_path: Any) -> None:
    path = tmp_path / "loans.toml"
    path.write_text(TOML, "utf-8")
    for source in (path, str(path), TOML, TOML.encode()):
        assert Policy.from_toml(source) == policy
    with pytest.raises(NotFound):
        Policy.from_toml(tmp_path / "none.toml")


@pytest.mark.parametrize(
    ("score_micro", "label"),
    [
        (0, "decline"),
        (499_999, "decline"),
        (500_000, "refer"),
        (619_999, "refer"),
        (620_000, "approve"),
        (MICRO, "approve"),
    ],
)
def test_the_line_itself_is_inside(policy: Policy, score_micro: int, label: str) -> None:
    assert policy.label_for(score_micro) == label
    assert policy.is_adverse(label) == (label == "decline")


@pytest.mark.parametrize("score", [-1, MICRO + 1, 0.7, True, None, "700000"])
def test_refuses_scores_that_are_not_micro_units(policy: Policy, score: Any) -> None:
    with pytest.raises(InvalidInput, match="score"):
        policy.label_for(score)


@given(st.integers(0, MICRO), st.integers(0, MICRO))
def test_a_higher_score_is_never_a_worse_label(one: int, other: int) -> None:
    policy = Policy.from_toml(TOML)
    low, high = sorted((one, other))
    assert policy.labels.index(policy.label_for(high)) <= policy.labels.index(policy.label_for(low))


def test_round_to_micro_rounds_and_refuses_what_is_not_a_number() -> None:
    assert round_to_micro(0.6199996) == 620_000
    assert round_to_micro(0.29) == 290_000
    for value in (float("nan"), float("inf"), True, "0.5", None):
        with pytest.raises(InvalidInput):
            round_to_micro(value)


def test_gaps_name_features_without_a_reason(policy: Policy) -> None:
    gaps = policy.gaps()
    assert any("(employed)" in gap for gap in gaps)
    assert not any("(age)" in gap or "(amount)" in gap for gap in gaps)
    without_adverse = Policy.from_toml(TOML.replace("adverse = true", ""))
    assert any("adverse" in gap for gap in without_adverse.gaps())


def test_an_applicant_comes_back_checked_and_sorted(policy: Policy) -> None:
    checked = policy.check_applicant({**ROW, "months": 12.0, "amount": 1200.0, "note": None})
    assert checked == {"amount": 1200, "employed": True, "housing": "own", "months": 12}
    assert list(checked) == sorted(checked)
    assert type(checked["months"]) is int
    assert type(checked["amount"]) is int


def test_the_model_never_sees_a_protected_feature(policy: Policy) -> None:
    checked = policy.check_applicant({**ROW, "age": 40})
    assert checked["age"] == 40
    assert "age" not in policy.for_model(checked)
    assert "age" not in policy.model_features


def test_library_scalars_become_python_values(policy: Policy) -> None:
    np = import_module("numpy")
    pd = import_module("pandas")
    row = {
        "amount": np.float64(1200.5),
        "months": np.int64(12),
        "housing": np.str_("own"),
        "employed": np.bool_(True),
        "note": pd.NA,
        "age": np.float64("nan"),
    }
    checked = policy.check_applicant(row)
    assert checked == ROW
    assert {type(value) for value in checked.values()} == {float, int, str, bool}
    assert policy.check_applicant(pd.Series(row)) == ROW


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"amount": float("nan")}, "Amount asked for .* NaN"),
        ({"amount": float("inf")}, "infinite"),
        ({"amount": None}, "missing"),
        ({"amount": True}, "a number is expected"),
        ({"amount": "1200"}, "a number is expected"),
        ({"amount": [1]}, "list"),
        ({"amount": 0}, "1 or more"),
        ({"amount": 5001}, "or less"),
        ({"amount": 10**400}, "2\\^53"),
        ({"months": 1e300}, "2\\^53"),
        ({"months": 1.5}, "whole number"),
        ({"housing": "owns"}, "not one of its categories"),
        ({"housing": 1}, "categories is expected"),
        ({"employed": 1}, "true or false"),
        ({"note": "x" * 21}, "21 characters"),
        ({"note": "\ud800"}, "surrogate"),
        ({"nots": 1}, "no feature 'nots'"),
        ({5: 1}, "no feature '5'"),
    ],
)
def test_refuses_what_does_not_fit_and_says_where(policy: Policy, change: dict[Any, Any], words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        policy.check_applicant({**ROW, **change})


def test_a_missing_feature_points_at_the_misspelt_one(policy: Policy) -> None:
    row = {("amonut" if name == "amount" else name): value for name, value in ROW.items()}
    with pytest.raises(InvalidInput, match="Amount asked for .* missing") as caught:
        policy.check_applicant(row)
    assert "amonut" in caught.value.hint


@given(
    st.fixed_dictionaries(
        {
            "amount": st.floats(1, 5000) | st.integers(1, 5000),
            "months": st.integers(-(2**53) + 1, 2**53 - 1),
            "housing": st.sampled_from(["own", "rent"]),
            "employed": st.booleans(),
            "note": st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
        }
    )
)
def test_checking_twice_and_through_json_changes_nothing(row: dict[str, Any]) -> None:
    policy = Policy.from_toml(TOML)
    checked = policy.check_applicant(row)
    assert policy.check_applicant(checked) == checked
    assert policy.check_applicant(canonical.loads(canonical.dumps(checked))) == checked


@given(
    st.dictionaries(
        st.text(max_size=8) | st.sampled_from(sorted(ROW)), st.none() | st.text() | st.floats() | st.binary()
    )
)
def test_any_row_is_checked_or_refused_in_words(row: dict[str, Any]) -> None:
    policy = Policy.from_toml(TOML)
    try:
        checked = policy.check_applicant(row)
    except InvalidInput as error:
        assert error.message
    else:
        canonical.dumps(checked)


def test_a_model_must_fit_exactly(policy: Policy) -> None:
    policy.require_model(reversed(policy.model_features))
    with pytest.raises(InvalidInput, match="'amonut', which the policy does not have") as caught:
        policy.require_model(["amonut"])
    assert caught.value.hint == "did you mean 'amount'?"
    with pytest.raises(InvalidInput, match="protects"):
        policy.require_model([*policy.model_features, "age"])
    with pytest.raises(InvalidInput, match="which the model does not know"):
        policy.require_model(policy.model_features[1:])


def test_finds_the_class_the_score_is_about(policy: Policy) -> None:
    assert policy.class_position(["bad", "good"]) == 1
    with pytest.raises(InvalidInput, match="no such class"):
        policy.class_position([0, 1])


def test_the_demonstration_policy_is_sound() -> None:
    policy = Policy.from_toml(german_credit_policy())
    assert policy.gaps() == []
    assert len(policy.features) == 20
    assert {each.name for each in policy.features if each.protected} == {
        "age_in_years",
        "foreign_worker",
        "personal_status_and_sex",
    }
    assert [policy.is_adverse(label) for label in policy.labels] == [False, True, True]
    assert Policy.from_json(policy.to_json()) == policy


def test_the_example_of_the_reference_is_a_policy() -> None:
    page = Path(__file__).parents[4] / "docs/reference/policy.md"
    example = page.read_text("utf-8").split("```toml\n")[1].split("```")[0]
    assert Policy.from_toml(example).gaps() == []


def test_a_policy_can_be_copied_and_sent_to_another_process(policy: Policy) -> None:
    assert pickle.loads(pickle.dumps(policy)) == copy.deepcopy(policy) == policy
