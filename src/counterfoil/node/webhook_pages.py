"""Webhooks in the console: who is told of alarms and finished work, and whether they take it. Admins only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from counterfoil.errors import InvalidInput, NotFound
from counterfoil.node.webhooks.webhooks import EVENTS, Webhook
from counterfoil.store.streams import time_text
from counterfoil.web.page_room import PageRoom
from counterfoil.web.pages import SET_UP, Form, Link, Pages

if TYPE_CHECKING:
    from counterfoil.node.node import Node

__all__ = ["WebhookPages"]

WORDS: Final = {
    "alarm.cleared": "an alarm is over",
    "alarm.raised": "something needs a person",
    "job.finished": "long work is done",
}
"""When each event is told, in a few words."""


class WebhookPages:
    """The pages of this room.

    Args:
        node: Whose webhooks they are.
        pages: Renders them.
    """

    def __init__(self, node: Node, pages: Pages) -> None:
        self._node = node
        self._pages = pages
        pages.add_links(Link("/webhooks", "Webhooks", (), SET_UP))

    def router(self) -> APIRouter:
        """Returns the table of routes."""
        room = PageRoom(self._pages)
        room.shows("/webhooks", self.show, ())
        room.does("/webhooks", self.add, ())
        room.does("/webhooks/{hook_id}/remove", self.remove, ())
        return room.router

    def show(self, request: Request) -> Response:
        """Shows who is told, and how deliveries stand."""
        return self._show(request)

    def add(self, request: Request, form: Form) -> Response:
        """Adds somebody to be told, and shows the secret, this once."""
        try:
            if not form.texts("event"):
                raise InvalidInput("there is nothing to tell", hint="tick at least one event")
            self._node.asked(request, "a webhook")
            made, secret = self._node.webhooks.add(form.text("url"), form.texts("event"))
        except InvalidInput as error:
            return self._show(request, error=error, form=form)
        return self._show(request, made=made, secret=secret)

    def remove(self, request: Request, form: Form) -> Response:
        """Removes a webhook and what it was still to be told."""
        self._node.asked(request, "removing a webhook")
        try:
            self._node.webhooks.remove(str(request.path_params["hook_id"]))
        except NotFound:
            return self._pages.see(request, "/webhooks", "It was removed already.")
        return self._pages.see(request, "/webhooks", "Nothing is sent there any more.")

    def _show(
        self,
        request: Request,
        *,
        made: Webhook | None = None,
        secret: str = "",
        error: InvalidInput | None = None,
        form: Form | None = None,
    ) -> Response:
        values: dict[str, Any] = {
            "chosen": EVENTS if form is None else form.texts("event"),
            "error": error,
            "events": WORDS,
            "given": form or Form(()),
            "hooks": self._node.webhooks.list(),
            "made": made,
            "secret": secret,
            "time": time_text,
        }
        return self._pages.render(request, "node/webhooks.html", 422 if error else 200, **values)
