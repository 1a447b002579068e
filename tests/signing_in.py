"""The console as a browser without scripts sees it: signing in, pages, and the marks in their forms."""

from __future__ import annotations

import re

import httpx
from making_node import Serving

from counterfoil.web.roles import Role

__all__ = ["PAGE", "PASSWORD", "field", "newest", "send", "sign_in"]

PAGE = {"accept": "text/html"}
PASSWORD = "correct horse battery"


def newest(node: Serving) -> tuple[str, dict[str, object]]:
    """Returns kind and private values of the newest record."""
    node.org.views.catch_up()
    place = node.org.archive.size - 1
    return node.org.archive.record(place).kind, node.org.views.values_of(place) or {}


def field(text: str, name: str) -> str:
    """Returns what a form of a page carries in a hidden field."""
    found = re.search(rf'name="{name}" value="([^"]*)"', text)
    assert found is not None
    return found[1]


def sign_in(node: Serving, visitor: httpx.Client, *roles: Role) -> None:
    """Signs somebody in, an admin without roles."""
    node.node.access.users.add("mira", PASSWORD, frozenset(roles or (Role.ADMIN,)), by="test")
    made = visitor.post("/login", data={"name": "mira", "password": PASSWORD, "next": "/work"})
    assert (made.status_code, made.headers["location"]) == (303, "/work")


def send(node: Serving, path: str, **form: object) -> httpx.Response:
    """Sends a form with the node's own key, which needs no mark."""
    return node.client.post(path, data=form or {"a": "b"}, headers=PAGE)
