"""Recalls over HTTP: what one would reach, opening it, ending it, and the list of the people to tell."""

from __future__ import annotations

from secrets import token_hex
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from fastapi import APIRouter, Query, Request
from starlette.background import BackgroundTask
from starlette.responses import FileResponse, Response

from counterfoil.organisation.recall_bodies import RecallOnRecord, RecallReach, ToEndRecall, ToRecall
from counterfoil.organisation.recall_shapes import reach_json, recall_json
from counterfoil.provenance import Recall
from counterfoil.web.answer import as_file, asked_bytes, json_answer
from counterfoil.web.desk import Desk
from counterfoil.web.roles import READERS, STAFF, Role, principal_of
from counterfoil.web.room import Room

if TYPE_CHECKING:
    from counterfoil.organisation.organisation import Organisation

__all__ = ["RecallRoutes", "notice_list"]

MEDIA_TYPES: Final = {"csv": "text/csv", "ndjson": "application/x-ndjson"}

Form = Annotated[Literal["csv", "ndjson"], Query(description="Form of the list.")]


class RecallRoutes:
    """The routes of this room.

    Args:
        org: The organisation.
        desk: The node that serves them.
    """

    def __init__(self, org: Organisation, desk: Desk) -> None:
        self._org = org
        self._desk = desk

    def router(self) -> APIRouter:
        """Returns the table of routes."""
        room, operator = Room("recalls"), (Role.OPERATOR,)
        room.reads("/recalls", self.list_recalls, READERS, list[RecallOnRecord])
        room.writes("/recalls", self.open, operator, RecallReach)
        room.reads("/recalls/{index}", self.show, READERS, RecallReach)
        room.writes("/recalls/{index}/end", self.end, operator, RecallOnRecord)
        lists = {media: {"schema": {"type": "string"}} for media in MEDIA_TYPES.values()}
        answer: dict[int | str, Any] = {200: {"content": lists, "description": "A person a line."}}
        room.reads("/recalls/{index}/notices", self.notices, STAFF, response_class=Response, responses=answer)
        return room.router

    def list_recalls(self) -> list[dict[str, Any]]:
        """Lists the recalls, oldest first."""
        return [recall_json(each) for each in self._org.recalls.all()]

    def show(self, index: int) -> dict[str, Any]:
        """Shows a recall, and what it reaches now."""
        return self._reach(self._org.recalls.at(index))

    def open(self, wanted: ToRecall, request: Request) -> Response:
        """Recalls a dataset, model, policy, run or deployment: nothing more is decided on what came from it.

        With `preview` it says what would be reached, and records nothing.
        """
        recalls, who = self._org.recalls, principal_of(request).id
        if wanted.preview:
            reach = recalls.preview(wanted.what)
            return json_answer(reach_json(reach, recalls.not_reached(reach)) | {"recall": None}, 200)
        tag = self._desk.tag(request, asked_bytes(wanted.model_dump()))

        def record() -> int:
            opened = recalls.open(wanted.what, reason=wanted.reason, by=who, action=wanted.action, request=tag)
            return opened.recall.index

        place, is_known = self._desk.once(tag, record)
        return json_answer(self._reach(recalls.at(place)), 200 if is_known else 201, replayed=is_known)

    def end(self, index: int, told: ToEndRecall, request: Request) -> Response:
        """Ends a recall, with a reason: what it held back goes on."""
        recalls, who = self._org.recalls, principal_of(request).id
        tag = self._desk.tag(request, asked_bytes(told.model_dump()))

        def record() -> int:
            ended = recalls.end(index, reason=told.reason, by=who, request=tag).ended
            assert ended is not None
            return ended.index

        _, is_known = self._desk.once(tag, record)
        return json_answer(recall_json(recalls.at(index)), 200 if is_known else 201, replayed=is_known)

    def notices(self, index: int, request: Request, form: Form = "ndjson") -> Response:
        """Returns the list of the people whom a recall affects, one a line. Who took it is recorded."""
        return notice_list(self._org, self._desk, request, index, form)

    def _reach(self, found: Recall) -> dict[str, Any]:
        recalls = self._org.recalls
        reach = recalls.reach(found)
        return reach_json(reach, recalls.not_reached(reach)) | {"recall": recall_json(found)}


def notice_list(org: Organisation, desk: Desk, request: Request, index: int, form: str) -> Response:
    """Returns the list of the people whom a recall affects as a file, which the node does not keep."""
    path = desk.incoming / f"notices-{token_hex(8)}.{form}"
    org.recalls.notices(org.recalls.at(index), path, by=principal_of(request).id)
    headers = as_file(f"recall-{index}.{form}")
    return FileResponse(
        path, media_type=MEDIA_TYPES[form], headers=headers, background=BackgroundTask(path.unlink, missing_ok=True)
    )
