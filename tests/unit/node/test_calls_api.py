"""Calls recorded over HTTP, and the page that checks in the browser."""

from __future__ import annotations

import pytest
from making_node import serving

from counterfoil.checker import page_digest

CALL = {"operation": "chat", "model": "small-1", "input": [{"role": "user", "content": "May I?"}], "output": "Yes."}


@pytest.fixture
def node(tmp_path):
    with serving(tmp_path) as found:
        yield found


@pytest.fixture(scope="module")
def shared_node(tmp_path_factory):
    """One for tests of what is refused: a node is slow to make."""
    with serving(tmp_path_factory.mktemp("node")) as found:
        yield found


def test_a_call_is_on_record_and_found_again(node):
    made = node.client.post("/api/v1/calls", json={"call": CALL, "subject": "4711"})
    assert made.status_code == 201
    found = node.client.get("/api/v1/calls", params={"subject": "4711"}).json()["items"]
    assert [each["index"] for each in found] == [made.json()["index"]]
    shown = node.client.get(f"/api/v1/calls/{made.json()['index']}").json()
    assert {field["pointer"]: field["value"] for field in shown["fields"]}["/output"] == "Yes."
    assert node.org.archive.record(node.org.archive.size - 1).kind == "look"


def test_the_same_call_sent_twice_is_recorded_once(node):
    first = node.client.post("/api/v1/calls", json={"call": CALL}, headers={"idempotency-key": "a"})
    again = node.client.post("/api/v1/calls", json={"call": CALL}, headers={"idempotency-key": "a"})
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"call": {}},
        {"call": []},
        {"call": CALL, "more": 1},
        {"call": CALL, "subject": 4711},
        {"call": CALL, "retain_until_s": "never"},
        {"call": CALL, "builds_on": "x"},
        {"call": CALL, "builds_on": ["x"]},
        {"call": CALL, "stream": "UPPER"},
    ],
)
def test_what_is_no_call_is_refused(shared_node, body):
    told = shared_node.client.post("/api/v1/calls", json=body)
    assert (told.status_code, told.json()["code"]) == (422, "invalid_input")


def test_the_page_that_checks_is_for_everybody(tmp_path):
    with serving(tmp_path, None) as node:
        page = node.client.get("/check")
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        assert page.headers["etag"] == f'"{page_digest()[:32]}"'
        assert node.client.get("/check", headers={"if-none-match": page.headers["etag"]}).status_code == 304
