"""Long work: shown, stopped, and taken up again."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from making_node import serving, settled
from organisations import bank

from counterfoil.errors import InvalidInput, NotFound, Stale
from counterfoil.node.jobs.job import JobState
from counterfoil.node.jobs.jobs import Jobs
from counterfoil.node.state import NodeState
from counterfoil.organisation import evidence_api


@pytest.fixture
def node(tmp_path):
    with serving(tmp_path) as found:
        yield found


@pytest.fixture
def org(tmp_path):
    with bank(tmp_path) as made:
        for number in range(5):
            made.decide(f"person {number}")
        yield made.org


@pytest.fixture
def state(tmp_path):
    found = NodeState(tmp_path / "node.db")
    yield found
    found.close()


def finished(jobs: Jobs, job_id: str) -> None:
    settled(lambda: jobs.get(job_id).state.is_over)


def test_a_rebuild_counts_every_record(org, state, tmp_path):
    jobs = Jobs(state, tmp_path / "jobs", org)
    jobs.start_work()
    job = jobs.start("key:a", "rebuild", {})
    finished(jobs, job.id)
    done = jobs.get(job.id)
    assert (done.state, done.told) == (JobState.DONE, {"records": org.archive.size})
    jobs.stop_work()


def test_a_replay_says_how_many_answered_as_recorded(org, state, tmp_path):
    jobs = Jobs(state, tmp_path / "jobs", org)
    jobs.start_work()
    job = jobs.start("key:a", "replay", {})
    finished(jobs, job.id)
    assert jobs.get(job.id).told == {"counts": {"as recorded": 5}, "different": []}
    jobs.stop_work()


def test_a_replay_goes_on_behind_what_was_kept(org, state, tmp_path):
    places = org.decisions.places(before=org.archive.size)
    kept = {"behind": places[2], "counts": {"as recorded": 100}, "top": org.archive.size}

    def crash(run):
        run.keep(kept)
        raise SystemExit  # as far as the job knows, the process is gone

    jobs = Jobs(state, tmp_path / "jobs", org, tasks={"replay": crash})
    job = jobs.start("key:a", "replay", {})
    with pytest.raises(SystemExit):
        jobs._do(job.id)

    again = Jobs(state, tmp_path / "jobs", org)
    assert (again.get(job.id).state, again.get(job.id).resumed) == (JobState.WAITING, 1)
    again.start_work()
    finished(again, job.id)
    assert again.get(job.id).told == {"counts": {"as recorded": 102}, "different": []}
    again.stop_work()


def test_a_waiting_job_is_cancelled_at_once(org, state, tmp_path):
    jobs = Jobs(state, tmp_path / "jobs", org)
    job = jobs.start("key:a", "rebuild", {})
    assert jobs.cancel(job.id).state is JobState.CANCELLED
    with pytest.raises(Stale):
        jobs.cancel(job.id)


def test_a_running_job_is_cancelled_at_its_next_step(org, state, tmp_path):
    began, go_on = threading.Event(), threading.Event()

    def dig(run):
        run.progress(0, 2)
        began.set()
        go_on.wait(30)
        run.progress(1, 2)
        return {}

    jobs = Jobs(state, tmp_path / "jobs", org, tasks={"dig": dig})
    jobs.start_work()
    job = jobs.start("key:a", "dig", {})
    began.wait(30)
    jobs.cancel(job.id)
    go_on.set()
    finished(jobs, job.id)
    assert (jobs.get(job.id).state, jobs.get(job.id).done) == (JobState.CANCELLED, 0)
    jobs.stop_work()


def test_what_goes_wrong_is_told_and_the_next_job_runs(org, state, tmp_path):
    jobs = Jobs(state, tmp_path / "jobs", org)
    jobs.start_work()
    bad = jobs.start("key:a", "bundle", {"records": [10_000]})
    good = jobs.start("key:a", "bundle", {"records": [1]})
    finished(jobs, good.id)
    assert (jobs.get(bad.id).state, jobs.get(bad.id).error["code"]) == (JobState.FAILED, "not_found")
    assert jobs.file(good.id).read_bytes()[:2] == b"PK"
    with pytest.raises(NotFound):
        jobs.file(bad.id)
    jobs.stop_work()


def shown_file(jobs: Jobs, last: int) -> tuple[str, Path]:
    job = jobs.start("key:a", "bundle", {"first": 0, "last": last, "show": ["everything"]})
    finished(jobs, job.id)
    return job.id, jobs.file(job.id)


def test_a_file_that_shows_values_is_gone_after_an_erasure(node):
    decided = node.client.post(
        f"/api/v1/deployments/{node.deployment}/decisions",
        json={"applicant": node.applicant, "subject": "secret person"},
    ).json()["index"]
    jobs = node.node.jobs
    shown, path = shown_file(jobs, decided)
    plain = jobs.start("key:a", "bundle", {"first": 0, "last": decided})
    finished(jobs, plain.id)
    assert path.stat().st_mode & 0o777 == 0o600
    assert node.client.get(f"/api/v1/jobs/{shown}/file").status_code == 200
    node.org.views.catch_up()
    looks = [node.org.views.values_of(place) for place in range(decided + 1, node.org.archive.size)]
    assert [look["/records"] for look in looks if look and "/what" in look] == [decided + 1]

    done = node.client.post("/api/v1/erasures", json={"person": "secret person", "basis": "asked for"})
    assert done.json()["done"]
    assert not path.exists()
    assert jobs.file(plain.id).exists()
    answer = node.client.get(f"/api/v1/jobs/{shown}/file")
    assert (answer.status_code, "erased" in answer.json()["hint"]) == (404, True)
    assert "erased" in jobs.get(shown).told["file_gone"]


def test_a_file_is_gone_after_an_erasure_that_no_node_saw(org, state, tmp_path):
    jobs = Jobs(state, tmp_path / "jobs", org)
    jobs.start_work()
    _, first = shown_file(jobs, 1)
    assert org.erasures.erase_person("person 0", basis="asked for").erased
    _, second = shown_file(jobs, 1)
    jobs.stop_work()
    Jobs(state, tmp_path / "jobs", org)
    assert (first.exists(), second.exists()) == (False, True)


def test_what_is_erased_while_a_file_is_written_is_not_kept(org, state, tmp_path):
    def write(run):
        (run.folder / "bundle.zip").write_bytes(b"values")
        jobs.forget_erased()
        if run.arguments.get("steps"):
            run.progress(1, 2)
        return {"file": "bundle.zip"}

    jobs = Jobs(state, tmp_path / "jobs", org, tasks={"bundle": write})
    jobs.start_work()
    for steps, ends in ((False, JobState.DONE), (True, JobState.FAILED)):
        job = jobs.start("key:a", "bundle", {"show": ["everything"], "steps": steps})
        finished(jobs, job.id)
        assert jobs.get(job.id).state is ends
        settled(lambda job=job: not (tmp_path / "jobs" / job.id / "bundle.zip").exists())
    jobs.stop_work()


def test_files_are_kept_for_a_while(org, state, tmp_path):
    now_s = [1_700_000_000.0]
    jobs = Jobs(state, tmp_path / "jobs", org, now=lambda: now_s[0])
    jobs.start_work()
    job, path = shown_file(jobs, 1)
    jobs.stop_work()
    now_s[0] += 99
    assert (jobs.forget_files(100), path.exists()) == (0, True)
    now_s[0] += 1
    assert (jobs.forget_files(100), path.exists()) == (1, False)
    assert jobs.get(job).file == ""


def test_looking_at_a_job_waits_for_no_disk(org, state, tmp_path):
    jobs = Jobs(state, tmp_path / "jobs", org)
    job = jobs.start("key:a", "rebuild", {})
    with state.writing():
        other = threading.Thread(target=jobs.start, args=("key:a", "rebuild", {}))
        other.start()
        settled(jobs._lock.locked)
        assert jobs.get(job.id) == job
        assert jobs._lock.locked()  # the other is still waiting for the disk
    other.join()


def test_there_is_no_other_kind_of_work(org, state, tmp_path):
    with pytest.raises(InvalidInput, match="no work called 'dig'"):
        Jobs(state, tmp_path / "jobs", org).start("key:a", "dig", {})


@pytest.mark.parametrize("kind", ["bundle", "replay"])
def test_what_is_not_understood_does_not_turn_into_everything(node, kind):
    job = node.node.jobs.start("key:a", kind, {"places": [1], "show": ["everything"]}).id
    finished(node.node.jobs, job)
    done = node.node.jobs.get(job)
    assert (done.state, done.error["code"], done.file) == (JobState.FAILED, "invalid_input", "")


def test_whom_a_bundle_is_about_lies_nowhere_in_plain(node, monkeypatch):
    monkeypatch.setattr(evidence_api, "MOST_AT_ONCE", 0)
    node.client.post(
        f"/api/v1/deployments/{node.deployment}/decisions",
        json={"applicant": node.applicant, "subject": "secret person"},
    )
    told = node.client.post("/api/v1/bundles", json={"subject": "secret person"})
    assert told.status_code == 202
    finished(node.node.jobs, told.json()["id"])
    assert node.node.jobs.get(told.json()["id"]).state is JobState.DONE
    for path in node.org.home.paths.folder.glob("node.db*"):
        assert b"secret person" not in path.read_bytes()


def test_a_job_is_watched_until_it_is_over(node):
    job = node.node.jobs.start("key:a", "rebuild", {})
    with node.client.stream("GET", f"/api/v1/jobs/{job.id}/events") as events:
        lines = [line for line in events.iter_lines() if line.startswith("data: ")]
    assert '"state":"done"' in lines[-1]
