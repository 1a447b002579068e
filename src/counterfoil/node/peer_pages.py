"""Other nodes in the console: whom this one knows by its key, and what they may do here. Admins only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from counterfoil.errors import InvalidInput, NotFound
from counterfoil.node.access.peers import Peer
from counterfoil.node.role_ticks import ROLE_WORDS, ticked
from counterfoil.store.streams import time_text
from counterfoil.web.page_room import PageRoom
from counterfoil.web.pages import Form, Pages
from counterfoil.web.roles import Role, principal_of

if TYPE_CHECKING:
    from counterfoil.node.node import Node

__all__ = ["PeerPages"]

PLACE: Final = "/access/peers"
ROLES: Final = {role: words for role, words in ROLE_WORDS.items() if role is not Role.ADMIN}
"""What another organisation's node may be allowed: never what an admin may."""


class PeerPages:
    """The pages of this room.

    Args:
        node: Whose access it is.
        pages: Renders them.
    """

    def __init__(self, node: Node, pages: Pages) -> None:
        self._access = node.access
        self._public_url = node.org.home.settings.public_url
        self._pages = pages

    def router(self) -> APIRouter:
        """Returns the table of routes."""
        room = PageRoom(self._pages)
        room.shows(PLACE, self.show, ())
        room.does(PLACE, self.add, ())
        room.does(f"{PLACE}/remove", self.remove, ())
        return room.router

    def show(self, request: Request) -> Response:
        """Shows which nodes are listed."""
        return self._show(request)

    def add(self, request: Request, form: Form) -> Response:
        """Lists a node; one that is listed gets another key or other roles only when that was said in so many words."""
        vkey = form.text("vkey")
        try:
            listed = self._listed(vkey)
            if listed is not None and not form.text("replace"):
                return self._show(request, form=form, listed=listed)
            peer, _ = self._access.peers.add(vkey, ticked(form), by=principal_of(request).id)
        except InvalidInput as error:
            return self._show(request, form=form, error=error)
        return self._pages.see(request, PLACE, f"{peer.origin} is listed with this key and these roles.")

    def remove(self, request: Request, form: Form) -> Response:
        """Lets a node in no more."""
        origin = form.text("origin")
        try:
            self._access.peers.remove(origin, by=principal_of(request).id)
        except NotFound:
            return self._pages.see(request, PLACE, "It was taken off the list already.")
        return self._pages.see(request, PLACE, f"{origin} is listed no more.")

    def _listed(self, vkey: str) -> Peer | None:
        """Returns the node that is listed under the name in a key, None without one."""
        name = vkey.partition("+")[0]
        return next((each for each in self._access.peers.all() if each.origin == name), None)

    def _show(
        self,
        request: Request,
        *,
        form: Form | None = None,
        error: InvalidInput | None = None,
        listed: Peer | None = None,
    ) -> Response:
        values: dict[str, Any] = {
            "error": error,
            "given": form or Form(()),
            "is_refused": form is not None,
            "listed": listed,
            "own_key": self._access.public_key(),
            "peers": self._access.peers.all(),
            "public_url": self._public_url,
            "roles": ROLES,
            "time": time_text,
        }
        return self._pages.render(request, "node/peers.html", 422 if form is not None else 200, **values)
