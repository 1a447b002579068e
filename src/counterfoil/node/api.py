"""The node's own routes: how it stands, its long work, its webhooks; and what monitors ask."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any, Final

import orjson
from fastapi import APIRouter, Request
from starlette.responses import FileResponse, PlainTextResponse, Response, StreamingResponse

import counterfoil
from counterfoil.checker import checker_page, page_digest
from counterfoil.errors import LogUnavailable
from counterfoil.node.bodies import JobShown, Nothing, Status, ToTell, WebhookMade, WebhookShown
from counterfoil.node.metrics import METRICS_TYPE
from counterfoil.store.streams import time_text
from counterfoil.web.answer import as_file, json_answer
from counterfoil.web.desk import Answer
from counterfoil.web.roles import READERS, STAFF, Role
from counterfoil.web.room import PUBLIC, Room

if TYPE_CHECKING:
    from counterfoil.node.node import Node

__all__ = ["NodeRoutes"]

EVENT_STREAM: Final = "text/event-stream"
LOOK_EVERY_S: Final = 0.25
"""How often a job is looked at for whoever watches it."""

KEEP_ALIVE_S: Final = 15.0
MOST_WATCHED_S: Final = 3_600.0


class NodeRoutes:
    """The routes of this room."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._started = time_text(int(time.time()))

    def router(self) -> APIRouter:
        """Returns the table of routes below /api/v1."""
        room = Room("node")
        room.reads("/status", self.status, READERS, Status)
        room.reads("/jobs", self.jobs, STAFF, list[JobShown])
        room.reads("/jobs/{job_id}", self.job, STAFF, JobShown)
        room.reads("/jobs/{job_id}/events", self.events, STAFF)
        room.reads("/jobs/{job_id}/file", self.file, STAFF)
        room.writes("/jobs/{job_id}", self.cancel, (Role.OPERATOR,), JobShown, method="DELETE", status=200)
        room.reads("/webhooks", self.webhooks, (), list[WebhookShown])
        room.writes("/webhooks", self.add_webhook, (), WebhookMade)
        room.writes("/webhooks/{hook_id}", self.remove_webhook, (), Nothing, method="DELETE", status=200)
        return room.router

    def health(self) -> APIRouter:
        """Returns what monitors ask, beside the API."""
        room = Room("health", prefix="")
        room.reads("/healthz", self.alive, PUBLIC, Nothing)
        room.reads("/readyz", self.ready, PUBLIC, Nothing)
        room.reads("/metrics", self.metrics, READERS, response_class=PlainTextResponse)
        room.router.add_api_route("/check", self.checker, methods=["GET"], include_in_schema=False)
        return room.router

    async def alive(self) -> dict[str, bool]:
        """Answers while the process serves."""
        return {"done": True}

    async def ready(self) -> dict[str, bool]:
        """Answers while records can be made durable; 503 otherwise."""
        if not self._node.can_record:
            raise LogUnavailable("the log takes no records now", hint="see the alarms at /api/v1/status")
        return {"done": True}

    def checker(self, request: Request) -> Response:
        """Returns the page that checks receipts and bundles in the reader's browser."""
        headers = {"cache-control": "public, max-age=300", "etag": f'"{page_digest()[:32]}"'}
        if request.headers.get("if-none-match") == headers["etag"]:
            return Response(status_code=304, headers=headers)
        return Response(checker_page(), media_type="text/html; charset=utf-8", headers=headers)

    def metrics(self) -> Response:
        """Returns the node's measures for Prometheus."""
        return Response(self._node.metrics.text(), headers={"content-type": METRICS_TYPE})

    def status(self) -> dict[str, Any]:
        """Tells how the node stands, without asking the ledger."""
        node, org = self._node, self._node.org
        anchored = org.ledger.newest(org.archive.size) if org.ledger.is_connected else None
        return {
            "alarms": [alarm.to_json() for alarm in node.alarms.open()],
            "anchored": (anchored.size if anchored else 0) if org.ledger.is_connected else None,
            "anchor_due": org.ledger.due() or None,
            "chores": [chore.to_json() for chore in node.chores.list()],
            "jobs_open": sum(not job.state.is_over for job in node.jobs.list()),
            "log_size": org.archive.size,
            "queue": org.recorder.spool.count,
            "started": self._started,
            "version": counterfoil.__version__,
        }

    def jobs(self) -> list[dict[str, Any]]:
        """Lists long work, newest first."""
        return [job.to_json() for job in self._node.jobs.list()]

    def job(self, job_id: str) -> dict[str, Any]:
        """Shows one piece of long work."""
        return self._node.jobs.get(job_id).to_json()

    async def events(self, job_id: str) -> StreamingResponse:
        """Sends a job again whenever it changes, until it is over (server-sent events)."""
        self._node.jobs.get(job_id)
        return StreamingResponse(self._changes(job_id), media_type=EVENT_STREAM)

    async def _changes(self, job_id: str) -> AsyncIterator[bytes]:
        last, told_s, began_s = None, time.monotonic(), time.monotonic()
        while time.monotonic() - began_s < MOST_WATCHED_S and not self._node.is_stopping:
            job = self._node.jobs.get(job_id)
            if job != last:
                last, told_s = job, time.monotonic()
                yield b"event: job\ndata: " + orjson.dumps(job.to_json()) + b"\n\n"
                if job.state.is_over:
                    return
            elif time.monotonic() - told_s > KEEP_ALIVE_S:
                told_s = time.monotonic()
                yield b": still there\n\n"
            await asyncio.sleep(LOOK_EVERY_S)

    def file(self, job_id: str, request: Request) -> FileResponse:
        """Returns the file that a job made. Who took it is recorded."""
        path = self._node.jobs.file(job_id)
        self._node.looked(request, f"file of job {job_id}", self._node.jobs.get(job_id).places)
        return FileResponse(path, media_type="application/octet-stream", headers=as_file(path.name))

    def cancel(self, job_id: str) -> dict[str, Any]:
        """Stops long work: at once where it waits, at its next step where it runs."""
        return self._node.jobs.cancel(job_id).to_json()

    def webhooks(self) -> list[dict[str, Any]]:
        """Lists who is told of alarms and finished work."""
        return [hook.to_json() for hook in self._node.webhooks.list()]

    def add_webhook(self, wanted: ToTell, request: Request) -> Response:
        """Adds somebody to be told; the secret by which they know that a message is from here is shown once.

        Sent again under the same `Idempotency-Key`, no second one is added, and the secret is not shown.
        """
        shown: list[str] = []

        def add() -> Answer:
            self._node.asked(request, "a webhook")
            made, secret = self._node.webhooks.add(wanted.url, wanted.events)
            shown.append(secret)
            return 201, made.to_json()

        tag = self._node.tag(request, wanted.model_dump_json().encode())
        status, told, replayed = self._node.answered(tag, add)
        told = dict(told) | {"secret": shown[0] if shown else None}
        return json_answer(told, 200 if replayed else status, replayed=replayed)

    def remove_webhook(self, hook_id: str, request: Request) -> dict[str, bool]:
        """Removes a webhook and what it was still to be told."""
        self._node.asked(request, "removing a webhook")
        self._node.webhooks.remove(hook_id)
        return {"done": True}
