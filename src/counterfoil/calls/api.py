"""Calls of models, tools and agents over HTTP: recording them from elsewhere, and finding them again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import orjson
from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from counterfoil.calls.call import Call
from counterfoil.calls.records import STREAM
from counterfoil.calls.shapes import call_json, found_json, recorded_json
from counterfoil.core import canonical
from counterfoil.errors import InvalidInput
from counterfoil.store.recorder import OnFailure
from counterfoil.web.answer import json_answer
from counterfoil.web.desk import Desk
from counterfoil.web.page import Before, Limit, Page, page_of
from counterfoil.web.roles import STAFF, WRITERS
from counterfoil.web.room import Room, takes

if TYPE_CHECKING:
    from counterfoil.organisation import Organisation

__all__ = ["CallRoutes"]

MOST_CALL_BYTES = 41_943_040
"""Largest call: what its parts hold, 32 MiB, and the JSON around it."""

_MEMBERS = frozenset({"builds_on", "call", "retain_until_s", "stream", "subject"})

OnLogFailure = Annotated[OnFailure, Query(description="Without a record: an error (deny), or a durable queue.")]


class CallToRecord(BaseModel):
    """What was asked of a model, tool or agent, and what came back."""

    call: dict[str, Any] = Field(description="The call, as docs/reference/records.md has it; `operation` is needed.")
    subject: str | None = Field(None, description="Your reference of the person; needed to erase them later.")
    builds_on: list[str] = Field(default_factory=list, description="Leaf hashes of earlier records.")
    stream: str = STREAM
    retain_until_s: int = Field(0, description="End of a retention lock, Unix seconds; 0 without one.")


class RecordedCallShown(BaseModel):
    """A call on record."""

    index: int | None = Field(description="Place of its record in the log; null while it waits in the queue.")
    leaf: str
    promise: str | None
    seq: int
    time: str


class FoundCall(BaseModel):
    """A call that a search found."""

    index: int
    time: str
    operation: str | None
    model: str | None
    tool: str | None
    agent: str | None
    trace: str | None
    failed: bool | None = Field(description="null where that was erased.")


class CallRoutes:
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
        room = Room("calls")
        room.writes("/calls", self.record, WRITERS, RecordedCallShown, body=takes(CallToRecord))
        room.reads("/calls", self.search, STAFF, Page[FoundCall])
        room.reads("/calls/{index}", self.show, STAFF)
        return room.router

    async def record(self, request: Request, on_log_failure: OnLogFailure = "deny") -> Response:
        """Records a call; the answer comes when the record is durable."""
        request.state.most_body_bytes = min(MOST_CALL_BYTES, self._desk.most_file_bytes)
        body = await request.body()
        return await run_in_threadpool(self._record, body, self._desk.tag(request, body), on_log_failure)

    def _record(self, body: bytes, tag: bytes | None, on_failure: OnFailure) -> Response:
        wanted = canonical.loads(body)
        if not isinstance(wanted, dict) or "call" not in wanted or not wanted.keys() <= _MEMBERS:
            raise InvalidInput('the body is not {"call": {…}, …}', hint=f"known are {', '.join(sorted(_MEMBERS))}")
        call, made = Call.from_json(wanted["call"]), []

        def record() -> int | None:
            done = self._org.calls.record(call, **_options(wanted), on_log_failure=on_failure, request=tag)
            made.append(done)
            return done.index

        place, is_known = self._desk.once(tag, record)
        if place is None or not is_known:
            return json_answer(recorded_json(made[0]), 201)
        record_there = self._org.archive.record(place)
        told = {"index": place, "leaf": self._org.archive.leaf_hex(place), "promise": None}
        return json_answer(told | {"seq": record_there.seq, "time": record_there.time}, replayed=True)

    def search(
        self,
        request: Request,
        subject: str | None = None,
        operation: str | None = None,
        trace: str | None = None,
        failed: bool | None = None,
        since: str | None = None,
        until: str | None = None,
        before: Before = None,
        limit: Limit = 50,
    ) -> dict[str, Any]:
        """Finds calls, newest first. Who searched is recorded."""
        rows = self._org.calls.search(
            subject=subject,
            operation=operation,
            trace=trace,
            failed=failed,
            since=since,
            until=until,
            before=before,
            limit=limit + 1,
        )
        self._desk.looked(request, "search for calls", [int(row["idx"]) for row in rows[:limit]])
        return page_of([found_json(row) for row in rows], limit)

    def show(self, index: int, request: Request) -> Response:
        """Shows one call with its private values. Who looked is recorded."""
        shown = call_json(self._org.calls, self._org.archive, index, with_values=True)
        self._desk.looked(request, "call", [index])
        return Response(orjson.dumps(shown), media_type="application/json")


def _options(wanted: dict[str, Any]) -> dict[str, Any]:
    """Returns what else a caller said, each of the type that the record needs.

    Raises:
        InvalidInput: One is of another type.
    """
    options: dict[str, Any] = {}
    for name, kind in (("subject", str), ("stream", str), ("retain_until_s", int)):
        value = wanted.get(name)
        if value is not None and type(value) is not kind:
            raise InvalidInput(f"{name} is not {'a whole number' if kind is int else 'text'}")
        if value is not None:
            options[name] = value
    leaves = wanted.get("builds_on") or []
    if not isinstance(leaves, list) or not all(isinstance(leaf, str) for leaf in leaves):
        raise InvalidInput("builds_on is not a list of leaf hashes")
    return options | {"builds_on": tuple(leaves)}
