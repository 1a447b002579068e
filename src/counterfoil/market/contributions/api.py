"""Contributions over HTTP: handing in for everybody, deciding for staff. A proposal is known by its digest.

GET  …/market/openings/{asset}                  what an owner promises, as it was signed
POST …/market/proposals                         a proposal, as it was signed
POST …/market/proposals/{digest}/contents       its contents, encrypted to the opening's key
GET  …/market/proposals/{digest}/standing       how it stands, for whoever knows it
POST …/market/proposals/{digest}/votes          a reviewer's vote, as it was signed
POST …/market/proposals/{digest}/withdrawal     the contributor's word that it is withdrawn
GET  …/market/proposals                         all of them
GET  …/market/proposals/{digest}                one
POST …/market/proposals/{digest}/decline        declines it
POST …/market/proposals/{digest}/acceptance     accepts it
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, Final

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from counterfoil.errors import NotFound
from counterfoil.market.contributions.bodies import ToAccept, ToDecline, ToPropose, ToVote, ToWithdraw
from counterfoil.market.contributions.shapes import ProposalAccepted, ProposalShown, Standing
from counterfoil.web.answer import answered
from counterfoil.web.desk import Answer, Desk
from counterfoil.web.roles import STAFF, Role
from counterfoil.web.room import PUBLIC, Room, takes
from counterfoil.web.upload import received

if TYPE_CHECKING:
    from counterfoil.market.contributions.contributions import Contributions
    from counterfoil.market.contributions.registry import Held
    from counterfoil.organisation import Organisation

__all__ = ["ContributionRoutes"]

Asset = Annotated[str, Path(max_length=80, description="The asset's id on the ledger, 0x and 64 digits.")]
Digest = Annotated[str, Path(max_length=64, pattern="^[0-9a-f]{64}$", description="Digest of the proposal.")]
Active = Annotated[bool, Query(description="Only those that are still to be decided.")]

_SEALED: Final = "application/octet-stream"
_SIGNED: Final = {200: {"content": {"application/json": {}}, "description": "A signed document."}}


class ContributionRoutes:
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
        room = Room("contributions")
        one = "/market/proposals/{digest}"
        room.reads("/market/openings/{asset}", self.opening, PUBLIC, responses=_SIGNED)
        room.writes("/market/proposals", self.propose, PUBLIC, Standing, status=200)
        contents = takes(media_type=_SEALED)
        room.writes(f"{one}/contents", self.contents, PUBLIC, Standing, status=200, body=contents)
        room.reads(f"{one}/standing", self.standing, PUBLIC, Standing)
        room.writes(f"{one}/votes", self.vote, PUBLIC, Standing, status=200)
        room.writes(f"{one}/withdrawal", self.withdraw, PUBLIC, Standing, status=200)
        room.reads("/market/proposals", self.list_proposals, STAFF, list[ProposalShown])
        room.reads(one, self.show, STAFF, ProposalShown)
        room.writes(f"{one}/decline", self.decline, (Role.OPERATOR,), Standing, status=200)
        room.writes(f"{one}/acceptance", self.accept, (), ProposalAccepted, status=200)
        return room.router

    def opening(self, asset: Asset) -> Response:
        """Sends what an owner promises to whoever proposes a change to an asset, as it was signed."""
        return Response(self._room.taking.opening(asset).data, media_type="application/json")

    def propose(self, wanted: ToPropose) -> dict[str, Any]:
        """Takes a proposal in, where the asset is open to it; its contents follow."""
        return self._room.taking.take(wanted.proposal).to_json()

    async def contents(self, digest: Digest, request: Request) -> dict[str, Any]:
        """Takes the contents of a proposal, a file of the age format; it is as long as the proposal says."""
        taking = await asyncio.to_thread(lambda: self._room.taking)
        most = await asyncio.to_thread(taking.awaited_bytes, digest)
        request.state.most_body_bytes = min(most, self._desk.most_file_bytes)
        async with received(request, self._desk.incoming, "contents.age") as path:
            return (await asyncio.to_thread(lambda: taking.take_contents(digest, path.read_bytes()))).to_json()

    def standing(self, digest: Digest) -> dict[str, Any]:
        """Says how a proposal stands, to whoever knows its digest."""
        return self._room.registry.held(digest).to_json()

    def vote(self, digest: Digest, wanted: ToVote) -> dict[str, Any]:
        """Takes a reviewer's vote; each has one."""
        return self._room.taking.vote(digest, wanted.vote).to_json()

    def withdraw(self, digest: Digest, wanted: ToWithdraw) -> dict[str, Any]:
        """Takes a proposal back, for who made it, unless it was decided."""
        return self._room.taking.withdraw(digest, wanted.withdrawal).to_json()

    def list_proposals(self, active: Active = False) -> list[dict[str, Any]]:
        """Lists the proposals to this home, oldest first."""
        return [self._shown(each) for each in self._room.registry.all(active=active)]

    def show(self, digest: Digest) -> dict[str, Any]:
        """Shows a proposal, and the records about it."""
        return self._shown(self._room.registry.held(digest))

    def decline(self, digest: Digest, request: Request, wanted: ToDecline) -> Response:
        """Declines a proposal for good; its contents are removed."""

        def decline() -> Answer:
            self._desk.asked(request, "a proposal declined")
            return 200, self._room.taking.decline(digest, wanted.words).to_json()

        return answered(self._desk, request, {"digest": digest} | wanted.model_dump(), decline)

    def accept(self, digest: Digest, request: Request, wanted: ToAccept) -> Response:
        """Accepts a proposal: the next version of dataset, asset and offers, and a share for who contributed.

        For admins, as everything that gives a part away. Contents that were not sent along are given on the command
        line.
        """

        def accept() -> Answer | Callable[[], Answer]:
            quote, carry_out = self._room.accepting.planning(digest)
            if wanted.dry_run:
                return 200, quote.to_json()
            quote.require_funds()
            self._desk.asked(request, "a proposal accepted")
            return lambda: (200, {"done": True} | carry_out(lambda _said: None).to_json())

        return answered(self._desk, request, {"digest": digest} | wanted.model_dump(), accept)

    @property
    def _room(self) -> Contributions:
        if not self._org.ledger.is_connected:
            raise NotFound("this node takes no proposals", hint="ask the owner for the address of its node")
        return self._org.market.contributions

    def _shown(self, held: Held) -> dict[str, Any]:
        digest = held.signed.digest_hex
        return held.to_json() | {"document": json.loads(held.signed.data), "records": self._room.told.places(digest)}
