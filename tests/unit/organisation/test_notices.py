"""The list of the people to tell: one line each, private, on record, whole or not there."""

from __future__ import annotations

import csv
import json
import stat

import pytest
from making_recalls import trained
from organisations import ROW, full_disk, full_log

from counterfoil.errors import InvalidInput, LogUnavailable
from counterfoil.organisation.notices import CSV_COLUMNS, Affected, AffectedDecision, write_list


@pytest.fixture
def home(tmp_path):
    with trained(tmp_path) as made:
        yield made


def recall(home):
    return home.org.recalls.open("raw", reason="a column was doubled", by="Ada").recall


def listed(home, path, **more):
    made = home.org.recalls.notices(home.org.recalls.all()[-1], path, by="Ada", **more)
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".csv":
        return made, list(csv.DictReader(text.splitlines()))
    return made, [json.loads(line) for line in text.splitlines()]


def test_each_person_stands_in_it_once_with_all_decisions(home, tmp_path):
    decided = [home.decide(subject) for subject in ("Ann", "Bob", "Ann", None)]
    home.bank.decide("Cem")
    recall(home)
    made, lines = listed(home, tmp_path / "people.ndjson")
    assert (made.people, made.gone, made.unnamed, made.erased) == (2, 0, 1, 0)
    found = {line["person"]: line["decisions"] for line in lines}
    assert {name: [each["index"] for each in theirs] for name, theirs in found.items()} == {
        "Ann": [decided[0].index, decided[2].index],
        "Bob": [decided[1].index],
    }
    assert found["Bob"][0] == {
        "index": decided[1].index,
        "label": decided[1].label,
        "model": "credit 1",
        "policy": "loans 1",
        "receipt": None,
        "time": decided[1].time,
    }


def test_people_stand_in_the_order_of_their_first_decisions(home, tmp_path):
    people = [f"customer {number}" for number in (7, 3, 9, 1, 8, 2)]
    for subject in (*people, *reversed(people)):
        home.decide(subject)
    recall(home)
    _, lines = listed(home, tmp_path / "people.ndjson")
    assert [line["person"] for line in lines] == people


def test_as_a_table_it_says_the_same(home, tmp_path):
    first, second = home.decide("Ann"), home.decide("Ann")
    saw = home.org.decisions.history(second.index).state
    home.org.decisions.override(second.index, label="decline", by="Bo", reason="by hand", saw=saw)
    recall(home)
    _, (line,) = listed(home, tmp_path / "people.csv")
    assert line == {
        "person": "Ann",
        "decisions": "2",
        "places": f"{first.index} {second.index}",
        "first": first.time,
        "last": second.time,
        "labels": f"{first.label}; decline",
        "models": "credit 1",
        "policies": "loans 1",
    }


REFERENCES = ["=1+1", "+49 30 1", "-5", "@cmd", "\tx", "\rx", "\n=1", " =1", "\uff1d1"]


@pytest.mark.parametrize("reference", REFERENCES, ids=ascii)
def test_no_reference_becomes_a_formula(home, tmp_path, reference):
    home.decide(reference)
    recall(home)
    path = tmp_path / "people.csv"
    home.org.recalls.notices(home.org.recalls.all()[-1], path, by="Ada")
    with path.open(encoding="utf-8", newline="") as file:
        header, row = csv.reader(file)
    assert tuple(header) == CSV_COLUMNS
    assert row[0] == f"'{reference}"
    _, (line,) = listed(home, tmp_path / "people.ndjson")
    assert line["person"] == reference


@pytest.mark.parametrize("reference", ['a,"b"', "line\nbreak", "Ünïcode ✓", "</script>"], ids=ascii)
def test_any_reference_can_be_read_back(home, tmp_path, reference):
    home.decide(reference)
    recall(home)
    path = tmp_path / "people.csv"
    home.org.recalls.notices(home.org.recalls.all()[-1], path, by="Ada")
    with path.open(encoding="utf-8", newline="") as file:
        assert list(csv.reader(file))[1][0] == reference


def test_who_was_erased_is_not_in_it(home, tmp_path):
    for subject in ("Ann", "Bob"):
        home.decide(subject)
    recall(home)
    home.org.erasures.erase_person("Bob", basis="GDPR Art. 17")
    made, lines = listed(home, tmp_path / "people.ndjson")
    assert [line["person"] for line in lines] == ["Ann"]
    assert (made.people, made.erased) == (1, 1)


def test_only_its_owner_can_read_it_and_who_made_it_is_on_record_first(home, tmp_path):
    decided = home.decide("Ann")
    opened = recall(home)
    made, _ = listed(home, tmp_path / "people.csv")
    assert stat.S_IMODE(made.path.stat().st_mode) == 0o600
    look = home.org.archive.record(made.look)
    assert (look.kind, look.builds_on) == ("look", (decided.leaf,))
    assert home.org.views.values_of(made.look) == {
        "/by": "Ada",
        "/records": 1,
        "/what": f"notice list of recall {opened.index}",
    }


def test_where_the_look_cannot_be_recorded_no_list_is_written(home, tmp_path):
    home.decide("Ann")
    opened = recall(home)
    home.org.recalls.preview("raw")
    with full_log(home.org), pytest.raises(LogUnavailable):
        home.org.recalls.notices(opened, tmp_path / "people.csv", by="Ada")
    assert not (tmp_path / "people.csv").exists()


def people(count, *, then=None):
    """Yields people with large references, and raises then."""
    for number in range(count):
        decided = AffectedDecision(number, "2026-11-23T19:00:00Z", "approve", "credit 1", "loans 1", None)
        yield Affected(f"{number} {'x' * 10_000}", (decided,))
    if then is not None:
        raise then


@pytest.mark.parametrize("name", ["people.csv", "people.ndjson"])
def test_a_list_that_was_interrupted_is_not_there(tmp_path, name):
    with pytest.raises(KeyboardInterrupt):
        write_list(tmp_path / name, people(20, then=KeyboardInterrupt()), 40)
    assert list(tmp_path.iterdir()) == []


def test_a_list_that_finds_the_disk_full_is_not_there(tmp_path):
    with full_disk(100_000), pytest.raises(LogUnavailable, match=r"people\.csv could not be written"):
        write_list(tmp_path / "people.csv", people(20), 20)
    assert list(tmp_path.iterdir()) == []


def test_progress_is_told_on_the_way(tmp_path):
    seen = []
    assert write_list(tmp_path / "people.ndjson", people(501), 501, lambda *told: seen.append(told)) == 501
    assert seen == [(500, 501), (501, 501)]


@pytest.mark.parametrize("name", ["people.txt", "people", "there.csv", "nowhere/people.csv"])
def test_what_cannot_be_its_file_is_refused_before_anybody_is_looked_up(home, tmp_path, name):
    (tmp_path / "there.csv").write_text("")
    opened = recall(home)
    size = home.org.archive.size
    with pytest.raises(InvalidInput):
        home.org.recalls.notices(opened, tmp_path / name, by="Ada")
    assert home.org.archive.size == size


def test_it_says_where_staff_take_receipts_from(tmp_path):
    from dataclasses import replace

    from counterfoil.store.durable import replace_file

    with trained(tmp_path) as home:
        decided = home.credit.decide(ROW, subject="Ann")
        settings = replace(home.org.home.settings, public_url="https://bank.example")
        replace_file(home.org.home.paths.config, settings.to_toml().encode())
        home.reopen()
        recall(home)
        _, (line,) = listed(home, tmp_path / "people.ndjson")
    assert line["decisions"][0]["receipt"] == f"https://bank.example/decisions/{decided.index}/receipt.html"
