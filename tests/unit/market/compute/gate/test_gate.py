from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import making_gate as made
import pytest

from counterfoil.errors import InvalidInput, MalformedEvidence, NotFound
from counterfoil.market.compute.gate import GateDecision, GateRules, RowIndex, check_outputs


def test_what_no_rule_names_stays_and_its_name_too(tmp_path: Path) -> None:
    (tmp_path / "row-17.99-10.38.bin").write_bytes(b"data")
    (tmp_path / "another.txt").write_bytes(b"data")
    (tmp_path / "folder").mkdir()
    result = made.gated(tmp_path, made.rules(made.json_rule()), result_json={"count": 3})
    others, found = (each.to_json() for each in result.decision.files)
    assert others == {
        "name": "*",
        "outcome": "refused",
        "rule": "name",
        "sha256": None,
        "size": None,
        "why": "files that no rule names",
    }
    digest = sha256(b'{"count":3}').hexdigest()
    assert (found["outcome"], found["sha256"], found["size"]) == ("passed", digest, 11)
    assert b"17.99" not in result.decision.encode()
    assert result.passed == {"result.json": b'{"count":3}'}


def test_a_decision_is_the_same_bytes_each_time_and_reads_back(tmp_path: Path) -> None:
    rules = made.rules(made.json_rule(), made.table_rule())
    first = made.gated(tmp_path, rules, made.index(), result_json={"count": 3}, groups_csv=b"nonsense")
    again = check_outputs(tmp_path, rules, made.index(), job=made.JOB, exit_code=0)
    assert first.decision.encode() == again.decision.encode()
    assert GateDecision.from_json(json.loads(first.decision.encode())) == first.decision
    assert first.decision.to_json()["compared"] == {"columns": 31, "compared": 569, "rows": 569}
    with pytest.raises(MalformedEvidence):
        GateDecision.from_json(first.decision.to_json() | {"more": 1})
    with pytest.raises(MalformedEvidence):
        GateDecision.from_json({})


def test_nothing_of_a_refused_file_stands_in_the_decision(tmp_path: Path) -> None:
    """Not even its digest or size: a digest confirms a guess, and can be made to hold data."""
    rules = made.rules(made.json_rule())
    decisions = [
        made.gated(tmp_path, rules, made.index(), result_json=content).decision.encode()
        for content in (b"{", b'{"a": 1, "a": 2}' * 9)
    ]
    assert decisions[0] == decisions[1]


@pytest.mark.parametrize("exit_code", [1, 77, -9])
def test_of_an_exit_code_only_whether_it_is_zero_leaves(tmp_path: Path, exit_code: int) -> None:
    """Two that are not zero give the same bytes, so that nothing can be told by which of them it was."""
    well, failed, otherwise = (
        check_outputs(tmp_path, made.rules(), None, job=made.JOB, exit_code=code).decision for code in (0, exit_code, 2)
    )
    assert (well.succeeded, failed.succeeded) == (True, False)
    assert failed.encode() == otherwise.encode()


def test_all_files_together_have_a_largest_size(tmp_path: Path) -> None:
    files = [made.json_rule(name=f"{letter}.json") for letter in "abc"]
    rules = made.rules(*files, maxBytes=25)
    result = made.gated(tmp_path, rules, None, a_json={"count": 1}, b_json={"count": 2}, c_json={"count": 3})
    assert [each.outcome for each in result.decision.files] == ["passed", "passed", "refused"]
    assert result.decision.files[2].rule == "total"


def test_text_and_what_the_owner_wants_to_see_are_held(tmp_path: Path) -> None:
    text = {"name": "notes.txt", "type": "text", "maxBytes": 100}
    rules = made.rules(made.json_rule(release="owner"), text)
    result = made.gated(tmp_path, rules, None, result_json={"count": 1}, notes_txt=b"all went well\n")
    assert [each.outcome for each in result.decision.files] == ["held", "held"]
    assert result.held == {"notes.txt": b"all went well\n", "result.json": b'{"count":1}'}
    assert result.passed == {}


def test_numbers_are_rounded_before_they_leave(tmp_path: Path) -> None:
    rules = made.rules(made.json_rule(digits=3))
    result = made.gated(tmp_path, rules, None, result_json={"weights": [1.23456, -0.000123456, 123456, 1e300]})
    assert result.passed["result.json"] == b'{"weights":[1.23,-0.000123,123456,1e+300]}'


def test_a_number_that_cannot_be_rounded_is_refused(tmp_path: Path) -> None:
    result = made.gated(tmp_path, made.rules(made.json_rule(digits=1)), None, result_json={"weights": [1.7e308]})
    assert made.outcome(result, "result.json") == ("refused", "numbers")


def test_rows_of_small_groups_are_left_out_or_refused(tmp_path: Path) -> None:
    table = b"region,people,mean\nnorth,50,1.23456\nsouth,4,9.5\n"
    result = made.gated(tmp_path, made.rules(made.table_rule()), None, groups_csv=table)
    assert result.passed["groups.csv"] == b"region,people,mean\nnorth,50,1.23\n"
    result = made.gated(tmp_path, made.rules(made.table_rule(below="refuse")), None, groups_csv=table)
    assert made.outcome(result, "groups.csv") == ("refused", "group")


