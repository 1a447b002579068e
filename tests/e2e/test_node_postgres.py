"""A node whose tables are in PostgreSQL: the server goes away, crashes, comes back; no request is done twice."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import organisations
import pytest
from making_node import Serving, applicant, serving
from postgres import PostgresServer, running_server


@pytest.fixture
def server() -> Iterator[PostgresServer]:
    with running_server() as found:
        organisations.views_url = found.url()
        yield found
        organisations.views_url = ""


@pytest.fixture
def node(server: PostgresServer, tmp_path: Path) -> Iterator[Serving]:
    with serving(tmp_path) as found:
        yield found


def decide(node: Serving, name: str):
    return node.client.post(
        f"/api/v1/deployments/{node.deployment}/decisions",
        json={"applicant": applicant(), "subject": name},
        headers={"idempotency-key": name},
    )


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGQUIT], ids=["stopped", "crashed"])
def test_named_requests_are_done_once_while_the_database_goes_and_comes(how, server, node):
    before = [decide(node, f"before {number}").json()["index"] for number in range(5)]
    assert node.client.get("/api/v1/decisions", params={"limit": 3}).status_code == 200

    server.stop(how)
    during = [decide(node, f"during {number}") for number in range(5)]
    assert [each.status_code for each in during] == [201] * 5
    again = [decide(node, f"before {number}") for number in range(5)]
    assert [(each.status_code, each.json()["index"]) for each in again] == [(200, index) for index in before]
    away = node.client.get("/api/v1/decisions")
    assert (away.status_code, away.json()["code"]) == (503, "log_unavailable")
    assert "PostgreSQL" in away.json()["hint"]

    server.start()
    found = node.client.get("/api/v1/decisions", params={"limit": 20}).json()["items"]
    assert len(found) == 10
    repeated = [decide(node, f"during {number}").json()["index"] for number in range(5)]
    assert repeated == [each.json()["index"] for each in during]
