"""Runs over HTTP: recording those that were done elsewhere, and looking them up."""

from __future__ import annotations

from base64 import b64decode
from hashlib import sha256
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from counterfoil.errors import InvalidInput
from counterfoil.provenance.lineage.records import Code, RunRecord
from counterfoil.provenance.lineage.run_bodies import RunOnRecord, RunShown, RunToRecord
from counterfoil.provenance.lineage.shapes import run_json, shown_json
from counterfoil.provenance.lineage.telling import few_names, number_of
from counterfoil.web.answer import asked_bytes, json_answer
from counterfoil.web.desk import Desk
from counterfoil.web.page import Before, Limit, Page, page_of
from counterfoil.web.roles import READERS, WRITERS
from counterfoil.web.room import Room

if TYPE_CHECKING:
    from counterfoil.organisation import Organisation

__all__ = ["RunRoutes"]

System = Annotated[str | None, Query(max_length=32, description="Where it was told from, such as mlflow.")]
SourceId = Annotated[str | None, Query(max_length=200, description="What it is called there.")]


class RunRoutes:
    """The routes about runs.

    Args:
        org: The organisation.
        desk: The node that serves them.
    """

    def __init__(self, org: Organisation, desk: Desk) -> None:
        self._org = org
        self._desk = desk

    def router(self) -> APIRouter:
        """Returns the table of routes."""
        room = Room("runs")
        room.reads("/runs", self.list, READERS, Page[RunOnRecord])
        room.writes("/runs", self.record, WRITERS, RunOnRecord)
        room.reads("/runs/{index}", self.show, READERS, RunShown)
        return room.router

    def list(
        self, system: System = None, id: SourceId = None, before: Before = None, limit: Limit = 50
    ) -> dict[str, Any]:
        """Lists runs, newest first; or the one of another system, by its id there."""
        if system is not None and id is not None:
            found = self._org.provenance.runs.told_from({"system": system, "id": id})
            return page_of([] if found is None else [run_json(found)], limit)
        return page_of([run_json(each) for each in self._org.provenance.runs.page(limit + 1, before)], limit)

    def show(self, index: int) -> dict[str, Any]:
        """Shows one run, and whether this node ran it again."""
        runs = self._org.provenance.runs
        return shown_json(runs, runs.at(index))

    def record(self, told: RunToRecord, request: Request) -> Response:
        """Records a run that was done elsewhere. What it says is the caller's word, and shows as declared.

        What went in and came out is on record already. A run with a source is recorded once.
        """
        asked = asked_bytes(told.model_dump(mode="json"))

        def make() -> int:
            self._desk.asked(request, "a run")
            return self._recorded(told)

        place, is_known = self._desk.once(self._desk.tag(request, asked), make)
        return json_answer(run_json(self._org.provenance.runs.at(place)), 200 if is_known else 201, replayed=is_known)

    def _recorded(self, told: RunToRecord) -> int:
        provenance = self._org.provenance
        now = provenance.runs.now()
        used, made = [[provenance.find(each) for each in some] for some in (told.inputs, told.outputs)]
        run = RunRecord(
            told.name,
            told.kind,
            tuple(each.leaf for each in used),
            tuple(each.leaf for each in made),
            None if told.code is None else Code(told.code.name, told.code.sha256),
            told.parameters,
            told.environment,
            told.seed,
            told.started or now,
            told.ended or now,
            told.status,
            told.source,
            {name: number_of(value) for name, value in told.results.items()},
            {name: few_names(names) for name, names in told.unmapped.model_dump().items()},
        )
        provenance.runs.require_tellable(run)  # nothing is kept of what is refused
        for text in told.kept:
            self._keep(run, text)
        return provenance.runs.record(run).index

    def _keep(self, run: RunRecord, text: str) -> None:
        try:
            data = b64decode(text, validate=True)
        except ValueError as error:
            raise InvalidInput("what is to be kept is not in base64") from error
        named = {run.code.sha256 if run.code else None, run.environment.get("packagesSha256")}
        if sha256(data).hexdigest() not in named:
            raise InvalidInput(
                "what is to be kept has none of the digests that the run names", hint="its code, or its packages"
            )
        self._org.provenance.runs.keep(data)
