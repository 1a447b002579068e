"""The contract's routes, over real HTTP into the real app, on an embedded ledger."""

from __future__ import annotations

from pathlib import Path

import pytest
from making_node import Serving, serving
from organisations import ORIGIN

from counterfoil.core.checkpoint import Checkpoint
from counterfoil.errors import LogUnavailable
from counterfoil.ledger.accounts.account import checksummed
from counterfoil.web.roles import Role

API = "/api/v1/ledger"
SOMEBODY = "0x" + "12" * 20
NOBODY = "0x" + "00" * 20


@pytest.fixture
def node(tmp_path):
    with serving(tmp_path) as found:
        yield found


@pytest.fixture
def connected(node):
    node.org.ledger.connect()
    return node


def test_an_account_is_made_once_and_opens_with_the_homes_own_keys(node):
    named = {"Idempotency-Key": "a"}
    made = node.client.post(f"{API}/accounts", headers=named)
    assert made.status_code == 201
    assert node.client.post(f"{API}/accounts", headers=named).json() == made.json()
    listed = node.client.get(f"{API}/accounts").json()
    assert [each["address"] for each in listed] == [made.json()["address"]]
    address = bytes.fromhex(made.json()["address"][2:])
    assert node.org.ledger.joining.accounts.open(address, None, None).address == address
    assert Path(made.json()["file"]).stat().st_mode & 0o077 == 0


def test_what_anchoring_costs_is_what_the_command_line_says(node):
    told = node.client.get(f"{API}/cost", params={"records_per_day": 1_000_000, "interval_s": 60}).json()
    assert told["anchors_per_month"] == 43_200
    assert [each["ledger"] for each in told["costs"]] == ["embedded", "rollup", "ethereum"]
    assert told["costs"][2]["high_usd_per_month"] == pytest.approx(10 * told["costs"][2]["low_usd_per_month"])
    dear = node.client.get(f"{API}/cost", params={"coin_usd": 6_000, "interval_s": 60}).json()
    assert dear["costs"][2]["low_usd_per_month"] == pytest.approx(2 * told["costs"][2]["low_usd_per_month"])


@pytest.mark.parametrize("wrong", [{"coin_usd": -1}, {"interval_s": 0}, {"l1_gwei": "nan"}, {"records_per_day": "inf"}])
def test_what_cannot_cost_anything_is_refused(node, wrong):
    assert node.client.get(f"{API}/cost", params=wrong).json()["code"] == "invalid_input"


def test_a_contract_is_put_on_a_ledger_after_a_dry_run(node):
    dry = node.client.post(f"{API}/deploy", json={}).json()
    assert not dry["done"]
    assert [step["title"].split(" ", 3)[:3] for step in dry["steps"]] == [
        ["make", "an", "account"],
        ["make", "a", "ledger"],
        ["put", "the", "Evidence"],
    ]
    assert not node.org.ledger.paths.has_embedded
    assert node.client.get(f"{API}/accounts").json() == []
    named = {"Idempotency-Key": "d"}
    made = node.client.post(f"{API}/deploy", json={"dry_run": False}, headers=named).json()
    assert made["done"]
    assert node.client.post(f"{API}/deploy", json={"dry_run": False}, headers=named).json() == made
    dry = node.client.post(f"{API}/deploy", json={}, headers={"Idempotency-Key": "e"}).json()
    assert dry["balance_wei"] > 2**64
    assert node.client.post(f"{API}/deploy", json={}, headers={"Idempotency-Key": "e"}).json() == dry
    assert [step["title"] for step in dry["steps"]] == ["put the Evidence contract on the ledger"]
    used = {"dry_run": False, "contract": made["contract"]}
    assert node.client.post(f"{API}/connect", json=used).json()["contract"] == made["contract"]


