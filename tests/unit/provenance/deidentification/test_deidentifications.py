"""A de-identification is on record as a run, without a secret, and can be run again."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256

import pytest

import counterfoil
from counterfoil.core import canonical
from counterfoil.errors import InvalidInput, NotFound
from counterfoil.provenance.deidentification.deidentifications import SALT_BYTES
from counterfoil.provenance.deidentification.settings import Settings

PEOPLE = "patient,town,visit\n" + "".join(f"p{each},Chur,2026-01-{each + 10}\n" for each in range(9))
SETTINGS = Settings.read(
    {
        "version": 1,
        "project": "study",
        "person": {"column": "patient", "shift_days": 30},
        "columns": {
            "patient": {"rule": "pseudonym"},
            "town": {"rule": "generalise", "levels": [{"groups": {"Chur": "east"}}]},
            "visit": {"rule": "shift"},
        },
    }
)


@pytest.fixture
def org(tmp_path):
    with counterfoil.create(tmp_path / "home", name="Hospital", origin="hospital.example") as made:
        yield made


@pytest.fixture
def people(tmp_path):
    path = tmp_path / "people.csv"
    path.write_text(PEOPLE)
    return path


def test_what_came_from_what_is_on_record(org, people, tmp_path):
    known = org.provenance.register_dataset(people, name="patients of March")
    made = org.deidentifications.run(people, SETTINGS, tmp_path / "clean.csv", name="clean")
    assert made.source == known
    assert org.provenance.lineage.ancestors([made.dataset.index]) == {made.run.index, made.source.index}
    record = org.provenance.runs.at(made.run.index).record
    assert (record.kind, record.status, record.seed) == ("deidentification", "succeeded", None)
    assert (record.inputs, record.outputs) == ((made.source.leaf,), (made.dataset.leaf,))
    kept = org.provenance.runs.kept(str(record.parameters["settingsSha256"]))
    assert Settings.from_bytes(kept[SALT_BYTES:]) == SETTINGS
    assert (
        record.parameters["settingsSha256"] != sha256(SETTINGS.to_bytes()).hexdigest()
    )  # or who guesses the settings knows them
    assert record.parameters["settings"]["columns"]["patient"] == {"rule": "pseudonym"}
    assert "deidentify.py" in record.code.name
    assert made.outcome.sha256 == made.dataset.record.sha256


def test_the_same_bytes_under_the_same_name_are_one_version_whatever_the_file_is_called(org, people, tmp_path):
    made = [org.deidentifications.run(people, SETTINGS, tmp_path / f"{each}.csv", name="clean") for each in "ab"]
    assert made[0].dataset == made[1].dataset
    assert made[0].run != made[1].run
    noted = org.provenance.register_dataset(tmp_path / "b.csv", name="clean", notes={"licence": "CC0"})
    assert noted.record.version == "2"
    assert org.provenance.register_dataset(tmp_path / "a.csv", name="clean") == noted
    (tmp_path / "c.txt").write_bytes((tmp_path / "a.csv").read_bytes())
    assert org.provenance.register_dataset(tmp_path / "c.txt", name="clean").record.version == "3"  # no table


def test_no_secret_and_no_value_is_in_the_log(org, people, tmp_path):
    made = org.deidentifications.run(people, SETTINGS, tmp_path / "clean.csv")
    key_id, secret = org.own_keys.pseudonym()
    entries = [org.archive.entry(place) for place in range(org.archive.size)]
    assert made.run.record.parameters["pseudonymKey"] == key_id
    assert any(b'"use":"pseudonym"' in entry for entry in entries)
    for needle in (secret, secret.hex().encode(), b"Chur", b"p3", b"2026-01-1"):
        assert not any(needle in entry for entry in entries), needle
    shown = repr(org.keyring) + repr(org.deidentifications) + canonical.dumps(dict(made.run.record.parameters)).decode()
    assert secret.hex() not in shown


def test_it_is_run_again_to_the_same_digest(org, people, tmp_path):
    made = org.deidentifications.run(people, SETTINGS, tmp_path / "clean.csv")
    again = org.provenance.rederive(made.run.index, inputs={made.source.record.name: people})
    assert (again.is_same, again.record.by) == (True, "built-in")
    assert [each.recorded for each in again.outputs] == [made.dataset.record.sha256]
    assert {each.standing for each in org.provenance.lineage.graph(made.dataset.index).edges} == {"rederived"}


def test_a_home_that_was_closed_makes_the_same_pseudonyms(people, tmp_path):
    counterfoil.create(tmp_path / "home", name="Hospital", origin="hospital.example").close()
    digests = set()
    for number in range(2):
        with counterfoil.open(tmp_path / "home") as org:
            made = org.deidentifications.run(people, SETTINGS, tmp_path / f"{number}.csv")
            digests.add(made.dataset.record.sha256)
    assert len(digests) == 1


def test_another_table_is_not_taken_for_it(org, people, tmp_path):
    made = org.deidentifications.run(people, SETTINGS, tmp_path / "clean.csv")
    other = tmp_path / "other.csv"
    other.write_text(PEOPLE + "p99,Chur,2026-02-01\n")
    with pytest.raises(InvalidInput, match="is not what the run read"):
        org.provenance.rederive(made.run, inputs={made.source.record.name: other})
    (settings,) = (tmp_path / "home").rglob(f"{made.run.record.parameters['settingsSha256']}*")
    settings.unlink()
    with pytest.raises(NotFound):
        org.provenance.rederive(made.run, inputs={made.source.record.name: people})


def test_a_run_that_failed_is_on_record_and_cannot_be_run_again(org, people, tmp_path):
    told = {"version": 1, "others": "keep", "k": {"least": 99, "also": ["town"]}}
    with pytest.raises(InvalidInput, match="groups of 99 rows cannot be reached"):
        org.deidentifications.run(people, Settings.read(told), tmp_path / "clean.csv")
    (run,) = org.provenance.runs.all()
    assert (run.record.status, run.record.outputs) == ("failed", ())
    with pytest.raises(InvalidInput, match="nothing to compare"):
        org.provenance.rederive(run, inputs={"people": people})


def test_no_key_is_made_where_none_is_needed(org, people, tmp_path):
    only = Settings.read({"version": 1, "others": "drop", "columns": {"town": {"rule": "keep"}}})
    made = org.deidentifications.run(people, only, tmp_path / "towns.csv")
    assert made.run.record.parameters["pseudonymKey"] is None
    assert not org.keyring.has("pseudonym")


@pytest.mark.parametrize("parameters", [{}, {"settingsSha256": "0" * 64}])
def test_a_run_that_was_told_from_elsewhere_is_not_taken_for_ours(org, people, tmp_path, parameters):
    made = org.deidentifications.run(people, SETTINGS, tmp_path / "clean.csv")
    other = tmp_path / "other.csv"
    other.write_text("a\n1\n")
    more = org.provenance.register_dataset(other)
    told = made.run.record
    for run, inputs in (
        (replace(told, parameters=parameters), {}),
        (replace(told, inputs=(*told.inputs, more.leaf)), {"other": other}),
    ):
        recorded = org.provenance.runs.record(run)
        with pytest.raises(InvalidInput, match="no de-identification of ours"):
            org.provenance.rederive(recorded, inputs={made.source.record.name: people} | inputs)
