"""Where OpenLineage clients post their events: `POST /api/v1/lineage`, the path that they know."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any, Final

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from counterfoil.core import canonical
from counterfoil.errors import InvalidInput, TooLarge
from counterfoil.provenance.lineage.openlineage.event import read_event
from counterfoil.provenance.lineage.openlineage.shapes import taken_json
from counterfoil.provenance.lineage.run_bodies import Unmapped
from counterfoil.web.answer import json_answer
from counterfoil.web.desk import Desk
from counterfoil.web.roles import WRITERS
from counterfoil.web.room import Room, takes

if TYPE_CHECKING:
    from counterfoil.organisation import Organisation

__all__ = ["EventRoutes"]

MOST_EVENT_BYTES: Final = 1_048_576
"""Largest event, also of one that is compressed on its way."""


class EventToTake(BaseModel):
    """An OpenLineage event (2-0-2); what is not described here is passed over."""

    eventType: str = Field("OTHER", description="START, RUNNING, COMPLETE, ABORT, FAIL or OTHER.")  # noqa: N815
    eventTime: str = Field(description="With its offset: 2026-11-23T19:00:00Z.")  # noqa: N815
    run: dict[str, Any] = Field(description="runId, a UUID.")
    job: dict[str, Any] = Field(description="namespace and name.")
    inputs: list[dict[str, Any]] = []
    outputs: list[dict[str, Any]] = []


class EventTaken(BaseModel):
    """What became of an event."""

    run: str = Field(description="The run's id; empty for an event that tells of none.")
    outcome: str = Field(description="waiting for its end, recorded, or passed over.")
    index: int | None = Field(description="Place of the run's record; null while there is none.")
    unmapped: Unmapped | None = Field(description="What it names that is not on record.")


class EventRoutes:
    """The route for events.

    Args:
        org: The organisation.
        desk: The node that serves it.
    """

    def __init__(self, org: Organisation, desk: Desk) -> None:
        self._org = org
        self._desk = desk

    def router(self) -> APIRouter:
        """Returns the table of routes."""
        room = Room("lineage")
        room.writes("/lineage", self.take, WRITERS, EventTaken, body=takes(EventToTake))
        return room.router

    async def take(self, request: Request) -> Response:
        """Takes an OpenLineage event; a run is recorded when it ends, once, with what all its events said.

        Datasets that are not on record are named in the run's record and not made up. Events may come in any order
        and more than once.
        """
        body = await request.body()
        return await run_in_threadpool(self._take, request, _inflated(request, body))

    def _take(self, request: Request, body: bytes) -> Response:
        event = read_event(canonical.loads(body))
        if self._org.openlineage.ends(event):
            self._desk.asked(request, "a run")
        taken = self._org.openlineage.take(event)
        return json_answer(taken_json(taken), 201 if taken.outcome == "recorded" else 200)


def _inflated(request: Request, body: bytes) -> bytes:
    """Returns what was sent, without its compression.

    Raises:
        InvalidInput: It is compressed in another way than it says.
        TooLarge: It is larger than an event.
    """
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding == "identity":
        return body
    if encoding != "gzip":
        raise InvalidInput(f"the body is encoded as {encoding[:40]!a}", hint="send it as it is, or as gzip")
    stream = zlib.decompressobj(wbits=31)
    try:
        data = stream.decompress(body, MOST_EVENT_BYTES)
    except zlib.error as error:
        raise InvalidInput("the body is not gzip, as it says") from error
    if stream.unconsumed_tail:
        raise TooLarge(f"the event has more than {MOST_EVENT_BYTES} bytes", hint="send it in parts: events add up")
    if not stream.eof:
        raise InvalidInput("the body broke off", hint="send it again")
    return data
