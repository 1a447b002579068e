"""The page about oneself: who has signed in, what they may do, and another password."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import APIRouter, Request
from starlette.responses import Response

from counterfoil.errors import CounterfoilError, InvalidInput, TooManyRequests
from counterfoil.node.access.users import user_name
from counterfoil.node.role_ticks import ROLE_WORDS
from counterfoil.web.page_room import PageRoom
from counterfoil.web.pages import Form, Pages
from counterfoil.web.problem import problem
from counterfoil.web.roles import READERS, Role, principal_of

if TYPE_CHECKING:
    from counterfoil.node.node import Node

__all__ = ["MePages"]


class MePages:
    """The page of this room, for everybody who is known.

    Args:
        node: Whose access it is.
        pages: Renders it.
    """

    def __init__(self, node: Node, pages: Pages) -> None:
        self._access = node.access
        self._pages = pages

    def router(self) -> APIRouter:
        """Returns the table of routes."""
        room = PageRoom(self._pages)
        room.shows("/me", self.show, READERS)
        room.does("/me/password", self.change_password, READERS)
        return room.router

    def show(self, request: Request) -> Response:
        """Shows who has signed in, and as what."""
        return self._show(request)

    def change_password(self, request: Request, form: Form) -> Response:
        """Gives whoever has signed in the password they chose; ends all their sessions, and begins a new one."""
        who, address = principal_of(request), request.client.host if request.client else ""
        user_name(who)  # a key is told that it has no password, before anything about what was typed
        try:
            if form.secret("new") != form.secret("again"):
                raise InvalidInput("the new password was typed in two ways", hint="type it once more, both times")
            made = self._access.change_password(who, form.secret("old"), form.secret("new"), address)
        except (InvalidInput, TooManyRequests) as error:
            return self._show(request, error)
        response = self._pages.see(request, "/me", "Your new password works now. Everywhere else you are signed out.")
        response.headers.append("set-cookie", self._access.cookie(made.token))
        return response

    def _show(self, request: Request, error: CounterfoilError | None = None) -> Response:
        who = principal_of(request)
        response = self._pages.render(
            request,
            "node/me.html",
            problem(error)["status"] if error else 200,
            error=error,
            is_admin=Role.ADMIN in who.roles,
            is_person=who.id.startswith("user:"),
            name=who.id.partition(":")[2],
            words=[(role, ROLE_WORDS[role]) for role in sorted(who.roles)],
        )
        if isinstance(error, TooManyRequests):
            response.headers["retry-after"] = str(error.retry_after_s)
        return response
