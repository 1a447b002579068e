"""Recalls in the console: first whom one would reach, then, on the same page, the word to open it; and its end."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from counterfoil.core.wording import counted
from counterfoil.errors import CallerError, InvalidInput
from counterfoil.organisation.reach import Reach
from counterfoil.organisation.recall_api import notice_list
from counterfoil.provenance import Recall
from counterfoil.provenance.recalls.records import MOST_REASON_CHARS, require_action
from counterfoil.web.desk import Desk
from counterfoil.web.page_room import PageRoom
from counterfoil.web.pages import Form, Link, Pages
from counterfoil.web.roles import STAFF, Role, principal_of

if TYPE_CHECKING:
    from counterfoil.organisation import Organisation

__all__ = ["RecallPages"]

_ASKED = ("what", "reason", "action")


class RecallPages:
    """The pages of this room.

    Args:
        org: The organisation.
        desk: The node that serves them.
        pages: Renders them.
    """

    def __init__(self, org: Organisation, desk: Desk, pages: Pages) -> None:
        self._org = org
        self._desk = desk
        self._pages = pages
        pages.add_room("recalls", Path(__file__).parent / "templates", Link("/recalls", "Recalls", STAFF))

    def router(self) -> APIRouter:
        """Returns the table of routes."""
        room, operator, one = PageRoom(self._pages), (Role.OPERATOR,), "/recalls/{index:int}"
        room.shows("/recalls", self.list_recalls, STAFF)
        room.does("/recalls", self.plan, operator)
        room.does("/recalls/open", self.open, operator)
        room.shows(one, self.show, STAFF)
        room.does(f"{one}/end", self.end, operator)
        room.shows(f"{one}/notices.csv", self.notices, STAFF)
        return room.router

    def list_recalls(self, request: Request) -> Response:
        """Shows all recalls, newest first, and asks what to recall; the address may name it."""
        asked = dict.fromkeys(_ASKED, "") | {"what": request.query_params.get("what", "")[:200]}
        return self._list(request, asked)

    def plan(self, request: Request, form: Form) -> Response:
        """Shows what a recall would reach; records nothing."""
        asked = _asked(form)
        try:
            return self._list(request, asked, reach=self._plan(asked))
        except CallerError as error:
            return self._list(request, asked, error=error)

    def open(self, request: Request, form: Form) -> Response:
        """Opens a recall, when what it would reach is still what was shown."""
        asked, recalls = _asked(form), self._org.recalls
        try:
            reach = self._plan(asked)
            if form.text("seen") != _seen(reach):
                return self._list(request, asked, reach=reach, is_changed=True)
            opened = recalls.open(
                reach.root.index,
                reason=asked["reason"],
                by=principal_of(request).id,
                action=require_action(asked["action"]),
            )
        except CallerError as error:
            return self._list(request, asked, error=error)
        people = counted(opened.reach.people, "person", "people")
        told = f"The recall is open. It reached {counted(opened.reach.decisions, 'decision')} about {people}."
        return self._pages.see(request, f"/recalls/{opened.recall.index}", told)

    def show(self, index: int, request: Request) -> Response:
        """Shows a recall, and what it reaches now."""
        return self._one(request, self._org.recalls.at(index))

    def end(self, request: Request, form: Form) -> Response:
        """Ends a recall."""
        index = int(request.path_params["index"])
        reason = form.text("reason")
        try:
            self._org.recalls.end(index, reason=reason, by=principal_of(request).id)
        except CallerError as error:
            return self._one(request, self._org.recalls.at(index), reason, error)
        return self._pages.see(request, f"/recalls/{index}", "The recall has ended: what it held back goes on.")

    def notices(self, index: int, request: Request) -> Response:
        """Sends the list of the people as a table. Who took it is recorded."""
        return notice_list(self._org, self._desk, request, index, "csv")

    def _plan(self, asked: dict[str, str]) -> Reach:
        if not asked["what"]:
            raise InvalidInput("nothing to recall was named", hint="give a name, or a place in the log")
        return self._org.recalls.preview(asked["what"])

    def _list(
        self,
        request: Request,
        asked: dict[str, str],
        *,
        reach: Reach | None = None,
        error: CallerError | None = None,
        is_changed: bool = False,
    ) -> Response:
        recalls = self._org.recalls
        values: dict[str, Any] = {
            "asked": asked,
            "error": error,
            "is_changed": is_changed,
            "may_open": principal_of(request).may(frozenset({Role.OPERATOR})),
            "most_chars": MOST_REASON_CHARS,
            "overlooked": recalls.not_reached(reach) if reach else (),
            "reach": reach,
            "recalls": list(reversed(recalls.all())),
            "seen": _seen(reach) if reach else "",
        }
        return self._pages.render(request, "recalls/recalls.html", 422 if error else 200, **values)

    def _one(self, request: Request, found: Recall, reason: str = "", error: CallerError | None = None) -> Response:
        recalls = self._org.recalls
        reach = recalls.reach(found)
        return self._pages.render(
            request,
            "recalls/recall.html",
            422 if error else 200,
            error=error,
            may_end=principal_of(request).may(frozenset({Role.OPERATOR})),
            most_chars=MOST_REASON_CHARS,
            overlooked=recalls.not_reached(reach),
            reach=reach,
            reason=reason,
            recall=found,
        )


def _asked(form: Form) -> dict[str, str]:
    asked = {name: form.text(name) for name in _ASKED}
    return asked | {"action": asked["action"] or "block"}


def _seen(reach: Reach) -> str:
    """Returns what stands for a reach in the form: other records since then make another."""
    return f"{reach.root.index}-{reach.decisions}-{reach.people}-{reach.leaves_sha256[:16]}"
