"""The log as clients of C2SP tlog-tiles read it."""

from __future__ import annotations

import pytest
from making_node import serving

from counterfoil.core.checkpoint import SignedCheckpoint
from counterfoil.core.merkle import leaf_hash, root_of
from counterfoil.core.tiles import decode_bundle
from counterfoil.errors import NotFound
from counterfoil.node.settings import NodeSettings
from counterfoil.node.tiles import parse_tile
from counterfoil.web.roles import Role


@pytest.fixture
def node(tmp_path):
    with serving(tmp_path, Role.AUDITOR) as found:
        yield found


def test_a_client_that_knows_the_key_follows_the_log_to_its_head(node):
    note = node.client.get("/log/checkpoint").text
    head = SignedCheckpoint.parse(note).head
    tile = node.client.get(f"/log/tile/0/000.p/{head.size}").content
    assert root_of([tile[start : start + 32] for start in range(0, len(tile), 32)]) == head.root
    entries = decode_bundle(node.client.get(f"/log/tile/entries/000.p/{head.size}").content)
    assert b"".join(leaf_hash(entry) for entry in entries) == tile
    assert node.client.get("/log/issuer.vkey").text == f"{node.org.issuer}\n"


def test_tiles_may_be_kept_for_ever_and_the_head_may_not(node):
    assert "immutable" in node.client.get("/log/tile/0/000.p/1").headers["cache-control"]
    head = node.client.get("/log/checkpoint")
    assert "max-age=1," in head.headers["cache-control"]
    assert node.client.get("/log/checkpoint", headers={"if-none-match": head.headers["etag"]}).status_code == 304


def test_entries_are_for_auditors(tmp_path):
    with serving(tmp_path, Role.SERVICE) as node:
        assert node.client.get("/log/tile/entries/000.p/1").status_code == 403
        assert node.client.get("/log/tile/0/000.p/1").status_code == 200


def test_entries_may_be_opened_to_everybody(tmp_path):
    with serving(tmp_path, None, settings=NodeSettings(public_entries=True)) as node:
        found = node.client.get("/log/tile/entries/000.p/1")
        assert (found.status_code, "public" in found.headers["cache-control"]) == (200, True)


@pytest.mark.parametrize(
    ("path", "number", "width"),
    [("000", 0, 256), ("067.p/42", 67, 42), ("x001/x234/067", 1_234_067, 256), ("x001/000.p/255", 1_000, 255)],
)
def test_each_tile_has_one_name(path, number, width):
    assert parse_tile(path) == (number, width)


@pytest.mark.parametrize(
    "path",
    [
        "",
        "0",
        "0000",
        "1000",
        "x000/067",
        "001/067",
        "x001/x067",
        "000.p/0",
        "000.p/256",
        "000.p/042",
        "000.p/",
        "000/",
        "../000",
        "x1/000",
        "x001//000",
        "٠٠٠",
        "x001/x001/x001/x001/x001/000",
    ],
)
def test_other_names_lead_nowhere(path):
    with pytest.raises(NotFound):
        parse_tile(path)


@pytest.mark.parametrize(
    "path",
    ["/log/tile/0/001", "/log/tile/6/000", "/log/tile/x/000", "/log/tile/0/..%2f..%2fkeys.json", "/log/tile/entries/9"],
)
def test_what_is_not_there_is_not_found(node, path):
    found = node.client.get(path)
    assert (found.status_code, found.json()["code"]) == (404, "not_found")
