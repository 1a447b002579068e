"""The organisation's routes, over real HTTP into the real app."""

from __future__ import annotations

import httpx
import pytest
from making_node import Serving, serving, serving_home, settled
from organisations import ROW, Clock, copy_home, open_home, put_to_work

import counterfoil
from counterfoil.core.note import VerifierKey
from counterfoil.web.roles import Role

API = "/api/v1"


@pytest.fixture
def node(tmp_path):
    with serving(tmp_path) as found:
        yield found


@pytest.fixture(scope="module")
def shared_node(tmp_path_factory):
    """One for tests of what is refused: a node is slow to make."""
    with serving(tmp_path_factory.mktemp("node")) as found:
        yield found


def decide(node: Serving, subject: str = "4711") -> int:
    return (
        node.org.decisions.deployment(node.deployment)
        .decide({"credit_amount": 2500, "duration_in_month": 12, "housing": "own"}, subject=subject)
        .index
    )


def erase(node: Serving, key: str = "", **wanted) -> httpx.Response:
    headers = {"Idempotency-Key": key} if key else {}
    return node.client.post(f"{API}/erasures", json=wanted, headers=headers)


def test_anybody_is_told_whose_node_it_is(node):
    told = httpx.get(f"{node.url}{API}/organisation")
    assert told.json() == {
        "name": "Example Bank plc",
        "origin": "bank.example/credit",
        "issuer": str(node.org.issuer),
        "ledger": None,
    }
    assert told.headers["cache-control"] == "public, max-age=60"


def done(node) -> int:
    """Returns how many records there are beside those that say who looked or asked."""
    kinds = [node.org.archive.record(place).kind for place in range(node.org.archive.size)]
    return sum(kind not in ("look", "schema") for kind in kinds)


def test_an_erasure_is_tried_first_and_changes_nothing(node):
    index, size = decide(node), done(node)
    told = erase(node, person="4711", basis="asked for", dry_run=True).json()
    assert (told["erased"], told["done"], told["dry_run"]) == ([index], False, True)
    assert done(node) == size
    said = node.org.views.values_of(node.org.archive.size - 1)
    assert (said["/by"], said["/what"]) == (node.who, "what an erasure would do")
    assert node.org.views.values_of(index) is not None


def test_a_person_is_erased_once_however_often_it_is_asked(node):
    index = decide(node)
    first = erase(node, "a", person="4711", basis="asked for")
    assert (first.status_code, first.json()["erased"], first.json()["done"]) == (200, [index], True)
    assert node.org.views.values_of(index) is None
    size = node.org.archive.size
    again = erase(node, "a", person="4711", basis="asked for")
    assert again.json() == first.json()
    assert again.headers["idempotency-replayed"] == "true"
    assert node.org.archive.size == size
    other = erase(node, "a", person="4712", basis="asked for")
    assert (other.status_code, other.json()["code"]) == (422, "invalid_input")


def test_what_was_refused_may_be_asked_again_under_its_key(node):
    assert erase(node, "b", person="4711", basis="asked for").json()["code"] == "not_found"
    index = decide(node)
    assert erase(node, "b", person="4711", basis="asked for").json()["erased"] == [index]


def test_single_fields_are_erased(node):
    index = decide(node)
    told = erase(node, record=index, fields=["/input/housing"], basis="asked for").json()
    assert (told["fields"], told["done"]) == (["/input/housing"], True)
    values = node.org.views.values_of(index)
    assert "/input/housing" not in values
    assert "/input/credit_amount" in values


@pytest.mark.parametrize(
    "wanted",
    [
        {},
        {"person": "1"},
        {"person": "1", "record": 2, "basis": "x"},
        {"fields": ["/a"], "person": "1", "basis": "x"},
        {"due": True, "basis": "x"},
        {"record": -1, "basis": "x"},
        {"record": 10**30, "basis": "x"},
        {"record": 0, "basis": "x"},
        {"person": "1", "basis": "x" * 400},
        {"person": 4711, "basis": "x"},
        {"person": "1", "basis": "x", "dryrun": True},
    ],
)
def test_an_erasure_that_cannot_be_is_refused(shared_node, wanted):
    decide(shared_node, "1")
    size = done(shared_node)
    refused = erase(shared_node, **wanted)
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid_input")
    assert done(shared_node) == size


