"""What may stand in a record without anybody having said so."""

from __future__ import annotations

import pytest

from counterfoil.errors import InvalidInput
from counterfoil.provenance.lineage.telling import (
    MOST_NAMES,
    few_names,
    is_parameter,
    is_secret_name,
    number_of,
    plain_name,
    require_no_secret,
)


@pytest.mark.parametrize(
    "name", ["password", "db_passwd", "API_KEY", "apiKey", "hf_token", "accessToken", "client-secret", "private-key"]
)
def test_secrets_are_known_by_their_names(name):
    assert is_secret_name(name)


@pytest.mark.parametrize("name", ["max_tokens", "tokenizer", "keys", "depth", "monkey", "n_tokens_seen"])
def test_names_of_ordinary_parameters_are_none(name):
    assert not is_secret_name(name)


def test_a_secret_is_found_at_any_depth():
    with pytest.raises(InvalidInput, match="'password' looks like a secret"):
        require_no_secret({"store": [{"login": {"password": "x"}}]})


@pytest.mark.parametrize(
    ("told", "plain"),
    [
        ("postgres://user:word@db/orders", "postgres://db/orders"),
        ('a"b\\c\nd', "a'b'c d"),
        ("x" * 300, "x" * 199 + "…"),
        ("\u202egnp.exe", "gnp.exe"),
    ],
    ids=["password", "quotes", "long", "direction"],
)
def test_names_are_told_plainly(told, plain):
    assert plain_name(told) == plain


def test_of_too_many_names_the_first_are_told():
    told = few_names([f"name {number}" for number in range(MOST_NAMES + 10)])
    assert len(told) == MOST_NAMES
    assert told[-1] == "… and 11 more"
    assert few_names(["a", "a", " "]) == ("a",)


@pytest.mark.parametrize(
    ("value", "is_one"),
    [
        (None, True),
        ([1, "two", 3.5, True], True),
        ({"a": {"b": 1}}, True),
        (float("inf"), False),
        (2**60, False),
        ("x" * 201, False),
        (list(range(1_000)), False),
        (b"bytes", False),
        ({"token": 1}, False),
        ({1: 2}, False),
    ],
    ids=str,
)
def test_short_values_are_parameters(value, is_one):
    assert is_parameter("name", value) is is_one


@pytest.mark.parametrize(
    ("value", "told"),
    [(1, 1), (0.5, 0.5), (float("nan"), "NaN"), (float("-inf"), "-Infinity"), (2**60, float(2**60)), (True, 1.0)],
    ids=str,
)
def test_numbers_are_told(value, told):
    assert number_of(value) == told


def test_the_names_of_a_list_have_room_in_a_record():
    told = few_names([f"{number:03d} " + "\N{GREEK SMALL LETTER OMEGA}" * 190 for number in range(900)])
    assert sum(len(name.encode()) for name in told) < 9_000
    assert told[-1] == f"… and {900 - len(told) + 1} more"
