"""What a node does by itself, and what it says when something is wrong."""

from __future__ import annotations

import threading

import pytest
from making_node import serving
from organisations import bank, copy_home, full_log, open_home
from sqlalchemy import select

from counterfoil.errors import LogUnavailable
from counterfoil.node.alarms import Alarms, Concern
from counterfoil.node.background import chores_of
from counterfoil.node.chores import Chore, Chores
from counterfoil.node.concerns import concerns
from counterfoil.node.node import Node
from counterfoil.node.settings import NodeSettings
from counterfoil.node.state import NodeState
from counterfoil.node.webhooks.webhooks import Webhooks, deliveries


@pytest.fixture
def state(tmp_path):
    found = NodeState(tmp_path / "node.db")
    yield found
    found.close()


def chore(node: Node, name: str) -> Chore:
    return next(each for each in chores_of(node) if each.name == name)


def test_how_a_chore_went_outlives_the_process(state):
    chores = [Chore("dig", "Digs.", 1, lambda: "dug 3 holes")]
    Chores(state, chores, now=lambda: 42).run(chores[0])
    again = Chores(state, chores).list()[0]
    assert (again.last_s, again.told, again.fault) == (42, "dug 3 holes", "")


def test_a_fault_is_told_and_forgotten_when_it_is_over(state):
    faults = [LogUnavailable("the disk is full"), None]

    def work() -> str:
        error = faults.pop(0)
        if error is not None:
            raise error
        return ""

    chores = [Chore("dig", "Digs.", 1, work)]
    made = Chores(state, chores)
    assert made.run(chores[0]).fault == "the disk is full"
    assert made.run(chores[0]).fault == ""
    assert Chores(state, chores).list()[0].fault == ""


def test_every_chore_says_what_it_does(tmp_path):
    with serving(tmp_path) as node:
        chores = node.client.get("/api/v1/status").json()["chores"]
        assert {each["name"] for each in chores} == {each.name for each in chores_of(node.node)}
        assert all(each["does"].endswith(".") for each in chores)
        page = node.client.get("/work").text
        assert [each["does"] for each in chores if each["does"] not in page] == []


def test_waiting_decisions_move_to_the_log_by_themselves(tmp_path):
    with bank(tmp_path, on_log_failure="spool") as made:
        node = Node(made.org, NodeSettings())
        with full_log(made.org):
            made.decide("somebody")
        assert made.org.recorder.spool.count == 1
        assert [each.id for each in concerns(made.org, [], [])] == ["queue"]
        view = node.chores.run(chore(node, "queue"))
        assert (view.told, made.org.recorder.spool.count) == ("moved 1 record to the log", 0)
        node.state.close()


def test_what_is_due_for_erasure_is_erased_by_itself(tmp_path):
    with bank(tmp_path, retain_days=1) as made:
        index = made.decide("somebody").index
        made.org.erasures.erase_person("somebody", basis="asked")
        node = Node(made.org, NodeSettings())
        assert node.chores.run(chore(node, "retention")).told == ""
        made.clock.move(2 * 86_400)
        assert node.chores.run(chore(node, "retention")).told == "erased the private values of 1 record"
        assert made.org.vault.stats().erased == 1
        assert made.org.archive.record(index).kind == "decision"
        node.state.close()


def test_finished_parts_are_copied_to_the_depot_by_themselves(tmp_path):
    home = copy_home(tmp_path / "a")
    config = home / "counterfoil.toml"
    config.write_text(f'{config.read_text()}depot_url = "file://{tmp_path / "depot"}"\n')
    with open_home(home) as org:
        node = Node(org, NodeSettings())
        assert node.chores.run(chore(node, "depot")).told == "copied 1 part to the depot"  # the model
        assert node.chores.run(chore(node, "depot")).told == "copied 1 part to the depot"  # nothing new
        assert org.depot.status().kept == 1
        node.state.close()


def test_an_alarm_is_raised_once_and_cleared_once(state):
    hooks = Webhooks(state)
    hooks.add("http://127.0.0.1:9/", ())
    alarms = Alarms(state, hooks)
    disk = Concern("disk", "1 GiB is free", "free some")
    assert alarms.settle([disk]) == "raised disk"
    assert alarms.settle([disk]) == ""
    assert [alarm.id for alarm in Alarms(state, hooks).open()] == ["disk"]
    assert alarms.settle([]) == "cleared disk"
    with state.reading() as connection:
        told = connection.execute(select(deliveries.c.event).order_by(deliveries.c.number)).scalars().all()
    assert told == ["alarm.raised", "alarm.cleared"]
    assert alarms.history()[0].cleared_s is not None


def test_monitors_see_the_log_grow(tmp_path):
    with serving(tmp_path) as node:
        node.client.post(f"/api/v1/deployments/{node.deployment}/decisions", json={"applicant": node.applicant})
        text = node.client.get("/metrics").text
        assert f"counterfoil_log_records {float(node.org.archive.size)}" in text
        route = 'route="/api/v1/deployments/{index}/decisions",status="201"'
        assert f"counterfoil_http_requests_total{{{route}}} 1.0" in text
        assert node.client.get("/api/v1/status").json()["log_size"] == node.org.archive.size
        assert node.client.get("/healthz").json() == node.client.get("/readyz").json() == {"done": True}


def test_what_waits_for_others_holds_up_no_other_chore(state):
    asked, answered, swept = threading.Event(), threading.Event(), threading.Event()

    def ask() -> str:
        asked.set()
        answered.wait(30)
        return "was answered"

    def sweep() -> str:
        if asked.is_set():
            swept.set()
        return ""

    chores = [Chore("ask", "Asks.", 60, ask, waits_for_others=True), Chore("sweep", "Sweeps.", 0, sweep)]
    made = Chores(state, chores)
    made.start_work()
    try:
        assert swept.wait(30)
    finally:
        answered.set()
        made.stop_work()
    assert [each.told for each in made.list()] == ["was answered", ""]
