"""The endpoint, as the real OpenLineage client uses it: over HTTP, to a real node."""

from __future__ import annotations

import gzip
import json
import re

import pytest
from making_events import RUN_ID, dataset, event, told
from making_node import serving
from openlineage.client import OpenLineageClient
from openlineage.client.event_v2 import InputDataset
from openlineage.client.transport.http import ApiKeyTokenProvider, HttpCompression, HttpConfig, HttpTransport

from counterfoil.web.roles import Role

PATH = "/api/v1/lineage"


@pytest.fixture(scope="module")
def node(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("node"), Role.SERVICE) as found:
        path = tmp_path_factory.mktemp("data") / "raw.csv"
        path.write_text("a\n1\n")
        found.org.provenance.register_dataset(path, name="warehouse/raw")
        yield found


def client_of(node, **more):
    key = node.client.headers["authorization"].removeprefix("Bearer ")
    config = HttpConfig(url=node.url, auth=ApiKeyTokenProvider({"apiKey": key}), **more)
    return OpenLineageClient(transport=HttpTransport(config))


@pytest.mark.parametrize(
    ("compression", "run"),
    [(None, "01939a5c-9a1e-7c3b-8d1e-0242ac120003"), (HttpCompression.GZIP, "01939a5c-9a1e-7c3b-8d1e-0242ac120004")],
    ids=["plain", "gzip"],
)
def test_the_real_client_tells_a_run(node, compression, run):
    client = client_of(node, compression=compression)
    client.emit(event("START", run=run, inputs=["raw"]))
    client.emit(event("COMPLETE", run=run, outputs=["nowhere"]))
    client.close()
    made = node.org.provenance.runs.page(1)[0]
    assert made.record.source == {"system": "openlineage", "id": run}
    assert made.record.inputs == (node.org.provenance.find_dataset("warehouse/raw").leaf,)
    assert made.record.unmapped["outputs"] == ("warehouse/nowhere",)


def test_the_answer_says_what_became_of_it(node):
    first = node.client.post(PATH, json=told("START", inputs=["raw"]))
    assert (first.status_code, first.json()) == (
        200,
        {"run": RUN_ID, "outcome": "waiting", "index": None, "unmapped": None},
    )
    last = node.client.post(PATH, json=told("COMPLETE", inputs=[dataset(InputDataset, "gone")]))
    assert last.status_code == 201
    assert last.json()["unmapped"] == {"inputs": ["warehouse/gone"], "outputs": [], "parameters": []}
    size = node.org.archive.size
    again = node.client.post(PATH, json=told("COMPLETE"))
    assert again.json() == last.json()
    assert node.org.archive.size == size


def test_who_told_a_run_is_on_record(node):
    node.client.post(PATH, json=told("COMPLETE", run="01939a5c-9a1e-7c3b-8d1e-0242ac120005"))
    look, run = (node.org.archive.record(node.org.archive.size - back) for back in (2, 1))
    assert (look.kind, run.kind) == ("look", "run")


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"eventType": "BEGIN"}, "eventType 'BEGIN' is none"),
        ({"eventTime": "yesterday"}, "not a time"),
        ({"eventTime": 5}, "eventTime is a int"),
        ({"run": {"runId": "../../etc/passwd"}}, "not a UUID"),
        ({"run": []}, "run is a list, not an object"),
        ({"job": {"namespace": "a"}}, "job.name is missing"),
        ({"job": {"namespace": "a", "name": "x" * 1_001}}, "not a text of 1 to 1000"),
        ({"inputs": {"namespace": "a", "name": "b"}}, "inputs is not a list"),
        ({"inputs": [{}] * 1_001}, "at most 1000"),
        ({"outputs": [{"namespace": None, "name": "b"}]}, r"outputs\[0\].namespace is missing"),
        ({"inputs": [{"namespace": "a", "name": "b", "facets": [1]}]}, "facets is a list"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_is_no_event_is_refused_and_nothing_is_recorded(node, changed, words):
    size = node.org.archive.size
    answer = node.client.post(PATH, json=told("START") | changed)
    assert answer.status_code == 422
    assert re.search(words, answer.json()["detail"])
    assert node.org.archive.size == size


def facets(**changed):
    return told("COMPLETE", run="01939a5c-9a1e-7c3b-8d1e-0242ac120006") | {
        "inputs": [{"namespace": "warehouse", "name": "raw", "facets": changed}]
    }


@pytest.mark.parametrize(
    "facet",
    [
        {"version": "1"},
        {"version": {"datasetVersion": ["1"]}},
        {"symlinks": {"identifiers": [None, 5, {"namespace": {}, "name": []}]}},
        {"symlinks": {"identifiers": {"namespace": "a"}}},
        {"version": {"datasetVersion": "x" * 5_000}},
        {"unheard-of": {"deep": [[[[[1]]]]]}},
    ],
    ids=["text", "list", "odd names", "no list", "long", "unknown"],
)
def test_odd_facets_say_nothing(node, facet):
    answer = node.client.post(PATH, json=facets(**facet))
    assert answer.json()["unmapped"]["inputs"] == []


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"[" * 100_000, {}, 422),
        (b'{"run":' * 5_000, {}, 422),
        (b"", {}, 422),
        (b"\xff\xfe", {}, 422),
        (b'"text"', {}, 422),
        (b'{"a":NaN}', {}, 422),
        (b" " * (10 * 2**20), {}, 413),
        (gzip.compress(b" " * (10 * 2**20)), {"content-encoding": "gzip"}, 413),
        (b"no gzip", {"content-encoding": "gzip"}, 422),
        (gzip.compress(b"{}" * 100)[:-9], {"content-encoding": "gzip"}, 422),
        (b"{}", {"content-encoding": "br"}, 422),
    ],
    ids=["deep list", "deep object", "empty", "bytes", "text", "nan", "large", "bomb", "not gzip", "cut off", "brotli"],
)
def test_hostile_bodies_are_refused(node, body, headers, status):
    size = node.org.archive.size
    answer = node.client.post(PATH, content=body, headers={"content-type": "application/json"} | headers)
    assert answer.status_code == status, answer.text
    assert answer.json()["detail"].isprintable()
    assert node.org.archive.size == size


def test_an_auditor_may_not_tell_runs(tmp_path):
    with serving(tmp_path, Role.AUDITOR) as node:
        assert node.client.post(PATH, json=told()).status_code == 403
    with serving(tmp_path / "nobody", None) as node:
        assert node.client.post(PATH, content=json.dumps(told())).status_code == 401
