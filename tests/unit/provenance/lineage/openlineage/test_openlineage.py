"""Events of other systems become runs: once, at their end, and nothing is made up."""

from __future__ import annotations

import json
import os
import time
from itertools import permutations
from uuid import UUID, uuid4

import pytest
from making_events import RUN_ID, dataset, event, told
from openlineage.client.event_v2 import InputDataset, OutputDataset
from openlineage.client.facet_v2 import job_type_job, source_code_job, source_code_location_job
from openlineage.client.generated.base import Job, Run, RunEvent

import counterfoil
from counterfoil.errors import HomeDamaged, InvalidInput, NotAllowed
from counterfoil.provenance.lineage.openlineage import read_event
from counterfoil.provenance.lineage.openlineage.waiting import WaitingRuns
from counterfoil.provenance.lineage.records import RunRecord


@pytest.fixture
def org(tmp_path):
    with counterfoil.create(tmp_path / "home", name="Example", origin="example.org/data") as made:
        yield made


@pytest.fixture
def tables(org, tmp_path):
    """Two datasets on record under the names that events use."""
    found = []
    for name in ("raw", "clean"):
        path = tmp_path / f"{name}.csv"
        path.write_text(f"{name}\n1\n")
        found.append(org.provenance.register_dataset(path, name=f"warehouse/{name}"))
    return found


def take(org, *args, **more):
    return org.openlineage.take(read_event(told(*args, **more)))


def test_a_run_is_recorded_when_it_ends_with_what_all_its_events_said(org, tables):
    raw, clean = tables
    size = org.archive.size
    assert take(org, "START", inputs=["raw"], time="2026-11-23T18:00:00Z").outcome == "waiting"
    assert take(org, "RUNNING", outputs=["clean"]).outcome == "waiting"
    assert org.archive.size == size
    taken = take(org, "COMPLETE", time="2026-11-23T19:30:00.5Z")
    record = org.provenance.runs.at(taken.index).record
    assert taken.outcome == "recorded"
    assert (record.inputs, record.outputs) == ((raw.leaf,), (clean.leaf,))
    assert (record.name, record.status, record.source["id"]) == ("nightly.clean", "succeeded", RUN_ID)
    assert (record.started, record.ended) == ("2026-11-23T18:00:00Z", "2026-11-23T19:30:00Z")
    assert list((org.home.paths.events).iterdir()) == []


@pytest.mark.parametrize("order", list(permutations(range(3))), ids=str)
def test_events_come_in_any_order_and_more_than_once(org, tables, order):
    events = [
        told("START", inputs=["raw"], time="2026-11-23T18:00:00Z"),
        told("RUNNING", outputs=["clean"], time="2026-11-23T18:30:00Z"),
        told("COMPLETE", inputs=["raw"], outputs=["clean"], time="2026-11-23T19:00:00Z"),
    ]
    for place in order:
        for _ in range(2):
            org.openlineage.take(read_event(events[place]))
    (run,) = org.provenance.runs.all()
    assert (run.record.inputs, run.record.outputs) == ((tables[0].leaf,), (tables[1].leaf,))


@pytest.mark.parametrize(("state", "status"), [("FAIL", "failed"), ("ABORT", "failed"), ("COMPLETE", "succeeded")])
def test_runs_end_well_or_not(org, state, status):
    assert org.provenance.runs.at(take(org, state).index).record.status == status


def test_what_is_not_on_record_is_named_and_not_made_up(org, tables):
    size = org.archive.size
    taken = take(org, inputs=["raw", "elsewhere"], outputs=["nowhere"])
    record = org.provenance.runs.at(taken.index).record
    assert taken.unmapped == {"inputs": ("warehouse/elsewhere",), "outputs": ("warehouse/nowhere",), "parameters": ()}
    assert record.outputs == ()
    assert org.archive.size == size + 1
    assert [each.record.name for each in org.provenance.datasets()] == ["warehouse/raw", "warehouse/clean"]


def test_a_digest_means_that_content_or_nothing(org, tables):
    raw, _ = tables
    known = dataset(InputDataset, "whatever", version=raw.record.sha256)
    other = dataset(InputDataset, "raw", version="0" * 64)
    record = org.provenance.runs.at(take(org, inputs=[known, other]).index).record
    assert record.inputs == (raw.leaf,)
    assert record.unmapped["inputs"] == ("warehouse/raw",)


