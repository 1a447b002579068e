"""The contract over HTTP: putting it on a chain, handing a log over, marking one that signed two histories.

What sends a transaction answers when that is final, which takes minutes on a chain. As in
`ledger.api`, no passphrase travels: an account made here opens with the home's own keys.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from counterfoil.errors import InvalidInput
from counterfoil.ledger.bodies import (
    AccountMade,
    Contradicting,
    Costs,
    Deployed,
    RoleAccepted,
    RoleOffered,
    RolesHeld,
    ToAccept,
    ToDeploy,
    ToOffer,
    WriterRevoked,
)
from counterfoil.ledger.costs import ANCHOR_GAS, Assumptions, anchors_per_month, monthly_costs
from counterfoil.ledger.packages import require_packages
from counterfoil.ledger.shapes import account_json, contradiction_json, costs_json, plan_json, steps_json, wanted_of
from counterfoil.web.answer import answered
from counterfoil.web.desk import Answer, Desk
from counterfoil.web.roles import STAFF
from counterfoil.web.room import Room, takes_files
from counterfoil.web.upload import received_parts

if TYPE_CHECKING:
    from counterfoil.organisation import Organisation

__all__ = ["ContractRoutes"]

_HEADS: Final = {"first": "first", "second": "second"}
"""Parts of a body with two files that contradict each other, and the files they become."""

Price = Annotated[float, Query(ge=0, le=1e12)]
Contract = Annotated[str | None, Query(max_length=80, description="Holds the log; what the files say without it.")]
LogId = Annotated[str | None, Query(max_length=80, description="The log's id in it; what the files say without it.")]
DryRun = Annotated[bool, Query(description="Say what the two files show; send nothing.")]


class ContractRoutes:
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
        room.writes("/ledger/accounts", self.create_account, admin, AccountMade)
        room.reads("/ledger/cost", self.cost, STAFF, Costs)
        room.writes("/ledger/deploy", self.deploy, admin, Deployed, status=200)
        room.reads("/ledger/roles", self.show_roles, STAFF, RolesHeld)
        room.writes("/ledger/roles/offer", self.offer_role, admin, RoleOffered, status=200)
        room.writes("/ledger/roles/accept", self.accept_role, admin, RoleAccepted, status=200)
        room.writes("/ledger/roles/revoke-writer", self.revoke_writer, admin, WriterRevoked, status=200)
        room.writes("/ledger/judge", self.judge, admin, Contradicting, status=200, body=takes_files(_HEADS))
        return room.router

    def create_account(self, request: Request) -> Response:
        """Makes an account in a key file of this home, which the home's own keys open."""
        require_packages()

        def create() -> Callable[[], Answer]:
            self._desk.asked(request, "a new account on the ledger")
            return lambda: (201, account_json(self._org.ledger.joining.accounts.create()))

        return answered(self._desk, request, {}, create)

    def cost(
        self,
        records_per_day: Annotated[float, Query(ge=0, lt=1e15)] = 10_000,
        interval_s: Annotated[int, Query(ge=1, le=2**31, description="Seconds between anchors.")] = 3_600,
        coin_usd: Price = 3_000,
        l1_gwei: Price = 1,
        l1_busy_gwei: Price = 10,
        l2_gwei: Price = 0.001,
        l2_busy_gwei: Price = 0.01,
        blob_gwei: Price = 1,
        blob_busy_gwei: Price = 10,
    ) -> dict[str, Any]:
        """Estimates what anchoring costs in a month, with the prices you assume, in a quiet and a busy time.

        The cost depends on how often a head is anchored, not on how many records stand behind it.
        """
        assumed = Assumptions(coin_usd, (l1_gwei, l1_busy_gwei), (l2_gwei, l2_busy_gwei), (blob_gwei, blob_busy_gwei))
        count = anchors_per_month(records_per_day, interval_s)
        return costs_json(count, ANCHOR_GAS, assumed, monthly_costs(records_per_day, interval_s, assumed))

    def deploy(self, request: Request, wanted: ToDeploy) -> Response:
        """Puts the Evidence contract on a chain; unless told otherwise, only says what that costs.

        It has no owner and nobody can change it. One for a chain is enough; `connect` makes one by itself.
        """
        require_packages()
        from counterfoil.ledger.accounts.account import checksummed

        given = wanted.model_dump()
        asked = wanted_of(given)

        def deploy() -> Answer | Callable[[], Answer]:
            if wanted.dry_run and not wanted.rpc and not self._org.ledger.paths.has_embedded:
                return 200, steps_json(self._org.ledger.joining.outlook(wanted.account))
            if wanted.dry_run and not wanted.signer:
                self._org.ledger.joining.require_account(asked.draft, wanted.account)
            plan, carry_out = self._org.ledger.joining.deployment(asked, wanted.account)
            if wanted.dry_run:
                return 200, plan_json(plan)
            plan.require_funds()
            self._desk.asked(request, "a contract on a ledger")

            def send() -> Answer:
                contract = checksummed(carry_out(lambda _said: None))
                return 200, {"chain_id": plan.chain_id, "contract": contract, "done": True}

            return send

        return answered(self._desk, request, given, deploy)

    def show_roles(self) -> dict[str, str | None]:
        """Shows who owns the log on the ledger, who may anchor it, and what is offered to whom."""
        self._org.ledger.require_connection()
        return self._org.ledger.roles.held()

    def offer_role(self, request: Request, wanted: ToOffer) -> Response:
        """Offers a role to another account, which then accepts it. Until it has, nothing changes."""
        self._org.ledger.require_connection()

        def offer() -> Callable[[], Answer]:
            self._desk.asked(request, f"an offer of the role {wanted.role} on the ledger")
            roles = self._org.ledger.roles
            return lambda: (200, {"account": roles.offer(wanted.role, wanted.account), "role": wanted.role})

        return answered(self._desk, request, wanted.model_dump(), offer)

    def accept_role(self, request: Request, wanted: ToAccept) -> Response:
        """Takes a role that this home's account was offered."""
        self._org.ledger.require_connection()

        def accept() -> Callable[[], Answer]:
            self._desk.asked(request, f"the role {wanted.role} on the ledger")
            roles = self._org.ledger.roles
            return lambda: (200, {"log_id": roles.accept(wanted.role, wanted.log_id), "role": wanted.role})

        return answered(self._desk, request, wanted.model_dump(), accept)

    def revoke_writer(self, request: Request) -> Response:
        """Stops the writer at once. Nobody can anchor the log until a new writer has accepted."""
        self._org.ledger.require_connection()

        def revoke() -> Answer:
            self._org.ledger.roles.revoke_writer()
            return 200, {"writer": None}

        def begin() -> Callable[[], Answer]:
            self._desk.asked(request, "an end of the writer on the ledger")
            return revoke

        return answered(self._desk, request, {}, begin)

    async def judge(
        self, request: Request, contract: Contract = None, log_id: LogId = None, dry_run: DryRun = True
    ) -> Response:
        """Has a log marked on the ledger, for ever, whose holder signed two histories.

        The body brings two files of one log, receipts, bundles or heads, as the parts `first` and `second`. Two
        signed heads of one size that differ are the proof. Unless told otherwise, it only says what they show.
        """
        self._org.ledger.require_connection()
        request.state.most_body_bytes = self._desk.most_file_bytes
        async with received_parts(request, self._desk.incoming, _HEADS) as parts:
            if len(parts) != len(_HEADS):
                raise InvalidInput("two files are needed", hint="send them as the parts first and second")
            first, second = parts["first"], parts["second"]
            return await asyncio.to_thread(self._judged, request, first, second, contract, log_id, dry_run)

    def _judged(
        self, request: Request, first: Path, second: Path, contract: str | None, log_id: str | None, dry_run: bool
    ) -> Response:
        from counterfoil.ledger.judging import Contradiction

        ledger = self._org.ledger
        files = [sha256(each.read_bytes()).hexdigest() for each in (first, second)]
        asked = {"contract": contract, "dry_run": dry_run, "files": files, "log_id": log_id}

        def judge() -> Answer | Callable[[], Answer]:
            found = Contradiction.between(first, second, ledger.require_connection().chain_id, contract, log_id)
            if dry_run:
                return 200, contradiction_json(found, is_named=False, done=False)
            self._desk.asked(request, "a mark on the ledger for a log that signed two histories")
            return lambda: (200, contradiction_json(found, is_named=found.mark(ledger), done=True))

        return answered(self._desk, request, asked, judge)
