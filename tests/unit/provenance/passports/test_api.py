"""The routes of passports and fingerprints, over real HTTP into the real app."""

from __future__ import annotations

import pytest
from making_node import serving
from making_passports import filled_in, registered

from counterfoil.core.check_passport import check_passport

API = "/api/v1"


@pytest.fixture(scope="module")
def node(tmp_path_factory):
    folder = tmp_path_factory.mktemp("node")
    with serving(folder) as found:
        registered(found.org, folder)
        yield found


@pytest.fixture(scope="module")
def made(node):
    passports = node.org.provenance.passports
    told = filled_in(passports.draft(node.org.provenance.find_dataset("people"))).to_json()
    dry = node.client.post(f"{API}/passports", json=told, params={"dry_run": True}).json()
    assert (dry["done"], dry["passport"]) == (False, told)
    assert node.client.get(f"{API}/passports").json() == []
    assert node.client.get(f"{API}/datasets/people/passport").status_code == 404
    answer = node.client.post(f"{API}/passports", json=told)
    assert answer.status_code == 201
    return answer.json()


def test_a_passport_is_recorded_and_read_back(node, made):
    assert made["done"] is True
    shown = node.client.get(f"{API}/datasets/people/passport").json()
    assert shown == {key: made[key] for key in ("index", "leaf", "passport")}
    assert node.client.get(f"{API}/passports").json() == [shown]
    again = node.client.post(f"{API}/passports", json=shown["passport"])
    assert again.json()["index"] == made["index"]


def test_the_file_carries_its_proof(node, made):
    data = node.client.get(f"{API}/datasets/people/passport", params={"format": "file"}).content
    report = check_passport(data, issuer=node.org.issuer)
    assert report.verdict == "intact, and signed by the issuer you named"
    checked = node.client.post(f"{API}/check", content=data, params={"issuer": str(node.org.issuer)}).json()
    assert (checked["what"], checked["intact"]) == ("passport", True)


def test_other_formats(node, made):
    path = f"{API}/datasets/people/passport"
    assert node.client.get(path, params={"format": "croissant"}).json()["@type"] == "sc:Dataset"
    assert node.client.get(path, params={"format": "cyclonedx"}).json()["bomFormat"] == "CycloneDX"
    assert node.client.get(path, params={"format": "pdf"}).status_code == 422
    model = node.org.provenance.models()[0]
    told = filled_in(node.org.provenance.passports.draft(model)).to_json()
    assert node.client.post(f"{API}/passports", json=told).status_code == 201
    path = f"{API}/models/{model.index}/passport"
    assert node.client.get(path).json()["passport"]["subject"]["kind"] == "model"
    assert node.client.get(path, params={"format": "croissant"}).status_code == 422


def test_the_fingerprint_is_handed_over_and_who_took_it_is_recorded(node):
    found = node.org.provenance.find_dataset("people")
    size = node.org.archive.size
    told = node.client.get(f"{API}/datasets/people/fingerprint").json()
    assert told == node.org.provenance.fingerprint(found).to_json()
    assert told["root"] == found.record.root
    assert node.org.archive.record(size).kind == "look"
    assert node.client.get(f"{API}/datasets/nothing/fingerprint").status_code == 404


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"consent": {"basis": "hope"}}, "consent.basis is 'hope'"),
        ({"parents": [{"name": "lost", "leaf": "0" * 64}]}, "the parent 'lost': the log has no record"),
        ({"who": [{"organisation": "Other", "role": "issuer", "origin": "other.example/log"}]}, "issues it"),
        ({"purpose": " "}, "leaves out: purpose"),
        ({"colour": "red"}, "colour"),
        ({"subject": {"kind": "dataset", "name": "x", "rows": 2**70}}, "subject.rows is the number 118059162071741130"),
        ({"transformation": {"parameters": {"a": 2**70}}}, "beyond 2^53"),
        ({"who": "me"}, "who"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else None,
)
def test_what_is_no_passport_is_refused(node, made, change, words):
    size = node.org.archive.size
    refused = node.client.post(f"{API}/passports", json=made["passport"] | change)
    assert refused.status_code in (404, 422)
    assert words in refused.json()["detail"]
    kinds = [node.org.archive.record(place).kind for place in range(size, node.org.archive.size)]
    assert "passport" not in kinds