def test_roles_are_shown_offered_withdrawn_and_ended(connected):
    node = connected
    account = node.org.ledger.require_connection().account
    held = {"owner": account, "writer": account, "pending_owner": None, "pending_writer": None}
    assert node.client.get(f"{API}/roles").json() == held
    offered = node.client.post(f"{API}/roles/offer", json={"role": "writer", "account": SOMEBODY}).json()
    assert offered == {"account": checksummed(bytes.fromhex(SOMEBODY[2:])), "role": "writer"}
    assert node.client.get(f"{API}/roles").json() == held | {"pending_writer": offered["account"]}
    refused = node.client.post(f"{API}/roles/accept", json={"role": "writer"})
    assert (refused.status_code, refused.json()["code"]) == (409, "reverted")
    assert "not offered to this account" in refused.json()["detail"]
    node.client.post(f"{API}/roles/offer", json={"role": "writer", "account": NOBODY})
    assert node.client.get(f"{API}/roles").json() == held
    node.client.post(f"{API}/roles/offer", json={"role": "writer", "account": account})
    taken = node.client.post(f"{API}/roles/accept", json={"role": "writer"}).json()
    assert taken == {"log_id": node.org.ledger.require_connection().log_id, "role": "writer"}
    assert node.client.post(f"{API}/roles/revoke-writer").json() == {"writer": None}
    assert node.client.get(f"{API}/roles").json() == held | {"writer": None}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("roles/offer", {"role": "king", "account": SOMEBODY}),
        ("roles/offer", {"role": "writer", "account": "0x12"}),
        ("roles/offer", {"role": "writer"}),
        ("roles/accept", {"role": "writer", "log_id": "12"}),
        ("deploy", {"passphrase": "secret"}),
        ("deploy", {"rpc": ["file:///etc/passwd"]}),
    ],
)
def test_what_no_contract_takes_is_refused(connected, path, body):
    answer = connected.client.post(f"{API}/{path}", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_input")


def test_without_a_ledger_there_are_no_roles(node):
    for answer in (
        node.client.get(f"{API}/roles"),
        node.client.post(f"{API}/roles/offer", json={"role": "writer", "account": SOMEBODY}),
        node.client.post(f"{API}/roles/accept", json={"role": "writer"}),
        node.client.post(f"{API}/roles/revoke-writer"),
        node.client.post(f"{API}/judge", files={"first": b"a", "second": b"b"}),
    ):
        assert answer.json()["code"] == "not_set_up"


def two_histories(node: Serving) -> dict[str, bytes]:
    """Returns two heads of one size that the bank signed both."""
    org = node.org
    org.ledger.anchor()
    lie = Checkpoint(ORIGIN, org.archive.size, b"\7" * 32)
    return {
        "first": org.checkpoint().encode(),
        "second": (lie.signed(org.recorder.signer) + org.ledger.line(lie)).encode(),
    }


def test_a_log_with_two_histories_is_marked_after_a_dry_run(connected):
    node, ledger = connected, connected.org.ledger
    files, where = two_histories(node), ledger.require_connection()
    named = {"contract": where.contract, "log_id": where.log_id}
    dry = node.client.post(f"{API}/judge", files=files, params=named).json()
    assert (dry["done"], dry["log_id"], dry["origin"]) == (False, where.log_id, None)
    assert not ledger.opened.evidence.is_equivocated(where.where.log_id)
    same = {"first": files["first"], "second": files["first"]}
    refused = node.client.post(f"{API}/judge", files=same, params=named)
    assert refused.json()["code"] == "does_not_match"
    done = node.client.post(f"{API}/judge", files=files, params=named | {"dry_run": False}).json()
    assert (done["done"], done["origin"], done["size"]) == (True, ORIGIN, dry["size"])
    assert ledger.opened.evidence.is_equivocated(where.where.log_id)


@pytest.mark.parametrize(
    "files",
    [
        {"first": b"x"},
        {"first": b"x", "third": b"y"},
        {"first": b"", "second": b""},
        {"first": b"PK\x03\x04", "second": b"\xff"},
    ],
)
def test_what_contradicts_nothing_is_refused(connected, files):
    answer = connected.client.post(f"{API}/judge", files=files)
    assert answer.status_code == 422
    assert answer.json()["code"] in ("invalid_input", "malformed_evidence")
    assert list(connected.node.incoming.iterdir()) == []


def test_a_body_that_is_no_form_is_refused(connected):
    for kind in ("application/json", "multipart/form-data", "multipart/form-data; boundary=x"):
        answer = connected.client.post(f"{API}/judge", content=b"{}", headers={"content-type": kind})
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_input")


def test_staff_look_and_only_an_admin_moves(tmp_path):
    with serving(tmp_path, Role.AUDITOR) as node:
        assert node.client.get(f"{API}/cost").status_code == 200
        for path in ("accounts", "deploy", "judge", "roles/offer", "roles/accept", "roles/revoke-writer"):
            assert node.client.post(f"{API}/{path}", json={}).json()["code"] == "not_allowed"


def test_a_dry_run_refuses_what_the_real_run_would(node):
    far = {"rpc": ["http://127.0.0.1:9"]}
    assert node.client.post(f"{API}/deploy", json=far).json()["code"] == "not_set_up"
    assert node.client.get(f"{API}/accounts").json() == []
    for _ in range(2):
        node.client.post(f"{API}/accounts")
    for path in ("deploy", "connect"):
        refused = node.client.post(f"{API}/{path}", json={}).json()
        assert (refused["code"], "several accounts" in refused["detail"]) == ("invalid_input", True)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("accounts", {}),
        ("roles/offer", {"role": "writer", "account": SOMEBODY}),
        ("roles/revoke-writer", {}),
        ("disconnect", {}),
    ],
)
def test_what_could_not_be_put_on_record_is_not_begun_and_may_be_sent_again(connected, monkeypatch, path, body):
    node, named = connected, {"Idempotency-Key": "again"}
    real = node.org.looks.record
    monkeypatch.setattr(node.org.looks, "record", refusing)
    assert node.client.post(f"{API}/{path}", json=body, headers=named).status_code == 503
    monkeypatch.setattr(node.org.looks, "record", real)
    assert node.client.post(f"{API}/{path}", json=body, headers=named).is_success


def refusing(**_: object) -> None:
    raise LogUnavailable("the disk is full")
