"""The ledger's routes, over real HTTP into the real app, on an embedded ledger."""

from __future__ import annotations

import pytest
from making_node import serving

from counterfoil.web.roles import Role

API = "/api/v1/ledger"


@pytest.fixture
def node(tmp_path):
    with serving(tmp_path) as found:
        yield found


def test_a_home_without_a_ledger_says_so(node):
    assert node.client.get(API).json() == {"connected": False, "status": None}
    assert node.client.get(f"{API}/accounts").json() == []
    assert node.client.get(f"{API}/log").json()["code"] == "not_set_up"
    assert node.client.post(f"{API}/disconnect", json={}).json()["code"] == "not_set_up"
    assert node.client.post(f"{API}/anchor", json={}).json()["code"] == "not_set_up"


def test_connecting_is_tried_first_done_once_and_undone(node):
    dry = node.client.post(f"{API}/connect", json={}).json()
    assert not dry["done"]
    titles = [each["title"] for each in dry["steps"]]
    assert titles[-5].startswith("open the log ")
    assert titles[-4:-2] == ["put the Assets contract on the ledger", "put the Market contract on the ledger"]
    assert not node.org.ledger.is_connected
    wanted, named = {"dry_run": False}, {"Idempotency-Key": "c"}
    made = node.client.post(f"{API}/connect", json=wanted, headers=named)
    assert (made.status_code, made.json()["done"]) == (200, True)
    again = node.client.post(f"{API}/connect", json=wanted, headers=named)
    assert again.json() == made.json()
    assert node.client.post(f"{API}/connect", json=wanted).json()["code"] == "invalid_input"
    status = node.client.get(API).json()
    assert status["connected"]
    assert status["status"]["contract"] == made.json()["contract"]
    told = node.client.get("/api/v1/organisation").json()["ledger"]
    assert told["log_id"] == made.json()["log_id"]
    accounts = node.client.get(f"{API}/accounts").json()
    assert [each["used"] for each in accounts] == [True]
    sent = node.client.get(f"{API}/log", params={"limit": 5}).json()["transactions"]
    assert sent
    refused = node.client.post(f"{API}/transactions/{sent[0]['id']}/cancel")
    assert refused.json()["code"] in ("not_allowed", "invalid_input")
    assert node.client.post(f"{API}/disconnect", json={}, headers={"Idempotency-Key": "d"}).status_code == 200
    assert node.client.post(f"{API}/disconnect", json={}, headers={"Idempotency-Key": "d"}).status_code == 200
    assert not node.org.ledger.is_connected


@pytest.mark.parametrize(
    "wanted",
    [
        {"passphrase": "secret"},
        {"rpc": "http://127.0.0.1"},
        {"rpc": ["file:///etc/passwd"], "dry_run": True},
        {"account": "0x12"},
        {"contract": "nonsense"},
        {"finality": "soon"},
        {"agree": 0},
    ],
)
def test_what_cannot_be_connected_to_is_refused(node, wanted):
    answer = node.client.post(f"{API}/connect", json=wanted)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_input")
    assert not node.org.ledger.is_connected


def test_staff_look_and_only_an_admin_moves(tmp_path):
    with serving(tmp_path, Role.AUDITOR) as node:
        assert node.client.get(API).status_code == 200
        for path in ("connect", "disconnect", "anchor", "transactions/1/cancel"):
            assert node.client.post(f"{API}/{path}", json={}).json()["code"] == "not_allowed"
