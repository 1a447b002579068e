"""The routes of datasets and models, over real HTTP into the real app."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
from making_node import serving
from organisations import DATA, estimator, rows

from counterfoil.node.settings import NodeSettings
from counterfoil.provenance.models.sklearn_export import export
from counterfoil.web.roles import Role

API = "/api/v1"
TABLE = b"a,b\n1,x\n2,y\n"


@pytest.fixture(scope="module")
def node(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("node"), settings=NodeSettings(most_file_bytes=300_000)) as found:
        yield found


def add_dataset(node, content=TABLE, **params):
    return node.client.post(f"{API}/datasets", content=content, params={"name": "small"} | params)


def test_a_table_is_described_and_not_kept(node):
    made = add_dataset(node, file="small-2026.csv", note=["licence=CC0", "source=made up"]).json()
    assert made["columns"] == [{"name": "a", "type": "integer"}, {"name": "b", "type": "text"}]
    assert (made["rows"], made["file"]["name"]) == (2, "small-2026.csv")
    assert made["notes"] == {"licence": "CC0", "source": "made up"}
    assert list(node.node.incoming.iterdir()) == []
    assert made in node.client.get(f"{API}/datasets").json()
    assert node.client.get(f"{API}/datasets/{made['index']}").json() == made


def done(node) -> int:
    """Returns how many records there are beside those that say who looked or asked."""
    kinds = [node.org.archive.record(place).kind for place in range(node.org.archive.size)]
    return sum(kind not in ("look", "schema") for kind in kinds)


def test_the_same_table_is_recorded_once(node):
    first, size = add_dataset(node).json(), done(node)
    assert add_dataset(node).json() == first
    assert done(node) == size


def test_what_the_command_line_registers_is_the_same_record(node):
    registered = node.org.provenance.register_dataset(DATA, name="credit")
    with Path(DATA).open("rb") as file:
        made = node.client.post(f"{API}/datasets", content=file.read(), params={"name": "credit", "file": DATA.name})
    assert made.json()["index"] == registered.index


@pytest.mark.parametrize(
    ("content", "params", "words"),
    [
        (b"", {}, "the body is empty"),
        (b"a,b\n1\n", {}, "row 1 of table.csv has 1 values"),
        (b"\xff\xfe", {}, "not a CSV table in UTF-8"),
        (TABLE, {"note": "licence"}, "is not KEY=VALUE"),
        (TABLE, {"note": "a=\u001b[2J"}, "cannot be printed"),
        (TABLE, {"name": ""}, "query.name"),
        (TABLE, {"name": "x" * 201}, "query.name"),
    ],
)
def test_what_is_no_table_is_refused_and_leaves_nothing(node, content, params, words):
    size = done(node)
    refused = add_dataset(node, content, **params)
    assert (refused.status_code, refused.headers["content-type"]) == (422, "application/problem+json")
    assert words in refused.json()["detail"]
    assert done(node) == size
    assert list(node.node.incoming.iterdir()) == []


def test_a_files_name_is_recorded_and_never_opened(node):
    made = add_dataset(node, b"c\n1\n", file="../../keys.json").json()
    assert made["file"]["name"] == "../../keys.json"
    assert made["columns"] == [{"name": "c", "type": "integer"}]


@pytest.mark.parametrize(
    "file", ["", "x", "../../x", "x.", "x./etc/passwd", "x.\u202egpj", "x." + "y" * 90, "..\\x.t/t"]
)
def test_any_file_is_recorded_under_a_path_of_our_own(node, file):
    params = {"name": f"any {len(file)}", "file": file}
    headers = {"content-type": "application/octet-stream"}
    made = node.client.post(f"{API}/datasets", content=b"\x00\xff", params=params, headers=headers)
    if file.isprintable():
        assert made.status_code == 201, made.text
        assert made.json()["rows"] is None
        assert made.json()["file"]["name"] == (file or "any 0")
    else:
        assert made.status_code == 422
    assert list(node.node.incoming.iterdir()) == []


def test_a_file_beyond_the_limit_is_refused_while_it_comes_in(node):
    def endless():
        yield b"a\n"
        while True:
            yield b"1\n" * 30_000

    refused = node.client.post(f"{API}/datasets", content=endless(), params={"name": "large"})
    assert (refused.status_code, refused.json()["code"]) == (413, "too_large")
    assert list(node.node.incoming.iterdir()) == []


def test_a_model_file_is_kept_and_listed(node):
    data = export(estimator(), positive=None).to_bytes()
    made = node.client.post(
        f"{API}/models", content=data, params={"name": "sent", "version": "7", "code": "commit=4f2a"}
    )
    assert made.status_code == 201
    told = made.json()
    assert (told["name"], told["version"], told["artefact"]["form"]) == ("sent", "7", "integer")
    assert told["code"] == {"commit": "4f2a"}
    assert node.org.objects.get(told["artefact"]["fileSha256"]) == data
    assert node.client.get(f"{API}/models/sent").json() == told
    assert node.client.get(f"{API}/models", params={"name": "sent"}).json() == [told]


def test_a_model_comes_with_rows_to_try_it_on(node):
    data = export(estimator(), positive=None).to_bytes()
    few = rows(3)
    sample = "\n".join([",".join(few[0]), *(",".join(str(value) for value in row.values()) for row in few)])
    made = node.client.post(
        f"{API}/models", params={"name": "tried"}, files={"file": ("m.json", data), "sample": ("s.csv", sample)}
    )
    assert made.status_code == 201
    assert made.json()["certificate"]["rows"] == 3
    assert list(node.node.incoming.iterdir()) == []


def test_a_pickle_is_never_loaded(node):
    refused = node.client.post(f"{API}/models", content=pickle.dumps({"a": 1}), params={"name": "pickled"})
    assert (refused.status_code, refused.json()["code"]) == (403, "not_allowed")


@pytest.mark.parametrize(
    "files",
    [
        {"sample": ("s.csv", b"a\n1\n")},
        {"other": ("m.json", b"{}")},
    ],
)
def test_other_parts_are_refused(node, files):
    refused = node.client.post(f"{API}/models", params={"name": "parts"}, files=files)
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid_input")


def test_a_body_whose_parts_cannot_be_read_is_refused(node):
    refused = node.client.post(
        f"{API}/models",
        params={"name": "parts"},
        content=b"--x\r\nnonsense",
        headers={"content-type": "multipart/form-data; boundary=y"},
    )
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid_input")


@pytest.mark.parametrize("wanted", ["nobody", "999999", "9" * 5_000, "%00", "..%2f..%2fkeys.json"])
@pytest.mark.parametrize("kind", ["models", "datasets"])
def test_what_is_not_registered_is_not_found(node, kind, wanted):
    answer = node.client.get(f"{API}/{kind}/{wanted}")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_an_auditor_registers_nothing(tmp_path):
    with serving(tmp_path, Role.AUDITOR) as node:
        assert add_dataset(node).json()["code"] == "not_allowed"
        assert node.client.get(f"{API}/datasets").json() == []