def test_there_must_be_a_folder(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        check_outputs(tmp_path / "none", made.rules(), None, job=made.JOB, exit_code=0)


def changed(rule: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"maxBytes": 100, "files": [rule | more]}


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({}, "maxBytes"),
        ({"maxBytes": 1, "extra": 1}, "unknown key"),
        ({"maxBytes": 1, "logBytes": -1}, "logBytes"),
        (changed(made.json_rule(), name="../a.json"), "name"),
        (changed(made.json_rule(), type="pickle"), "type"),
        (changed(made.json_rule(), schema={}), "no type"),
        (changed(made.json_rule(), maxBytes=10**12), "maxBytes"),
        (changed(made.json_rule(), digits=0), "digits"),
        (changed(made.json_rule(), columns=[]), "unknown key"),
        (changed(made.table_rule(), leastGroup=0), "leastGroup"),
        (changed(made.table_rule(), columns=[]), "none"),
        (changed(made.table_rule(), columns=[{"name": "=a", "type": "integer"}]), "name"),
        (changed(made.table_rule(), columns=[{"name": "a", "type": "text"}]), "values"),
        (changed(made.table_rule(), columns=[{"name": "a", "type": "text", "values": ["=1+1"]}]), "values"),
        (changed(made.model_rule("safetensors"), form="skops"), "form"),
        (changed(made.model_rule("safetensors"), form="onnx"), "families"),
        (changed(made.model_rule("onnx", families=["neural"])), "no family"),
        (changed({"name": "a.txt", "type": "text", "maxBytes": 9, "release": "automatic"}), "hand only"),
        ({"maxBytes": 1, "files": [made.json_rule(), made.json_rule()]}, "each once"),
        ([], "no table"),
    ],
    ids=lambda value: str(value)[-90:],
)
def test_rules_that_cannot_be_meant_are_refused(document: Any, words: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        GateRules.from_json(document)
    assert words in f"{caught.value} {caught.value.hint}"


def test_the_digest_of_rules_is_that_of_what_the_sheet_holds() -> None:
    assert made.rules(made.json_rule()).digest_hex == made.rules(made.json_rule()).digest_hex
    assert made.rules(made.json_rule()).digest_hex != made.rules(made.json_rule(digits=3)).digest_hex


@pytest.mark.parametrize("columns", [{}, {"a": [1], "b": [1, 2]}], ids=["none", "ragged"])
def test_data_are_columns_of_one_length(columns: Any) -> None:
    with pytest.raises(InvalidInput, match="columns"):
        RowIndex.build(columns)


def test_numbers_that_no_double_holds_stop_no_gate() -> None:
    index = RowIndex.build({"id": [10**400 + row for row in range(30)], "age": list(range(30))})
    assert (index.rows, list(index.numbers)) == (30, ["age"])


def test_of_large_data_every_nth_row_is_compared_with(monkeypatch: pytest.MonkeyPatch) -> None:
    from counterfoil.market.compute.gate import leaks

    monkeypatch.setattr(leaks, "MOST_CELLS", 300)
    frame = made.cancer().iloc[:, :10]
    index = RowIndex.build({name: frame[name].to_numpy() for name in frame.columns})
    assert (index.rows, index.compared) == (569, 30)


def test_texts_of_a_row_are_found_as_well_as_its_numbers(tmp_path: Path) -> None:
    people = {
        "name": [f"Person Number{place}" for place in range(40)],
        "street": [f"{place} Long Street" for place in range(40)],
        "age": [20 + place % 50 for place in range(40)],
        "income": [30_001 + 37 * place for place in range(40)],
    }
    index = RowIndex.build(people)
    for note, expected in (("  person number7 ", "passed"), ("a", "passed")):
        result = made.gated(tmp_path, made.rules(made.json_rule()), index, result_json={"note": note})
        assert made.outcome(result, "result.json")[0] == expected
    schema = {"type": "array", "maxItems": 9, "items": {"type": "string", "maxLength": 99}}
    output = ["30260", "PERSON NUMBER7", "7 long street"]
    result = made.gated(tmp_path, made.rules(made.json_rule(schema=schema)), index, result_json=output)
    assert made.outcome(result, "result.json") == ("refused", "cells")


def test_a_column_of_small_whole_numbers_is_found_in_its_order(tmp_path: Path) -> None:
    ages = [23, 45, 31, 67, 45, 29, 38, 51, 62, 33, 27, 44]
    index = RowIndex.build({"age": ages, "number": list(range(12))})
    rules = made.rules(made.json_rule())
    result = made.gated(tmp_path, rules, index, result_json={"weights": [0, *ages[2:10], 0]})
    assert made.outcome(result, "result.json") == ("refused", "column")
    result = made.gated(tmp_path, rules, index, result_json={"weights": list(range(12)) + sorted(ages)})
    assert made.outcome(result, "result.json") == ("passed", "json")
