"""The log's routes, over real HTTP into the real app."""

from __future__ import annotations

import io
import json
import zipfile

import httpx
import pytest
from making_node import Serving, serving, settled
from organisations import ROW

import counterfoil
from counterfoil.core.check_receipt import check_receipt
from counterfoil.core.checkpoint import SignedCheckpoint
from counterfoil.core.merkle import is_included
from counterfoil.core.proofs import LogProof
from counterfoil.node.settings import NodeSettings
from counterfoil.organisation import evidence_api
from counterfoil.web.roles import Role

API = "/api/v1"


@pytest.fixture(scope="module")
def node(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("node")) as found:
        yield found


def decide(node: Serving, subject: str = "4711") -> int:
    return node.org.decisions.deployment(node.deployment).decide(ROW, subject=subject).index


def looks(node: Serving) -> list[str]:
    entries = (node.org.archive.record(index) for index in range(node.org.archive.size))
    places = [index for index, record in enumerate(entries) if record.kind == "look"]
    return [node.org.views.values_of(index)["/what"] for index in places]


def seen_last(node: Serving) -> set[int]:
    """The places that the newest record of a look names."""
    size = node.org.archive.size
    last = max(index for index in range(size) if node.org.archive.record(index).kind == "look")
    return {node.org.views.index_of(leaf) for leaf in node.org.archive.record(last).builds_on}


def test_the_head_covers_everything(node):
    told = node.client.get(f"{API}/log/head").json()
    head = SignedCheckpoint.parse(told["head"])
    assert (head.head.size, told["size"], told["issuer"]) == (
        node.org.archive.size,
        node.org.archive.size,
        str(node.org.issuer),
    )


def test_a_record_is_shown_without_values_unless_asked_and_noted(node):
    index = decide(node)
    before = looks(node)
    plain = node.client.get(f"{API}/log/records/{index}").json()
    assert plain["kind"] == "decision"
    assert "label_now" not in plain
    assert all("value" not in field for field in plain["fields"])
    assert looks(node) == before
    full = node.client.get(f"{API}/log/records/{index}", params={"values": "true"}).json()
    values = {field["pointer"]: field.get("value") for field in full["fields"]}
    assert values["/input/credit_amount"] == 2500
    assert full["label_now"] == values["/output/label"]
    assert looks(node) == [*before, "record"]


@pytest.mark.parametrize("index", ["-1", "999999999", str(2**53 + 1), "1" * 5_000, "x", "1.5", "%2e%2e"])
def test_a_record_that_is_not_there(node, index):
    answer = node.client.get(f"{API}/log/records/{index}")
    assert answer.json()["code"] in ("not_found", "invalid_input")
    assert answer.status_code in (404, 422)


def test_a_service_sees_no_values(tmp_path):
    with serving(tmp_path, Role.SERVICE) as node:
        index = decide(node)
        assert node.client.get(f"{API}/log/records/{index}").status_code == 200
        refused = node.client.get(f"{API}/log/records/{index}", params={"values": "1"})
        assert refused.json()["code"] == "not_allowed"
        assert node.client.post(f"{API}/bundles", json={}).json()["code"] == "not_allowed"


def test_anybody_gets_the_proof_of_a_record_and_nothing_of_what_it_says(node):
    index = decide(node)
    leaf = node.org.archive.leaf_hex(index)
    answer = httpx.get(f"{node.url}{API}/proofs/{leaf}")
    told = answer.json()
    assert (told["index"], told["receipt"]) == (index, None)
    assert answer.headers["cache-control"] == "public, max-age=300"
    proof = LogProof.parse(told["proof"])
    head = SignedCheckpoint.parse(proof.checkpoint).head
    assert is_included(bytes.fromhex(leaf), index, head.size, proof.path, head.root)


def test_with_public_entries_the_proof_is_a_receipt_that_shows_no_field(tmp_path):
    with serving(tmp_path, settings=NodeSettings(public_entries=True)) as node:
        index = decide(node)
        leaf = node.org.archive.leaf_hex(index)
        node.org.erasures.erase_record(index, basis="asked for")
        answer = httpx.get(f"{node.url}{API}/proofs/{leaf}").json()
        report = check_receipt(counterfoil.core.canonical.dumps(answer["receipt"]), issuer=node.org.issuer)
        assert report.verdict == "intact, and signed by the issuer you named"
        assert answer["receipt"]["disclosures"] == []


