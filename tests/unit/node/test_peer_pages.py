"""Other nodes in the console: listed by key, replaced only when that was said, removed."""

from __future__ import annotations

import html

import pytest
from making_node import serving
from serving_witness import GrowingLog, witness_signer
from signing_in import PAGE, newest, send

from counterfoil.errors import NotFound
from counterfoil.node.access import HOME, RequestSigner
from counterfoil.web import formats
from counterfoil.web.roles import Role

PLACE = "/access/peers"


@pytest.fixture
def node(tmp_path):
    with serving(tmp_path) as found:
        yield found


def signer(secret: bytes = b"o", origin: str = "other.example/log/../?a#b") -> RequestSigner:
    return RequestSigner(origin, secret * 32)


def test_a_node_is_listed_and_removed_whatever_its_name_holds(node):
    other = signer().key
    added = send(node, PLACE, vkey=f"  {other} ", role="auditor")
    assert (added.status_code, added.headers["location"]) == (303, PLACE)
    assert newest(node)[1]["/what"] == "add peer"
    page = node.client.get(PLACE, headers=PAGE).text
    assert f'title="{other}">{other.id.hex()}<' in page
    assert formats.breakable(str(node.node.access.public_key())) in page
    for told in ("is listed no more", "taken off the list already"):
        gone = send(node, f"{PLACE}/remove", origin=other.name)
        assert (gone.status_code, told.split()[-1] in gone.headers["set-cookie"]) == (303, True)
    with pytest.raises(NotFound):
        node.node.access.peers.require(other.name)


def test_another_key_replaces_a_listed_one_only_when_that_was_said(node):
    first, second = signer().key, signer(b"x").key
    send(node, PLACE, vkey=str(first), role="auditor")
    asked = send(node, PLACE, vkey=str(second), role="service")
    assert (asked.status_code, "is listed already" in asked.text) == (422, True)
    assert f'value="{second}"' in asked.text
    assert 'value="service" checked' in asked.text
    assert node.node.access.peers.require(first.name).key == first
    assert send(node, PLACE, vkey=str(second), role="service", replace="yes").status_code == 303
    peer = node.node.access.peers.require(first.name)
    assert (peer.key, peer.roles) == (second, {Role.SERVICE})


@pytest.mark.parametrize(
    ("vkey", "role"),
    [
        ("", "auditor"),
        ("other.example+00000000+AAAA", "auditor"),
        (str(witness_signer(1).key), "auditor"),
        (str(signer().key), "admin"),
        (str(signer().key), "king"),
    ],
)
def test_what_is_no_node_is_not_listed(node, vkey, role):
    refused = send(node, PLACE, vkey=vkey, role=role)
    assert (refused.status_code, "Nothing was changed" in refused.text) == (422, True)
    assert node.node.access.peers.all() == []


@pytest.mark.parametrize("api", [True, False])
def test_a_key_that_is_known_for_another_is_no_nodes(node, api):
    log = GrowingLog().signer.key
    node.org.witness.add_log(str(log))
    for key, said in (
        (node.node.access.public_key(), "this node's own key"),
        (node.org.issuer, "this home's own log"),
        (log, "whose heads this node signs"),
    ):
        if api:
            refused = node.client.post("/api/v1/access/peers", json={"vkey": str(key), "roles": []})
        else:
            refused = send(node, PLACE, vkey=str(key))
        assert (refused.status_code, said in html.unescape(refused.text)) == (422, True)
        assert "Access, Other nodes" in refused.text
    assert node.node.access.peers.all() == []


@pytest.mark.parametrize("api", [True, False])
def test_a_key_that_is_known_for_another_is_no_logs(node, api):
    peer = signer().key
    node.node.access.peers.add(str(peer), frozenset(), by=HOME)
    for key, said in (
        (node.node.access.public_key(), "this home's own key as a node"),
        (node.org.issuer, "this home's own log"),
        (peer, "listed under other nodes"),
    ):
        if api:
            refused = node.client.post("/api/v1/witness/logs", json={"key": str(key)})
        else:
            refused = send(node, "/witnesses/logs", log=str(key))
        assert (refused.status_code, said in html.unescape(refused.text)) == (422, True)
        assert "issuer.vkey" in refused.text
    assert node.org.witness.settings.logs == ()


def test_a_wrong_entry_is_told_where_a_nodes_key_is_found_and_not_a_logs(node):
    refused = node.client.post("/api/v1/access/peers", json={"vkey": "nonsense"}).json()
    assert ("Other nodes" in refused["hint"], "issuer.vkey" in refused["hint"]) == (True, False)


def test_without_an_address_the_page_says_what_to_set(node):
    for place in (PLACE, "/witnesses"):
        page = node.client.get(place, headers=PAGE).text
        assert "set <code>public_url</code> in <code>counterfoil.toml</code> and start the node anew" in page
        assert ("signed for this address" in page, "Hand both" in page) == (False, False)
