"""Jobs over HTTP, for whoever shows the order's ticket: `Authorization: Bearer cft_…`.

    POST …/market/orders/{order}/job      hands in what was bought: specification, algorithm, publication
    GET  …/market/orders/{order}/job      how far it is
    POST …/market/orders/{order}/cancel   takes it back, or stops it; the order where none was handed in
    GET  …/market/orders/{order}/result   what left, as a file of the age format

The log of a job is not among them: it may hold the data. What may leave of it goes through the gate.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path as FilePath
from typing import TYPE_CHECKING, Annotated, Any, Final

from fastapi import APIRouter, Path, Request
from starlette.responses import Response

from counterfoil.errors import NotAllowed, NotFound
from counterfoil.market.compute.jobs.shapes import JobTold
from counterfoil.market.delivery.tickets import no_ticket
from counterfoil.web.desk import Desk
from counterfoil.web.room import PUBLIC, Room, takes_files
from counterfoil.web.upload import received_parts

if TYPE_CHECKING:
    from counterfoil.market.compute.jobs.jobs import Jobs
    from counterfoil.market.selling.selling import Selling

__all__ = ["JobRoutes"]

Order = Annotated[str, Path(max_length=80, description="The order's id on the ledger, 0x and 64 digits.")]

_PARTS: Final = {"spec": "spec.json", "algorithm": "algorithm.tar", "publication": "publication.json"}
_MOST_BYTES: Final = 80 * 2**20
_AGE: Final = "application/octet-stream"
_FILE: Final = {200: {"content": {_AGE: {"schema": {"type": "string", "format": "binary"}}}, "description": "Bytes."}}


class JobRoutes:
    """The routes of this room.

    Args:
        desk: The node that serves them.
        selling: Returns the seller's side, which knows tickets and orders.
        jobs: Returns the jobs.
    """

    def __init__(self, desk: Desk, selling: Callable[[], Selling], jobs: Callable[[], Jobs]) -> None:
        self._desk = desk
        self._selling = selling
        self._jobs = jobs

    def router(self) -> APIRouter:
        """Returns the table of routes."""
        room, order = Room("market"), "/market/orders/{order}"
        body = takes_files(_PARTS, required=("spec",))
        room.writes(f"{order}/job", self.hand_in, PUBLIC, JobTold, status=200, body=body)
        room.reads(f"{order}/job", self.show_job, PUBLIC, JobTold)
        room.writes(f"{order}/cancel", self.cancel_job, PUBLIC, JobTold, status=200)
        room.reads(f"{order}/result", self.result, PUBLIC, responses=_FILE)
        return room.router

    async def hand_in(self, order: Order, request: Request) -> dict[str, Any]:
        """Takes the job that was bought: its specification, whose digest the ledger has, and the algorithm."""
        from starlette.concurrency import run_in_threadpool

        await run_in_threadpool(self._require_ticket, order, request)
        request.state.most_body_bytes = _MOST_BYTES
        async with received_parts(request, self._desk.incoming, _PARTS) as parts:
            return await run_in_threadpool(self._taken, order, parts)

    def _taken(self, order: str, parts: Mapping[str, FilePath]) -> dict[str, Any]:
        jobs, read = self._jobs(), {name: path.read_bytes() for name, path in parts.items()}
        jobs.hand_in(order, read.get("spec", b""), read.get("algorithm", b""), read.get("publication", b""))
        return jobs.told(order)

    def show_job(self, order: Order, request: Request) -> dict[str, Any]:
        """Says how far a job is: nothing that the data decide, but that it has ended."""
        self._require_ticket(order, request)
        return self._jobs().told(order)

    def cancel_job(self, order: Order, request: Request) -> dict[str, Any]:
        """Takes a job back that waits, or stops the one that runs; or the order, where no job was handed in."""
        self._require_ticket(order, request)
        jobs = self._jobs()
        jobs.cancel(order)
        return jobs.told(order)

    def result(self, order: Order, request: Request) -> Response:
        """Sends what left of a job with its signed receipt, encrypted to the order's key."""
        self._require_ticket(order, request)
        return Response(self._jobs().result(order), media_type=_AGE)

    def _require_ticket(self, order: str, request: Request) -> None:
        """Refuses who has no ticket for this order, in the same words whatever is wrong."""
        scheme, _, ticket = request.headers.get("authorization", "").partition(" ")
        selling = self._selling()
        selling.tickets.require(order, ticket.strip() if scheme.lower() == "bearer" else "")
        try:
            is_wanted = selling.orders.order(order).is_wanted
        except (NotAllowed, NotFound):
            is_wanted = False
        if not is_wanted:
            raise no_ticket()
