"""`counterfoil asset`, as it is typed."""

from __future__ import annotations

import json
import shutil

import pytest
from cli_bank import files, template

from counterfoil.cli.main import run

__all__ = ["files", "template"]

URI = "https://bank.example/data/training.json"
SOMEBODY = "0x" + "12" * 20


@pytest.fixture(scope="module")
def connected(template, tmp_path_factory):
    """A home with a dataset and a model, connected to a ledger of its own; each test works on a copy."""
    home = shutil.copytree(template, tmp_path_factory.mktemp("connected") / "bank")
    assert run(["ledger", "connect", "--home", str(home)]) == 0
    return home


@pytest.fixture
def home(connected, tmp_path):
    return shutil.copytree(connected, tmp_path / "bank")


@pytest.fixture
def typed(capsys, home):
    def typed(*args: object, code: int = 0) -> tuple[str, str]:
        capsys.readouterr()
        assert run([*[str(each) for each in args], "--home", str(home)]) == code
        found = capsys.readouterr()
        return found.out, found.err

    return typed


def told(typed, *args: object) -> dict:
    return json.loads(typed(*args, "--json")[0])


def test_a_dataset_is_looked_at_registered_and_found_again(typed):
    dry = told(typed, "asset", "register", "training", "--uri", URI, "--dry-run")
    assert (dry["done"], dry["public"]["uri"], dry["public"]["kind"]) == (False, URI, "dataset")
    assert sorted(dry["public"]) == ["kind", "manifest", "uri"]
    assert told(typed, "asset", "list") == {"assets": []}

    out, err = typed("asset", "register", "training", "--uri", URI, "--royalty-bps", 250)
    assert "The dataset training 1 is on the ledger." in out
    assert "royalty     2.5 percent" in out
    assert "Everybody who uses the ledger can read this" in err
    assert "training" not in err.partition("Everybody")[2].replace(URI, "")  # its name is not told

    [listed] = told(typed, "asset", "list")["assets"]
    assert listed["asset"] == dry["asset"]
    shown = told(typed, "asset", "show", dry["asset"])
    record = json.loads(typed("log", "show", str(shown["of"]), "--json")[0])
    assert shown["manifest"] == record["leaf"]
    assert typed("asset", "register", "training", "--royalty-bps", 250)[0].startswith("The dataset training 1 is on")
    assert len(told(typed, "asset", "list")["assets"]) == 1


def test_a_model_names_its_data_as_a_parent_and_is_recalled(typed):
    data = told(typed, "asset", "register", "training")["asset"]
    model = told(typed, "asset", "register", "credit", "--parent", data)
    assert model["parents"] == [data]
    assert f"used for    {model['asset']}" in typed("asset", "show", data)[0]

    out, _ = typed("asset", "state", model["asset"], "recalled")
    assert out.startswith("The model is recalled.")
    shown = told(typed, "asset", "show", model["asset"])
    assert (shown["state"], len(shown["records"])) == ("recalled", 2)
    assert told(typed, "asset", "state", model["asset"], "active", "--dry-run")["public"] == {"state": "active"}
    assert told(typed, "asset", "show", model["asset"])["state"] == "recalled"


def test_assets_go_by_the_names_of_this_home(typed):
    data = told(typed, "asset", "register", "training")["asset"]
    [listed] = told(typed, "asset", "list")["assets"]
    assert (listed["name"], listed["asset"]) == ("training@1", data)
    assert typed("asset", "list")[0].splitlines()[1].startswith("training@1 ")
    for name in ("training", "training@1"):
        assert told(typed, "asset", "show", name)["asset"] == data
    out, err = typed("asset", "register", "credit")
    assert f"credit 1 was made from training 1, which is an asset: to say so, --parent {data}" in err
    assert "found at    no address was given" in out
    assert "was made from" not in typed("asset", "register", "credit", "--parent", "training")[1]
    assert told(typed, "asset", "state", "credit", "deprecated")["kind"] == "model"
    _, err = typed("asset", "show", "training@2", code=3)
    assert "no asset on the ledger is called 'training@2'" in err


def test_the_next_version_and_where_it_moved(typed):
    data = told(typed, "asset", "register", "training", "--uri", URI)["asset"]
    out, _ = typed("asset", "publish", data, "credit")
    assert out.startswith("credit 1 is version 2.")
    assert f"found at    {URI}" in out
    assert told(typed, "asset", "publish", data, "credit", "--uri", f"{URI}?2")["version"] == 2


def test_handing_over_asks_for_a_yes(typed):
    data = told(typed, "asset", "register", "training")["asset"]
    _, err = typed("asset", "transfer", data, SOMEBODY, code=2)
    assert "this needs a yes" in err
    out, _ = typed("asset", "transfer", data, SOMEBODY, "--yes")
    assert out.startswith(f"The dataset belongs to {SOMEBODY}.")
    assert told(typed, "asset", "list", "--ours") == {"assets": []}
    _, err = typed("asset", "state", data, "recalled", code=6)
    assert "may not set its state" in err


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        (("register", "nothing"), 3, "neither a dataset nor a model on record is called 'nothing'"),
        (("register", "credit", "--kind", "dataset"), 3, "there is no dataset 'credit'"),
        (("register", "training", "--uri", "nowhere"), 2, "is not a URI"),
        (("register", "training", "--royalty-bps", "1001"), 2, "1001"),
        (("show", "0x12"), 2, "is not an asset's id"),
        (("show", "0x" + "12" * 32), 3, "there is no asset"),
        (("state", "0x" + "12" * 32, "lost"), 2, "lost"),
        (("deploy",), 2, "uses the Assets contract"),
    ],
    ids=["unknown", "other-kind", "uri", "royalty", "id", "missing", "state", "deploy"],
)
def test_mistakes_are_told_with_a_way_on(typed, args, code, words):
    out, err = typed("asset", *args, code=code)
    assert out == ""
    assert words in err


def test_a_home_without_a_ledger_or_without_the_contract_is_told_how(capsys, template, tmp_path):
    home = shutil.copytree(template, tmp_path / "bank")
    assert run(["asset", "list", "--home", str(home)]) == 5
    assert "not connected to a ledger" in capsys.readouterr().err
    assert run(["ledger", "connect", "--without-assets", "--home", str(home)]) == 0
    assert run(["asset", "register", "training", "--home", str(home)]) == 5
    err = capsys.readouterr().err
    assert "no Assets contract" in err
    assert "counterfoil asset deploy" in err
    assert run(["asset", "deploy", "--dry-run", "--home", str(home)]) == 0
    assert "Nothing was sent." in capsys.readouterr().out
    assert run(["asset", "deploy", "--home", str(home)]) == 0
    assert "Assets are registered in the contract 0x" in capsys.readouterr().out
    assert run(["asset", "register", "training", "--home", str(home)]) == 0
