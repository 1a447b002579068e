"""Policies that must be refused in words: never a traceback, never half a policy."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterfoil.data import german_credit_policy
from counterfoil.decisions.policy import Policy
from counterfoil.errors import CounterfoilError, InvalidInput

GOOD = german_credit_policy()


def replaced(old: str, new: str) -> str:
    assert old in GOOD
    return GOOD.replace(old, new, 1)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (replaced('"Risk committee, Jonas Weber"', '"Credit risk, Dana Vogt"'), "approves itself"),
        (replaced('"Risk committee, Jonas Weber"', '" credit  RISK, dana vogt "'), "approves itself"),
        (replaced('"Risk committee, Jonas Weber"', '"Credit risk, Dana\\u200b Vogt"'), "approves itself"),
        (replaced('approved_by = "Risk committee, Jonas Weber"\n', ""), "no approval"),
        (replaced('"Risk committee, Jonas Weber"', '"  "'), "no approval"),
        (replaced("approved_on = 2026-09-01\n", ""), "no approved_on"),
        (replaced("approved_on = 2026-09-01", "approved_on = 2026-10-02"), "before its approval"),
        (replaced("approved_on = 2026-09-01", "approved_on = 2026-09-01T10:00:00"), "date without a time"),
        (replaced("approved_on = 2026-09-01", 'approved_on = "soon"'), "a date like"),
        (replaced('"... < 0 DM",', '"... < 0 DM",\n"... < 0 DM",'), "twice"),
        (replaced('code = "R02"', 'code = "R01"'), "'R01' appears twice"),
        (replaced('["credit_amount"]', '["credit_amuont"]'), "R01 names the feature 'credit_amuont'"),
        (replaced('["credit_amount"]', '["age_in_years"]'), "protected"),
        (replaced('["credit_amount"]', '["job"]'), "both R01 and R09"),
        (replaced('["credit_amount"]', "[]"), "features in reason number 1 is empty"),
        (replaced("at_least = 0.50", "at_least = 0.62"), "not below the one before"),
        (replaced("at_least = 0.50", "at_least = 0.7"), "not below the one before"),
        (replaced("at_least = 0.50\n", ""), "only the last may leave it out"),
        (replaced('label = "decline"', 'label = "decline"\nat_least = 0.1'), "no outcome"),
        (replaced("at_least = 0.62", "at_least = nan"), "finite"),
        (replaced("at_least = 0.62", "at_least = inf"), "finite"),
        (replaced("at_least = 0.62", "at_least = 1.5"), "up to 1"),
        (replaced("at_least = 0.62", "at_least = -0.5"), "above 0"),
        (replaced("at_least = 0.62", "at_least = true"), "a number is expected"),
        (replaced("at_least = 0.62", 'at_least = "0.62"'), "a number is expected"),
        (replaced("at_least = 0.62", "at_least = 0.62000001"), "finer than a millionth"),
        (replaced('label = "refer"', 'label = "approve"'), "'approve' appears twice"),
        (replaced("most = 4", "most = 5"), "1 to 4"),
        (replaced("most = 4", "most = 0"), "1 to 4"),
        (replaced('method = "auto"', 'method = "tree-shap"'), "method"),
        (replaced("seed = 20260901", "seed = -1"), "0 to"),
        (replaced('languages = ["en", "de"]', 'languages = ["en", "de", "fr"]'), "no text in 'fr'"),
        (replaced('languages = ["en", "de"]', 'languages = ["en"]'), "does not list"),
        (replaced("max = 100000", "max = 0"), "above max"),
        (replaced("max = 100000", "max = nan"), "finite"),
        (replaced('kind = "number"', 'kind = "numbr"'), "numbr"),
        (replaced('kind = "number"', 'kind = "boolean"'), "unknown key"),
        (replaced('score_of = "good"', "score_of = 1"), "text is expected"),
        (replaced('name = "credit"', 'name = "../etc"'), "name"),
        (replaced('name = "credit"', 'name = "credit"\nstream = "epochs/x"'), "stream"),
        (replaced('name = "credit"', 'name = "credit"\nstream = "decisions/../keys"'), "stream"),
        (replaced('name = "credit"', 'name = "credit"\nretain_days = -1'), "0 to"),
        (replaced('name = "credit"', 'name = "credit"\nretain_days = 1.5'), "whole number"),
        (replaced('name = "credit"', 'name = "credit"\nretian_days = 5'), "unknown key 'retian_days'"),
        ("", "no name"),
        ("features = 1\n" + GOOD.split("[[outcome]]")[0], "a table is expected"),
        ('x = "unfinished', "not valid TOML"),
        ("name = 'a'\nname = 'b'\n", "not valid TOML"),
        ("a = " + "[" * 5000, "not valid TOML"),
        ("#" * (1024 * 1024 + 1), "larger than"),
        (b"name = '\xff'\n", "not UTF-8"),
        (12, "a path or a text"),
    ],
)
def test_is_refused_in_words(text: Any, words: str) -> None:
    with pytest.raises(InvalidInput, match=words) as caught:
        Policy.from_toml(text)
    assert len(caught.value.message) < 400


def test_a_misspelt_key_is_answered_with_the_right_one() -> None:
    with pytest.raises(InvalidInput) as caught:
        Policy.from_toml(replaced("retain", "retian") if "retain" in GOOD else replaced("purpose =", "purpos ="))
    assert "purpose" in caught.value.message + caught.value.hint


@given(st.integers(0, len(GOOD) - 1), st.text(max_size=3), st.integers(0, 40))
def test_a_damaged_file_is_read_or_refused_never_a_crash(at: int, insert: str, cut: int) -> None:
    try:
        policy = Policy.from_toml(GOOD[:at] + insert + GOOD[at + cut :] + "\n")
    except CounterfoilError as error:
        assert error.message
    else:
        assert Policy.from_json(policy.to_json()) == policy


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(st.sampled_from(sorted(Policy.from_toml(GOOD).to_json())), _JSON)
def test_any_json_in_any_place_is_read_or_refused(key: str, value: Any) -> None:
    document = Policy.from_toml(GOOD).to_json()
    document[key] = value
    try:
        Policy.from_json(document)
    except InvalidInput as error:
        assert error.message


@pytest.mark.parametrize("document", [None, [], "x", {}, {"format": "counterfoil-policy/2"}])
def test_refuses_documents_of_another_format(document: Any) -> None:
    with pytest.raises(InvalidInput):
        Policy.from_json(document)
