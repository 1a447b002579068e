"""A privacy check tells columns and counts, never a value, and reads itself back."""

from __future__ import annotations

import json

import pytest

from counterfoil.errors import InvalidInput, MalformedEvidence
from counterfoil.provenance.privacy.check import check_privacy
from counterfoil.provenance.privacy.report import PrivacyReport

MARK = "qzx9marker"


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "table.csv"
    lines = [f"{MARK}{each},{MARK}{each % 3},{each % 7},{MARK}@example.org,{MARK}" for each in range(50)]
    path.write_text("\n".join(["code,ward,day,mail,same", *lines]) + "\n")
    return path


def test_no_value_of_the_table_is_told(table):
    report = check_privacy(table, quasi=["ward", "day"], sensitive=["code"])
    told = json.dumps(report.to_json()) + "\n".join(report.lines())
    assert MARK not in told
    assert {each.column for each in report.findings} == {"code", "mail"}
    assert report.uniqueness.own == ("code",)


def test_a_report_is_read_back_as_it_was(table):
    for report in (check_privacy(table), check_privacy(table, quasi=["ward"], sensitive=["day"])):
        assert PrivacyReport.from_json(report.to_json()) == report
    for told in ({}, report.to_json() | {"version": 2}, report.to_json() | {"groups": {}}):
        with pytest.raises(MalformedEvidence):
            PrivacyReport.from_json(told)


def test_groups_are_counted_by_their_size(table):
    groups = check_privacy(table, quasi=["ward", "day"]).groups
    assert (groups.k, groups.groups, groups.unique_rows) == (2, 21, 0)
    assert {band.label: (band.groups, band.rows) for band in groups.sizes if band.groups} == {
        "2": (13, 26),
        "3\N{EN DASH}4": (8, 24),
    }
    assert sum(band.rows for band in groups.sizes) == 50


def test_combinations_that_single_out_are_named(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("a,b,c\n" + "".join(f"{each // 5},{each % 5},k\n" for each in range(25)) + "0,0,k\n")
    found = check_privacy(path).uniqueness
    assert [(each.columns, each.unique_rows) for each in found.combinations] == [(("a", "b"), 24)]
    assert (found.looked_at, found.possible) == (3, 3)


def test_the_only_row_with_a_value_stands_alone(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("flag,same\n" + "1,k\n" + ",k\n" * 9)
    found = check_privacy(path).uniqueness
    assert [(each.columns, each.unique_rows) for each in found.combinations] == [(("flag",), 1)]
    assert (found.looked_at, found.possible) == (1, 1)


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"quasi": ["nobody"]}, "no column 'nobody'"),
        ({"quasi": ["day", "day"]}, "named twice"),
        ({"quasi": ["day"], "sensitive": ["day"]}, "named twice"),
        ({"sensitive": ["day"]}, "need quasi-identifiers"),
    ],
    ids=["unknown", "twice", "both", "alone"],
)
def test_columns_that_cannot_be_are_refused(table, told, words):
    with pytest.raises(InvalidInput, match=words):
        check_privacy(table, **told)
