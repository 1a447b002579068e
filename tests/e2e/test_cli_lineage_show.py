"""`counterfoil lineage show`, as it is typed."""

from __future__ import annotations

import json
from xml.etree import ElementTree

import pytest
from making_lineage import tell
from organisations import ROW, bank

from counterfoil.cli.main import run


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    folder = tmp_path_factory.mktemp("home")
    with bank(folder) as made:
        decided = made.loans.decide(ROW)
        story = tell(made.org, folder)
    return made.folder, story, decided


@pytest.fixture
def typed(capsys, home, monkeypatch):
    monkeypatch.setenv("COUNTERFOIL_HOME", str(home[0]))

    def typed(*args: object, code: int = 0) -> tuple[str, str]:
        assert run(["lineage", "show", *map(str, args)]) == code
        found = capsys.readouterr()
        return found.out, found.err

    return typed


def test_a_tree_says_how_well_each_step_is_known(typed, home):
    _, story, decided = home
    out, _ = typed("training-set@1")
    assert out.splitlines()[:4] == [
        f"dataset training-set 1, record {story.joined.index}",
        "It came from:",
        f"  re-derived: transformation run join, record {story.runs['join'].index}",
        f"    dataset applications-clean 1, record {story.clean.index}",
    ]
    assert f"differs: transformation run match bureau entries, record {story.runs['match'].index}\n" in out
    assert f"  dataset credit-bureau 1, record {story.raw.index + 1}\n" in out
    assert "declared: 1 decision\n" in out
    back, _ = typed(decided.index, "--back", "--depth", "1")
    assert "declared: deployment" in back
    assert back.endswith("There is more; only the nearest is shown.\n")
    assert "It reached" not in back
    assert "It came from" not in typed("applications", "--forth")[0]


def test_the_way_from_data_to_a_decision_is_told(typed, home):
    _, story, decided = home
    out, _ = typed("applications", "--to", decided.index)
    assert out.startswith(
        f"1 shortest way of 8 steps:\ndataset applications 1, record {story.raw.index}\n  re-derived: "
    )
    assert out.endswith(f"  declared: decision number {decided.seq}, record {decided.index}\n")
    none, _ = typed(decided.index, "--to", "applications")
    assert "does not reach" in none
    assert json.loads(typed(decided.index, "--to", "applications", "--json")[0]) == {"paths": []}


def test_it_is_drawn_into_a_new_file(typed, home, tmp_path):
    out, _ = typed("training-set", "--svg", tmp_path / "a.svg")
    assert out.endswith(f"Drawn: {tmp_path / 'a.svg'}.\n")
    root = ElementTree.parse(tmp_path / "a.svg").getroot()
    assert "training-set 1" in {each.text for each in root.iter()}
    _, err = typed("training-set", "--svg", tmp_path / "a.svg", code=2)
    assert "already exists" in err


def test_json_is_what_a_node_answers(typed, home):
    _, story, _ = home
    told = json.loads(typed(story.raw.index, "--json")[0])
    assert told["nodes"][0].keys() == {"index", "kind", "name", "version", "what", "decisions"}
    assert {each["standing"] for each in told["edges"]} == {"declared", "rederived"}
    assert told["whole"] is True


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        (["nobody"], 3, "neither a dataset nor a model on record is called 'nobody'"),
        (["99999"], 3, "there is no record 99999"),
        (["training-set", "--to", "applications", "--back"], 2, "--to shows ways"),
        (["training-set", "--depth", "-1"], 2, "depth"),
    ],
    ids=["name", "place", "both", "depth"],
)
def test_what_cannot_be_shown_is_refused(typed, args, code, words):
    _, err = typed(*args, code=code)
    assert words in err


def test_the_newest_of_a_name_says_which_others_there_are(typed, home, tmp_path):
    for number in range(3):
        table = tmp_path / "patients.csv"
        table.write_text(f"id\n{number}\n", encoding="utf-8")
        assert run(["dataset", "add", str(table)]) == 0
    assert typed("patients")[0].endswith("\nOther versions: patients 1, patients 2.\n")
    assert "Other versions" not in typed("patients@3")[0]
