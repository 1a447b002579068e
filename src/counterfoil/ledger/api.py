"""The shared ledger over HTTP: where things stand, anchoring, connecting and letting go.

No passphrase travels over HTTP, in neither direction: an account that pays is one whose
key file this home's own keys open, whose passphrase lies in a file on the node's machine,
or whose key is with a signer elsewhere. Making an account or bringing one along is done at
the command line of that machine.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from counterfoil.ledger.bodies import (
    AccountOfHome,
    Connected,
    Disconnected,
    LedgerEvents,
    LedgerStanding,
    ToAnchor,
    ToConnect,
    ToDisconnect,
)
from counterfoil.ledger.packages import require_packages
from counterfoil.ledger.shapes import accounts_json, connected_json, plan_json, steps_json, wanted_of
from counterfoil.web.answer import answered
from counterfoil.web.desk import Answer, Desk
from counterfoil.web.roles import JOBS, STAFF
from counterfoil.web.room import Room, Started

if TYPE_CHECKING:
    from counterfoil.organisation import Organisation

__all__ = ["LedgerRoutes"]

Limit = Annotated[int, Query(ge=1, le=10_000, description="Most rows of each kind.")]
Id = Annotated[int, Path(ge=0, le=2**53, description="Id of the transaction, from the ledger's log.")]


class LedgerRoutes:
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
        room, admin = Room("ledger"), ()
        room.reads("/ledger", self.status, STAFF, LedgerStanding)
        room.reads("/ledger/log", self.history, STAFF, LedgerEvents)
        room.reads("/ledger/accounts", self.list_accounts, STAFF, list[AccountOfHome])
        room.writes("/ledger/anchor", self.anchor, JOBS["anchor"], Started, status=202)
        room.writes("/ledger/connect", self.connect, admin, Connected, status=200)
        room.writes("/ledger/disconnect", self.disconnect, admin, Disconnected, status=200)
        room.writes("/ledger/transactions/{id}/cancel", self.cancel, admin, LedgerEvents, status=200)
        return room.router

    def status(self) -> dict[str, Any]:
        """Says where log and ledger stand: what is anchored, what waits, what is stuck, what it cost."""
        if not self._org.ledger.is_connected:
            return {"connected": False, "status": None}
        return {"connected": True, "status": self._org.ledger.status().to_json()}

    def history(self, limit: Limit = 20) -> dict[str, Any]:
        """Shows what the ledger tells of this log, and the transactions this home sent."""
        self._org.ledger.require_connection()
        told, sent = self._org.ledger.history(limit)
        return {"events": [each.to_json() for each in told], "transactions": [each.to_json() for each in sent]}

    def list_accounts(self) -> list[dict[str, Any]]:
        """Lists the accounts whose key files are in this home."""
        return accounts_json(self._org.ledger)

    def anchor(self, request: Request, wanted: ToAnchor) -> Response:
        """Sends the log's head to the ledger now, and waits in the background until it is final."""
        self._org.ledger.require_connection()
        asked = wanted.model_dump()
        return answered(self._desk, request, asked, lambda: (202, self._desk.start_job(request, "anchor", asked)))

    def connect(self, request: Request, wanted: ToConnect) -> Response:
        """Connects the home to a ledger and opens its log there; unless told otherwise, only says what that costs.

        With `dry_run` false it answers when the log is open and final there, which takes minutes on a chain. It may
        be repeated after an interruption, under a new key. It never takes a passphrase: the account's key file opens
        by itself, or its key is with a signer elsewhere.
        """
        require_packages()
        given = wanted.model_dump()
        asked = wanted_of(given)
        _require_address(wanted.account)

        def connect() -> Answer | Callable[[], Answer]:
            if wanted.dry_run and not wanted.rpc and not self._org.ledger.paths.has_embedded:
                return 200, steps_json(self._org.ledger.joining.outlook(wanted.account, asked))
            if wanted.dry_run and not wanted.signer:
                self._org.ledger.joining.require_account(asked.draft, wanted.account)
            plan, carry_out = self._org.ledger.connecting(asked, wanted.account)
            if wanted.dry_run:
                return 200, plan_json(plan)
            plan.require_funds()
            self._desk.asked(request, "a connection to a ledger")
            return lambda: (200, {"done": True} | connected_json(carry_out(lambda _said: None)))

        return answered(self._desk, request, given, connect)

    def disconnect(self, request: Request, wanted: ToDisconnect) -> Response:
        """Lets go of the ledger, to connect to another one. What was anchored stays there."""

        def disconnect() -> Callable[[], Answer]:
            self._desk.asked(request, "an end of the connection to the ledger")
            return lambda: (200, {"settings": self._org.ledger.disconnect(force=wanted.force).name})

        return answered(self._desk, request, wanted.model_dump(), disconnect)

    def cancel(self, id: Id, request: Request) -> Response:
        """Takes back a transaction that has not been executed."""
        self._org.ledger.require_connection()

        def cancel() -> Answer:
            self._org.ledger.opened.outbox.cancel(id)
            return 200, self.history()

        def begin() -> Callable[[], Answer]:
            self._desk.asked(request, "taking a transaction back")
            return cancel

        return answered(self._desk, request, {"id": id}, begin)


def _require_address(text: str | None) -> None:
    from counterfoil.ledger.accounts.account import parse_address

    if text is not None:
        parse_address(text)