def test_a_receipt_comes_as_a_page_that_is_checked_like_it(node):
    index = decide(node)
    page = node.client.get(f"{API}/decisions/{index}/receipt.html")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.headers["content-disposition"] == f'attachment; filename="receipt-{index}.html"'
    told = httpx.post(f"{node.url}{API}/check", content=page.content, params={"issuer": str(node.org.issuer)}).json()
    assert told["verdict"] == "intact, and signed by the issuer you named"
    hidden = node.client.get(f"{API}/decisions/{index}/receipt.html", params={"show": "nothing"}).content
    assert httpx.post(f"{node.url}{API}/check", content=hidden).json()["facts"]["fields"] == []
    assert node.client.get(f"{API}/decisions/{index}/receipt.html", params={"language": "fr"}).status_code == 422
    assert httpx.get(f"{node.url}{API}/decisions/{index}/receipt.html").status_code == 401
    assert node.client.get(f"{API}/decisions/999/receipt.html").status_code == 404
    other = httpx.post(f"{node.url}{API}/check", content=b"<html>").json()
    assert (other["code"], other["detail"]) == ("invalid_input", "this web page holds no receipt")


@pytest.mark.parametrize("leaf", ["0" * 64, "0" * 63, "F" * 64, "../checkpoint", "0" * 64 + "0"])
def test_what_is_no_leaf_of_the_log(node, leaf):
    answer = node.client.get(f"{API}/proofs/{leaf}")
    assert answer.status_code in (404, 422)
    assert answer.headers["cache-control"] == "no-store"


def bundle(node: Serving, tmp_path, **wanted):
    answer = node.client.post(f"{API}/bundles", json=wanted)
    assert answer.status_code == 200, answer.json()
    path = tmp_path / "bundle.zip"
    path.write_bytes(answer.content)
    return counterfoil.check(path, issuer=node.org.issuer), zipfile.ZipFile(io.BytesIO(answer.content))


def test_bundles_are_what_the_command_line_writes(node, tmp_path):
    index = decide(node, "7")
    whole, _ = bundle(node, tmp_path)
    assert whole.is_intact
    some, members = bundle(node, tmp_path, records=[index], show=["/output"])
    assert some.is_intact
    assert f"records/{index}.json" in members.namelist()
    lines = members.read("disclosures.ndjson")
    assert b"/output/label" in lines
    assert b"/input/credit_amount" not in lines
    about, _ = bundle(node, tmp_path, subject="7", show=["everything"])
    assert about.is_intact
    assert looks(node)[-1] == "bundle"
    settled(lambda: list(node.node.incoming.iterdir()) == [])  # it goes when it was sent


@pytest.mark.parametrize("choice", ["records", "subject", "range"])
def test_a_large_bundle_is_the_same_file_written_in_the_background(node, tmp_path, monkeypatch, choice):
    index = decide(node, f"large {choice}")
    chosen = {
        "records": {"records": [index]},
        "subject": {"subject": f"large {choice}"},
        "range": {"first": index, "last": index},
    }[choice]
    wanted = chosen | {"show": ["/output"]}
    _, at_once = bundle(node, tmp_path, **wanted)
    monkeypatch.setattr(evidence_api, "MOST_AT_ONCE", 0)
    told = node.client.post(f"{API}/bundles", json=wanted)
    assert told.status_code == 202
    job = told.json()["id"]
    settled(lambda: node.node.jobs.get(job).state.is_over)
    saved = node.client.get(f"{API}/jobs/{job}/file")
    later = zipfile.ZipFile(io.BytesIO(saved.content))
    assert later.read("disclosures.ndjson") == at_once.read("disclosures.ndjson") != b""
    chosen_places = [json.loads(each.read("bundle.json")).get("indices") for each in (later, at_once)]
    assert chosen_places[0] == chosen_places[1]
    assert index in seen_last(node)


def test_who_takes_a_bundle_is_recorded_with_all_that_it_shows(node, tmp_path):
    """A correction brings along the decision it builds on, values and all."""
    index = decide(node)
    seen = node.org.decisions.history(index).state
    corrected = node.org.decisions.override(index, label="decline", reason="forged", by="B. Berg", saw=seen)
    _, members = bundle(node, tmp_path, records=[corrected.index], show=["everything"])
    shown = {json.loads(line)["index"] for line in members.read("disclosures.ndjson").splitlines()}
    assert index in shown
    assert shown <= seen_last(node)


def test_records_added_to_fill_a_range_show_no_field(node, tmp_path):
    hidden, shown = decide(node), decide(node)
    _, members = bundle(node, tmp_path, first=shown, last=shown, show=["everything"])
    lines = members.read("disclosures.ndjson").decode().splitlines()
    assert len(lines) == 1
    assert str(hidden) not in lines[0].split(",")[0]


@pytest.mark.parametrize(
    ("wanted", "status"),
    [
        ({"records": [1], "subject": "7"}, 422),
        ({"first": 5, "last": 2}, 422),
        ({"first": 10**9}, 422),
        ({"records": [10**9]}, 404),
        ({"subject": "nobody"}, 404),
        ({"show": ["output"]}, 422),
        ({"records": [-1]}, 422),
        ({"path": "/etc"}, 422),
        ([], 422),
    ],
)
def test_a_bundle_that_cannot_be(node, wanted, status):
    answer = node.client.post(f"{API}/bundles", json=wanted)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    settled(lambda: list(node.node.incoming.iterdir()) == [])  # an earlier one goes when it was sent
