"""`counterfoil passport`, as it is typed: from a draft to a file that an outsider checks."""

from __future__ import annotations

import json

import pytest
from cli_bank import bank, files, template

from counterfoil.cli.main import run

__all__ = ["bank", "files", "template"]

FILLED = {
    'created = ""': "created = 2026-11-20",
    'purpose = ""': 'purpose = "Train the credit model."',
    "jurisdiction = []": 'jurisdiction = ["NO", "EU"]',
    'how = ""': 'how = "From applications at the counter."',
    'basis = ""': 'basis = "contract"',
}


def fill_in(bank):
    """Writes a passport to fill in, and fills it in."""
    assert bank.text("passport", "new", "training", "--out", "new.toml") == "Written: new.toml\n"
    text = (bank.folder / "new.toml").read_text()
    assert text == bank.text("passport", "new", "training")
    for empty, told in FILLED.items():
        assert empty in text
        text = text.replace(empty, told, 1)
    (bank.folder / "passport.toml").write_text(text)
    return "passport.toml"


@pytest.fixture
def recorded(bank):
    bank.text("passport", "record", fill_in(bank), "--yes")
    return bank


def test_a_passport_is_written_shown_and_recorded(bank):
    draft = bank.data("passport", "new", "training")
    assert draft["missing"] == ["created", "purpose", "collection.how", "consent.basis", "jurisdiction"]
    file = fill_in(bank)
    shown = bank.text("passport", "record", file, "--dry-run")
    assert "All of this becomes public" in shown
    assert "credit_amount (integer)" in " ".join(shown.split())
    assert shown.endswith("Nothing was written.\n")
    assert bank.text("passport", "list") == "No passports yet.\n"
    assert "nobody is here to give it" in bank.error("passport", "record", file, code=2)
    assert "The passport of dataset training 1 is record" in bank.text("passport", "record", file, "--yes")
    first = bank.data("passport", "show", "training")
    assert bank.data("passport", "record", file, "--yes")["index"] == first["index"]
    assert "CC-BY-4.0" in bank.text("passport", "list")
    shown = bank.text("passport", "show", "training")
    assert "law of      NO, EU" in shown
    assert "contract" in shown


def test_a_filled_in_file_is_left_as_it_is(bank):
    (bank.folder / "passport.toml").write_text("filled in")
    assert "already exists" in bank.error("passport", "new", "training", "--out", "passport.toml", code=2)
    assert (bank.folder / "passport.toml").read_text() == "filled in"
    bank.error("passport", "new", "nothing", "--out", "none.toml", code=3)
    assert not (bank.folder / "none.toml").exists()
    assert "cannot be written" in bank.error("passport", "new", "training", "--out", "no/such.toml", code=2)


def test_an_outsider_checks_it_in_numbered_steps(recorded):
    bank = recorded
    bank.text("passport", "export", "training", "--out", "training.passport.json", "--with-fingerprint")
    data = str(bank.files / "training.csv")
    args = ("check", "training.passport.json", "--issuer", bank.issuer)
    out = bank.text(*args, "--data", data, "--require", "data")
    assert "training.passport.json: a passport" in out
    assert "9. Is it the passport of whoever keeps that log? PASSED  [passport]" in out
    assert "11. Are the data what the passport is about? PASSED  [data]" in out
    assert out.endswith("Verdict: intact, and signed by the issuer you named\n")
    assert "\nPassport of dataset training 1\n  who " in out
    assert max(len(line) for line in out.split("\n")) < 200
    assert bank.text("check", "training.passport.json").endswith("Verdict: intact, issuer unknown\n")
    forged = (bank.folder / "training.passport.json").read_text().replace("Train the", "Sell the ")
    (bank.folder / "forged.json").write_text(forged)
    out = bank.text("check", "forged.json", "--issuer", bank.issuer, code=4)
    assert "\nPassport of dataset training 1 (not proven: a step failed)\n" in out
    assert "NOT CHECKED  [passport]" in out
    assert out.split("\n")[-2].startswith("Verdict: does not match")
    assert "Nothing changed since training.passport.json" in bank.text(
        "fingerprint", data, "--against", "training.passport.json"
    )


def test_what_changed_is_said_by_file_column_and_rows(recorded):
    bank = recorded
    bank.text("passport", "export", "training", "--out", "training.passport.json", "--with-fingerprint")
    lines = (bank.files / "training.csv").read_text().split("\n")
    header, first = lines[0].split(","), lines[1].split(",")
    first[header.index("credit_amount")] = "1"
    (bank.folder / "training.csv").write_text("\n".join([lines[0], ",".join(first), *lines[2:]]))
    out = bank.text("fingerprint", "training.csv", "--against", "training.passport.json", code=4)
    assert "~ training.csv" in out
    assert "Columns that hold something else: credit_amount." in out
    assert "Rows that changed are among 1 to 40." in out
    args = ("check", "training.passport.json", "--issuer", bank.issuer, "--data", "training.csv")
    out = bank.text(*args, code=4)
    assert "11. Are the data what the passport is about? FAILED" in out
    assert "Columns that hold something else: credit_amount." in out


