"""Reports of datasets over real HTTP into the real app."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from making_node import serving

API = "/api/v1/datasets"
ROWS = [f"{30 + each % 2},{'ab'[each % 2]},{each % 3}\n" for each in range(24)]
TABLE = ("age,town,ill\n" + "".join(ROWS)).encode()


@pytest.fixture(scope="module")
def node(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("node")) as found:
        yield found


@pytest.fixture(scope="module")
def dataset(node):
    return node.client.post(API, content=TABLE, params={"name": "patients"}).json()


def test_a_table_is_checked_and_not_kept(node, dataset):
    asked = {"quasi": ["age", "town"], "sensitive": ["ill"]}
    made = node.client.post(f"{API}/patients/privacy-checks", content=TABLE, params=asked)
    assert made.status_code == 201, made.text
    report = made.json()["report"]
    assert (report["groups"]["k"], report["groups"]["diversity"][0]["distinctL"]) == (12, 3)
    assert [each["column"] for each in report["safeHarbor"]["findings"]] == ["town"]
    quality = node.client.post(
        f"{API}/{dataset['index']}/quality-reports", content=TABLE, params={"group": "town", "label": "ill"}
    )
    assert quality.json()["report"]["groups"][0]["smallest"] == 12
    told = node.client.get(f"{API}/patients/reports").json()
    assert told == {"privacy": [made.json()], "quality": [quality.json()], "rules": []}
    assert list(node.node.incoming.iterdir()) == []
    record = node.org.archive.record(made.json()["index"])
    assert (record.kind, record.stream, record.builds_on) == ("privacy-check", "provenance", (dataset["leaf"],))
    assert dict(record.about) == report


@pytest.mark.parametrize(
    ("path", "content", "params", "status", "words"),
    [
        ("patients/privacy-checks", TABLE + b"1,a,2\n", {}, 422, "not the one that is on record"),
        ("patients/quality-reports", b"a\n1\n", {}, 422, "not the one that is on record"),
        ("patients/privacy-checks", b"", {}, 422, "the body is empty"),
        ("patients/privacy-checks", TABLE, {"quasi": "nobody"}, 422, "no column 'nobody'"),
        ("nobody/privacy-checks", TABLE, {}, 404, "no dataset 'nobody'"),
        ("patients/quality-reports", b"\xff\xfe", {}, 422, "not a CSV table in UTF-8"),
    ],
    ids=["changed", "other", "empty", "column", "unknown", "bytes"],
)
def test_what_cannot_be_checked_is_refused_and_leaves_nothing(node, dataset, path, content, params, status, words):
    before = node.client.get(f"{API}/patients/reports").json()
    refused = node.client.post(f"{API}/{path}", content=content, params=params)
    assert (refused.status_code, refused.headers["content-type"]) == (status, "application/problem+json")
    assert words in refused.json()["detail"]
    assert node.client.get(f"{API}/patients/reports").json() == before
    assert list(node.node.incoming.iterdir()) == []


def test_a_parquet_file_is_read_as_what_it_is(node, tmp_path):
    path = tmp_path / "p.parquet"
    pq.write_table(pa.table({"n": [1, 2, 2]}), path)
    node.org.provenance.register_dataset(path, name="columns")
    made = node.client.post(f"{API}/columns/privacy-checks", content=path.read_bytes(), params={"quasi": "n"})
    assert made.json()["report"]["groups"]["k"] == 1
