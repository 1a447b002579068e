"""Other nodes in the console: listed by key, replaced only when that was said, removed."""

from __future__ import annotations

import pytest
from making_node import serving
from serving_witness import witness_signer
from signing_in import PAGE, newest, send

from counterfoil.errors import NotFound
from counterfoil.node.access import RequestSigner
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
    assert str(node.node.access.public_key()) in page
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
