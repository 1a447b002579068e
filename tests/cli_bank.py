"""A bank for the tests of the command line: made once by its own commands, copied for each test."""

from __future__ import annotations

import atexit
import csv
import json
import shutil
import tempfile
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import pytest

from counterfoil.cli.main import run
from counterfoil.data import german_credit_csv, german_credit_policy

__all__ = ["PEOPLE", "bank", "decide_args", "files", "first_decision", "state_of", "template"]

DATA = german_credit_csv()
PEOPLE = 12


def export_model(path, policy):
    """A small model of the credit data, in the exact form, as another tool would have written it."""
    import pandas as pd
    from sklearn.compose import ColumnTransformer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    from counterfoil.provenance.models.sklearn_export import export

    frame = pd.read_csv(DATA, keep_default_na=False).head(300)
    inputs = frame[list(policy.model_features)]
    numbers = [str(name) for name in inputs.select_dtypes("number").columns]
    texts = [name for name in inputs.columns if name not in numbers]
    parts = [("n", StandardScaler(), numbers), ("t", OneHotEncoder(handle_unknown="ignore"), texts)]
    made = Pipeline([("p", ColumnTransformer(parts)), ("c", LogisticRegression(max_iter=1000))])
    path.write_bytes(export(made.fit(inputs, frame["creditability"]), positive="good").to_bytes())


def write_people(path, count=PEOPLE):
    with DATA.open(encoding="utf-8", newline="") as source, path.open("w", encoding="utf-8", newline="") as target:
        rows = list(csv.DictReader(source))[-count:]
        writer = csv.DictWriter(target, ["customer", *rows[0]])
        writer.writeheader()
        writer.writerows({"customer": f"customer {place}"} | row for place, row in enumerate(rows))


def made_folder():
    folder = Path(tempfile.mkdtemp(prefix="counterfoil-bank-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def decide_args(files):
    return [
        *("decide", str(files / "people.csv"), "--model", "credit", "--policy", str(files / "credit.toml")),
        *("--subject", "customer", "--ignore", "creditability"),
    ]


@pytest.fixture(scope="session")
def files():
    """The files that a bank has before it starts."""
    return made_files()


@cache  # each module that imports the fixture would make them anew
def made_files():
    from counterfoil.decisions import Policy

    folder = made_folder()
    (folder / "credit.toml").write_text(german_credit_policy(), encoding="utf-8")
    export_model(folder / "model.json", Policy.from_toml(folder / "credit.toml"))
    write_people(folder / "people.csv")
    write_people(folder / "training.csv", 40)
    return folder


@pytest.fixture(scope="session")
def template():
    """A home with twelve decisions; each test works on a copy."""
    return made_template()


@cache
def made_template():
    files, home = made_files(), made_folder() / "bank"
    assert run(["init", str(home), "--name", "Bank AG", "--origin", "bank.example/credit"]) == 0
    for args in (
        ["dataset", "add", str(files / "training.csv"), "--note", "licence=CC-BY-4.0"],
        ["model", "add", str(files / "model.json"), "--name", "credit", "--training", "training"],
        [*decide_args(files), "--background", str(files / "training.csv")],
    ):
        assert run([*args, "--home", str(home)]) == 0, args
    return home


@pytest.fixture
def bank(template, files, tmp_path, monkeypatch, capsys):
    """A home that the environment names, and `run` in three forms."""
    home = tmp_path / "bank"
    shutil.copytree(template, home)
    monkeypatch.setenv("COUNTERFOIL_HOME", str(home))
    monkeypatch.chdir(tmp_path)
    capsys.readouterr()

    def text(*args, code=0):
        assert run(args) == code, capsys.readouterr()
        return capsys.readouterr().out

    def data(*args, code=0):
        return json.loads(text(*args, "--json", code=code))

    def error(*args, code):
        assert run(args) == code, capsys.readouterr()
        said = capsys.readouterr()
        assert any(line.startswith("error: ") for line in said.err.splitlines())
        assert "Traceback" not in said.err
        return said.err

    return SimpleNamespace(
        home=home, files=files, folder=tmp_path, text=text, data=data, error=error, issuer=str(home / "issuer.vkey")
    )


def first_decision(bank):
    return min(row["index"] for row in bank.data("log", "search")["decisions"])


def state_of(bank, index):
    return bank.data("log", "show", str(index))["state"]
