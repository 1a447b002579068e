"""Access in the console: what a refused form keeps, and people's roles and passwords."""

from __future__ import annotations

import httpx
import pytest
from making_node import serving
from signing_in import PAGE, PASSWORD, field, newest, send, sign_in

from counterfoil.errors import NotSignedIn
from counterfoil.node.access import HOME
from counterfoil.web.roles import Role

OPERATOR = frozenset({Role.OPERATOR})


@pytest.fixture(scope="module")
def node(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("node")) as found:
        yield found


@pytest.fixture
def bo(node):
    node.node.access.users.add("bo", PASSWORD, OPERATOR, by=HOME)
    yield
    node.node.access.users.remove("bo", by=HOME)


def test_a_refused_key_keeps_what_was_typed(node):
    refused = send(node, "/access/keys", name="loan desk", role=["service", "admin"], expires="2001-01-01")
    assert (refused.status_code, "Nothing was changed" in refused.text) == (422, True)
    for kept in ('value="loan desk"', 'value="2001-01-01"', 'value="service" checked', 'value="admin" checked'):
        assert refused.text.count(kept) == 1, kept
    assert 'value="operator" checked' not in refused.text


def test_a_refused_person_keeps_all_but_the_password(node):
    refused = send(node, "/access/users", name="cy", role="auditor", password="too short")
    assert refused.status_code == 422
    assert ('value="cy"' in refused.text, "too short" in refused.text) == (True, False)
    assert refused.text.count('value="auditor" checked') == 1


def test_somebody_gets_other_roles(node, bo):
    page = node.client.get("/access/users/bo", headers=PAGE).text
    assert ('value="operator" checked' in page, 'value="admin" checked' in page) == (True, False)
    session = node.node.access.login("bo", PASSWORD, "192.0.2.1")
    changed = send(node, "/access/users/bo/roles", role=["operator", "auditor"])
    assert (changed.status_code, changed.headers["location"]) == (303, "/access")
    assert node.node.access.users.require("bo").roles == {Role.OPERATOR, Role.AUDITOR}
    assert node.node.access.sessions.find(session.token) is None
    told = {"/what": "change roles", "/who": "user:bo", "/by": node.who}
    assert told.items() <= newest(node)[1].items()


@pytest.mark.parametrize("form", [{"a": "b"}, {"role": "king"}, {"role": ["operator", "king"]}])
def test_roles_that_are_none_change_nothing(node, bo, form):
    refused = send(node, "/access/users/bo/roles", **form)
    assert (refused.status_code, "Nothing was changed" in refused.text) == (422, True)
    assert node.node.access.users.require("bo").roles == OPERATOR


def test_an_admin_gives_somebody_a_new_password(node, bo):
    refused = send(node, "/access/users/bo/password", password="too short")
    assert (refused.status_code, "too short" in refused.text) == (422, False)
    assert send(node, "/access/users/bo/password", password=PASSWORD[::-1]).status_code == 303
    assert newest(node)[1]["/what"] == "set password"
    with pytest.raises(NotSignedIn):
        node.node.access.login("bo", PASSWORD, "192.0.2.1")
    assert node.node.access.login("bo", PASSWORD[::-1], "192.0.2.1")


@pytest.mark.parametrize("path", ["/access/users/nobody", "/access/users/%3Cb%3E"])
def test_nobody_has_no_page(node, path):
    assert node.client.get(path, headers=PAGE).status_code == 404
    assert send(node, f"{path}/roles", role="admin").status_code == 404
    assert send(node, f"{path}/password", password=PASSWORD).status_code == 404


def test_the_last_admin_is_refused_on_the_page_and_over_the_api(node):
    key = node.who.removeprefix("key:")
    refused = send(node, f"/access/keys/{key}/revoke")
    assert (refused.status_code, "Nothing was changed" in refused.text) == (403, True)
    assert "give that role to another" in refused.text.lower()
    told = node.client.delete(f"/api/v1/access/keys/{key}")
    assert (told.status_code, told.json()["code"]) == (403, "not_allowed")
    node.node.access.users.add("cy", PASSWORD, frozenset({Role.ADMIN}), by=HOME)
    send(node, "/access/users/cy/remove")
    assert node.client.get("/access", headers=PAGE).status_code == 200


def test_your_own_row_speaks_to_you(tmp_path):
    with serving(tmp_path) as node, httpx.Client(base_url=node.url, headers=PAGE) as visitor:
        sign_in(node, visitor)
        page = visitor.get("/access").text
        assert "cannot sign in again until somebody adds you anew" in page
        assert "a to z, digits and . _ @ -" in page
        assert 'href="/access/users/mira"' in visitor.get("/me").text
        node.node.access.keys.revoke(node.who.removeprefix("key:"), by=HOME)
        for path, form in (("remove", {}), ("roles", {"role": "auditor"})):
            mark = field(visitor.get("/access").text, "csrf")
            refused = visitor.post(f"/access/users/mira/{path}", data={"csrf": mark} | form)
            assert (refused.status_code, "Nobody would be left" in refused.text) == (403, True)


@pytest.mark.parametrize(
    ("form", "page"),
    [
        ("/access/users", "/access"),
        ("/access/keys/1a2b3c4d/revoke", "/access"),
        ("/access/users/b%20o%2f/roles", None),
        ("/access/users/bo/roles", "/access/users/bo"),
        ("/access/peers/remove", "/access/peers"),
        ("/decisions/7/override", "/decisions/7"),
        ("/erase/carry-out", "/erase"),
        ("/ledger/anchor", "/ledger"),
        ("/logout", "/"),
        ("/me/password", "/me"),
        ("/webhooks/1/remove", "/webhooks"),
        ("/witnesses/logs", "/witnesses"),
        ("/witnesses/logs/remove", "/witnesses"),
        ("/work/1/cancel", "/work"),
    ],
)
def test_the_address_of_a_form_leads_back_to_its_page(node, form, page):
    found = node.client.get(form, headers=PAGE)
    assert (found.status_code, found.headers.get("location")) == ((303, page) if page else (404, None))


def test_people_are_told_to_ask_for_a_role_and_keys_for_a_key(tmp_path):
    with serving(tmp_path, Role.SERVICE) as node, httpx.Client(base_url=node.url, headers=PAGE) as visitor:
        sign_in(node, visitor, Role.SERVICE)
        assert "to give you that role" in visitor.get("/access").text
        assert "for a key with that role" in node.client.get("/access", headers=PAGE).text


def test_the_page_for_signing_in_says_what_to_do_while_nobody_can(tmp_path):
    with serving(tmp_path, None) as node:
        assert "counterfoil access user-add" in node.client.get("/login", headers=PAGE).text
        node.node.access.users.add("bo", PASSWORD, OPERATOR, by=HOME)
        assert "user-add" not in node.client.get("/login", headers=PAGE).text
