"""Runs on record: each told once, also by many at a time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

import counterfoil
from counterfoil.errors import InvalidInput, NotFound
from counterfoil.provenance.lineage.records import RunRecord


@pytest.fixture
def org(tmp_path):
    with counterfoil.create(tmp_path / "home", name="Example", origin="example.org/data") as made:
        yield made


def told(name="nightly", **changed):
    about = {"inputs": (), "outputs": (), "source": {"system": "mlflow", "id": "4f2a"}} | changed
    return RunRecord(
        name,
        "training",
        about["inputs"],
        about["outputs"],
        None,
        {},
        {},
        None,
        "",
        "",
        "succeeded",
        about["source"],
    )


def test_many_who_tell_one_run_at_a_time_record_it_once(org):
    with ThreadPoolExecutor(8) as pool:
        places = {each.index for each in pool.map(lambda _: org.provenance.runs.record(told()), range(32))}
    assert len(places) == 1
    assert len(org.provenance.runs.all()) == 1


def test_two_runs_at_a_time_make_no_circle(org, tmp_path):
    made = []
    for name in ("one", "two"):
        path = tmp_path / f"{name}.csv"
        path.write_text(f"{name}\n1\n")
        made.append(org.provenance.register_dataset(path).leaf)

    def record(turn):
        first, second = made if turn else reversed(made)
        try:
            return org.provenance.runs.record(told(inputs=(first,), outputs=(second,), source={}))
        except InvalidInput:
            return None

    with ThreadPoolExecutor(2) as pool:
        assert sum(each is not None for each in pool.map(record, (0, 1))) == 1


def test_a_run_is_found_by_place_and_by_name(org):
    first = org.provenance.runs.record(told(source={}))
    second = org.provenance.runs.record(told(source={}))
    assert org.provenance.runs.find("nightly").index == second.index
    assert org.provenance.runs.find(str(first.index)).index == first.index
    assert [each.index for each in org.provenance.runs.page(5, before=second.index)] == [first.index]
    for wanted in ("nothing", "0", "99999"):
        with pytest.raises(NotFound):
            org.provenance.runs.find(wanted)


def test_a_run_of_what_is_neither_dataset_nor_model_is_refused(org):
    identity = org.archive.leaf_hex(0)
    with pytest.raises(InvalidInput, match="its kind is identity"):
        org.provenance.runs.record(told(inputs=(identity,)))
