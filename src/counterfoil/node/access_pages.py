"""Access in the console: keys of applications, and people who sign in. Admins only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from counterfoil.errors import CallerError, InvalidInput, NotAllowed, NotFound
from counterfoil.node.access.keys import NewKey
from counterfoil.node.role_ticks import ROLE_WORDS, ticked
from counterfoil.store.streams import time_text
from counterfoil.web.page_room import PageRoom
from counterfoil.web.pages import SET_UP, Form, Link, Pages
from counterfoil.web.problem import problem
from counterfoil.web.roles import principal_of

if TYPE_CHECKING:
    from counterfoil.node.node import Node

__all__ = ["AccessPages"]


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
        pages.add_links(Link("/access", "Access", (), SET_UP))

    def router(self) -> APIRouter:
        """Returns the table of routes."""
        room = PageRoom(self._pages)
        room.shows("/access", self.show, ())
        room.does("/access/keys", self.add_key, ())
        room.does("/access/keys/{key_id}/revoke", self.revoke_key, ())
        room.does("/access/users", self.add_user, ())
        room.shows("/access/users/{name}", self.show_user, ())
        room.does("/access/users/{name}/roles", self.set_roles, ())
        room.does("/access/users/{name}/password", self.set_password, ())
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
                form.text("name"), ticked(form), by=principal_of(request).id, expires=f"{day}T00:00:00Z" if day else ""
            )
        except InvalidInput as error:
            return self._show(request, error=error, refused="key", form=form)
        return self._show(request, made=made)

    def revoke_key(self, request: Request, form: Form) -> Response:
        """Makes a key stop working, at once."""
        try:
            key = self._access.keys.revoke(str(request.path_params["key_id"]), by=principal_of(request).id)
        except NotAllowed as error:
            return self._show(request, error=error)
        return self._pages.see(request, "/access", f"The key “{key.name}” works no more.")

    def add_user(self, request: Request, form: Form) -> Response:
        """Lets somebody sign in."""
        try:
            name = form.text("name")
            self._access.users.add(name, form.secret("password"), ticked(form), by=principal_of(request).id)
        except InvalidInput as error:
            return self._show(request, error=error, refused="user", form=form)
        told = f"{name} may sign in now. Hand the password over in person; they can change it once they are in."
        return self._pages.see(request, "/access", told)

    def show_user(self, request: Request) -> Response:
        """Shows what somebody may do, and changes it."""
        return self._show_user(request)

    def set_roles(self, request: Request, form: Form) -> Response:
        """Changes what somebody may do, and ends their sessions."""
        name = str(request.path_params["name"])
        try:
            self._access.users.set_roles(name, ticked(form), by=principal_of(request).id)
        except (InvalidInput, NotAllowed) as error:
            return self._show_user(request, error, form)
        return self._pages.see(request, "/access", f"{name} has these rights from now on, and signs in anew.")

    def set_password(self, request: Request, form: Form) -> Response:
        """Gives somebody a new password, and ends their sessions."""
        name = str(request.path_params["name"])
        try:
            self._access.users.set_password(name, form.secret("password"), by=principal_of(request).id)
        except InvalidInput as error:
            return self._show_user(request, error)
        told = f"{name} has a new password. Hand it over in person; they can change it once they are in."
        return self._pages.see(request, "/access", told)

    def remove_user(self, request: Request, form: Form) -> Response:
        """Lets somebody in no more."""
        name = str(request.path_params["name"])
        try:
            self._access.users.remove(name, by=principal_of(request).id)
        except NotFound:
            return self._pages.see(request, "/access", "They were removed already.")
        except NotAllowed as error:
            return self._show(request, error=error)
        return self._pages.see(request, "/access", f"{name} cannot sign in any more.")

    def _show(
        self,
        request: Request,
        *,
        made: NewKey | None = None,
        error: CallerError | None = None,
        refused: str = "",
        form: Form | None = None,
    ) -> Response:
        now_s = self._now_s()
        values: dict[str, Any] = {
            "error": error,
            "given": form or Form(()),
            "keys": self._access.keys.all(),
            "made": made,
            "refused": refused,
            "roles": ROLE_WORDS,
            "time": lambda seconds: "" if seconds is None else time_text(seconds),
            "users": self._access.users.all(),
            "works": lambda key: key.works_at(now_s),
        }
        return self._pages.render(request, "node/access.html", problem(error)["status"] if error else 200, **values)

    def _show_user(self, request: Request, error: CallerError | None = None, form: Form | None = None) -> Response:
        user = self._access.users.require(str(request.path_params["name"]))
        return self._pages.render(
            request,
            "node/user.html",
            problem(error)["status"] if error else 200,
            chosen=user.roles if form is None else form.texts("role"),
            error=error,
            is_self=principal_of(request).id == user.principal.id,
            roles=ROLE_WORDS,
            user=user,
        )
