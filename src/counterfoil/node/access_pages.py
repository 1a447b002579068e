"""Access in the console: keys of applications, and people who sign in. Admins only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from counterfoil.errors import CounterfoilError, InvalidInput, NotFound
from counterfoil.node.access.keys import NewKey
from counterfoil.store.streams import time_text
from counterfoil.web.page_room import PageRoom
from counterfoil.web.pages import Form, Link, Pages
from counterfoil.web.roles import Role, principal_of

if TYPE_CHECKING:
    from counterfoil.node.node import Node

__all__ = ["AccessPages"]

WORDS: Final = {
    Role.ADMIN: "everything, also keys, people and erasures",
    Role.OPERATOR: "reviews decisions, registers models and policies",
    Role.AUDITOR: "reads everything and changes nothing",
    Role.SERVICE: "an application: decides and reports outcomes",
}
"""What each role may do, in a few words."""


class AccessPages:
    """The pages of this room.

    Args:
        node: Whose access it is.
        pages: Renders them.
    """

    def __init__(self, node: Node, pages: Pages) -> None:
        self._access = node.access
        self._now_s = node.org.recorder.now_s
        self._pages = pages
        pages.add_links(Link("/access", "Access", ()))

    def router(self) -> APIRouter:
        """Returns the table of routes."""
        room = PageRoom(self._pages)
        room.shows("/access", self.show, ())
        room.does("/access/keys", self.add_key, ())
        room.does("/access/keys/{key_id}/revoke", self.revoke_key, ())
        room.does("/access/users", self.add_user, ())
        room.does("/access/users/{name}/remove", self.remove_user, ())
        return room.router

    def show(self, request: Request) -> Response:
        """Shows who may come in."""
        return self._show(request)

    def add_key(self, request: Request, form: Form) -> Response:
        """Makes a key and shows it, this once."""
        try:
            day = form.text("expires")
            made = self._access.keys.add(
                form.text("name"), _roles(form), by=principal_of(request).id, expires=f"{day}T00:00:00Z" if day else ""
            )
        except InvalidInput as error:
            return self._show(request, error=error)
        return self._show(request, made=made)

    def revoke_key(self, request: Request, form: Form) -> Response:
        """Makes a key stop working, at once."""
        key = self._access.keys.revoke(str(request.path_params["key_id"]), by=principal_of(request).id)
        return self._pages.see(request, "/access", f"The key “{key.name}” works no more.")

    def add_user(self, request: Request, form: Form) -> Response:
        """Lets somebody sign in."""
        try:
            name = form.text("name")
            self._access.users.add(name, form.secret("password"), _roles(form), by=principal_of(request).id)
        except InvalidInput as error:
            return self._show(request, error=error)
        return self._pages.see(request, "/access", f"{name} may sign in now. Hand the password over in person.")

    def remove_user(self, request: Request, form: Form) -> Response:
        """Lets somebody in no more."""
        name = str(request.path_params["name"])
        try:
            self._access.users.remove(name, by=principal_of(request).id)
        except NotFound:
            return self._pages.see(request, "/access", "They were removed already.")
        return self._pages.see(request, "/access", f"{name} cannot sign in any more.")

    def _show(self, request: Request, *, made: NewKey | None = None, error: CounterfoilError | None = None) -> Response:
        now_s = self._now_s()
        return self._pages.render(
            request,
            "node/access.html",
            422 if error else 200,
            error=error,
            keys=self._access.keys.all(),
            made=made,
            roles=WORDS,
            time=lambda seconds: "" if seconds is None else time_text(seconds),
            users=self._access.users.all(),
            works=lambda key: key.works_at(now_s),
        )


def _roles(form: Form) -> frozenset[Role]:
    try:
        return frozenset(Role(each) for each in form.texts("role"))
    except ValueError:
        raise InvalidInput("there is no such role", hint=f"one or more of {', '.join(Role)}") from None
