"""The log over HTTP: its head, its records, proofs for anybody, and bundles for auditors."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import orjson
from fastapi import APIRouter, Query, Request
from fastapi import Path as InPath
from starlette.background import BackgroundTask
from starlette.responses import FileResponse, Response

from counterfoil.core.proofs import LogProof
from counterfoil.decisions.shapes import history_json
from counterfoil.errors import InvalidInput
from counterfoil.organisation.bodies import Head, LoggedRecord, Proven, ToBundle
from counterfoil.organisation.bundles import places_about, read_show
from counterfoil.organisation.shapes import fields_json, record_json
from counterfoil.store.bundle_file import Show, Written
from counterfoil.web.answer import answered, as_file
from counterfoil.web.desk import Desk
from counterfoil.web.roles import JOBS, READERS, STAFF, require
from counterfoil.web.room import PUBLIC, Room, Started
from counterfoil.web.upload import new_scratch

if TYPE_CHECKING:
    from counterfoil.organisation.organisation import Organisation

__all__ = ["EvidenceRoutes"]

MOST_AT_ONCE: Final = 2_000
"""Records in a bundle that is answered at once; a larger one is written in the background."""

PROOF_KEPT_S: Final = 300
"""For so long others may keep a proof: it stays true, a newer one has a newer head."""

_ZIP: Final = "application/zip"

Index = Annotated[int, InPath(ge=0, le=2**53)]
Leaf = Annotated[str, InPath(pattern="^[0-9a-f]{64}$", description="Leaf hash of the record, 64 hex digits.")]
Values = Annotated[bool, Query(description="Show the private values, too; for staff, and recorded.")]


class EvidenceRoutes:
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
        room = Room("evidence")
        room.reads("/log/head", self.head, READERS, Head)
        room.reads("/log/records/{index}", self.record, READERS, LoggedRecord, response_model_exclude_unset=True)
        room.reads("/proofs/{leaf}", self.proof, PUBLIC, Proven)
        zipped = {200: {"content": {_ZIP: {}}, "description": "The bundle."}, 202: {"model": Started}}
        room.writes("/bundles", self.bundle, JOBS["bundle"], status=200, responses=zipped, response_class=Response)
        return room.router

    def head(self) -> dict[str, Any]:
        """Returns the signed head over everything recorded so far. Keep it: a later one must extend it."""
        return {"head": self._org.checkpoint(), "issuer": str(self._org.issuer), "size": self._org.archive.size}

    def record(self, index: Index, request: Request, values: Values = False) -> dict[str, Any]:
        """Shows a record; with `values` its private values, and for a decision what followed. That is recorded."""
        org = self._org
        if values:
            require(request, STAFF)
        found = org.archive.record(index)
        shown = record_json(org, index, found) | {"fields": fields_json(org, index, found, with_values=values)}
        if not values:
            return shown
        places = [index]
        if found.kind == "decision":
            history = org.decisions.history(index)
            places += [each.index for each in history.followed]
            shown |= history_json(history, with_values=True)
        self._desk.looked(request, "record", places)
        return shown

    def proof(self, leaf: Leaf, response: Response) -> dict[str, Any]:
        """Proves to anybody that a record stands in the log, by its leaf hash; shows nothing of what it says."""
        archive = self._org.archive
        index = self._org.views.index_of(leaf)
        made = archive.receipt(index, ())
        response.headers["cache-control"] = f"public, max-age={PROOF_KEPT_S}"
        shown = orjson.loads(made.encode()) if self._desk.public_entries else None
        text = LogProof(index, made.path, made.checkpoint).text()
        return {"index": index, "leaf": leaf, "proof": text, "receipt": shown}

    def bundle(self, request: Request, wanted: ToBundle) -> Response:
        """Writes records, their proofs and chosen fields into one file for an auditor. Who took it is recorded.

        Up to 2,000 records are answered at once; more are written in the background, and the answer says where to
        ask. Only a range, whole blocks of 256 records, can show that nothing is missing. The headers `bundle-records`,
        `bundle-shown` and `bundle-withheld` count what is in it.
        """
        show = read_show(wanted.show)
        places = self._places(wanted)
        self._desk.looked(request, "bundle", places)
        if len(places) > MOST_AT_ONCE:
            asked, given = wanted.model_dump(exclude_none=True), _for_job(wanted, places)
            return answered(self._desk, request, asked, lambda: (202, self._desk.start_job(request, "bundle", given)))
        made = new_scratch(self._desk.incoming)
        try:
            written = self._written(made / "bundle.zip", wanted, places, show)
        except BaseException:
            shutil.rmtree(made, ignore_errors=True)
            raise
        gone = BackgroundTask(shutil.rmtree, made, ignore_errors=True)
        counts = {f"bundle-{name}": str(getattr(written, name)) for name in ("records", "shown", "withheld")}
        headers = as_file("bundle.zip") | counts
        return FileResponse(written.path, headers=headers, media_type=_ZIP, background=gone)

    def _places(self, wanted: ToBundle) -> Sequence[int]:
        """Returns the places of all records whose fields it may show."""
        if wanted.subject is not None:
            return self._org.bundles.with_origins(places_about(self._org.vault, wanted.subject))
        if wanted.records:
            return self._org.bundles.with_origins(wanted.records)
        size = self._org.archive.size
        first, last = wanted.first or 0, size - 1 if wanted.last is None else wanted.last
        if not first <= last < size:
            raise InvalidInput(f"the log has records 0 to {size - 1}; {first} to {last} is not a part of it")
        return range(first, last + 1)

    def _written(self, path: Path, wanted: ToBundle, places: Sequence[int], show: Show) -> Written:
        if not isinstance(places, range):
            return self._org.bundles.write_records(path, places, show=show)
        end = None if wanted.last is None else wanted.last + 1
        return self._org.bundles.write_range(path, wanted.first or 0, end, show=show)


def _for_job(wanted: ToBundle, places: Sequence[int]) -> dict[str, Any]:
    """Returns what the job is told: places in the place of a person, for jobs are kept in plain."""
    if isinstance(places, range):
        return wanted.model_dump(include={"first", "last", "show"}, exclude_none=True)
    return {"records": list(places), "show": wanted.show}
