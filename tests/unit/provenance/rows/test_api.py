"""The routes about rows, over real HTTP."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from making_node import serving
from making_rows import ABSENT, write_people

from counterfoil.core.check_rows import check_rows_proof

API = "/api/v1"


@pytest.fixture(scope="module")
def node(tmp_path_factory):
    folder = tmp_path_factory.mktemp("node")
    with serving(folder) as found:
        write_people(folder / "consents.csv")
        dataset = found.org.provenance.register_dataset(folder / "consents.csv")
        rows = found.org.provenance.rows.commit(dataset, folder / "consents.csv", id_column="id")
        yield SimpleNamespace(org=found.org, client=found.client, rows=rows, who=found.who)


def test_commitments_are_listed_and_shown(node):
    (listed,) = node.client.get(f"{API}/rows").json()
    assert listed == node.client.get(f"{API}/rows/{node.rows.index}").json()
    assert (listed["dataset"], listed["ids"]["count"]) == ("consents 1", 40)
    assert node.client.get(f"{API}/rows/0").json()["code"] == "not_found"


@pytest.mark.parametrize(("text", "finding"), [("p5", "present"), (ABSENT, "absent")])
def test_a_proof_is_made_and_who_asked_is_on_record(node, text, finding):
    size = node.org.archive.size
    answer = node.client.post(f"{API}/rows/{node.rows.index}/proofs", json={"id": text})
    report = check_rows_proof(answer.content, issuer=node.org.issuer)
    assert (report.facts["finding"], report.is_intact) == (finding, True)
    assert report.step("issuer").status == "passed"
    look = next(place for place in range(size, node.org.archive.size) if node.org.archive.record(place).kind == "look")
    values = node.org.archive.values(look, node.org.archive.record(look))
    assert values == {"/by": node.who, "/records": 1, "/what": "whether an id is in a dataset"}


def test_a_small_proof_has_no_record(node):
    answer = node.client.post(f"{API}/rows/{node.rows.index}/proofs", json={"id": ABSENT, "record": False})
    assert len(answer.content) < 2_000
    assert check_rows_proof(answer.content).verdict.endswith("; intact, issuer unknown")


@pytest.mark.parametrize(
    "body", [{}, {"id": ""}, {"id": 5}, {"id": "a" * 1_025}, {"id": "é" * 1_000}, {"id": "a", "more": 1}], ids=str
)
def test_what_is_no_id_is_refused_and_not_quoted(node, body):
    answer = node.client.post(f"{API}/rows/{node.rows.index}/proofs", json=body)
    assert answer.status_code == 422
    assert "é" not in answer.text


def test_the_node_checks_proofs(node):
    proof = node.client.post(f"{API}/rows/{node.rows.index}/proofs", json={"id": "p1"}).content
    told = node.client.post(f"{API}/check", files={"file": ("proof.json", proof)}).json()
    assert told["intact"] is True
    assert told["facts"]["finding"] == "present"
