"""The organisation over HTTP: who it is, its keys, erasing, and looking its home over."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final, Literal

from fastapi import APIRouter, Request
from starlette.responses import Response

from counterfoil.errors import NotSetUp
from counterfoil.organisation.bodies import About, Erased, Findings, InDepot, Keys, Rotated, ToErase, ToPush
from counterfoil.organisation.doctor import examine_opened
from counterfoil.organisation.shapes import about_json, erasure_json, findings_json, key_json
from counterfoil.web.answer import answered
from counterfoil.web.desk import Answer, Desk
from counterfoil.web.roles import JOBS, STAFF
from counterfoil.web.room import PUBLIC, Room, Started

if TYPE_CHECKING:
    from counterfoil.organisation.organisation import Organisation

__all__ = ["OrganisationRoutes"]

ABOUT_KEPT_S: Final = 60
"""For so long others may keep what they were told about the organisation."""


class OrganisationRoutes:
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
        room, admin = Room("organisation"), ()
        room.reads("/organisation", self.about, PUBLIC, About)
        room.reads("/keys", self.list_keys, STAFF, Keys)
        room.writes("/keys/{use}/rotate", self.rotate_key, admin, Rotated, status=200)
        room.writes("/erasures", self.erase, admin, Erased, status=200)
        room.reads("/doctor", self.examine, STAFF, Findings)
        room.reads("/depot", self.depot, STAFF, InDepot)
        room.writes("/depot/push", self.push, JOBS["push"], Started, status=202)
        room.writes("/rebuild", self.rebuild, JOBS["rebuild"], Started, status=202)
        return room.router

    def about(self, response: Response) -> dict[str, Any]:
        """Says whose node this is. What it says proves nothing: a checker has the issuer's key from elsewhere."""
        response.headers["cache-control"] = f"public, max-age={ABOUT_KEPT_S}"
        return about_json(self._org)

    def list_keys(self) -> dict[str, Any]:
        """Lists every key this home has had, oldest first; no secrets."""
        origin = self._org.home.settings.origin
        listed = [key_json(entry, origin) for entry in self._org.keyring.entries()]
        return {"issuer": str(self._org.issuer), "keys": listed}

    def rotate_key(self, use: Literal["log", "vault", "witness"], request: Request) -> Response:
        """Replaces the log's signing key, the key that protects the private values, or the witness's.

        The log's old key signs a hand-over to the new one, so whoever trusts it can go on checking. The witness's
        key has none: every policy that names it must name the new one.
        """

        def rotate() -> Answer:
            return 200, {"id": self._org.rotate_key(use), "issuer": str(self._org.issuer), "use": use}

        def begin() -> Callable[[], Answer]:
            self._desk.asked(request, f"a new key: {use}")
            return rotate

        return answered(self._desk, request, {"use": use}, begin)

    def erase(self, request: Request, wanted: ToErase) -> Response:
        """Erases private values for good; the log and every proof stay as they are.

        What must be kept until a date becomes unreadable at once, and is erased as `due` after it. `dry_run` says
        what would happen.
        """

        def erase() -> Answer:  # may be done again after an error: it does what is left
            plan, carry_out = self._org.erasures.plan(
                person=wanted.person, record=wanted.record, fields=wanted.fields, basis=wanted.basis
            )
            places = [*plan.erased, *(index for index, _ in plan.restricted)]
            told = erasure_json(plan, wanted.record, wanted.fields) | {"dry_run": wanted.dry_run}
            if wanted.dry_run or not (plan.erased or plan.restricted or wanted.fields):
                self._desk.looked(request, "what an erasure would do", places)
                return 200, told | {"done": False, "scrubbed": None}
            self._desk.asked(request, "an erasure", places)
            carry_out()
            return 200, told | {"done": True, "scrubbed": self._org.vault.scrub()}

        return answered(self._desk, request, wanted.model_dump(), erase)

    def examine(self) -> dict[str, Any]:
        """Looks the home over and says what needs doing."""
        return findings_json(list(examine_opened(self._org)))

    def rebuild(self, request: Request) -> Response:
        """Makes the searchable tables and the schema files anew from log and vault, in the background."""
        return answered(self._desk, request, {}, lambda: (202, self._desk.start_job(request, "rebuild", {})))

    def depot(self) -> dict[str, Any]:
        """Says which finished parts are in the depot, which are here too, and which wait; does not ask the store."""
        return asdict(self._org.depot.status())

    def push(self, request: Request, wanted: ToPush) -> Response:
        """Copies finished parts to the depot, in the background; with `drop` they are then deleted here."""
        if not self._org.depot.status().is_named:
            raise NotSetUp("the settings name no depot", hint="write depot_url into counterfoil.toml")
        asked = wanted.model_dump()
        return answered(self._desk, request, asked, lambda: (202, self._desk.start_job(request, "push", asked)))
