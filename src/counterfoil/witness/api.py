"""Witnessing over HTTP: the endpoint that other logs ask (C2SP tlog-witness), and what an admin sets up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from counterfoil.core.witness import MAX_REQUEST_BYTES
from counterfoil.web.answer import answered
from counterfoil.web.desk import Answer, Desk
from counterfoil.web.roles import STAFF
from counterfoil.web.room import PUBLIC, Room, takes
from counterfoil.witness.changes import WitnessChanges

if TYPE_CHECKING:
    from counterfoil.organisation import Organisation

__all__ = ["WitnessRoutes"]


class Watched(BaseModel):
    """A log whose heads this node signs."""

    origin: str
    keys: list[str]
    size: int = Field(description="Records under the newest head that was signed.")
    time: str | None
    contradictions: int = Field(description="Pairs of contradicting heads that were shown here.")


class Asked(BaseModel):
    """A witness of this node's log."""

    name: str
    key: str
    url: str | None
    size: int
    fault: str | None
    alarm: bool


class Witnessing(BaseModel):
    """Where this node stands as a witness and among witnesses."""

    model_config = {"extra": "allow"}

    logs: list[Watched] = Field(description="Logs whose heads this node signs.")
    witnesses: list[Asked] = Field(description="Whom this node asks to sign its own.")
    key: str | None = Field(description="Public key of this node's cosignatures; null before it is needed.")
    policy: str | None = Field(description="The witness policy, as checkers take it; null without one.")
    quorum: str | None = Field(description="How many of them are enough, in words.")
    log_size: int = Field(description="Records in this node's log.")
    enough_size: int = Field(description="Records under the newest head that enough have signed.")
    due: str | None = Field(description="Why they are due to be asked; null when they are not.")
    problems: list[str] = Field(description="What stands in the way, in words.")


class Collected(BaseModel):
    """What the witnesses gave."""

    enough: bool
    signed: list[str]
    size: int
    witnesses: list[dict[str, Any]]


class LogToWatch(BaseModel):
    """A log to be watched."""

    model_config = {"extra": "forbid"}

    key: str = Field(description="Its public key, as its organisation hands it out.")


class WatchedKey(BaseModel):
    """A log that is watched from now on, and the key of the cosignatures it gets."""

    added: str
    key: str


class WitnessToAsk(BaseModel):
    """A witness to be asked."""

    model_config = {"extra": "forbid"}

    name: str
    key: str
    url: str = ""
    quorum: str | None = Field(None, description="any, all or a number: so many are enough.")
    dry_run: bool = False


class Policy(BaseModel):
    """The witness policy as it stands, or would stand."""

    done: bool
    policy: str
    quorum: str


class WitnessRoutes:
    """The routes of this room.

    Args:
        org: The organisation.
        desk: The node that serves them.
    """

    def __init__(self, org: Organisation, desk: Desk) -> None:
        self._desk = desk
        self._witness = org.witness
        self._changes = WitnessChanges(org.witness, desk)

    def router(self) -> APIRouter:
        """Returns the table of routes below /api/v1."""
        room = Room("witness")
        room.reads("/witness", self.status, STAFF, Witnessing)
        room.writes("/witness/logs", self.add_log, (), WatchedKey)
        room.writes("/witness/logs/{name:path}", self.remove_log, (), Witnessing, method="DELETE", status=200)
        room.writes("/witness/witnesses", self.add_witness, (), Policy)
        room.writes("/witness/witnesses/{name}", self.remove_witness, (), Policy, method="DELETE", status=200)
        room.writes("/witness/collect", self.collect, (), Collected, status=200)
        return room.router

    def endpoint(self) -> APIRouter:
        """Returns the route that other logs ask, beside the API."""
        room = Room("witness", prefix="")
        body = takes(media_type="text/plain")
        room.writes("/add-checkpoint", self.add_checkpoint, PUBLIC, status=200, body=body, response_class=Response)
        return room.router

    async def add_checkpoint(self, request: Request) -> Response:
        """Signs the head of a log that is watched, if it extends the one signed last (C2SP tlog-witness)."""
        request.state.most_body_bytes = MAX_REQUEST_BYTES
        answer = await run_in_threadpool(self._witness.add_checkpoint, await request.body())
        return Response(answer.body, answer.status, {"content-type": answer.content_type})

    def status(self) -> dict[str, Any]:
        """Tells which logs are watched, and who signs this one."""
        policy = self._witness.policy
        return self._witness.status().to_json() | {"policy": policy.text() if policy else None}

    def add_log(self, wanted: LogToWatch, request: Request) -> Response:
        """Watches another organisation's log from now on."""

        def add() -> Answer:
            return 201, {"added": str(self._changes.add_log(request, wanted.key)), "key": str(self._witness.key)}

        return answered(self._desk, request, wanted.model_dump(), add)

    def remove_log(self, name: str, request: Request) -> dict[str, Any]:
        """Watches a log no longer; what was signed stays known."""
        self._changes.remove_log(request, name)
        return self.status()

    def add_witness(self, wanted: WitnessToAsk, request: Request) -> Response:
        """Has a witness asked to sign this log's heads."""

        def add() -> Answer:
            asked, rule = (wanted.name, wanted.key, wanted.url), wanted.quorum
            if wanted.dry_run:
                policy = self._witness.add_witness(*asked, rule=rule, dry_run=True)
            else:
                policy = self._changes.add_witness(request, *asked, rule)
            return 201, {"done": not wanted.dry_run, "policy": policy.text(), "quorum": policy.wanted()}

        return answered(self._desk, request, wanted.model_dump(), add)

    def remove_witness(self, name: str, request: Request) -> dict[str, Any]:
        """Asks a witness no longer."""
        policy = self._changes.remove_witness(request, name)
        return {"done": True, "policy": policy.text(), "quorum": policy.wanted()}

    def collect(self, request: Request) -> Response:
        """Asks the witnesses now to sign the log's head."""
        return answered(self._desk, request, {}, lambda: (200, self._witness.collect().to_json()))
