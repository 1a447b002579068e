"""The market in the console: one entry of the menu, and a way through its own pages."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from fastapi import APIRouter, Request
from starlette.responses import Response

from counterfoil.errors import NotFound
from counterfoil.market.buying.pages import PurchasePages
from counterfoil.market.catalogue.pages import CataloguePages
from counterfoil.market.compute.pages import ComputePages
from counterfoil.market.deals import FIELDS
from counterfoil.market.page_frame import MarketFrame
from counterfoil.market.selling.pages import SellingPages
from counterfoil.web.desk import Desk
from counterfoil.web.page_room import PageRoom
from counterfoil.web.pages import Form, Link, Pages
from counterfoil.web.roles import JOBS, STAFF

if TYPE_CHECKING:
    from counterfoil.organisation import Organisation

__all__ = ["MarketPages"]


class MarketPages:
    """The pages of this room.

    Args:
        org: The organisation.
        desk: The node that serves them.
        pages: Renders them.
    """

    def __init__(self, org: Organisation, desk: Desk, pages: Pages) -> None:
        self._frame = MarketFrame(org, desk, pages)
        pages.add_room("market", Path(__file__).parent / "templates", Link("/market", "Market", STAFF))

    def router(self) -> APIRouter:
        """Returns the table of routes."""
        room = PageRoom(self._frame.pages)
        for part in (CataloguePages, PurchasePages, SellingPages, ComputePages):
            part(self._frame).add_to(room)
        room.does("/market/deals/{what}", self.ask, JOBS["trade"])
        room.does("/market/deals/{what}/agreed", self.agree, JOBS["trade"])
        room.shows("/market/doing/{job_id}", self.doing, STAFF)
        return room.router

    def ask(self, request: Request, form: Form) -> Response:
        """Shows what a deal would cost and do; sends nothing."""
        what = _deal_named(request)
        return self._frame.ask(request, what, _texts(what, form))

    def agree(self, request: Request, form: Form) -> Response:
        """Begins a deal that was shown before, unless it would be another by now."""
        what = _deal_named(request)
        return self._frame.agree(request, form, what, _texts(what, form))

    def doing(self, job_id: str, request: Request) -> Response:
        """Shows how far a deal or a fetch is, and what came of it."""
        job = self._frame.desk.job(job_id)
        if job["kind"] not in ("fetch", "trade"):
            raise NotFound("this is no work of the market", hint="see it under Work")
        return self._frame.render(request, "doing.html", job=job)


def _deal_named(request: Request) -> str:
    what = str(request.path_params["what"])
    if what not in FIELDS:
        raise NotFound(f"there is no deal called {what[:40]!r}", hint="go back to the market")
    return what


def _texts(what: str, form: Form) -> dict[str, str]:
    return {name: form.text(name) for name in FIELDS[what]}
