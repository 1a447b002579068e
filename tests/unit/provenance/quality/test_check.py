"""A quality report: what is missing, doubled or far out, who is in it, and how far it moved."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from counterfoil.data import german_credit_csv
from counterfoil.errors import InvalidInput, MalformedEvidence
from counterfoil.provenance import stability_index
from counterfoil.provenance.quality import column_values
from counterfoil.provenance.quality.check import check_quality
from counterfoil.provenance.quality.report import QualityReport


def table(folder, name, text):
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture
def people(tmp_path):
    rows = [f"{each % 2},{'fm'[each % 3 == 0]},{each},same,{'' if each % 4 else 'x'}" for each in range(40)]
    return table(
        tmp_path,
        "people.csv",
        "\n".join(["label,sex,age,fixed,note", *rows, rows[3], rows[3], "1,z,9999,same,"]) + "\n",
    )


def test_columns_are_counted(people):
    report = check_quality(people)
    by_name = {each.name: each for each in report.columns}
    assert (report.rows, report.duplicates, report.most_missing) == (43, 2, 33)
    assert (by_name["note"].missing, by_name["note"].different, by_name["note"].constant) == (33, 1, False)
    assert (by_name["fixed"].constant, by_name["fixed"].outliers) == (True, None)
    assert (by_name["age"].outliers, by_name["age"].drift_micro) == (1, None)


def test_groups_are_named_where_they_are_large_enough(people):
    (sex,) = check_quality(people, groups=["sex"], label="label").groups
    assert (sex.groups, sex.smallest, sex.other_groups, sex.other_rows) == (3, 1, 1, 1)
    assert [(each.value, each.rows) for each in sex.named] == [("f", 26), ("m", 16)]
    assert sex.named[0].labels == (("1", 13), ("0", 13))
    told = json.dumps(check_quality(people, groups=["sex", "age"], label="label").to_json())
    assert '"z"' not in told
    assert "9999" not in told


def test_shares_are_those_of_pandas():
    frame = pd.read_csv(german_credit_csv(), keep_default_na=False)
    report = check_quality(german_credit_csv(), groups=["foreign_worker", "housing"], label="creditability")
    for group in report.groups:
        counts = frame.groupby([group.column, "creditability"]).size()
        for named in group.named:
            wanted = counts[named.value].to_dict()
            assert dict(named.labels) == (wanted if min(wanted.values()) >= 10 else {})
    assert any(named.labels for group in report.groups for named in group.named)
    assert not all(named.labels for group in report.groups for named in group.named)  # few of "2" are bad
    assert report.duplicates == int(frame.duplicated().sum())


def test_only_columns_that_moved_noticeably_are_told_of(tmp_path):
    parent = table(tmp_path, "parent.csv", "x,y\n" + "".join(f"{each},{each}\n" for each in range(100)))
    moved = table(tmp_path, "moved.csv", "x,y\n" + "".join(f"{each},{each + 60}\n" for each in range(99)))
    report = check_quality(moved, parent=parent)
    assert all(each.drift_micro for each in report.columns)
    (told,) = [line for line in report.lines({"y": "shift"}) if ": drift " in line]
    assert told.startswith("  y: drift ")
    assert told.endswith(", changed on purpose (shift)")


def test_drift_is_measured_against_the_parent(tmp_path):
    parent = table(tmp_path, "parent.csv", "x,c\n" + "".join(f"{each},a\n" for each in range(1_000)))
    same = check_quality(parent, parent=parent)
    assert {each.name: each.drift_micro for each in same.columns} == {"x": 0, "c": 0}
    upper = table(tmp_path, "upper.csv", "x,c\n" + "".join(f"{each},b\n" for each in range(500, 1_000)))
    found = {each.name: each.drift_micro for each in check_quality(upper, parent=parent).columns}
    assert found["x"] / 1e6 == pytest.approx(stability_index([100] * 10 + [0], [0] * 5 + [100] * 5 + [0]), rel=0.2)
    assert found["c"] > 5_000_000
    other = table(tmp_path, "other.csv", "x,c\n" + "[0,5),a\n".replace("[0,5)", '"[0,5)"') * 9)
    assert {each.name: each.drift_micro for each in check_quality(other, parent=parent).columns}["x"] is None


def test_many_numbers_are_kept_as_numbers(tmp_path, monkeypatch):
    path = table(tmp_path, "many.csv", "x,t\n" + "".join(f"{each}.5,v{each}\n" for each in range(300)))
    few = check_quality(path, parent=path)
    monkeypatch.setattr(column_values, "MOST_COUNTED", 100)
    many = check_quality(path, parent=path)
    assert [each.outliers for each in many.columns] == [each.outliers for each in few.columns] == [0, None]
    assert [each.different for each in many.columns] == [101, 101]
    assert [each.drift_micro for each in many.columns] == [0, None]


def test_a_report_is_read_back_as_it_was(people):
    report = check_quality(people, groups=["sex"], label="label", parent=people)
    assert QualityReport.from_json(report.to_json()) == report
    with pytest.raises(MalformedEvidence):
        QualityReport.from_json(report.to_json() | {"columns": 3})


@pytest.mark.parametrize("told", [{"groups": ["nobody"]}, {"label": "nobody"}, {"groups": ["sex"], "label": "sex"}])
def test_columns_that_cannot_be_are_refused(people, told):
    with pytest.raises(InvalidInput):
        check_quality(people, **told)
