"""The log over HTTP: its head, its records, proofs for anybody, bundles for auditors, and checking a file."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import orjson
from fastapi import APIRouter, Query, Request
from fastapi import Path as InPath
from starlette.background import BackgroundTask
from starlette.responses import FileResponse, Response

from counterfoil.core.note import VerifierKey
from counterfoil.core.proofs import LogProof
from counterfoil.core.steps import Report
from counterfoil.decisions.shapes import history_json
from counterfoil.errors import InvalidInput
from counterfoil.organisation.bodies import Checked, Head, LoggedRecord, Proven, ToBundle
from counterfoil.organisation.bundles import places_about, read_show
from counterfoil.organisation.shapes import fields_json, record_json
from counterfoil.store.bundle_file import Show, Written
from counterfoil.store.check_file import check_file, other_file, read_hash
from counterfoil.store.streams import time_text
from counterfoil.web.answer import answered, as_file
from counterfoil.web.desk import Desk
from counterfoil.web.intake import Intake
from counterfoil.web.roles import JOBS, READERS, STAFF, require
from counterfoil.web.room import PUBLIC, Room, Started, takes
from counterfoil.web.upload import new_scratch, received

if TYPE_CHECKING:
    from counterfoil.organisation.organisation import Organisation

__all__ = ["EvidenceRoutes"]

MOST_CHECKED_BYTES: Final = 64 * 1_048_576
"""Largest file that anybody may have checked here."""

CHECKS_AT_ONCE: Final = 2
"""Files checked at the same time; others wait."""

MOST_TAKEN_BYTES: Final = 8 * MOST_CHECKED_BYTES
"""Of all files to be checked that lie on the disk at the same time, however many ask."""

TAKEN_OF_EACH: Final = 4
"""Files to be checked that one caller may have under way."""

MOST_AT_ONCE: Final = 2_000
"""Records in a bundle that is answered at once; a larger one is written in the background."""

PROOF_KEPT_S: Final = 300
"""For so long others may keep a proof: it stays true, a newer one has a newer head."""

_ZIP: Final = "application/zip"
_BYTES: Final = "application/octet-stream"

Index = Annotated[int, InPath(ge=0, le=2**53)]
Leaf = Annotated[str, InPath(pattern="^[0-9a-f]{64}$", description="Leaf hash of the record, 64 hex digits.")]
Values = Annotated[bool, Query(description="Show the private values, too; for staff, and recorded.")]
FileName = Annotated[str, Query(max_length=200, description="The file's name, for the report; never opened.")]
Issuer = Annotated[str | None, Query(max_length=300, description="The issuer's public key, from somewhere you trust.")]
Block = Annotated[str | None, Query(max_length=80, description="Hash of the anchor's block, from a node you trust.")]
LogId = Annotated[str | None, Query(max_length=80, description="The id that the log must have on the ledger.")]
Contract = Annotated[str | None, Query(max_length=80, description="The contract that must hold the log.")]
Required = Annotated[
    list[str] | None, Query(alias="require", description="Step that must have passed; may be repeated.")
]
Now = Annotated[bool, Query(description="Judge promises by this node's clock, too.")]


class EvidenceRoutes:
    """The routes of this room.

    Args:
        org: The organisation.
        desk: The node that serves them.
    """

    def __init__(self, org: Organisation, desk: Desk) -> None:
        self._org = org
        self._desk = desk
        self._checking = asyncio.Semaphore(CHECKS_AT_ONCE)
        self._intake = Intake(MOST_TAKEN_BYTES, TAKEN_OF_EACH)

    def router(self) -> APIRouter:
        """Returns the table of routes."""
        room = Room("evidence")
        room.reads("/log/head", self.head, READERS, Head)
        room.reads("/log/records/{index}", self.record, READERS, LoggedRecord, response_model_exclude_unset=True)
        room.reads("/proofs/{leaf}", self.proof, PUBLIC, Proven)
        room.writes("/check", self.check, PUBLIC, Checked, status=200, body=takes(media_type=_BYTES))
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

    async def check(
        self,
        request: Request,
        issuer: Issuer = None,
        block: Block = None,
        log_id: LogId = None,
        contract: Contract = None,
        required: Required = None,
        file: FileName = "",
        now: Now = False,
    ) -> dict[str, Any]:
        """Checks a receipt, a promise or a bundle, step by step; the body is the file, at most 64 MiB.

        Whoever does not trust this node checks at home: `counterfoil check`, or the page that works offline.
        """
        if not file.isprintable():
            raise InvalidInput("the file's name holds characters that cannot be printed")
        request.state.most_body_bytes = min(MOST_CHECKED_BYTES, self._desk.most_file_bytes)
        checking = partial(
            _report,
            issuer=VerifierKey.parse(issuer) if issuer else None,
            block=read_hash(block) if block else None,
            log_id=read_hash(log_id) if log_id else None,
            contract=read_hash(contract, 20) if contract else None,
            now=time_text(self._org.recorder.now_s()) if now else "",
        )
        with self._intake.file_of(request) as arrived:
            # Whole first, and only then in the queue: nobody waits for somebody who sends slowly.
            async with received(request, self._desk.incoming, "file", arrived) as path, self._checking:
                report = await asyncio.to_thread(checking, path)
        return {"exit_code": report.exit_code(required or ()), "file": file} | report.to_json()

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


def _report(path: Path, **trusted: Any) -> Report:
    return other_file(path) or check_file(path, **trusted)
