"""Tables that are broken, odd or hostile: refused in words without their cells, or handled as any other."""

from __future__ import annotations

import csv

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from counterfoil.errors import InvalidInput
from counterfoil.provenance.deidentification.deidentify import deidentify, preview
from counterfoil.provenance.deidentification.settings import Settings
from counterfoil.provenance.privacy.check import check_privacy
from counterfoil.provenance.quality.check import check_quality

MARK = "zq7secret"
KEEP = Settings.read({"version": 1, "others": "keep"})
COARSE = Settings.read(
    {
        "version": 1,
        "others": "drop",
        "columns": {"a": {"rule": "generalise", "levels": [{"width": 10}]}},
        "k": {"least": 2},
    }
)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n",
        b"a,b\n1\n",
        f"a,b\n{MARK},1\n{MARK},1,{MARK}\n".encode(),
        f"a,a\n{MARK},1\n".encode(),
        b"a,b\n" + MARK.encode() + b"\xff\xfe,1\n",
        b"\xff\xfea\x00,\x00b\x00",
        b'a,b\n"' + MARK.encode() + b",1\n",
    ],
    ids=["empty", "blank", "short", "ragged", "doubled", "not UTF-8", "UTF-16", "open quote"],
)
def test_what_is_no_table_is_refused_without_a_cell(tmp_path, data):
    path = tmp_path / "table.csv"
    path.write_bytes(data)
    for look in (check_privacy, check_quality, lambda table: preview(table, COARSE)):
        with pytest.raises(InvalidInput) as caught:
            look(path)
        assert MARK not in str(caught.value) + caught.value.hint
        assert caught.value.__cause__ is None or MARK not in str(caught.value.__cause__)


def test_a_parquet_file_that_is_cut_off(tmp_path):
    path = tmp_path / "table.parquet"
    pq.write_table(pa.table({"a": [MARK] * 9}), path)
    path.write_bytes(path.read_bytes()[:-9])
    for look in (check_privacy, check_quality):
        with pytest.raises(InvalidInput):
            look(path)


def test_a_header_without_rows_and_one_row(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("a,b\n")
    assert check_privacy(path, quasi=["a"], sensitive=["b"]).groups.k == 0
    assert check_quality(path, groups=["a"], label="b").rows == 0
    with pytest.raises(InvalidInput, match="no rows"):
        preview(path, COARSE)
    assert deidentify(path, tmp_path / "none.csv", KEEP, bytes(32)).rows == 0
    assert (tmp_path / "none.csv").read_bytes() == b"a,b\n"
    path.write_text("a,b\n1,2\n")
    assert check_privacy(path, quasi=["a"], sensitive=["b"]).groups.k == 1
    assert check_quality(path, groups=["a"], label="b").groups[0].smallest == 1
    with pytest.raises(InvalidInput, match="cannot be reached"):
        preview(path, COARSE)


def test_a_column_without_a_value(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("a,b\n" + ",1\n" * 5)
    report = check_privacy(path, quasi=["a"], sensitive=["b"])
    assert (report.groups.k, report.groups.diversity[0].t_micro) == (5, 0)
    assert check_privacy(path, quasi=["b"], sensitive=["a"]).groups.diversity[0].distinct_l == 0
    assert {each.name: each.constant for each in check_quality(path).columns} == {"a": True, "b": True}
    assert preview(path, COARSE).k == 5


@pytest.mark.filterwarnings("ignore::pandas.errors.PerformanceWarning")
def test_ten_thousand_columns(tmp_path):
    path = tmp_path / "wide.csv"
    header = ",".join(f"c{each}" for each in range(10_000))
    path.write_text(header + "\n" + (",".join(["1"] * 10_000) + "\n") * 2)
    report = check_privacy(path)
    assert (report.columns, report.rows, report.findings) == (10_000, 2, ())
    quality = check_quality(path)
    assert len(quality.columns) + quality.more_columns == 10_000
    dropped = Settings.read({"version": 1, "others": "drop", "columns": {"c7": {"rule": "keep"}}})
    deidentify(path, tmp_path / "out.csv", dropped, bytes(32))
    assert (tmp_path / "out.csv").read_text() == "c7\n1\n1\n"


def test_numbers_that_are_none_and_the_two_zeros(tmp_path):
    path = tmp_path / "table.parquet"
    frame = pd.DataFrame({"a": [0.0, -0.0, float("nan"), float("inf"), 1e300], "b": [1, 2, 3, 4, 5]})
    pq.write_table(pa.Table.from_pandas(frame, preserve_index=False), path)
    report = check_privacy(path, quasi=["a"], sensitive=["b"])
    assert (report.groups.groups, report.groups.k) == (4, 1)
    by_name = {each.name: each for each in check_quality(path).columns}
    assert (by_name["a"].missing, by_name["a"].outliers) == (1, None)
    told = {"version": 1, "others": "drop", "columns": {"a": {"rule": "generalise", "levels": [{"width": 10}]}}}
    made = preview(path, Settings.read(told))
    assert made.columns[0].missing_after == 3


def test_cells_of_mixed_and_nested_types(tmp_path):
    path = tmp_path / "table.parquet"
    table = pa.table(
        {
            "nested": pa.array([[1, 2], [1, 2], None]),
            "pair": pa.array([{"x": 1}, {"x": 1}, {"x": 2}]),
            "bytes": pa.array([b"\xff\x00", b"a", None]),
            "flag": pa.array([True, False, None]),
            "word": pa.array(["a", "b", None]).dictionary_encode(),
            "empty": pa.nulls(3),
            "wide": pa.array(["a", "", None], pa.large_string()),
        }
    )
    pq.write_table(table, path)
    report = check_privacy(path, quasi=list(table.column_names))
    assert (report.groups.groups, report.rows) == (3, 3)
    assert {each.name: each.missing for each in check_quality(path).columns}["wide"] == 2
    deidentify(path, tmp_path / "out.parquet", KEEP, bytes(32))
    assert pq.read_table(tmp_path / "out.parquet").column("nested").to_pylist() == [[1, 2], [1, 2], None]


def test_cells_that_a_spreadsheet_would_run_come_out_as_they_were(tmp_path):
    path, out = tmp_path / "table.csv", tmp_path / "out.csv"
    cells = ["=HYPERLINK(1)", "+1", "-1", "@x", 'a"b', "a,b", "a\nb", "\ttab", "ünï", "a'b"]
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("a", "b"), *((cell, "1") for cell in cells)])
    deidentify(path, out, KEEP, bytes(32))
    with out.open(encoding="utf-8", newline="") as file:
        assert [row["a"] for row in csv.DictReader(file)] == cells


def test_a_lone_column_keeps_its_empty_rows(tmp_path):
    path, out = tmp_path / "table.csv", tmp_path / "out.csv"
    path.write_text('a\n1\n""\n2\n')
    assert deidentify(path, out, KEEP, bytes(32)).rows == 3
    assert out.read_text() == 'a\n1\n""\n2\n'


def test_names_of_columns_that_no_record_can_hold(tmp_path):
    path = tmp_path / "table.csv"
    for name in ("a\x1b[2J", "x" * 300):
        path.write_text(f"{name},b\n1,2\n")
        for look in (check_privacy, check_quality):
            with pytest.raises(InvalidInput, match="name is longer"):
                look(path)
