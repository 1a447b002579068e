"""Checking a file over HTTP: for whoever was handed one, as `counterfoil check` does it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

from fastapi import APIRouter, Query, Request

from counterfoil.core.note import VerifierKey
from counterfoil.core.passport_file import is_passport_file
from counterfoil.core.steps import Report, Status
from counterfoil.errors import InvalidInput, TooLarge
from counterfoil.organisation.bodies import Checked
from counterfoil.store.check_file import (
    check_file,
    other_file,
    read_hash,
    read_head,
    read_witnesses,
    require_fitting,
)
from counterfoil.store.streams import time_text
from counterfoil.web.desk import Desk
from counterfoil.web.intake import Intake
from counterfoil.web.multipart import is_multipart
from counterfoil.web.room import PUBLIC, Room, takes_files
from counterfoil.web.upload import received, received_parts

if TYPE_CHECKING:
    from counterfoil.organisation.organisation import Organisation

__all__ = ["CheckRoutes"]

MOST_CHECKED_BYTES: Final = 64 * 1_048_576
"""Largest body that anybody may have checked here."""

MOST_PASSPORT_BYTES: Final = 16 * 1_048_576
"""Largest passport among them: it is read as a whole, which takes several times its size in memory."""

CHECKS_AT_ONCE: Final = 2
"""Files checked at the same time; others wait."""

MOST_TAKEN_BYTES: Final = 8 * MOST_CHECKED_BYTES
"""Of all bodies to be checked that are here at the same time, however many ask."""

TAKEN_OF_EACH: Final = 4
"""Files to be checked that one caller may have under way."""

_BYTES: Final = "application/octet-stream"
_PARTS: Final = {"file": "file", "against": "against", "since": "since", "witnesses": "witnesses"}
"""Parts of a body that brings more than the file along, and the files they become."""

FileName = Annotated[str, Query(max_length=200, description="The file's name, for the report; never opened.")]
Issuer = Annotated[str | None, Query(max_length=300, description="The issuer's public key, from somewhere you trust.")]
Block = Annotated[str | None, Query(max_length=80, description="Hash of the anchor's block, from a node you trust.")]
LogId = Annotated[str | None, Query(max_length=80, description="The id that the log must have on the ledger.")]
Contract = Annotated[str | None, Query(max_length=80, description="The contract that must hold the log.")]
Required = Annotated[
    list[str] | None, Query(alias="require", description="Step that must have passed; may be repeated.")
]
Now = Annotated[bool, Query(description="Judge promises by this node's clock, too.")]


class CheckRoutes:
    """The routes of this room.

    Args:
        org: The organisation whose clock is asked.
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
        body = takes_files(_PARTS, required=("file",), alone=_BYTES)
        room.writes("/check", self.check, PUBLIC, Checked, status=200, body=body)
        return room.router

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
        """Checks a receipt, a promise or a bundle, step by step; the body is the file, at most 64 MiB, a passport 16.

        Or, as multipart/form-data, the `file` and what it is held to: `against`, a newer bundle, receipt or head,
        for a receipt; `since`, a head, receipt or bundle kept from before, for a bundle; `witnesses`, a policy that
        says whose cosignatures the head must carry. Whoever does not trust this node checks at home: `counterfoil
        check`, or the page that works offline.
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
            async with self._received(request, arrived) as parts, self._checking:
                report = await asyncio.to_thread(checking, parts)
        found = {name: report.step(name) for name in required or ()}
        unmet = sorted(name for name, step in found.items() if step is None or step.status is not Status.PASSED)
        return {"exit_code": report.exit_code(required or ()), "file": file, "unmet": unmet} | report.to_json()

    @asynccontextmanager
    async def _received(self, request: Request, arrived: Callable[[int], None]) -> AsyncIterator[Mapping[str, Path]]:
        """Yields what came: the file alone, or with what it is held to."""
        incoming = self._desk.incoming
        if not is_multipart(request.headers.get("content-type")):
            async with received(request, incoming, _PARTS["file"], arrived) as path:
                yield {"file": path}
            return
        async with received_parts(request, incoming, _PARTS, arrived) as parts:
            if "file" not in parts:
                raise InvalidInput("the body has no part named file", hint="send what is to be checked as `file`")
            yield parts


def _report(parts: Mapping[str, Path], **trusted: Any) -> Report:
    for path in parts.values():
        _require_readable(path)
    since, witnesses = parts.get("since"), parts.get("witnesses")
    report = other_file(parts["file"]) or check_file(
        parts["file"],
        against=parts.get("against"),
        since=read_head(since) if since else None,
        witnesses=read_witnesses(witnesses) if witnesses else None,
        **trusted,
    )
    require_fitting(report, against="against" in parts, since=since is not None)
    return report


def _require_readable(path: Path) -> None:
    """Refuses a passport that would take more memory than a stranger is given."""
    with path.open("rb") as file:
        is_large = path.stat().st_size > MOST_PASSPORT_BYTES and is_passport_file(file.read(4_096).lstrip())
    if is_large:
        raise TooLarge(
            f"the passport is larger than {MOST_PASSPORT_BYTES:,} bytes", hint="check it at home: counterfoil check"
        )
