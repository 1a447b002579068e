from __future__ import annotations

import pytest

from counterfoil.decisions import Policy
from counterfoil.decisions.batch.applicants import read_applicants, read_background
from counterfoil.errors import InvalidInput, NotFound

POLICY = Policy.from_toml(
    """
name = "loans"
version = "1"
author = "Ada"
approved_by = "Bo"
approved_on = 2026-09-01
effective_from = 2026-09-01
purpose = "Decide on loans."
score_of = "good"
[[outcome]]
label = "approve"
[features.amount]
kind = "number"
[features.months]
kind = "integer"
required = false
[features.housing]
kind = "category"
categories = ["own", "rent"]
[features.member]
kind = "boolean"
[features.sex]
kind = "text"
protected = true
required = false
"""
)
HEADER = "ref,amount,months,housing,member,sex\n"


def read(tmp_path, text, **options):
    path = tmp_path / "a.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_applicants(path, POLICY, "ref", **options)


def test_text_becomes_what_the_policy_expects(tmp_path):
    (found,) = read(tmp_path, HEADER + "c1,1500.50,12,own,TRUE,x\n")
    assert found.values == {"amount": 1500.5, "housing": "own", "member": True, "months": 12, "sex": "x"}
    assert (found.row, found.subject) == (1, "c1")


def test_a_byte_order_mark_and_quotes_are_read(tmp_path):
    (found,) = read(tmp_path, b"\xef\xbb\xbf" + (HEADER + '"c,1",1,,"rent",false,\n').encode())
    assert found.values == {"amount": 1, "housing": "rent", "member": False}
    assert found.subject == "c,1"


def test_a_table_without_rows_has_no_applicants(tmp_path):
    assert read(tmp_path, HEADER) == []


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("c1,1_000,12,own,true,", "a number is expected"),
        ("c1,nan,12,own,true,", "a number is expected"),
        ("c1,inf,12,own,true,", "a number is expected"),
        ("c1,0x10,12,own,true,", "a number is expected"),
        ("c1,1e999,12,own,true,", "infinite"),
        ("c1,9007199254740993,12,own,true,", "beyond 2"),
        ("c1,1" + "0" * 500 + ",12,own,true,", "a number is expected"),
        ("c1,1,1.5,own,true,", "whole number"),
        ("c1,,12,own,true,", "missing"),
        ("c1,1,12,castle,true,", "not one of its categories"),
        ("c1,1,12,own,1,", "true or false"),
        (" ,1,12,own,true,", "reference"),
    ],
)
def test_an_unusable_value_names_the_row(tmp_path, row, words):
    with pytest.raises(InvalidInput, match="row 2: ") as caught:
        read(tmp_path, HEADER + "c0,1,1,own,true,\n" + row + "\n")
    assert words in caught.value.message


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (b"", "no header"),
        (b"\n\n", "no header"),
        (b"ref,ref\n1,2\n", "two columns"),
        (b"ref,amount\nc1\n", "has 1 values"),
        (b"ref,amount\nc1,\xff\n", "UTF-8"),
        (b'ref,amount\n"c1,2\n', "UTF-8"),
        (b"person,amount\nc1,2\n", "no column 'ref'"),
        (b"ref,amount,months,housing,member,score\nc1,2,3,own,true,1\n", "no such feature"),
        (b"ref,amount,months,housing,membr\nc1,2,3,own,true\n", "no such feature"),
        (b"ref,amount,months,housing,member,score,due on\n", "columns 'score', 'due on', and the policy"),
    ],
)
def test_a_wrong_table_is_refused(tmp_path, table, words):
    with pytest.raises(InvalidInput, match=words):
        read(tmp_path, table)


def test_all_columns_that_are_no_features_are_named_with_what_leaves_them_out(tmp_path):
    with pytest.raises(InvalidInput) as caught:
        read(tmp_path, "ref,amount,months,housing,member,score,due on\n")
    assert caught.value.hint == "leave them out with --ignore score --ignore 'due on'"


def test_a_column_can_be_left_out_by_name(tmp_path):
    table = "ref,amount,months,housing,member,score\nc1,2,3,own,true,1\n"
    assert read(tmp_path, table, ignored=["score"])[0].values["amount"] == 2
    with pytest.raises(InvalidInput, match="no column 'scor'") as caught:
        read(tmp_path, table, ignored=["scor"])
    assert caught.value.hint == "did you mean 'score'?"


def test_no_file_is_not_found(tmp_path):
    with pytest.raises(NotFound):
        read_applicants(tmp_path / "none.csv", POLICY, "ref")
    with pytest.raises(NotFound):
        read_applicants(tmp_path, POLICY, "ref")


def test_background_keeps_what_the_model_sees(tmp_path):
    path = tmp_path / "b.csv"
    path.write_text("amount,months,housing,member,sex,outcome\n5,,rent,false,m,good\n")
    assert read_background(path, POLICY) == [{"amount": 5, "housing": "rent", "member": False, "months": None}]
    path.write_text("amount\nmany\n")
    with pytest.raises(InvalidInput, match=r"b\.csv, row 1"):
        read_background(path, POLICY)
