"""A table is de-identified: what becomes of each column, the same bytes each time, and nothing else touched."""

from __future__ import annotations

import csv
from datetime import UTC, date, datetime, timedelta

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from counterfoil.errors import InvalidInput, NotFound, Stale
from counterfoil.provenance.deidentification.deidentify import deidentify, preview
from counterfoil.provenance.deidentification.keys import ProjectKey
from counterfoil.provenance.deidentification.settings import Settings

KEY = b"k" * 32
NOON = datetime.fromisoformat("2026-01-01T12:00")
PEOPLE = """name,patient,zip,age,visit,left,remarks,result
Ada,p1,03601,34,2026-01-31,2026-02-03T10:15:00Z,write to ada@example.org,=1+1
Grace,p2,90210,91,2025-12-24,2026-01-02 08:00,"called, twice",b
Ada,p1,03602,34,2026-03-01,2026-03-01,,c
Alan,,90211,35,2026-01-31,never,x,d
"""


def settings(columns: dict, **more) -> Settings:
    told = {"version": 1, "project": "study", "person": {"column": "patient", "shift_days": 90}, "others": "drop"}
    return Settings.read(told | more | {"columns": columns})


ALL = {
    "patient": {"rule": "pseudonym"},
    "zip": {"rule": "truncate", "keep": 3, "rare": ["036"], "rare_as": "000"},
    "age": {"rule": "generalise", "levels": [{"width": 10, "top": 90}]},
    "visit": {"rule": "shift"},
    "left": {"rule": "shift"},
    "remarks": {"rule": "mask", "within": ["email"]},
    "result": {"rule": "keep"},
}


@pytest.fixture
def people(tmp_path):
    path = tmp_path / "people.csv"
    path.write_text(PEOPLE, encoding="utf-8")
    return path


