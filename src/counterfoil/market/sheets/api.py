"""Offer sheets, licence texts and reviews over HTTP: public, each by the digest that the ledger or a sheet names."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Path
from starlette.responses import Response

from counterfoil.market.sheets.shelf import Shelf
from counterfoil.web.room import PUBLIC, Room

__all__ = ["SheetRoutes"]

Digest = Annotated[str, Path(max_length=80, description="SHA-256, 64 lower-case hex digits.")]

_HEADERS: Final = {
    "Cache-Control": "public, max-age=31536000, immutable",  # another text has another digest
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "X-Content-Type-Options": "nosniff",
}


class SheetRoutes:
    """The routes of this room.

    Args:
        shelf: What this home hands out.
    """

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf

    def router(self) -> APIRouter:
        """Returns the table of routes."""
        room = Room("market")
        room.reads("/market/sheets/{sha256}", self.sheet, PUBLIC)
        room.reads("/market/licences/{sha256}", self.licence, PUBLIC)
        room.reads("/market/reviews/{sha256}", self.review, PUBLIC)
        return room.router

    def sheet(self, sha256: Digest) -> Response:
        """Hands out an offer sheet that this home published, by the digest of its document."""
        return _answer(self._shelf.raw("sheets", sha256), "application/json")

    def licence(self, sha256: Digest) -> Response:
        """Hands out the text of a licence that a sheet of this home names, by its SHA-256."""
        return _answer(self._shelf.licence(sha256), "text/plain; charset=utf-8")

    def review(self, sha256: Digest) -> Response:
        """Hands out a review that was left with this home, by the digest of its document."""
        return _answer(self._shelf.raw("reviews", sha256), "application/json")


def _answer(data: bytes, media_type: str) -> Response:
    return Response(data, media_type=media_type, headers=_HEADERS)
