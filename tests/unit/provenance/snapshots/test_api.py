"""Snapshots over HTTP, asked for by somebody who may be anywhere."""

from __future__ import annotations

import pytest
import sources
from making_node import serving, settled

from counterfoil.errors import InvalidInput
from counterfoil.node.settings import NodeSettings
from counterfoil.web.roles import Role

LOOPBACK = NodeSettings(snapshot_networks=("127.0.0.0/8",), most_file_bytes=1_000_000)


def done(node, answer):
    assert answer.status_code == 202, answer.text
    job = answer.json()["id"]
    settled(lambda: node.node.jobs.get(job).state.is_over)
    return node.client.get(f"/api/v1/jobs/{job}").json()


@pytest.fixture
def web():
    with sources.source() as found:
        yield found


@pytest.fixture(scope="module")
def shared_node(tmp_path_factory):
    """One for tests of what is refused: a node is slow to make."""
    with serving(tmp_path_factory.mktemp("node"), Role.OPERATOR) as found:
        yield found


def test_a_snapshot_is_taken_in_the_background_and_listed(tmp_path, web):
    with serving(tmp_path, Role.OPERATOR, settings=LOOPBACK) as node:
        asked = {"name": "rates", "url": f"{web.url}/rates.csv?key=MARKER", "notes": {"licence": "CC0"}}
        first = done(node, node.client.post("/api/v1/snapshots", json=asked))
        again = done(node, node.client.post("/api/v1/snapshots", json=asked))
        assert (first["state"], first["told"]["new"], again["told"]["new"]) == ("done", True, False)
        [shown] = node.client.get("/api/v1/snapshots").json()
        assert (shown["name"], shown["version"], shown["fetches"], shown["state"]) == ("rates", "1", 2, "kept")
        assert shown["source"]["url"] == f"{web.url}/rates.csv?key=…"
        assert node.client.get("/api/v1/datasets/rates").json()["notes"] == {"licence": "CC0"}


def test_an_api_is_read_in_the_background(tmp_path, web):
    web.paths["/api"] = sources.pages(2, by_link=True)
    form = {"url": f"{web.url}/api", "items": "data.items", "next": "links.next", "pages_per_s": 100}
    with serving(tmp_path, Role.OPERATOR, settings=LOOPBACK) as node:
        job = done(node, node.client.post("/api/v1/snapshots", json={"name": "items", "api": form}))
        assert job["told"]["source"]["count"] == 6


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "2130706433", "169.254.169.254", "10.0.0.1"])
def test_an_inner_address_is_refused_unless_settings_name_it(shared_node, web, host):
    port = web.url.rpartition(":")[2]
    asked = {"name": "rates", "url": f"http://{host}:{port}/rates.csv"}
    job = done(shared_node, shared_node.client.post("/api/v1/snapshots", json=asked))
    assert (job["state"], job["error"]["code"]) == ("failed", "not_allowed")
    assert web.asked == []
    assert shared_node.client.get("/api/v1/snapshots").json() == []


def test_an_api_may_reach_no_inner_address_either(shared_node, web):
    asked = {"name": "x", "api": {"url": f"{web.url}/api"}}
    job = done(shared_node, shared_node.client.post("/api/v1/snapshots", json=asked))
    assert job["error"]["code"] == "not_allowed"
    assert web.asked == []


@pytest.mark.parametrize(
    "asked",
    [
        {"name": "x"},
        {"name": "x", "url": "https://a.example/", "api": {"url": "https://a.example/"}},
        {"name": "", "url": "https://a.example/"},
        {"name": "a\nb", "url": "https://a.example/"},
        {"name": "x", "url": "file:///etc/passwd"},
        {"name": "x", "url": "https://ada:pw@a.example/"},
        {"name": "x", "url": "https://a.example/", "networks": ["0.0.0.0/0"]},
        {"name": "x", "url": "https://a.example/", "most_bytes": 1},
        {"name": "x", "sql": "sqlite:///etc/x"},
        {"name": "x", "path": "file:///etc/passwd"},
        {"name": "x", "api": {"url": "https://a.example/", "method": "POST"}},
    ],
)
def test_what_is_no_source_on_the_web_is_refused_at_once(shared_node, asked):
    before = [each.id for each in shared_node.node.jobs.list()]
    assert shared_node.client.post("/api/v1/snapshots", json=asked).status_code == 422
    assert [each.id for each in shared_node.node.jobs.list()] == before


def test_more_than_the_node_takes_is_refused(tmp_path, web):
    web.bodies["/big"] = bytes(1_000_001)
    with serving(tmp_path, Role.OPERATOR, settings=LOOPBACK) as node:
        job = done(node, node.client.post("/api/v1/snapshots", json={"name": "big", "url": f"{web.url}/big"}))
        assert job["error"]["code"] == "too_large"


def test_work_that_is_stopped_leaves_nothing(tmp_path, web):
    web.paths["/slow"] = sources.flowing
    settings = NodeSettings(snapshot_networks=("127.0.0.0/8",))
    with serving(tmp_path, Role.OPERATOR, settings=settings) as node:
        job = node.client.post("/api/v1/snapshots", json={"name": "slow", "url": f"{web.url}/slow"}).json()["id"]
        settled(lambda: node.node.jobs.get(job).done > 0)
        node.client.delete(f"/api/v1/jobs/{job}")
        settled(lambda: node.node.jobs.get(job).state.is_over)
        assert node.node.jobs.get(job).state == "cancelled"
        assert [path for path in node.org.home.paths.snapshots.rglob("*") if path.is_file()] == []


def test_a_service_may_not_have_this_machine_ask_others(tmp_path):
    with serving(tmp_path, Role.SERVICE) as node:
        answer = node.client.post("/api/v1/snapshots", json={"name": "x", "url": "https://a.example/"})
        assert answer.status_code == 403


def test_a_network_in_the_settings_that_is_none_is_refused():
    with pytest.raises(InvalidInput, match="snapshot_networks"):
        NodeSettings(snapshot_networks=("ten",))


@pytest.mark.parametrize("path", ["/rates.csv", "/missing"], ids=["done", "failed"])
def test_an_address_with_a_secret_goes_when_the_job_is_over(path, tmp_path, web):
    with serving(tmp_path, Role.OPERATOR, settings=LOOPBACK) as node:
        asked = {"name": "rates", "url": f"{web.url}{path}?key=MARKER-4711"}
        job = done(node, node.client.post("/api/v1/snapshots", json=asked))
        assert node.node.jobs.get(job["id"]).arguments == {}
        files = sorted(tmp_path.rglob("node.db*"))
        settled(lambda: not any(b"MARKER-4711" in file.read_bytes() for file in files))
        assert files


def test_nobody_afar_tells_a_fetch(tmp_path, web):
    with serving(tmp_path, Role.OPERATOR, settings=LOOPBACK) as node:
        done(node, node.client.post("/api/v1/snapshots", json={"name": "rates", "url": f"{web.url}/rates.csv"}))
        told = {"name": "rates", "kind": "snapshot", "outputs": ["rates"], "parameters": {"source": {"url": "x"}}}
        assert node.client.post("/api/v1/runs", json=told).status_code == 422
        assert node.client.post("/api/v1/runs", json=told | {"kind": "fetch"}).status_code == 201
        [shown] = node.client.get("/api/v1/snapshots").json()
        assert shown["fetches"] == 1
