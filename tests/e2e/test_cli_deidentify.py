"""`counterfoil deidentify`, `dataset privacy` and `dataset quality`, as they are typed."""

from __future__ import annotations

import json
import re

import pytest

from counterfoil.cli.main import run

ZIPS = ("90210", "90211", "10001")
PEOPLE = "name,patient,zip,age,visit,ill\n" + "".join(
    f"Name{each},p{each % 50},{ZIPS[each % 3]},{20 + each % 40},2026-0{1 + each % 9}-11,{each % 7 % 2}\n"
    for each in range(300)
)
SETTINGS = """
version = 1
project = "heart study"
[person]
column = "patient"
shift_days = 90
[k]
least = 10
[columns]
name = { rule = "drop" }
patient = { rule = "pseudonym" }
zip = { rule = "truncate", keep = 3, rare = "us-zip3-2000", rare_as = "000" }
age = { rule = "generalise", levels = [{ width = 5, top = 90 }, { width = 20, top = 90 }] }
visit = { rule = "shift" }
ill = { rule = "keep" }
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COUNTERFOIL_HOME", str(tmp_path / "home"))
    (tmp_path / "people.csv").write_text(PEOPLE)
    (tmp_path / "settings.toml").write_text(SETTINGS)
    assert run(["init", "home", "--name", "Hospital", "--origin", "hospital.example"]) == 0
    return tmp_path


@pytest.fixture
def typed(capsys):
    def typed(*args: object, code: int = 0) -> tuple[str, str]:
        capsys.readouterr()
        assert run([str(each) for each in args]) == code
        found = capsys.readouterr()
        return found.out, found.err

    return typed


def test_a_dry_run_says_what_would_become_of_each_column(typed, folder):
    out, _ = typed("deidentify", "people.csv", "--settings", "settings.toml", "--dry-run")
    assert "name: dropped\npatient: pseudonym: 50 to 50 different values\n" in out
    assert (
        "zip: truncate, level 1: 3 to 2 different values\nage: generalise, level 1: 40 to 8 different values\n" in out
    )
    assert "visit: shift: 9 to " in out
    assert "ill: kept, 2 different values\n300 rows.\nk = 11: the smallest of 16 groups has 11 rows.\n" in out
    assert out.endswith("Nothing was written: this was a dry run.\n")
    assert sorted(each.name for each in folder.iterdir() if each.is_file()) == sorted(
        each for each in ("people.csv", "settings.toml", *(found.name for found in folder.glob("*.key")))
    )


def test_a_column_is_emptied_only_where_the_settings_allow_it_and_said_so(typed, folder):
    strict = SETTINGS.replace("least = 10", "least = 100")
    (folder / "settings.toml").write_text(strict)
    told = ("deidentify", "people.csv", "--settings", "settings.toml", "--out", "clean.csv")
    _, err = typed(*told, code=2)
    assert "take emptying 'age': every value would be *" in err
    assert "allow_emptied = true under [k]" in err
    assert not (folder / "clean.csv").exists()
    (folder / "settings.toml").write_text(strict.replace("least = 100", "least = 100\nallow_emptied = true"))
    out, _ = typed(*told)
    assert "age: EMPTIED, as the settings allow: every value is *, of 40 different values\n" in out


def test_columns_that_are_kept_are_counted_where_there_are_many(typed, folder):
    (folder / "wide.csv").write_text("a,b,c,d,e\n1,2,3,4,5\n")
    (folder / "wide.toml").write_text('version = 1\nothers = "keep"\n[columns]\na = { rule = "drop" }\n')
    out, _ = typed("deidentify", "wide.csv", "--settings", "wide.toml", "--dry-run")
    assert out.startswith("a: dropped\n4 columns kept as they are.\n1 row.\n")


def test_a_table_is_deidentified_checked_and_recorded(typed, folder):
    out, _ = typed("deidentify", "people.csv", "--settings", "settings.toml", "--out", "clean.csv", "--name", "clean")
    assert "Dataset clean 1 is record" in out
    assert "Name7" not in (folder / "clean.csv").read_text()
    made = json.loads(typed("dataset", "list", "--json")[0])["datasets"]
    assert [each["name"] for each in made] == ["people", "clean"]
    told = ("dataset", "privacy", "clean.csv", "--quasi", "zip", "--quasi", "age", "--sensitive", "ill")
    out, _ = typed(*told, "--require", "k=10", "--require", "l=2")
    assert "visit: looks like dates finer than a year, by its values, in 300 rows (C)" in out
    assert "pseudonyms of Counterfoil's: patient" in out
    assert "16 groups of rows alike in zip, age, the smallest of 11 rows; 0 rows alone.\n" in out
    assert "\n  l: different values that each group has at least;" in out
    assert "met: k=10 (k is 11)\nmet: l=2 (l of ill is 2)\nIt is record " in out
    out, _ = typed(*told, "--require", "safe-harbor", "--require", "k=12", code=4)
    assert "NOT MET: safe-harbor" in out
    assert "NOT MET: k=12 (k is 11)" in out
    quality = ("dataset", "quality", "clean.csv", "--group", "zip", "--label", "ill", "--parent", "people.csv")
    out, _ = typed(*quality, "--require", "group=50")
    assert "By zip: 2 groups, the smallest of 100 rows." in out
    assert re.search(r"^  zip: drift \d+\.\d+, changed on purpose \(truncate\)$", out, re.MULTILINE)
    assert "(keep)" not in out
    assert "met: group=50" in out
    told = json.loads(typed(*quality, "--require", "missing=0", "--json")[0])
    assert told["report"]["groups"][0]["named"][0]["value"] == "902"
    assert told["rules"] == [{"found": "a column lacks 0 of 300 values", "met": True, "rule": "missing=0"}]


def test_the_same_again_gives_the_same_bytes(typed, folder):
    for name in ("one.csv", "two.csv"):
        typed("deidentify", "people.csv", "--settings", "settings.toml", "--out", name)
    assert (folder / "one.csv").read_bytes() == (folder / "two.csv").read_bytes()


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        (("deidentify", "people.csv", "--settings", "settings.toml"), 2, "not said where the new table goes"),
        (("deidentify", "people.csv", "--settings", "no.toml", "--dry-run"), 3, "cannot be read"),
        (("deidentify", "no.csv", "--settings", "settings.toml", "--dry-run"), 3, "there is no file"),
        (("deidentify", "people.csv", "--settings", "settings.toml", "--out", "people.csv"), 2, "already exists"),
        (("dataset", "privacy", "people.csv"), 3, "counterfoil dataset add people.csv"),
        (("dataset", "privacy", "people.csv", "--unrecorded", "--require", "missing=0"), 2, "does not answer the rule"),
        (("dataset", "quality", "people.csv", "--unrecorded", "--require", "k=3"), 2, "does not answer the rule"),
        (("dataset", "quality", "people.csv", "--unrecorded", "--group", "nobody"), 2, "no column 'nobody'"),
        (("dataset", "privacy", "people"), 3, "a record does not hold its rows"),
    ],
    ids=lambda value: " ".join(value[1:]) if isinstance(value, tuple) else "",
)
def test_what_cannot_be_done_says_what_to_do(typed, folder, args, code, words):
    _, err = typed(*args, code=code)
    assert words in err


def test_a_look_needs_no_home(typed, folder, monkeypatch):
    monkeypatch.delenv("COUNTERFOIL_HOME")
    out, _ = typed("dataset", "privacy", "people.csv", "--unrecorded", "--quasi", "zip", "--require", "k=101", code=4)
    assert "name: looks like names, by its name, in 300 rows (A)" in out
    assert out.endswith("NOT MET: k=101 (k is 100)\nNothing was recorded.\n")


def test_the_gate_names_the_command_to_run(typed, folder):
    settings = folder / "home" / "counterfoil.toml"
    settings.write_text(settings.read_text() + 'dataset_gate = ["k=10"]\n')
    from cli_bank import export_model

    from counterfoil.data import german_credit_policy
    from counterfoil.decisions import Policy

    (folder / "credit.toml").write_text(german_credit_policy(), encoding="utf-8")
    export_model(folder / "model.json", Policy.from_toml(folder / "credit.toml"))
    typed("dataset", "add", "people.csv")
    _, err = typed("model", "add", "model.json", "--training", "people", code=6)
    assert "the rule k=10 of this home" in err
    assert "hint: take what is missing: counterfoil dataset privacy people.csv --quasi" in err
    typed("dataset", "privacy", "people.csv", "--quasi", "zip")
    typed("model", "add", "model.json", "--training", "people")
