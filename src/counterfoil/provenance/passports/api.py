"""Passports over HTTP: putting them on record, reading them, in our own and in others' formats."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, TypeAlias

import orjson
from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from counterfoil.provenance.datasets import Dataset
from counterfoil.provenance.model_register import Model
from counterfoil.provenance.passports.bodies import PassportMade, PassportOnRecord, PassportToRecord
from counterfoil.provenance.passports.croissant import croissant_of
from counterfoil.provenance.passports.mlbom import mlbom_of
from counterfoil.provenance.passports.passport import Passport
from counterfoil.provenance.passports.shapes import passport_json
from counterfoil.web.answer import answered
from counterfoil.web.desk import Answer, Desk
from counterfoil.web.roles import READERS, STAFF, Role
from counterfoil.web.room import Room

if TYPE_CHECKING:
    from counterfoil.organisation import Organisation

__all__ = ["PassportRoutes"]

Form: TypeAlias = Literal["record", "file", "croissant", "cyclonedx"]
_FORMAT: Final = Query(alias="format", description="file carries its proof; croissant and cyclonedx prove nothing.")
Format = Annotated[Form, _FORMAT]
DryRun = Annotated[bool, Query(description="Check it and say what would become public; write nothing.")]


class PassportRoutes:
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
        room = Room("passports")
        room.reads("/passports", self.list_passports, READERS, list[PassportOnRecord])
        room.writes("/passports", self.record, (Role.OPERATOR,), PassportMade)
        room.reads("/datasets/{wanted}/passport", self.of_dataset, READERS, dict[str, Any])
        room.reads("/datasets/{wanted}/fingerprint", self.fingerprint, STAFF, dict[str, Any])
        room.reads("/models/{wanted}/passport", self.of_model, READERS, dict[str, Any])
        return room.router

    def list_passports(self) -> list[dict[str, Any]]:
        """Lists the newest passport of every dataset and model that has one, oldest first."""
        return [passport_json(each) for each in self._org.provenance.passports.all()]

    def record(self, wanted: PassportToRecord, request: Request, dry_run: DryRun = False) -> Response:
        """Puts a passport on record: all of it is public from then on. The same passport is recorded once."""
        passports, passport = self._org.provenance.passports, Passport.read(wanted.model_dump(exclude_none=True))

        def make() -> Answer:
            if dry_run:
                return 201, {"done": False, "passport": passports.prepared(passport).to_json()}
            self._desk.asked(request, "a passport")
            return 201, {"done": True} | passport_json(passports.record(passport))

        return answered(self._desk, request, {"passport": passport.to_json(), "dry_run": dry_run}, make)

    def of_dataset(self, wanted: str, form: Format = "record") -> Response:
        """Shows a dataset's passport: as it is on record, as a file to check, as Croissant or as CycloneDX."""
        return self._shown(self._org.provenance.find_dataset(wanted), form)

    def of_model(self, wanted: str, form: Format = "record") -> Response:
        """Shows a model's passport: as it is on record, as a file to check, or as a CycloneDX ML-BOM."""
        return self._shown(self._org.provenance.find_model(wanted), form)

    def fingerprint(self, wanted: str, request: Request) -> Response:
        """Hands over the fingerprint that was taken when a dataset was registered. Who took it is recorded.

        It holds the names of all files, which can say something about a person.
        """
        found = self._org.provenance.find_dataset(wanted)
        told = self._org.provenance.fingerprint(found).to_json()
        self._desk.looked(request, "a fingerprint", [found.index])
        return _json(told)

    def _shown(self, found: Dataset | Model, form: Form) -> Response:
        passports = self._org.provenance.passports
        if form == "file":
            return Response(passports.export(found).encode(), media_type="application/json")
        known = passports.require(found)
        if form == "record":
            return _json(passport_json(known))
        return _json(croissant_of(known.passport) if form == "croissant" else mlbom_of(known.passport))


def _json(value: dict[str, Any]) -> Response:
    return Response(orjson.dumps(value), media_type="application/json")
