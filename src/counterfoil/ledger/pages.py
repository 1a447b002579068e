"""The log and its ledger in the console: where heads stand, what waits, what was sent."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from counterfoil.core.checkpoint import SignedCheckpoint
from counterfoil.errors import CounterfoilError
from counterfoil.web.desk import Desk
from counterfoil.web.page_room import PageRoom
from counterfoil.web.pages import Form, Link, Pages
from counterfoil.web.roles import JOBS, STAFF, principal_of

if TYPE_CHECKING:
    from counterfoil.organisation import Organisation

__all__ = ["LedgerPages"]

SHOWN: Final = 20


class LedgerPages:
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
        pages.add_room("ledger", Path(__file__).parent / "templates", Link("/ledger", "Ledger", STAFF))

    def router(self) -> APIRouter:
        """Returns the table of routes."""
        room = PageRoom(self._pages)
        room.shows("/ledger", self.show, STAFF)
        room.does("/ledger/anchor", self.anchor, JOBS["anchor"])
        return room.router

    def show(self, request: Request) -> Response:
        """Shows where log and ledger stand; asks the ledger only when that is wanted."""
        org = self._org
        note = org.checkpoint()
        signed = SignedCheckpoint.parse(note)
        asked: dict[str, Any] = {"status": None, "events": [], "sent": [], "fault": ""}
        if org.ledger.is_connected and "ask" in request.query_params:
            asked = self._asked()
        return self._pages.render(
            request,
            "ledger/ledger.html",
            connection=org.ledger.connection,
            due=org.ledger.due(),
            fault=org.ledger.fault,
            head=signed.head,
            issuer=str(org.issuer),
            keys=org.keyring.entries(),
            may_anchor=principal_of(request).may(frozenset(JOBS["anchor"])),
            newest=org.ledger.newest(signed.head.size) if org.ledger.is_connected else None,
            note=note,
            root=signed.head.root.hex(),
            told=asked,
            witnessed=org.witness.status(),
        )

    def anchor(self, request: Request, form: Form) -> Response:
        """Starts putting the newest head on the ledger."""
        self._org.ledger.require_connection()
        self._desk.start_job(request, "anchor", {})
        return self._pages.see(request, "/work", "Anchoring began. It is final when the work below is done.")

    def _asked(self) -> dict[str, Any]:
        """Asks the ledger; what it cannot tell is said in words."""
        try:
            status = self._org.ledger.status()
            events, sent = self._org.ledger.history(SHOWN)
        except CounterfoilError as error:
            return {"status": None, "events": [], "sent": [], "fault": f"{error.message}. {error.hint}"}
        return {"status": status, "events": events, "sent": sent, "fault": ""}
