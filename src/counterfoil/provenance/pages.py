"""Models and datasets in the console: versions, where they come from, how exactly a replay must match."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from fastapi import APIRouter, Request
from starlette.responses import Response

from counterfoil.core.wording import counted
from counterfoil.errors import NotFound
from counterfoil.provenance.datasets import Dataset
from counterfoil.provenance.model_register import Model
from counterfoil.provenance.models.certificate import Certificate
from counterfoil.provenance.passports.shapes import passport_facts
from counterfoil.provenance.reports.pages import DatasetPage
from counterfoil.web.answer import as_file
from counterfoil.web.desk import Desk
from counterfoil.web.page_room import PageRoom
from counterfoil.web.pages import Link, Pages
from counterfoil.web.roles import STAFF

if TYPE_CHECKING:
    from counterfoil.organisation import Organisation

__all__ = ["ProvenancePages", "certificate_words"]


class ProvenancePages:
    """The pages of this room.

    Args:
        org: The organisation.
        desk: The node that serves them.
        pages: Renders them.
    """

    def __init__(self, org: Organisation, desk: Desk, pages: Pages) -> None:
        self._org = org
        self._pages = pages
        pages.add_room("provenance", Path(__file__).parent / "templates", Link("/models", "Models and data", STAFF))

    def router(self) -> APIRouter:
        """Returns the table of routes."""
        room = PageRoom(self._pages)
        room.shows("/models", self.list_models, STAFF)
        room.shows("/models/{index:int}", self.show, STAFF)
        room.shows("/datasets", self.list_datasets, STAFF)
        room.shows("/datasets/{index:int}", DatasetPage(self._org, self._pages).show, STAFF)
        room.shows("/models/{index:int}/passport.json", self.model_passport, STAFF)
        room.shows("/datasets/{index:int}/passport.json", self.dataset_passport, STAFF)
        return room.router

    def list_models(self, request: Request) -> Response:
        """Shows all models, each with its versions, newest first; and the datasets."""
        by_name: dict[str, list[Model]] = {}
        for each in reversed(self._org.provenance.models()):
            by_name.setdefault(each.record.name, []).append(each)
        return self._pages.render(
            request,
            "provenance/models.html",
            by_name=by_name,
            certificate_words=certificate_words,
            datasets=list(reversed(self._org.provenance.datasets())),
            hold_on=self._org.provenance.recalls.bar.hold_on,
        )

    def list_datasets(self, request: Request) -> Response:
        """Leads to the datasets, which stand below the models."""
        return self._pages.see(request, "/models#datasets")

    def show(self, index: int, request: Request) -> Response:
        """Shows a model and what was tried to find out whether it repeats itself."""
        model = self._org.provenance.model_at(index)
        passport = self._org.provenance.passports.of(model)
        return self._pages.render(
            request,
            "provenance/model.html",
            hold=self._org.provenance.recalls.bar.hold_on(model.leaf),
            agreement=certificate_words(model.record.agreement) if model.record.agreement else "",
            facts=list(passport_facts(passport.passport)) if passport else [],
            model=model,
            passport=passport,
            record=model.record,
            training=self._training(model),
            versions=[each for each in reversed(self._org.provenance.models(model.record.name)) if each.index != index],
            words=certificate_words(model.record.certificate),
        )

    def model_passport(self, index: int) -> Response:
        """Hands over a model's passport as a file that anybody checks."""
        return self._passport(self._org.provenance.model_at(index))

    def dataset_passport(self, index: int) -> Response:
        """Hands over a dataset's passport as a file that anybody checks."""
        return self._passport(self._org.provenance.dataset_at(index))

    def _passport(self, found: Dataset | Model) -> Response:
        data = self._org.provenance.passports.export(found).encode()
        return Response(data, media_type="application/json", headers=as_file(f"{found.index}.passport.json"))

    def _training(self, model: Model) -> Dataset | None:
        if model.record.training is None:
            return None
        try:
            found = self._org.provenance.with_leaf(model.record.training)
        except NotFound:  # it is data of another home
            return None
        return found if isinstance(found, Dataset) else None


def certificate_words(certificate: Certificate) -> str:
    """Returns how exactly a replay must match, in a sentence."""
    tried = f"tried on {counted(certificate.rows, 'row')} in {counted(len(certificate.tried), 'setting')}"
    if certificate.kind == "exact":
        return f"A replay must match to the last digit ({tried})."
    if certificate.kind == "tolerance":
        return f"A replay may differ by up to {certificate.tolerance_micro:,} millionths of the score ({tried})."
    return f"A replay proves nothing: {certificate.reason}."
