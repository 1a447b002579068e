"""What a newcomer's slips are answered with: the thing that is wrong, and what to do about it."""

from __future__ import annotations

import errno
import os
import shutil

import pytest
from cli_bank import PEOPLE, bank, decide_args, files, first_decision, template

from counterfoil.cli.main import run
from counterfoil.errors import InvalidInput
from counterfoil.provenance.candidate import Candidate, table_rows

__all__ = ["bank", "files", "template"]


def test_a_group_of_fields_without_its_slash(bank):
    said = bank.error("receipt", str(first_decision(bank)), "--out", "r.json", "--show", "output", code=2)
    assert 'did you mean "/output"?' in said


def test_a_wrong_key_file_is_named(bank):
    assert run(["init", "other", "--name", "Other", "--origin", "other.example"]) == 0
    said = bank.error("log", "head", "--key-file", "other.key", code=6)
    assert "the key file other.key was given, and it is not the one" in said
    assert "name the right one with --key-file" in said


def test_a_home_that_is_not_writable(bank, monkeypatch):
    opening = os.open

    def refusing(path, *args, **kwargs):
        if str(path).endswith("/lock"):
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return opening(path, *args, **kwargs)

    monkeypatch.setattr(os, "open", refusing)
    assert f"the home {bank.home} is not writable" in bank.error("log", "head", code=5)


def test_a_second_init_speaks_of_the_home_and_not_of_its_key(bank):
    args = ["init", str(bank.home), "--name", "Bank AG", "--origin", "bank.example"]
    assert "is a home already" in bank.error(*args, code=2)


def test_columns_separated_by_semicolons(bank):
    path = bank.folder / "people.csv"
    path.write_text((bank.files / "people.csv").read_text().replace(",", ";"))
    args = decide_args(bank.files)
    for refused in ([args[0], str(path), *args[2:]], ["dataset", "add", str(path)]):
        assert "are the columns separated by semicolons?" in bank.error(*refused, code=2)


def test_a_table_that_is_only_a_header(bank):
    path = bank.folder / "people.csv"
    path.write_text((bank.files / "people.csv").read_text().splitlines()[0] + "\n")
    args = decide_args(bank.files)
    for refused in ([args[0], str(path), *args[2:]], ["dataset", "add", str(path)]):
        assert "has a header row and no row below it" in bank.error(*refused, code=2)


@pytest.mark.parametrize("content", ["hello", "[]", ""])
def test_a_file_that_is_no_evidence(bank, content):
    (bank.folder / "odd").write_text(content)
    assert "odd is neither a receipt, a promise nor a bundle" in bank.text("check", "odd", code=4)


def test_a_model_names_its_training_data_by_the_registered_file(bank):
    shutil.copy(bank.files / "training.csv", "copy.csv")
    args = ["model", "add", str(bank.files / "model.json"), "--name", "again", "--training", "copy.csv"]
    known = bank.data("dataset", "list")["datasets"][0]
    assert bank.data(*args)["training"] == known["leaf"]
    (bank.folder / "copy.csv").write_text("a\n1\n")
    assert "counterfoil dataset add copy.csv" in bank.error(*args, code=3)


def test_a_misspelt_key_is_named_before_a_missing_one(bank):
    policy = (bank.files / "credit.toml").read_text().replace("purpose =", "purpos =").replace("author =", "# author =")
    (bank.folder / "p.toml").write_text(policy)
    said = bank.error("policy", "check", "p.toml", code=2)
    assert "unknown key 'purpos'" in said
    assert "did you mean 'purpose'?" in said


def test_reasons_left_for_replay_are_spoken_of(bank, capsys):
    policy = (bank.files / "credit.toml").read_text()
    policy = policy.replace('method = "auto"', 'method = "on_demand"').replace('version = "', 'version = "later-')
    assert "on_demand" in policy
    (bank.folder / "p.toml").write_text(policy)
    args = decide_args(bank.files)
    args[args.index("--policy") + 1] = "p.toml"
    assert run([*args, "--background", str(bank.files / "training.csv")]) == 0
    said = capsys.readouterr()
    assert (
        "decisions against people have no reasons yet (3 decline, 1 refer): they are found by `counterfoil replay`"
        in said.err
    )
    assert f"{PEOPLE} decisions are on record" in said.out


def test_a_model_that_was_never_fitted():
    from sklearn.linear_model import LogisticRegression

    with pytest.raises(InvalidInput, match="is not fitted"):
        Candidate.of(LogisticRegression(), trusted=(), features=(), positive=None)


def test_types_are_spoken_of_as_they_sound():
    import numpy as np

    with pytest.raises(InvalidInput, match="this is an int"):
        table_rows(3, "rows")
    with pytest.raises(InvalidInput, match="one of these is an ndarray"):
        table_rows(np.zeros((2, 2)), "rows")
