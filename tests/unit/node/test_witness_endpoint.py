"""Two nodes witness each other over real HTTP: what C2SP clients see, and what a fork gets."""

from __future__ import annotations

import shutil

import pytest
from making_node import serving, serving_home
from organisations import open_home

import counterfoil
from counterfoil.core.note import COSIGNATURE, parse_note
from counterfoil.node.concerns import concerns


@pytest.fixture
def witness(tmp_path):
    with (
        counterfoil.create(tmp_path / "notary", name="Notary", origin="notary.example") as org,
        serving_home(org) as found,
    ):
        yield found


def acquaint(log, witness) -> None:
    """Each is told of the other as their admins would do it."""
    added = witness.client.post("/api/v1/witness/logs", json={"key": str(log.org.issuer)}).json()
    asked = {"name": "other", "key": added["key"], "url": witness.url}
    assert log.client.post("/api/v1/witness/witnesses", json=asked).status_code == 201


def test_a_head_is_cosigned_by_the_other_node(tmp_path, witness):
    with serving(tmp_path / "a") as log:
        acquaint(log, witness)
        told = log.client.post("/api/v1/witness/collect").json()
        assert (told["enough"], told["signed"]) == (True, ["other"])
        note = parse_note(log.client.get("/log/checkpoint").text)
    key = witness.org.witness.key
    assert key.kind == COSIGNATURE
    assert note.signed_by(key)


def test_what_is_no_request_is_told_as_the_standard_has_it(witness):
    assert witness.client.post("/add-checkpoint", content=b"nonsense").status_code == 400
    head = witness.client.get("/log/checkpoint").text
    assert witness.client.post("/add-checkpoint", content=f"old 0\n\n{head}".encode()).status_code == 404
    assert witness.client.post("/add-checkpoint", content=b"x" * 70_000).status_code == 413


def test_a_fork_of_a_log_gets_no_cosignature_and_raises_an_alarm(tmp_path, witness):
    with serving(tmp_path / "a") as log:
        acquaint(log, witness)
    shutil.copytree(tmp_path / "a", tmp_path / "fork")
    with open_home(tmp_path / "a" / "home") as org:
        org.looks.record(by="somebody", what="one history")
        assert org.witness.collect().is_enough
    with open_home(tmp_path / "fork" / "home") as org, serving_home(org) as fork:
        org.looks.record(by="somebody", what="another history")
        told = fork.client.post("/api/v1/witness/collect").json()
        assert not told["enough"]
        assert told["witnesses"][0]["alarm"]
        assert [concern.id for concern in concerns(org, [], [])] == ["witness"]