def rows(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_each_column_becomes_what_its_rule_says(people, tmp_path):
    before = people.read_bytes()
    outcome = deidentify(people, tmp_path / "out.csv", settings(ALL), KEY)
    made = rows(tmp_path / "out.csv")
    assert list(made[0]) == ["patient", "zip", "age", "visit", "left", "remarks", "result"]
    key = ProjectKey.of(KEY, "study")
    assert [row["patient"] for row in made] == [*(key.pseudonym("patient", each) for each in ("p1", "p2", "p1")), ""]
    assert [row["zip"] for row in made] == ["000", "902", "000", "902"]
    assert [row["age"] for row in made] == ["[30,40)", "90+", "[30,40)", "[30,40)"]
    assert [row["remarks"] for row in made] == ["write to ***", "called, twice", "", "x"]
    assert [row["result"] for row in made] == ["=1+1", "b", "c", "d"]
    days = timedelta(key.shift_days("p1", 90))
    assert made[0]["visit"] == (date(2026, 1, 31) + days).isoformat()
    assert made[0]["left"] == (date(2026, 2, 3) + days).isoformat() + "T10:15:00Z"
    assert (made[3]["visit"], made[3]["left"]) == ("", "")
    assert (outcome.rows, outcome.suppressed, outcome.k) == (4, 0, None)
    by_name = {each.name: each for each in outcome.columns}
    assert (by_name["name"].rule, by_name["name"].different_after, by_name["name"].missing_after) == ("drop", 0, 4)
    assert (by_name["visit"].missing_before, by_name["visit"].missing_after) == (0, 1)
    assert people.read_bytes() == before


def test_the_same_input_settings_and_key_give_the_same_bytes(people, tmp_path):
    digests = set()
    for number in range(2):
        for ending in (".csv", ".parquet"):
            out = tmp_path / f"{number}{ending}"
            digests.add((ending, deidentify(people, out, settings(ALL), KEY).sha256))
    assert len(digests) == 2
    other = deidentify(people, tmp_path / "other.csv", settings(ALL), b"o" * 32)
    assert other.sha256 not in {digest for _, digest in digests}


def test_a_preview_counts_the_same_and_writes_nothing(people, tmp_path):
    seen = preview(people, settings(ALL))
    made = deidentify(people, tmp_path / "out.csv", settings(ALL), KEY)
    assert seen.columns == made.columns
    assert seen.sha256 == ""
    assert sorted(each.name for each in tmp_path.iterdir()) == ["out.csv", "people.csv"]


def test_a_person_has_one_pseudonym_in_a_project_and_another_elsewhere(people, tmp_path):
    only = {"patient": {"rule": "pseudonym", "of": "person"}, "name": {"rule": "pseudonym", "of": "person"}}
    deidentify(people, tmp_path / "one.csv", settings(only), KEY)
    deidentify(people, tmp_path / "two.csv", settings(only, project="other"), KEY)
    one, two = rows(tmp_path / "one.csv"), rows(tmp_path / "two.csv")
    assert one[0]["patient"] == one[2]["patient"] != one[1]["patient"]
    assert {row["patient"] for row in one}.isdisjoint({row["patient"] for row in two} - {""})
    key = ProjectKey.of(KEY, "study")
    assert key.pseudonym("person", "x") != key.pseudonym("doctor", "x")


def test_known_answers_of_the_key():
    """Worked out with `openssl dgst -sha256 -mac HMAC`; see docs/reference/deidentification.md."""
    key = ProjectKey.of(bytes(range(32)), "heart study")
    assert key.pseudonym("patient", "4711") == PSEUDONYM
    assert key.shift_days("4711", 180) == SHIFT


PSEUDONYM = "p_ca7c467c56ca68a9fe748b043c9ca43a"
SHIFT = -110


def test_a_type_of_the_file_itself_is_kept_where_dates_move(tmp_path):
    path, out = tmp_path / "in.parquet", tmp_path / "out.parquet"
    table = pa.table(
        {
            "patient": pa.array([7, 7, None], pa.int64()),
            "day": pa.array([date(2026, 1, 1), date(2026, 2, 1), date(2026, 2, 1)], pa.date32()),
            "at": pa.array(
                [NOON, None, NOON + timedelta(31)],
                pa.timestamp("ms"),
            ),
            "utc": pa.array([datetime(2026, 1, 1, 12, tzinfo=UTC)] * 3, pa.timestamp("us", "UTC")),
            "kept": pa.array([1.5, -0.0, float("nan")], pa.float64()),
        }
    )
    pq.write_table(table, path)
    columns = {name: {"rule": "shift"} for name in ("day", "at", "utc")}
    columns |= {"patient": {"rule": "pseudonym"}, "kept": {"rule": "keep"}}
    deidentify(path, out, settings(columns), KEY)
    made = pq.read_table(out)
    days = timedelta(ProjectKey.of(KEY, "study").shift_days("7", 90))
    assert made.schema.field("day").type == pa.date32()
    assert made["day"].to_pylist() == [date(2026, 1, 1) + days, date(2026, 2, 1) + days, None]
    assert made["at"].to_pylist() == [NOON + days, None, None]
    assert made["utc"].to_pylist()[0] == datetime(2026, 1, 1, 12, tzinfo=UTC) + days
    assert str(made["kept"].to_pylist()) == "[1.5, -0.0, nan]"


AGES = ["30"] * 5 + ["77"]
BY_AGE = {"version": 1, "k": {"least": 5, "most_suppressed": 0.2}}


@pytest.mark.parametrize(
    "nest",
    [
        pytest.param(lambda each: each, id="plain"),
        pytest.param(lambda each: pa.StructArray.from_arrays([each], ["of"]), id="within"),
    ],
)
def test_what_rows_left_out_held_is_nowhere_in_the_file(tmp_path, nest):
    path, out = tmp_path / "in.parquet", tmp_path / "out.parquet"
    found = nest(pa.array(["flu"] * 5 + ["rare-disease"]).dictionary_encode())
    pq.write_table(pa.table({"age": AGES, "found": found}), path)
    columns = {"age": {"rule": "generalise", "levels": [{"width": 5}]}, "found": {"rule": "keep"}}
    outcome = deidentify(path, out, Settings.read(BY_AGE | {"columns": columns}), KEY)
    assert outcome.suppressed == 1
    assert pq.read_table(out)["found"].to_pylist() == nest(pa.array(["flu"] * 5)).to_pylist()
    assert b"rare-disease" not in out.read_bytes()


@pytest.mark.parametrize(
    "values",
    [
        pytest.param(pa.array(["", None, None, None, None, None]), id="empty"),
        pytest.param(pa.array([0.0] * 5 + [-0.0]), id="minus-zero"),
        pytest.param(pa.array([None] * 5 + [float("nan")], pa.float32()), id="nan"),
        pytest.param(pa.array(["", None] * 3).dictionary_encode(), id="empty-in-dictionary"),
    ],
)
def test_what_counts_as_one_value_is_written_as_one(tmp_path, values):
    path, out = tmp_path / "in.parquet", tmp_path / "out.parquet"
    pq.write_table(pa.table({"age": ["30"] * 6, "also": values}), path)
    told = {"version": 1, "k": {"least": 5, "also": ["also"]}}
    columns = {"age": {"rule": "generalise", "levels": [{"width": 5}]}, "also": {"rule": "keep"}}
    assert deidentify(path, out, Settings.read(told | {"columns": columns}), KEY).k == 6
    assert len({str(each) for each in pq.read_table(out)["also"].to_pylist()}) == 1


@pytest.mark.parametrize(
    ("column", "words"),
    [
        (pa.array([20260101]), "holds no dates that can be shifted; its type is int64"),
        (pa.array([1.5]), "holds no dates that can be shifted; its type is double"),
        (pa.array([1], pa.time32("s")), "holds no dates that can be shifted"),
        (pa.array([2**63 - 1], pa.timestamp("ns")), "beyond what its type can hold"),
        (pa.array([2**31 - 1], pa.date32()), "beyond what its type can hold"),
    ],
    ids=["number", "fraction", "time", "instant", "day"],
)
def test_what_cannot_be_shifted_is_refused(tmp_path, column, words):
    path = tmp_path / "in.parquet"
    pq.write_table(pa.table({"patient": ["later"], "visit": column}), path)
    only = settings({"visit": {"rule": "shift"}})
    keys = (bytes([each]) * 32 for each in range(99))
    key = next(each for each in keys if ProjectKey.of(each, "study").shift_days("later", 90) > 0)
    with pytest.raises(InvalidInput) as caught:
        deidentify(path, tmp_path / "out.csv", only, key)
    assert "'visit'" in caught.value.message
    assert words in caught.value.message


def test_dates_that_are_none_become_missing(tmp_path):
    path, out = tmp_path / "in.csv", tmp_path / "out.csv"
    wrong = ["2026-02-30", "2026-13-01", "20260101", "1.1.2026", "2026-01-01x", "2026-01-01 soon", " 2026-01-01", "0"]
    path.write_text("patient,visit\n" + "".join(f"p,{each}\n" for each in wrong))
    made = deidentify(path, out, settings({"visit": {"rule": "shift"}}), KEY)
    assert out.read_text() == "visit\n" + '""\n' * len(wrong)
    assert made.columns[1].missing_after == len(wrong)


def test_a_number_with_a_point_is_the_same_person(tmp_path):
    """Where one is missing, other tools write whole numbers as 12.0."""
    key = ProjectKey.of(KEY, "study")
    pq.write_table(pa.table({"patient": pa.array([12.0, None])}), tmp_path / "in.parquet")
    only = Settings.read({"version": 1, "project": "study", "columns": {"patient": {"rule": "pseudonym"}}})
    deidentify(tmp_path / "in.parquet", tmp_path / "out.csv", only, KEY)
    assert rows(tmp_path / "out.csv")[0]["patient"] == key.pseudonym("patient", "12")


def test_groups_reach_k_and_the_fewest_rows_are_left_out(tmp_path):
    path = tmp_path / "in.csv"
    path.write_text("age,town\n" + "".join(f"{20 + each % 10},{'ab'[each % 2]}\n" for each in range(40)) + "80,c\n")
    columns = {
        "age": {"rule": "generalise", "levels": [{"width": 5}, {"width": 10}]},
        "town": {"rule": "generalise", "levels": [{"groups": {"a": "x", "b": "x"}, "others": "y"}]},
    }
    told = {"version": 1, "columns": columns, "k": {"least": 8, "most_suppressed": 0.05}}
    made = deidentify(path, tmp_path / "out.csv", Settings.read(told), KEY)
    assert (made.suppressed, made.k, made.groups) == (1, 8, 4)
    assert {each.name: each.level for each in made.columns} == {"age": 1, "town": 0}
    strict = Settings.read(told | {"k": {"least": 8, "allow_emptied": True}})
    assert preview(path, strict).k >= 8
    with pytest.raises(InvalidInput, match=r"groups of 100 rows cannot be reached"):
        preview(path, Settings.read(told | {"k": {"least": 100}}))


def test_no_column_is_emptied_unless_the_settings_allow_it(tmp_path):
    """Ages that only one group of everything makes alike, beside a town that groups allow."""
    path, out = tmp_path / "in.csv", tmp_path / "out.csv"
    path.write_text("age,town\n" + "".join(f"{each * 10},{'ab'[each % 2]}\n" for each in range(8)))
    columns = {"age": {"rule": "generalise", "levels": [{"width": 5}]}, "town": {"rule": "keep"}}
    told = {"version": 1, "columns": columns, "k": {"least": 4, "also": ["town"]}}
    for refused in (deidentify, lambda path, _out, told, _key: preview(path, told)):
        with pytest.raises(InvalidInput, match=r"take emptying 'age': every value would be \*") as caught:
            refused(path, out, Settings.read(told), KEY)
        assert "allow_emptied = true" in caught.value.hint
    assert not out.exists()
    allowed = told | {"k": {"least": 4, "also": ["town"], "allow_emptied": True}}
    made = deidentify(path, out, Settings.read(allowed), KEY)
    assert [each.is_emptied for each in made.columns] == [True, False]
    assert {row["age"] for row in rows(out)} == {"*"}


def test_a_coarser_way_is_taken_before_a_column_is_emptied(tmp_path):
    """Emptying `age` costs 1, which is less than 3/4 for its level 3 and 1/2 for level 1 of `zip`."""
    path = tmp_path / "in.csv"
    path.write_text("age,zip\n0,a\n2,a\n1,b\n3,b\n")
    age = {"rule": "generalise", "levels": [{"width": 1}, {"width": 1}, {"width": 2}]}
    code = {"rule": "generalise", "levels": [{"groups": {"a": "x"}, "others": "x"}]}
    told = {"version": 1, "columns": {"age": age, "zip": code}, "k": {"least": 2}}
    assert {each.name: each.level for each in preview(path, Settings.read(told)).columns} == {"age": 3, "zip": 1}
    allowed = told | {"k": {"least": 2, "allow_emptied": True}}
    assert {each.name: each.level for each in preview(path, Settings.read(allowed)).columns} == {"age": 4, "zip": 0}


@pytest.mark.parametrize("out", ["people.csv", "out.txt", "nowhere/out.csv", "taken.csv"])
def test_nothing_is_overwritten(people, tmp_path, out):
    (tmp_path / "taken.csv").symlink_to(tmp_path / "nothing")
    with pytest.raises(InvalidInput):
        deidentify(people, tmp_path / out, settings(ALL), KEY)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["people.csv", "taken.csv"]


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"columns": {"nobody": {"rule": "drop"}}, "others": "drop"}, "no column 'nobody'"),
        ({"columns": {"name": {"rule": "drop"}}}, "no rule says what becomes of the column 'patient' and 6 more"),
        ({"columns": {"name": {"rule": "drop"}}, "others": "drop"}, "every column is dropped"),
    ],
    ids=["unknown", "without", "nothing"],
)
def test_settings_that_do_not_fit_are_refused_before_a_file_is_there(people, tmp_path, told, words):
    with pytest.raises(InvalidInput) as caught:
        deidentify(people, tmp_path / "out.csv", Settings.read({"version": 1} | told), KEY)
    assert words in caught.value.message
    assert [each.name for each in tmp_path.iterdir()] == ["people.csv"]


