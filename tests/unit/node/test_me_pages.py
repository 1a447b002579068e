"""The page about oneself: changing one's own password, over real HTTP."""

from __future__ import annotations

import httpx
import pytest
from making_node import serving
from signing_in import PAGE, PASSWORD, field, newest, sign_in

from counterfoil.node.settings import NodeSettings
from counterfoil.web.roles import Role

NEW = "another horse battery"


@pytest.fixture
def node(tmp_path):
    with serving(tmp_path, settings=NodeSettings(logins_before_lockout=2)) as found:
        yield found


@pytest.fixture
def visitor(node):
    with httpx.Client(base_url=node.url, headers=PAGE, timeout=30) as client:
        sign_in(node, client, Role.SERVICE)
        yield client


def change(visitor, **form):
    mark = field(visitor.get("/me").text, "csrf")
    return visitor.post("/me/password", data={"csrf": mark, "old": PASSWORD, "new": NEW, "again": NEW} | form)


def test_a_changed_password_ends_all_other_sessions_and_renews_this_one(node, visitor):
    before = visitor.cookies["counterfoil"]
    with httpx.Client(base_url=node.url, headers=PAGE) as elsewhere:
        elsewhere.post("/login", data={"name": "mira", "password": PASSWORD})
        assert elsewhere.get("/me").status_code == 200
        mark = field(visitor.get("/me").text, "csrf")
        changed = change(visitor)
        assert (changed.status_code, changed.headers["location"]) == (303, "/me")
        assert "HttpOnly; SameSite=Strict" in changed.headers["set-cookie"]
        assert elsewhere.get("/me").headers["location"].startswith("/login")
    assert visitor.cookies["counterfoil"] != before
    page = visitor.get("/me")
    assert (page.status_code, "signed out" in page.text) == (200, True)
    assert field(page.text, "csrf") != mark
    dead = httpx.get(f"{node.url}/me", headers=PAGE | {"cookie": f"counterfoil={before}"})
    assert dead.headers["location"].startswith("/login")
    told = {"/what": "set password", "/who": "user:mira", "/by": "user:mira"}
    assert told.items() <= newest(node)[1].items()
    for password, status in ((PASSWORD, 401), (NEW, 303)):
        named = {"name": "mira", "password": password}
        assert httpx.post(f"{node.url}/login", data=named, headers=PAGE).status_code == status


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"old": "wrong wrong wrong"}, "The old password is wrong"),
        ({"again": NEW + "!"}, "typed in two ways"),
        ({"new": "short", "again": "short"}, "12 to 1,000 characters"),
        ({"new": PASSWORD, "again": PASSWORD}, "is the old one"),
        ({"new": "x" * 1_001, "again": "x" * 1_001}, "12 to 1,000 characters"),
    ],
)
def test_a_refused_change_says_why_and_keeps_no_password_on_the_page(node, visitor, form, said):
    refused = change(visitor, **form)
    assert (refused.status_code, said in refused.text) == (422, True)
    assert not any(each in refused.text for each in (PASSWORD, NEW, *form.values()))
    assert visitor.get("/me").status_code == 200


def test_wrong_old_passwords_lock_signing_in_as_well(node, visitor):
    for _ in range(2):
        assert change(visitor, old="wrong wrong wrong").status_code == 422
    locked = change(visitor)
    assert (locked.status_code, int(locked.headers["retry-after"]) > 0) == (429, True)
    assert "signing in is locked" in locked.text
    refused = httpx.post(f"{node.url}/login", data={"name": "mira", "password": PASSWORD}, headers=PAGE)
    assert refused.status_code == 429
    assert newest(node)[1]["/what"] == "lock sign-in"


def test_whoever_came_with_a_key_is_told_that_it_has_no_password(node):
    page = node.client.get("/me", headers=PAGE)
    assert (page.status_code, "No password to change" in page.text) == (200, True)
    assert 'action="/me/password"' not in page.text
    refused = node.client.post("/me/password", data={"old": PASSWORD, "new": NEW, "again": NEW}, headers=PAGE)
    assert (refused.status_code, "only people have a password" in refused.text.lower()) == (403, True)