def test_a_passport_without_fingerprint_says_same_or_other(recorded):
    bank, data = recorded, str(recorded.files / "training.csv")
    bank.text("passport", "export", "training", "--out", "p.json")
    assert "Nothing changed since p.json" in bank.text("fingerprint", data, "--against", "p.json")
    assert "PASSED  [data]" in bank.text("check", "p.json", "--data", data)
    (bank.folder / "training.csv").write_text("a\n1\n")
    assert "to say which file changed" in bank.text("fingerprint", "training.csv", "--against", "p.json", code=4)
    assert "FAILED  [data]" in bank.text("check", "p.json", "--data", "training.csv", code=4)
    told = bank.data("fingerprint", "training.csv", "--against", "p.json", code=4)
    assert told["same"] is False


def test_a_models_passport(bank):
    text = bank.text("passport", "new", "credit")
    for empty, told in (FILLED | {'expression = ""': 'expression = "LicenseRef-bank"'}).items():
        text = text.replace(empty, told, 1)
    (bank.folder / "model.toml").write_text(text)
    made = bank.data("passport", "record", "model.toml", "--yes")["passport"]
    assert [each["name"] for each in made["parents"]] == ["training"]
    bank.text("passport", "export", "credit", "--out", "credit.passport.json")
    model = str(bank.files / "model.json")
    assert "PASSED  [data]" in bank.text("check", "credit.passport.json", "--data", model)
    assert "names no fingerprint" in bank.error("fingerprint", model, "--against", "credit.passport.json", code=2)
    bank.text("passport", "export", "credit", "--format", "cyclonedx", "--out", "bom.json")
    assert json.loads((bank.folder / "bom.json").read_text())["metadata"]["component"]["name"] == "credit"
    assert "Croissant describes datasets" in bank.error(
        "passport", "export", "credit", "--format", "croissant", "--out", "c.json", code=2
    )


@pytest.mark.parametrize("form", ["croissant", "cyclonedx"])
def test_other_formats_come_back(recorded, form):
    bank, data = recorded, str(recorded.files / "training.csv")
    bank.text("passport", "export", "training", "--format", form, "--out", "other.json")
    out = bank.text("check", "other.json", code=4)
    name = "a Croissant file" if form == "croissant" else "a CycloneDX document"
    assert f"other.json is {name}, which proves nothing: check the passport itself" in out
    assert "is no fingerprint and no passport" in bank.error("fingerprint", data, "--against", "other.json", code=2)
    made = bank.data("passport", "import", "other.json", "--data", data, "--out", "draft.toml")
    assert made["verified"] == ["training.csv" if form == "croissant" else "training"]
    assert made["passport"]["subject"] == bank.data("passport", "show", "training")["passport"]["subject"]
    shown = bank.text("passport", "record", "draft.toml", "--dry-run")
    assert "law of      NO, EU" in shown
    (bank.folder / "changed.csv").write_text("a\n1\n")
    assert "has the SHA-256" in bank.error("passport", "import", "other.json", "--data", "changed.csv", code=4)
    assert "# No digest was compared" in bank.text("passport", "import", "other.json")


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        (["new", "nothing"], 3, "neither a dataset nor a model"),
        (["show", "training"], 3, "training 1 has no passport"),
        (["export", "training", "--out", "x.json"], 3, "has no passport"),
        (["record", "missing.toml"], 3, "missing.toml cannot be read"),
        (["import", "missing.json"], 3, "missing.json cannot be read"),
    ],
)
def test_slips_are_answered_in_words(bank, args, code, said):
    assert said in bank.error("passport", *args, code=code)


def test_a_filled_in_passport_is_refused_by_the_key_that_is_wrong(bank):
    file = fill_in(bank)
    good = (bank.folder / file).read_text()
    for old, new, said in (
        ('basis = "contract"', 'basis = "hope"', "consent.basis is 'hope'; expected one of: consent"),
        ('["NO", "EU"]', '["NO", "Mars"]', "jurisdiction holds 'Mars'"),
        ("created = 2026-11-20", 'created = "soon"', "created is 'soon'; expected a day"),
        ('role = "issuer"', 'role = "boss"', "who[1].role is 'boss'"),
        ('purpose = "Train', 'purpos = "Train', "has no key 'purpos'"),
        ('how = "From applications at the counter."', "how = 7", "collection.how is the number 7; expected text"),
        ('expression = "CC-BY-4.0"', 'expression = "free for all"', "licence.expression is 'free for all'"),
        ("rows = 40", "rows = 41", "subject.rows is 41; on record is 40"),
        ("created = 2026-11-20", "created = ", "is no TOML"),
    ):
        assert old in good
        (bank.folder / file).write_text(good.replace(old, new, 1))
        assert said in bank.error("passport", "record", file, "--yes", code=2)


def test_a_passport_of_what_is_under_recall_is_shown_and_exported_with_a_note(recorded, capsys):
    recalled = ("recall", "training", "--reason", "doubled", "--by", "Ada", "--yes")
    index = recorded.data(*recalled)["recall"]["index"]
    for args in (("show", "training"), ("export", "training", "--out", "training.passport.json")):
        assert run(["passport", *args]) == 0
        said = capsys.readouterr().err
        assert f"note: training 1 rests on the dataset training 1, which is under recall (record {index})" in said
