"""The decision routes, over real HTTP messages into the real app."""

from __future__ import annotations

import json

import orjson
import pytest
from making_node import Serving, applicant, serving

from counterfoil.core.check_receipt import check_receipt
from counterfoil.web.roles import Role


@pytest.fixture
def node(tmp_path):
    with serving(tmp_path) as found:
        yield found


def decide(node: Serving, **more):
    return node.client.post(
        f"/api/v1/deployments/{node.deployment}/decisions", json={"applicant": applicant(), "subject": "4711"}, **more
    )


def test_a_decision_is_on_record_before_it_is_answered(node):
    made = decide(node)
    assert made.status_code == 201
    told = made.json()
    assert told["index"] == node.org.archive.size - 1
    assert node.org.archive.leaf_hex(told["index"]) == told["leaf"]


def test_the_same_request_leaves_one_record(node):
    first = decide(node, headers={"Idempotency-Key": "a"})
    size = node.org.archive.size
    again = decide(node, headers={"Idempotency-Key": "a"})
    assert (again.status_code, again.headers["idempotency-replayed"]) == (200, "true")
    assert again.json() == first.json()
    assert node.org.archive.size == size


def test_a_key_for_another_request_is_refused(node):
    decide(node, headers={"Idempotency-Key": "a"})
    other = node.client.post(
        f"/api/v1/deployments/{node.deployment}/decisions",
        json={"applicant": applicant(), "subject": "other"},
        headers={"Idempotency-Key": "a"},
    )
    assert (other.status_code, other.json()["code"]) == (422, "invalid_input")


def test_lines_are_answered_one_by_one_and_in_order(node):
    good = b'{"applicant": %s, "subject": "1"}' % node.encoded
    made = node.client.post(
        f"/api/v1/deployments/{node.deployment}/decisions/batch", content=b"\n".join([good, b"{", good])
    )
    lines = [json.loads(line) for line in made.content.splitlines()]
    assert [line.get("code") for line in lines] == [None, "invalid_input", None]
    assert lines[0]["index"] + 1 == lines[2]["index"]


def test_who_looked_is_on_record_before_anything_is_shown(node):
    index = decide(node).json()["index"]
    shown = node.client.get(f"/api/v1/decisions/{index}").json()
    look = node.org.archive.record(node.org.archive.size - 1)
    assert (look.kind, look.builds_on) == ("look", (shown["leaf"],))
    assert node.org.views.values_of(node.org.archive.size - 1)["/by"] == node.who


def test_an_override_says_what_the_reviewer_saw(node):
    index = decide(node).json()["index"]
    shown = node.client.get(f"/api/v1/decisions/{index}").json()
    wanted = {"label": "approve", "by": "Bo", "reason": "a person looked", "saw": shown["state"]}
    path = f"/api/v1/decisions/{index}/overrides"
    made = node.client.post(path, json=wanted, headers={"Idempotency-Key": "o"})
    assert made.status_code == 201
    assert node.client.post(path, json=wanted, headers={"Idempotency-Key": "o"}).json() == made.json()
    assert node.client.post(path, json=wanted).json()["code"] == "stale"


def test_a_service_gets_the_receipts_of_its_own_decisions_and_of_no_other(tmp_path):
    with serving(tmp_path, Role.SERVICE) as node:
        other = node.org.decisions.deployment(node.deployment).decide(node.applicant, subject="ANN-4711")
        refused = node.client.get(f"/api/v1/decisions/{other.index}/receipt")
        assert (refused.status_code, "ANN-4711" in refused.text) == (403, False)
        path = f"/api/v1/deployments/{node.deployment}/decisions"
        body, key = {"applicant": node.applicant, "subject": "4711"}, {"idempotency-key": "one"}
        assert "receipt" not in node.client.post(path, json=body).json()
        size = node.org.archive.size
        made = node.client.post(path, json=body, params={"receipt": "true"}, headers=key).json()
        again = node.client.post(path, json=body, params={"receipt": "true"}, headers=key).json()
        assert node.org.archive.size == size + 1, "nobody sees what they did not give, so no look is recorded"
        for told in (made, again):
            report = check_receipt(told["receipt"].encode(), issuer=node.org.issuer)
            assert (report.is_intact, told["index"]) == (True, made["index"])
        lines = "\n".join([orjson.dumps(body).decode(), "{}", orjson.dumps(body).decode()])
        answer = node.client.post(f"{path}/batch", content=lines, params={"receipt": "true"})
        first, wrong, last = [orjson.loads(line) for line in answer.text.splitlines()]
        assert "receipt" not in wrong
        for told in (first, last):
            assert check_receipt(told["receipt"].encode(), issuer=node.org.issuer).is_intact


@pytest.mark.parametrize(
    ("path", "body", "what"),
    [
        ("erasures", {"person": "4711", "basis": "asked for"}, "an erasure"),
        ("keys/log/rotate", None, "a new key: log"),
        ("keys/vault/rotate", None, "a new key: vault"),
        ("rebuild", None, "the work rebuild"),
        ("webhooks", {"url": "https://hooks.example/x", "events": ["job.finished"]}, "a webhook"),
        ("ledger/accounts", None, "a new account on the ledger"),
        ("decisions/{index}/appeals", {"text": "again", "by": "somebody"}, "an appeal"),
        ("decisions/{index}/outcomes", {"outcome": "repaid"}, "an outcome"),
    ],
)
def test_who_had_it_done_is_on_record(node, path, body, what):
    index = decide(node).json()["index"]
    size = node.org.archive.size
    assert node.client.post(f"/api/v1/{path.format(index=index)}", json=body).status_code in (200, 201, 202)
    node.org.views.catch_up()
    places = range(size, node.org.archive.size)
    looks = [node.org.views.values_of(each) for each in places if node.org.archive.record(each).kind == "look"]
    assert [(each["/by"], each["/what"]) for each in looks] == [(node.who, f"asked for {what}")]