def test_a_version_means_that_version_or_nothing(org, tables, tmp_path):
    raw, _ = tables
    (tmp_path / "raw.csv").write_text("raw\n2\n")
    newer = org.provenance.register_dataset(tmp_path / "raw.csv", name="warehouse/raw")
    for version, meant in (("1", (raw.leaf,)), ("2", (newer.leaf,)), ("3", ()), ("", (newer.leaf,))):
        run = str(uuid4())
        taken = take(org, inputs=[dataset(InputDataset, "raw", version=version)], run=run)
        assert org.provenance.runs.at(taken.index).record.inputs == meant


def test_a_symlink_is_another_name(org, tables):
    found = dataset(InputDataset, "/data/part-0", namespace="file", alias="warehouse raw")
    assert org.provenance.runs.at(take(org, inputs=[found]).index).record.inputs == (tables[0].leaf,)


def test_a_name_alone_means_something_only_in_this_homes_own_namespace(org, tmp_path):
    path = tmp_path / "orders.csv"
    path.write_text("a\n1\n")
    orders = org.provenance.register_dataset(path)
    theirs = dataset(InputDataset, "orders", namespace="staging")
    ours = dataset(InputDataset, "orders", namespace="counterfoil://example.org/data")
    record = org.provenance.runs.at(take(org, inputs=[theirs, ours]).index).record
    assert record.inputs == (orders.leaf,)
    assert record.unmapped["inputs"] == ("staging/orders",)


def test_a_table_that_is_read_and_written_does_not_come_from_itself(org, tables):
    raw, clean = tables
    taken = take(org, inputs=["raw"], outputs=["raw", "clean"])
    record = org.provenance.runs.at(taken.index).record
    assert (record.inputs, record.outputs) == ((raw.leaf,), (clean.leaf,))
    assert record.unmapped["outputs"] == ("warehouse/raw",)
    back = org.provenance.runs.at(take(org, inputs=["clean"], outputs=["raw"], run=str(uuid4())).index).record
    assert back.outputs == ()


def test_what_the_job_says_of_its_code_is_recorded(org):
    facets = {
        "sourceCode": source_code_job.SourceCodeJobFacet(language="python", sourceCode="print(1)"),
        "sourceCodeLocation": source_code_location_job.SourceCodeLocationJobFacet(
            type="git", url="https://user:word@git.example/x", version="4f2a"
        ),
        "jobType": job_type_job.JobTypeJobFacet(processingType="BATCH", integration="ML", jobType="TRAINING"),
    }
    take(org, "START", job_facets=facets)
    (waiting,) = org.home.paths.events.iterdir()
    assert "print(1)" not in waiting.read_text()  # sources are kept sealed, also while they wait
    record = org.provenance.runs.at(take(org).index).record
    assert org.provenance.runs.kept(record.code.sha256) == b"print(1)"
    assert record.kind == "training"
    assert record.parameters == {
        "namespace": "airflow",
        "sourceCodeLocation": {"url": "https://git.example/x", "version": "4f2a"},
    }


def test_runs_that_wait_outlive_a_restart(tmp_path):
    with counterfoil.create(tmp_path / "home", name="Example", origin="example.org/data") as org:
        take(org, "START", inputs=["raw"])
    with counterfoil.open(tmp_path / "home") as org:
        taken = take(org, "COMPLETE")
        assert taken.unmapped["inputs"] == ("warehouse/raw",)


def test_a_spoilt_file_is_not_read_as_something_else(org):
    take(org, "START")
    (path,) = org.home.paths.events.iterdir()
    path.write_text('{"run":1}')
    with pytest.raises(HomeDamaged):
        take(org, "COMPLETE")
    assert org.provenance.runs.all() == []


def test_only_so_many_runs_wait_and_old_ones_make_room(tmp_path):
    waiting = WaitingRuns(tmp_path / "events", most_runs=2)
    for _ in range(2):
        waiting.keep(read_event(told("START", run=str(uuid4()))))
    with pytest.raises(NotAllowed, match="2 runs are under way"):
        waiting.keep(read_event(told("START", run=RUN_ID)))
    old = next((tmp_path / "events").iterdir())
    long_ago = time.time() - 31 * 86_400
    os.utime(old, (long_ago, long_ago))
    waiting.keep(read_event(told("START", run=RUN_ID)))
    assert not old.exists()


def test_events_that_add_up_to_too_much_are_refused(org):
    names = [f"table {number}" for number in range(1_000)]
    take(org, "START", inputs=names)
    with pytest.raises(InvalidInput, match="names 1001 datasets"):
        take(org, "RUNNING", inputs=["one more"])