def test_keys_are_listed_without_secrets_and_replaced(node):
    before = node.client.get(f"{API}/keys").json()
    assert {each["use"] for each in before["keys"]} >= {"log", "vault"}
    assert all("secret" not in each for each in before["keys"])
    made = node.client.post(f"{API}/keys/log/rotate", headers={"Idempotency-Key": "k"}).json()
    again = node.client.post(f"{API}/keys/log/rotate", headers={"Idempotency-Key": "k"}).json()
    assert made == again
    after = node.client.get(f"{API}/keys").json()
    assert VerifierKey.parse(after["issuer"]) == VerifierKey.parse(made["issuer"]) == node.org.issuer
    assert len(after["keys"]) == len(before["keys"]) + 1
    index = decide(node)
    assert node.client.post(f"{API}/keys/vault/rotate").json()["use"] == "vault"
    assert node.org.views.values_of(index) is not None
    witness = str(node.org.witness.key)
    assert node.client.post(f"{API}/keys/witness/rotate").json()["use"] == "witness"
    assert str(node.org.witness.key) != witness
    assert node.client.post(f"{API}/keys/head/rotate").json()["code"] == "invalid_input"


def test_the_home_is_looked_over(node):
    told = node.client.get(f"{API}/doctor").json()
    assert {"home", "folder", "key file", "log", "vault", "queue", "tables"} <= {
        each["id"] for each in told["findings"]
    }
    assert told["todo"] == sum(each["todo"] is not None for each in told["findings"])


@pytest.mark.parametrize(
    ("path", "wanted", "kind"),
    [
        ("rebuild", None, "rebuild"),
        ("replays", {}, "replay"),
        ("replays", {"sample": 1, "seed": 3}, "replay"),
    ],
)
def test_long_work_is_started_once_and_done(node, path, wanted, kind):
    decide(node)
    named = {"Idempotency-Key": "w"}
    started = node.client.post(f"{API}/{path}", json=wanted, headers=named)
    assert (started.status_code, started.json()["kind"]) == (202, kind)
    assert node.client.post(f"{API}/{path}", json=wanted, headers=named).json() == started.json()
    job = f"{API}/jobs/{started.json()['id']}"
    settled(lambda: node.client.get(job).json()["state"] == "done")
    assert len(node.client.get(f"{API}/jobs").json()) == 1


def test_a_large_bundle_about_a_person_is_long_work(node, tmp_path):
    deployment = node.org.decisions.deployment(node.deployment)
    deployment.decide_many([ROW] * 2_001, subjects=["busy"] * 2_001)
    started = node.client.post(f"{API}/bundles", json={"subject": "busy", "show": ["/output"]})
    assert started.status_code == 202
    job = f"{API}/jobs/{started.json()['id']}"
    settled(lambda: node.client.get(job).json()["state"] == "done")
    assert node.client.get(job).json()["told"]["shown"] == 2_001
    (tmp_path / "b.zip").write_bytes(node.client.get(f"{job}/file").content)
    assert counterfoil.check(tmp_path / "b.zip", issuer=node.org.issuer).is_intact


def test_only_an_admin_erases_and_replaces_keys(tmp_path):
    with serving(tmp_path, Role.OPERATOR, Role.AUDITOR, Role.SERVICE) as node:
        assert erase(node, person="1", basis="x").json()["code"] == "not_allowed"
        assert node.client.post(f"{API}/keys/log/rotate").json()["code"] == "not_allowed"
        assert node.client.post(f"{API}/rebuild").json()["code"] == "not_allowed"


def test_what_is_in_the_depot_is_told_and_more_goes_there(tmp_path):
    with serving(tmp_path / "plain") as node:
        assert node.client.get(f"{API}/depot").json()["is_named"] is False
        assert node.client.post(f"{API}/depot/push", json={}).json()["code"] == "not_set_up"
    home = copy_home(tmp_path / "away")
    with (home / "counterfoil.toml").open("a") as file:
        file.write(f'depot_url = "file://{tmp_path}/depot"\n')
    with open_home(home, Clock()) as org, serving_home(org) as node:
        put_to_work(org)
        waiting = node.client.get(f"{API}/depot").json()
        assert waiting["kept"] + waiting["waiting"] == 1  # the model, which the node may have copied by itself
        named = {"Idempotency-Key": "p"}
        started = node.client.post(f"{API}/depot/push", json={"drop": True}, headers=named).json()
        assert node.client.post(f"{API}/depot/push", json={"drop": True}, headers=named).json() == started
        job = f"{API}/jobs/{started['id']}"
        settled(lambda: node.client.get(job).json()["state"] in ("done", "failed"))
        told = node.client.get(job).json()["told"]
        assert told["freed_bytes"] == 0  # the model is at work, so it stays here, too
        assert node.client.get(f"{API}/depot").json()["kept"] == 1
