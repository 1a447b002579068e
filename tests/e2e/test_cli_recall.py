"""`counterfoil recall`: what a dataset reached, whom, the list, and that nothing more is decided on it."""

from __future__ import annotations

import csv
import json
import stat

import pytest
from cli_bank import PEOPLE, bank, decide_args, files, template

from counterfoil.cli.main import run

__all__ = ["bank", "files", "template"]

WHY = ("--reason", "a column was doubled", "--by", "Ada")


def opened(bank, *more):
    return bank.data("recall", "training", *WHY, "--yes", *more)


def test_a_dry_run_shows_everything_it_reaches_and_records_nothing(bank):
    said = bank.text("recall", "training", "--dry-run")
    assert "Dataset training 1 (record" in said
    assert "models     credit 1 (record" in said
    assert f"people     {PEOPLE}" in said
    assert f"decisions  {PEOPLE}" in said
    assert said.rstrip().endswith("Nothing was changed.")
    assert bank.data("recall", "list") == {"recalls": []}
    found = bank.data("recall", "training", "--dry-run")
    assert found["recall"] is None
    assert (found["reached"]["decisions"], found["reached"]["people"]) == (PEOPLE, PEOPLE)
    (at_work,) = found["deployments"]
    assert (at_work["model"]["name"], at_work["decisions"]) == ("credit 1", PEOPLE)
    assert sum(each["decisions"] for each in at_work["labels"]) == PEOPLE


def test_it_opens_a_recall_writes_the_list_and_nothing_more_is_decided(bank):
    path = bank.folder / "people.csv"
    found = opened(bank, "--notices", str(path))
    assert found["notices"]["people"] == PEOPLE
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with path.open(encoding="utf-8", newline="") as file:
        people = [row["person"] for row in csv.DictReader(file)]
    assert sorted(people) == sorted(f"customer {number}" for number in range(PEOPLE))
    index = found["recall"]["index"]
    for more in ((), ("--dry-run",), ("--on-log-failure", "spool", "--out", str(bank.folder / "out.csv"))):
        said = bank.error(*decide_args(bank.files), *more, code=6)
        assert f"dataset training 1, which is under recall (record {index}): a column was doubled" in said
    assert bank.error("model", "add", str(bank.files / "model.json"), "--training", "training", code=6)
    bank.text("recall", "end", str(index), "--reason", "it was right after all", "--by", "Bo")
    bank.text(*decide_args(bank.files))
    assert bank.data("recall", "list")["recalls"][0]["ended"]["reason"] == "it was right after all"


def test_what_is_under_recall_says_so_wherever_it_is_listed(bank):
    index = opened(bank)["recall"]["index"]
    for args in (("dataset", "list"), ("model", "list"), ("lineage", "show", "credit")):
        assert "under recall" in bank.text(*args)
    said = bank.text("doctor", code=1)
    assert f"!  recall: {index} is open since " in said
    assert f": dataset training 1, {PEOPLE} people when it opened" in said
    bank.text("recall", "end", str(index), "--reason", "mended", "--by", "Bo")
    assert "under recall" not in bank.text("dataset", "list")
    assert " recall: " not in bank.text("doctor")


def test_with_a_warning_decisions_go_on_and_it_is_said(bank, capsys):
    opened(bank, "--action", "warn")
    assert run(decide_args(bank.files)) == 0
    assert "note: " in (said := capsys.readouterr().err)
    assert "dataset training 1, which is under recall" in said


def test_show_says_what_it_reached_then_and_reaches_now(bank):
    index = opened(bank)["recall"]["index"]
    said = bank.text("recall", "show", str(index))
    assert f"Recall {index} of the dataset training 1" in said
    assert "why         a column was doubled" in said
    assert f"people     {PEOPLE}" in said
    assert bank.data("recall", "show", str(index))["recall"]["reached"]["people"] == PEOPLE


def test_the_list_can_be_written_later(bank):
    index = str(opened(bank)["recall"]["index"])
    path = bank.folder / "people.ndjson"
    said = bank.text("recall", "notices", index, "--out", str(path), "--by", "Ada")
    assert f"names {PEOPLE} people" in said
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert len(lines) == PEOPLE
    assert {each["label"] for line in lines for each in line["decisions"]} <= {"approve", "decline", "refer"}
    bank.error("recall", "notices", index, "--out", str(path), "--by", "Ada", code=2)


@pytest.mark.parametrize(
    ("args", "code"),
    [
        (("recall", "training", "--yes"), 2),
        (("recall", "training", "--yes", "--reason", "x"), 2),
        (("recall", "training", *WHY), 2),
        (("recall", "nothing", *WHY, "--yes"), 3),
        (("recall", "0", *WHY, "--yes"), 3),
        (("recall", "training", "--dry-run", "--notices", "p.csv"), 2),
        (("recall", "training", *WHY, "--yes", "--notices", "p.txt"), 2),
        (("recall", "end", "0", "--reason", "x", "--by", "y"), 3),
        (("recall", "show", "999999"), 3),
        (("recall", "notices", "0", "--out", "p.csv", "--by", "y"), 3),
    ],
    ids=lambda value: " ".join(value)[:60] if isinstance(value, tuple) else str(value),
)
def test_what_cannot_be_done_says_so_and_changes_nothing(bank, args, code):
    size = bank.data("log", "head")["size"]
    bank.error(*args, code=code)
    assert bank.data("log", "head")["size"] == size
    assert not list(bank.folder.glob("p.*"))


def test_the_same_recall_is_not_opened_twice_and_ends_once(bank):
    index = str(opened(bank)["recall"]["index"])
    assert "is under recall already" in bank.error("recall", "training", *WHY, "--yes", code=6)
    end = ("recall", "end", index, "--reason", "mended", "--by", "Bo")
    bank.text(*end)
    assert "ended at" in bank.error(*end, code=6)


def test_a_dataset_called_like_a_command_is_recalled_by_the_long_form(bank):
    (bank.folder / "list.csv").write_text("a\n1\n", encoding="utf-8")
    bank.text("dataset", "add", "list.csv")
    assert bank.data("recall", "open", "list", "--dry-run")["what"]["name"] == "list 1"
    assert bank.data("recall", "--dry-run", "training")["what"]["name"] == "training 1"


def test_a_rebuild_says_the_same(bank):
    opened(bank)
    before = bank.data("recall", "list")
    bank.text("rebuild")
    assert bank.data("recall", "list") == before
    bank.error(*decide_args(bank.files), code=6)