def test_many_inputs_are_named_as_far_as_a_record_goes(org, tmp_path):
    names = []
    for number in range(130):
        path = tmp_path / f"{number}.csv"
        path.write_text(f"a\n{number}\n")
        names.append(str(number))
        org.provenance.register_dataset(path, name=f"warehouse/{number}")
    record = org.provenance.runs.at(take(org, inputs=names).index).record
    assert len(record.inputs) == 128
    assert record.unmapped["inputs"] == ("warehouse/128", "warehouse/129")


def test_events_about_no_run_are_passed_over(org):
    whole = told()
    for part in ("job", "dataset"):
        assert org.openlineage.take(read_event({part: {}, "eventTime": whole["eventTime"]})).outcome == "passed over"


def test_our_own_events_tell_us_nothing(org, tables):
    with org.provenance.run("clean", inputs=[tables[0]]) as run:
        run.output(tables[1])
    for each in org.openlineage.events():
        assert org.openlineage.take(read_event(each)).outcome == "passed over"
    assert len(org.provenance.runs.all()) == 1


def test_our_runs_as_events_are_read_by_the_real_clients_classes(org, tables):
    with org.provenance.run("clean", inputs=[tables[0]]) as run:
        run.output(tables[1])
    with pytest.raises(ZeroDivisionError), org.provenance.run("fails", inputs=[tables[0]]):
        _ = 1 / 0
    events = [json.loads(json.dumps(each)) for each in org.openlineage.events()]
    assert [each["eventType"] for each in events] == ["START", "COMPLETE", "START", "FAIL"]
    for each in events:
        read = RunEvent(
            eventTime=each["eventTime"],
            eventType=each["eventType"],
            producer=each["producer"],
            run=Run(**each["run"]),
            job=Job(**each["job"]),
            inputs=[InputDataset(**one) for one in each["inputs"]],
            outputs=[OutputDataset(**one) for one in each["outputs"]],
        )
        assert read.schemaURL == each["schemaURL"]
        assert UUID(read.run.runId)
        assert read.inputs[0].facets["version"]["datasetVersion"] == tables[0].record.sha256
    assert events[0]["run"]["runId"] == events[1]["run"]["runId"] != events[2]["run"]["runId"]
    assert events[1]["outputs"][0]["name"] == "warehouse/clean"


def test_another_home_that_has_the_same_data_takes_our_events(org, tables, tmp_path):
    with org.provenance.run("clean", inputs=[tables[0]]) as run:
        run.output(tables[1])
    events = list(org.openlineage.events())
    with counterfoil.create(tmp_path / "other", name="Other", origin="other.example/data") as other:
        for name in ("raw", "clean"):
            other.provenance.register_dataset(tmp_path / f"{name}.csv", name=f"theirs {name}")
        for each in events:
            taken = other.openlineage.take(read_event(each))
        record = other.provenance.runs.at(taken.index).record
        assert (len(record.inputs), len(record.outputs)) == (1, 1)


def test_facet_addresses_are_those_of_the_real_client(org, tables):
    from openlineage.client.facet_v2 import dataset_type_dataset, dataset_version_dataset, schema_dataset

    from counterfoil.provenance.lineage.openlineage.export import _FACETS

    assert _FACETS["version"] == dataset_version_dataset.DatasetVersionDatasetFacet._get_schema()
    assert _FACETS["schema"] == schema_dataset.SchemaDatasetFacet._get_schema()
    assert _FACETS["jobType"] == job_type_job.JobTypeJobFacet._get_schema()
    assert _FACETS["datasetType"] == dataset_type_dataset.DatasetTypeDatasetFacet._get_schema()
    assert event().schemaURL.endswith("RunEvent")


def by_hand(run_id):
    return RunRecord(
        "told", "training", (), (), None, {}, {}, None, "", "", source={"system": "openlineage", "id": run_id}
    )


@pytest.mark.parametrize("run_id", ["no uuid", RUN_ID.upper(), RUN_ID.replace("-", ""), f"{{{RUN_ID}}}"])
def test_a_run_of_openlineage_has_a_uuid_also_when_it_is_told_by_hand(org, run_id):
    with pytest.raises(InvalidInput, match="a UUID in lower case"):
        org.provenance.runs.record(by_hand(run_id))
    assert org.provenance.runs.all() == []


def test_a_run_that_was_told_by_hand_is_the_one_its_events_tell(org):
    made = org.provenance.runs.record(by_hand(RUN_ID))
    assert take(org).index == made.index
    assert {each["run"]["runId"] for each in org.openlineage.events()} == {RUN_ID}
