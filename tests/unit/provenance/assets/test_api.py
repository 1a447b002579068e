"""The routes of assets, over real HTTP into the real app, on an embedded ledger."""

from __future__ import annotations

import pytest
from making_node import serving
from organisations import DATA

import counterfoil
from counterfoil.errors import NotFound
from counterfoil.web.roles import Role

API = "/api/v1/assets"
MISSING = "0x" + "12" * 32


@pytest.fixture
def node(tmp_path):
    with serving(tmp_path) as found:
        yield found


@pytest.fixture
def connected(node):
    node.org.ledger.connect()
    return node


def test_a_home_without_a_ledger_says_so(node):
    answers = [
        node.client.get(API),
        node.client.get(f"{API}/{MISSING}"),
        node.client.post(API, json={"what": "credit"}),
        node.client.post(f"{API}/{MISSING}/state", json={"state": "recalled"}),
        node.client.post(f"{API}/{MISSING}/versions", json={"what": "credit"}),
        node.client.post(f"{API}/{MISSING}/transfer", json={"to": "0x" + "12" * 20}),
        node.client.post(f"{API}/contract", json={}),
    ]
    assert {each.json()["code"] for each in answers} == {"not_set_up"}


def test_a_model_is_quoted_registered_once_recalled_and_handed_over(connected):
    client, name = connected.client, connected.org.provenance.models()[0].record.name
    dry = client.post(API, json={"what": name}).json()
    assert (dry["done"], sorted(dry["public"])) == (False, ["kind", "manifest"])
    assert client.get(API).json() == []

    wanted, named = {"what": name, "royalty_bps": 250, "dry_run": False}, {"Idempotency-Key": "r"}
    made = client.post(API, json=wanted, headers=named)
    assert (made.status_code, made.json()["done"], made.json()["kind"]) == (200, True, "model")
    assert client.post(API, json=wanted, headers=named).json() == made.json()
    asset = made.json()["asset"]
    assert [each["asset"] for each in client.get(API).json()] == [asset]

    state = client.post(f"{API}/{asset}/state", json={"state": "recalled", "dry_run": False}).json()
    assert (state["done"], state["state"]) == (True, "recalled")
    same = client.post(f"{API}/{asset}/versions", json={"what": name}).json()
    assert (same["done"], same["gas"]) == (False, 0)  # it is the newest version already
    shown = client.get(f"{API}/{asset}").json()
    assert [each["name"] for each in shown["steps"]] == ["Registered", "Transfer", "StateSet"]
    assert connected.org.archive.leaf_hex(shown["of"]) == shown["manifest"]

    handed = client.post(f"{API}/{asset}/transfer", json={"to": "0x" + "12" * 20, "dry_run": False}).json()
    assert handed["owner"] == "0x" + "12" * 20
    assert client.get(API, params={"ours": True}).json() == []
    refused = client.post(f"{API}/{asset}/state", json={"state": "active"})
    assert (refused.status_code, refused.json()["code"]) == (403, "not_allowed")


def test_a_client_gets_what_the_home_gives(connected):
    name = connected.org.provenance.models()[0].record.name
    connected.org.provenance.register_dataset(DATA, name="applicants")
    key = connected.client.headers["authorization"].removeprefix("Bearer ")
    with counterfoil.connect(connected.url, key) as remote:
        data = remote.ledger.assets.register("applicants", royalty_bps=250)
        made = remote.ledger.assets.register(name, uri="https://bank.example/model", parents=[data.asset])
        assert remote.ledger.assets.list() == connected.org.ledger.assets.list() == [data, made]
        assert remote.ledger.assets.publish(data.asset, name, kind="model").version == 2
        assert remote.ledger.assets.set_state(made.asset, "blocked").state == "blocked"
        assert remote.ledger.assets.show(made.asset) == connected.org.ledger.assets.show(made.asset)
        assert not remote.ledger.assets.transfer(made.asset, "0x" + "12" * 20).is_ours
        assert [each.asset for each in remote.ledger.assets.list(ours=True)] == [data.asset]
        with pytest.raises(NotFound):
            remote.ledger.assets.show(MISSING)


@pytest.mark.parametrize(
    "wanted",
    [{}, {"what": ""}, {"what": "x", "royalty_bps": 1_001}, {"what": "x", "kind": "service"}, {"what": "x", "more": 1}],
    ids=["nothing", "empty", "royalty", "kind", "more"],
)
def test_what_cannot_be_registered_is_refused(connected, wanted):
    answer = connected.client.post(API, json=wanted)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_input")


def test_what_is_not_there_is_not_found(connected):
    assert connected.client.post(API, json={"what": "nothing"}).status_code == 404
    assert connected.client.get(f"{API}/{MISSING}").status_code == 404
    assert connected.client.get(f"{API}/12").status_code == 422


def test_readers_look_and_change_nothing(tmp_path):
    with serving(tmp_path, Role.AUDITOR) as node:
        node.org.ledger.connect()
        assert node.client.get(API).json() == []
        for path in ("", f"/{MISSING}/state", f"/{MISSING}/transfer", f"/{MISSING}/versions", "/contract"):
            assert node.client.post(f"{API}{path}", json={}).json()["code"] == "not_allowed"


def test_an_operator_registers_and_does_not_hand_over(tmp_path):
    with serving(tmp_path, Role.OPERATOR) as node:
        node.org.ledger.connect()
        name = node.org.provenance.models()[0].record.name
        assert node.client.post(API, json={"what": name, "dry_run": False}).json()["done"]
        asset = node.client.get(API).json()[0]["asset"]
        refused = node.client.post(f"{API}/{asset}/transfer", json={"to": "0x" + "12" * 20})
        assert refused.json()["code"] == "not_allowed"


def test_the_contract_is_there_already(connected):
    assert connected.client.post(f"{API}/contract", json={}).json()["code"] == "invalid_input"
    address = connected.org.ledger.require_connection().assets
    taken = connected.client.post(f"{API}/contract", json={"contract": address, "dry_run": False}).json()
    assert (taken["done"], taken["contract"]) == (True, address)
