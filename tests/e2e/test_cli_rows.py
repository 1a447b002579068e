"""`counterfoil rows`, and `check` on what it writes, as they are typed."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest
from making_rows import write_people

from counterfoil.cli.main import run


@pytest.fixture
def typed(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    write_people(tmp_path / "consents.csv")
    assert run(["init", "bank", "--name", "Example Bank AG", "--origin", "bank.example/credit"]) == 0
    capsys.readouterr()
    monkeypatch.setenv("COUNTERFOIL_HOME", "bank")
    assert run(["dataset", "add", "consents.csv"]) == 0

    def typed(*args: object, code: int = 0) -> tuple[str, str]:
        assert run([str(each) for each in args]) == code
        found = capsys.readouterr()
        return found.out, found.err

    typed("rows", "commit", "consents", "consents.csv", "--id", "id")
    return typed


def checked(typed, name: str, code: int = 0) -> str:
    return typed("check", name, "--issuer", "bank/issuer.vkey", code=code)[0]


def test_a_withdrawal_is_proven_to_the_person_who_made_it(typed):
    out, _ = typed("rows", "prove", "consents", "--id", "p5", "--data", "consents.csv", "--out", "p5.json")
    assert out.startswith("The id is in consents 1, with 2 rows.\nWritten: p5.json, ")
    told = checked(typed, "p5.json")
    assert "p5.json: a proof that an id is in a dataset" in told
    assert "  consent: given  (row 1)\n" in told
    assert "  consent: withdrawn  (row 2)\n" in told
    assert told.endswith("Verdict: 'p5' is in consents 1, with 2 rows; intact, and signed by the issuer you named\n")
    assert '"sp6"' not in Path("p5.json").read_text()


def test_a_person_who_was_never_there_can_prove_it(typed):
    out, _ = typed("rows", "prove", "consents@1", "--id", "somebody", "--out", "none.json")
    assert out.startswith("The id is not in consents 1.\n")
    assert "the id is not there: its one place holds another id, among 40 ids in the column id" in checked(
        typed, "none.json"
    )
    typed("check", "none.json", "--require", "absent")
    told = typed("check", "none.json", "--require", "present", code=4)[0]
    assert "'somebody' is NOT in consents 1; intact, issuer unknown; but you required present" in told
    Path("none.json").write_text(Path("none.json").read_text().replace('"somebody"', '"somebodi"'))
    assert "Verdict: does not match" in checked(typed, "none.json", code=4)


def test_a_small_proof_leaves_open_whose_it_is(typed):
    typed("rows", "prove", "consents", "--id", "x", "--without-record", "--out", "small.json")
    assert len(Path("small.json").read_bytes()) < 2_000
    assert "does not name; intact, issuer unknown" in checked(typed, "small.json")
    typed("check", "small.json", "--require", "issuer", code=4)


def test_an_id_need_not_be_typed(typed, monkeypatch):
    Path("id.txt").write_text("p7\r\nand more\n")
    told = json.loads(typed("rows", "prove", "consents", "--id-file", "id.txt", "--out", "7.json", "--json")[0])
    assert told["finding"] == "present"
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"p7")))
    typed("rows", "prove", "consents", "--id-file", "-", "--out", "stdin.json")
    assert json.loads(Path("stdin.json").read_bytes())["place"] == json.loads(Path("7.json").read_bytes())["place"]
    Path("id.txt").write_bytes(b"\xff\xfe")
    _, err = typed("rows", "prove", "consents", "--id-file", "id.txt", "--out", "no.json", code=2)
    assert "error: the id is not text in UTF-8" in err
    _, err = typed("rows", "prove", "consents", "--id-file", "missing", "--out", "no.json", code=3)
    assert "missing cannot be read" in err


def test_a_row_by_its_number(typed):
    out, _ = typed("rows", "prove", "consents", "--row", 3, "--data", "consents.csv", "--out", "row.json")
    assert out.startswith("Row 3 of consents 1 is proven, and shown.\n")
    assert "it is row 3 of 48, counted from 0" in checked(typed, "row.json")
    _, err = typed("rows", "prove", "consents", "--row", 3, "--out", "other.json", code=2)
    assert "hint: name the data with --data" in err


def test_an_auditor_builds_the_trees_again(typed):
    assert "✓ 2. Do all ids? PASSED  [ids]" in typed("rows", "check", "consents", "consents.csv")[0]
    write_people(Path("other.csv"), 39)
    assert "FAILED  [rows]" in typed("rows", "check", "consents", "other.csv", code=4)[0]
    _, err = typed("rows", "rebuild", "consents", "other.csv", code=2)
    assert "the data is not the one that was committed to" in err
    typed("rows", "rebuild", "consents", "consents.csv")


def test_what_there_is_is_listed(typed):
    assert "consents 1  48 rows, 40 ids in the column id" in typed("rows", "list")[0]
    (found,) = json.loads(typed("rows", "list", "--json")[0])["commitments"]
    assert (found["dataset"], found["ids"]["vrf"]) == ("consents 1", "ECVRF-P256-SHA256-TAI")
    assert "rows" in [each["use"] for each in json.loads(typed("keys", "list", "--json")[0])["keys"]]


def test_a_commitment_is_forgotten_after_a_yes(typed):
    _, err = typed("rows", "forget", "consents", code=2)
    assert "nobody is here to give it" in err
    typed("rows", "forget", "consents", "--yes")
    _, err = typed("rows", "prove", "consents", "--id", "p1", "--out", "p1.json", code=3)
    assert "nothing can be proven about them" in err


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("--out", "a.json"), "give one of --id, --id-file and --row"),
        (("--id", "a", "--row", "1", "--out", "a.json"), "give one of --id, --id-file and --row"),
        (("--id", "a", "--out", "consents.csv"), "consents.csv already exists"),
        (("--id", "a", "--out", "no/folder.json"), "cannot be written"),
        (("--id", "", "--out", "a.json"), "that can be no id"),
    ],
    ids=["no id", "two", "exists", "no folder", "empty"],
)
def test_what_does_not_work_is_said(typed, args, words):
    _, err = typed("rows", "prove", "consents", *args, code=2)
    assert words in err


def test_there_must_be_a_commitment(typed):
    Path("more.csv").write_text("a\n1\n")
    typed("dataset", "add", "more.csv")
    _, err = typed("rows", "prove", "more", "--id", "1", "--out", "a.json", code=3)
    assert "no rows of more 1 were committed to" in err
    _, err = typed("rows", "commit", "more", "consents.csv", code=2)
    assert "is not the data that is on record as more 1" in err
    _, err = typed("rows", "commit", "more", "more.csv", "--id", "b", code=2)
    assert "hint: the table has a" in err
