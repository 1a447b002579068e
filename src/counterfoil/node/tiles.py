"""The log as any client of C2SP tlog-tiles reads it: checkpoint, hash tiles, entry bundles.

    <prefix>/checkpoint                    the signed head
    <prefix>/tile/<level>/<number>[.p/<width>]   hashes, 32 bytes each
    <prefix>/tile/entries/<number>[.p/<width>]   entries, a 2-byte length before each

A tile of a given width never changes, so caches may keep it for ever. Hashes say nothing
about anybody and are for everybody; entries name streams, times and digests, and are for
auditors unless the node's settings open them.
"""

from __future__ import annotations

import asyncio
import re
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from counterfoil.core.tiles import TILE_WIDTH
from counterfoil.errors import NotFound
from counterfoil.web.roles import STAFF, Role, needs

if TYPE_CHECKING:
    from counterfoil.organisation import Organisation

__all__ = ["LOG_PREFIX", "LogRoutes", "parse_tile"]

LOG_PREFIX: Final = "/log"

MAX_LEVEL: Final = 5
"""Levels 0 to 5 cover 2^48 entries, more than any log here holds."""

_FOR_EVER: Final = {"cache-control": "public, max-age=31536000, immutable"}
_FOR_AUDITORS: Final = {"cache-control": "private, max-age=31536000, immutable"}
_BRIEFLY: Final = {"cache-control": "public, max-age=1, must-revalidate"}

_NUMBER: Final = re.compile(r"((?:x\d{3}/)*)(\d{3})(?:\.p/([1-9]\d{0,2}))?", re.ASCII)
_MAX_GROUPS: Final = 5


def parse_tile(path: str) -> tuple[int, int]:
    """Reads `x001/x234/067[.p/<width>]` and returns number and width (C2SP tlog-tiles).

    Raises:
        NotFound: It is written in another way; each tile has one name only.
    """
    match = _NUMBER.fullmatch(path)
    if match is None:
        raise NotFound("there is no tile of that name", hint="like 000, x001/067 or x001/067.p/42")
    groups = [group[1:] for group in match[1].split("/") if group]
    if len(groups) >= _MAX_GROUPS or (groups and groups[0] == "000"):
        raise NotFound("there is no tile of that name", hint="numbers have no leading groups of zeros")
    width = TILE_WIDTH if match[3] is None else int(match[3])
    if match[3] is not None and width >= TILE_WIDTH:
        raise NotFound("there is no tile of that width", hint=f"a partial tile has 1 to {TILE_WIDTH - 1} hashes")
    return int("".join([*groups, match[2]])), width


class LogRoutes:
    """The routes of the log.

    Args:
        org: Whose log it is.
        public_entries: Whether entries are for everybody.
    """

    def __init__(self, org: Organisation, *, public_entries: bool) -> None:
        self._org = org
        self._public_entries = public_entries

    def router(self) -> APIRouter:
        """Returns the table of routes."""
        router = APIRouter(prefix=LOG_PREFIX, tags=["log"])
        auditors = [] if self._public_entries else [needs(*STAFF)]
        anybody: dict[str, Any] = {"response_class": Response, "openapi_extra": {"x-roles": ["anybody"]}}
        router.add_api_route("/checkpoint", self.checkpoint, **anybody)
        router.add_api_route("/issuer.vkey", self.issuer, **anybody)
        # Before the tiles of a level, whose pattern would match it too.
        read = {"x-roles": ["anybody"] if self._public_entries else sorted({*STAFF, Role.ADMIN})}
        router.add_api_route(
            "/tile/entries/{path:path}",
            self.entries,
            response_class=Response,
            openapi_extra=read,
            dependencies=auditors,
        )
        router.add_api_route("/tile/{level}/{path:path}", self.tile, **anybody)
        return router

    async def checkpoint(self, request: Request) -> Response:
        """Returns the signed head over everything recorded so far."""
        note = await asyncio.to_thread(self._org.archive.checkpoint)
        tag = f'"{sha256(note.encode()).hexdigest()[:16]}"'
        headers = _BRIEFLY | {"etag": tag}
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers=headers)
        return Response(note, media_type="text/plain; charset=utf-8", headers=headers)

    def issuer(self) -> Response:
        """Returns the log's public key. Whoever checks should have it from elsewhere, too."""
        return Response(f"{self._org.issuer}\n", media_type="text/plain; charset=utf-8", headers=_BRIEFLY)

    def tile(self, level: str, path: str) -> Response:
        """Returns hashes of one tile."""
        if not re.fullmatch(r"\d", level, re.ASCII) or int(level) > MAX_LEVEL:
            raise NotFound("there is no such level of tiles", hint=f"levels are 0 to {MAX_LEVEL}")
        number, width = parse_tile(path)
        data = self._org.archive.tile(int(level), number, width)
        return Response(data, media_type="application/octet-stream", headers=_FOR_EVER)

    def entries(self, path: str) -> Response:
        """Returns entries of one tile, each behind its length."""
        data = self._org.archive.entry_bundle(*parse_tile(path))
        headers = _FOR_EVER if self._public_entries else _FOR_AUDITORS
        return Response(data, media_type="application/octet-stream", headers=headers)
