"""A table of applicants whose run was interrupted, and the run that goes on with it."""

from __future__ import annotations

import csv
import os
import shlex
import signal

import pytest
from cli_bank import PEOPLE, bank, decide_args, files, template

from counterfoil.cli.main import run
from counterfoil.decisions.batch import run as table_run

__all__ = ["bank", "files", "template"]


@pytest.fixture
def fresh(bank):
    """Arguments for twelve people on whom nothing is decided yet."""
    people = bank.folder / "new.csv"
    people.write_text((bank.files / "people.csv").read_text().replace("customer ", "person "))
    args = decide_args(bank.files)
    return [args[0], str(people), *args[2:]]


def table(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def interrupt_after(monkeypatch, chunks, how):
    """Cuts the table into fours and interrupts once so many of them are in the file."""
    monkeypatch.setattr(table_run, "_CHUNK", 4)
    from counterfoil.decisions.deployment import Deployment

    decide_many, calls = Deployment.decide_many, []

    def interrupted(self, *args, **kwargs):
        made = decide_many(self, *args, **kwargs)
        calls.append(1)
        if len(calls) == chunks:
            how()
        return made

    monkeypatch.setattr(Deployment, "decide_many", interrupted)


def ctrl_c():
    raise KeyboardInterrupt


@pytest.mark.parametrize("how", [ctrl_c, lambda: os.kill(os.getpid(), signal.SIGTERM)], ids=["ctrl-c", "kill"])
def test_an_interruption_says_how_to_go_on_and_that_works(bank, fresh, monkeypatch, capsys, how):
    with monkeypatch.context() as patch:
        interrupt_after(patch, 2, how)
        assert run([*fresh, "--out", "out.csv"]) == 130
    said = capsys.readouterr().err
    assert "interrupted: 8 of 12 rows are on record" in said
    assert len(table(bank.folder / "out.csv")) == 4
    command = shlex.split(said.partition("go on with: ")[2])
    assert command[0] == "counterfoil"
    assert "8 rows were on record before and skipped." in bank.text(*command[1:])
    rows = table(bank.folder / "out.csv")
    assert [int(row["row"]) for row in rows] == list(range(1, PEOPLE + 1))
    assert len({row["index"] for row in rows}) == PEOPLE
    found = {str(row["index"]): row for row in bank.data("log", "search", "--limit", "99")["decisions"]}
    assert all(found[row["index"]]["label"] == row["label"] for row in rows)


def test_a_resumed_table_is_the_one_an_uninterrupted_run_writes(bank, fresh):
    bank.data(*fresh, "--out", "out.csv")
    whole = table(bank.folder / "out.csv")
    text = (bank.folder / "out.csv").read_bytes()
    (bank.folder / "out.csv").write_bytes(text[: len(text) // 2])  # cut within a line
    made = bank.data(*fresh, "--out", "out.csv", "--resume")
    assert (made["decided"], made["skipped"]) == (0, PEOPLE)
    assert table(bank.folder / "out.csv") == whole


def test_a_table_of_other_people_is_left_alone(bank, fresh, capsys):
    bank.data(*fresh, "--out", "out.csv")
    before = (bank.folder / "out.csv").read_bytes()
    assert run([*decide_args(bank.files), "--out", "out.csv", "--resume"]) == 2
    assert "about somebody else" in capsys.readouterr().err
    assert (bank.folder / "out.csv").read_bytes() == before
    (bank.folder / "notes.txt").write_text("mine\n")
    assert run([*fresh, "--out", "notes.txt", "--resume"]) == 2
    assert "not a table of decisions" in capsys.readouterr().err
    assert (bank.folder / "notes.txt").read_text() == "mine\n"


def test_a_person_in_two_rows_is_told_and_decided_twice(bank, fresh, capsys):
    people = bank.folder / "new.csv"
    people.write_text(people.read_text().replace("person 8,", "person 2,"))
    assert run([*fresh, "--json"]) == 0
    capsys.readouterr()
    assert run([*fresh, "--resume"]) == 0
    said = capsys.readouterr()
    assert "note: 'person 2' stands in rows 3 and 9; each row is decided" in said.err
    assert "Nothing was left to decide.\n12 rows were on record before and skipped." in said.out


def test_nothing_is_decided_when_the_table_has_no_folder(bank, fresh):
    size = bank.data("log", "head")["size"]
    assert "the folder none does not exist" in bank.error(*fresh, "--out", "none/out.csv", code=2)
    assert "the folder none does not exist" in bank.error("receipt", "5", "--out", "none/r.json", code=2)
    assert bank.data("log", "head")["size"] == size