def test_a_table_that_is_not_there(tmp_path):
    with pytest.raises(NotFound):
        preview(tmp_path / "people.csv", settings(ALL))


def test_progress_goes_to_all_rows(people, tmp_path):
    told = []
    for name in ("in.csv", "in.parquet"):
        path = tmp_path / name
        deidentify(people, path, Settings.read({"version": 1, "others": "keep"}), KEY)
        deidentify(path, tmp_path / f"out-{name}", settings(ALL), KEY, lambda *counts: told.append(counts))
    assert told == [(4, 4)] * 2


def test_a_date_that_would_leave_the_calendar_becomes_missing(tmp_path):
    people = "".join(f"{number},9999-12-31,0001-01-01\n" for number in range(12))
    (tmp_path / "in.csv").write_text("patient,last,first\n" + people)
    deidentify(
        tmp_path / "in.csv",
        tmp_path / "out.csv",
        settings({"last": {"rule": "shift"}, "first": {"rule": "shift"}}),
        KEY,
    )
    made = rows(tmp_path / "out.csv")
    assert {len(row[name]) for row in made for name in ("last", "first")} == {0, 10}


def test_a_table_that_is_not_the_one_on_record_is_refused(people, tmp_path):
    with pytest.raises(Stale):
        deidentify(people, tmp_path / "out.csv", settings(ALL), KEY, sha256="0" * 64)
    assert not (tmp_path / "out.csv").exists()
