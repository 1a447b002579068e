"""Deliveries over HTTP, for whoever shows the order's ticket: `Authorization: Bearer cft_…`.

    GET …/market/orders/{order}/statement           the signed delivery statement
    GET …/market/orders/{order}/content-hashes      32 bytes for each MiB of the content
    GET …/market/orders/{order}/ciphertext-hashes   32 bytes for each piece of what is sent
    GET …/market/orders/{order}/content             the content, as a file of the age format; with Range

To a stranger every order looks alike, whether there is one or not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import chain
from typing import Annotated, Final, Protocol

from fastapi import APIRouter, Path, Request
from starlette.responses import Response, StreamingResponse

from counterfoil.errors import NotAllowed, NotFound
from counterfoil.market.delivery.deliveries import Deliveries
from counterfoil.market.delivery.hash_list import HashList
from counterfoil.market.delivery.ranges import span_of
from counterfoil.market.delivery.tickets import Tickets, no_ticket
from counterfoil.web.answer import as_file
from counterfoil.web.room import PUBLIC, Room

__all__ = ["DeliveryRoutes"]

Order = Annotated[str, Path(max_length=80, description="The order's id on the ledger, 0x and 64 digits.")]

_BYTES: Final = "application/octet-stream"
_AT_ONCE: Final = 1 << 18
_FILE: Final = {200: {"content": {_BYTES: {"schema": {"type": "string", "format": "binary"}}}, "description": "Bytes."}}
_PART: Final = {206: {"description": "The part that was asked for."}, 416: {"description": "Nothing lies there."}}
_JSON: Final = {200: {"content": {"application/json": {"schema": {"type": "object"}}}, "description": "The statement."}}


class Seller(Protocol):
    """A seller's home, as far as it is asked for deliveries."""

    @property
    def deliveries(self) -> Deliveries:
        """Makes what is sent."""

    @property
    def tickets(self) -> Tickets:
        """Says who may be served."""


class DeliveryRoutes:
    """The routes of this room.

    Args:
        seller: Returns what serves, and who may be served.
    """

    def __init__(self, seller: Callable[[], Seller]) -> None:
        self._seller = seller

    def router(self) -> APIRouter:
        """Returns the table of routes."""
        room = Room("market")
        orders = "/market/orders/{order}"
        room.reads(f"{orders}/ciphertext-hashes", self.ciphertext_hashes, PUBLIC, responses=_FILE)
        room.reads(f"{orders}/content", self.content, PUBLIC, responses=_FILE | _PART)
        room.reads(f"{orders}/content-hashes", self.content_hashes, PUBLIC, responses=_FILE)
        room.reads(f"{orders}/statement", self.statement, PUBLIC, responses=_JSON)
        return room.router

    def statement(self, order: Order, request: Request) -> Response:
        """Says, signed, what is sent for an order; 503 while that is being prepared."""
        self._require_ticket(order, request)
        return Response(self._seller().deliveries.statement(order).encode(), media_type="application/json")

    def content_hashes(self, order: Order, request: Request) -> Response:
        """Sends the hashes of the content's chunks, whose root the offer sheet publishes."""
        self._require_ticket(order, request)
        return _hashes(self._seller().deliveries.content_hashes(order))

    def ciphertext_hashes(self, order: Order, request: Request) -> Response:
        """Sends the hashes of the encrypted file's pieces, whose root the statement has."""
        self._require_ticket(order, request)
        return _hashes(self._seller().deliveries.ciphertext_hashes(order))

    def content(self, order: Order, request: Request) -> Response:
        """Sends the content, encrypted to the order's key in the age format; one Range is understood."""
        self._require_ticket(order, request)
        statement = self._seller().deliveries.statement(order).document
        size, tag = statement["ciphertext"]["size"], f'"{statement["ciphertext"]["root"]}"'
        headers = {"accept-ranges": "bytes", "etag": tag} | as_file(f"{order}.age")
        asked, condition = request.headers.get("range", ""), request.headers.get("if-range", tag)
        span = span_of(asked, size) if condition == tag else None
        if span is False:
            return Response(status_code=416, headers=headers | {"content-range": f"bytes */{size}"})
        start, end = span if isinstance(span, tuple) else (0, size)
        headers |= {"content-length": str(end - start)}
        if span is not None:
            headers |= {"content-range": f"bytes {start}-{end - 1}/{size}"}
        pieces = self._seller().deliveries.ciphertext(order, start, end)
        first = next(pieces)  # a source that changed is told of as a problem, as long as nothing was sent
        status = 200 if span is None else 206
        return StreamingResponse(chain((first,), pieces), status, headers, _BYTES)

    def _require_ticket(self, order: str, request: Request) -> None:
        """Refuses who has no ticket for this order, in the same words whatever is wrong."""
        scheme, _, ticket = request.headers.get("authorization", "").partition(" ")
        self._seller().tickets.require(order, ticket.strip() if scheme.lower() == "bearer" else "")
        try:
            self._seller().deliveries.require_access(order)
        except (NotAllowed, NotFound):
            raise no_ticket() from None


def _hashes(found: HashList) -> Response:
    """Returns an answer that sends a list of hashes from where it lies, and closes it."""

    def parts() -> Iterator[bytes]:
        with closing(found):
            for start in range(0, found.size_bytes, _AT_ONCE):
                yield found.read(start, min(_AT_ONCE, found.size_bytes - start))

    return StreamingResponse(parts(), headers={"content-length": str(found.size_bytes)}, media_type=_BYTES)
