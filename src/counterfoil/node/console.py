"""The console: the pages of all rooms in the order of the menu, and pages for errors where people look."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from counterfoil.decisions.pages import DecisionPages
from counterfoil.decisions.patterns import PatternBook
from counterfoil.decisions.policy_pages import PolicyPages
from counterfoil.decisions.summary import Summary
from counterfoil.errors import CounterfoilError, InvalidInput, NotFound
from counterfoil.ledger.pages import LedgerPages
from counterfoil.market.pages import MarketPages
from counterfoil.node.access_pages import AccessPages
from counterfoil.node.me_pages import MePages
from counterfoil.node.overview import OverviewPages
from counterfoil.node.pages import NodePages, WorkPages
from counterfoil.node.peer_pages import PeerPages
from counterfoil.node.webhook_pages import WebhookPages
from counterfoil.organisation.pages import ErasurePages
from counterfoil.organisation.recall_pages import RecallPages
from counterfoil.provenance.lineage.picture.pages import LineagePages
from counterfoil.provenance.pages import ProvenancePages
from counterfoil.web.pages import Pages
from counterfoil.web.problem import problem_response
from counterfoil.web.room import API
from counterfoil.witness.pages import WitnessPages

if TYPE_CHECKING:
    from counterfoil.node.node import Node

__all__ = ["Console"]

Answer = Callable[[Request, Exception], Awaitable[Response]]


class Console:
    """The console of one node."""

    def __init__(self, node: Node) -> None:
        org = node.org
        settings = org.home.settings
        self.pages = pages = Pages(settings.name, settings.origin, node.access)
        summary, patterns = Summary(org.views), PatternBook(org.views, org.archive)
        self._rooms = (  # in the order of the menu
            OverviewPages(node, pages, summary, patterns),
            DecisionPages(org, node, pages),
            ProvenancePages(org, node, pages),
            LineagePages(org, node, pages),
            MarketPages(org, node, pages),
            PolicyPages(org, node, pages, summary, patterns),
            RecallPages(org, node, pages),
            WorkPages(node, pages),
            LedgerPages(org, node, pages),
            ErasurePages(org, node, pages),
            WitnessPages(org, node, pages),
            AccessPages(node, pages),
            PeerPages(node, pages),
            WebhookPages(node, pages),
            NodePages(node, pages),
            MePages(node, pages),
        )

    def router(self) -> APIRouter:
        """Returns the table of routes of all rooms."""
        router = APIRouter()
        for room in self._rooms:
            router.include_router(room.router())
        return router

    def answering(self, answer: Answer) -> Answer:
        """Returns what answers an error: with a page where a browser asked for one, else as `answer` does."""

        async def answered(request: Request, error: Exception) -> Response:
            if not is_for_people(request):
                return await answer(request, error)
            return self.pages.problem(request, _named(error))

        return answered

    def refuse(self, scope: MutableMapping[str, Any], error: Exception) -> Response:
        """Returns the answer for what never reached a room: a page where a browser asked for one."""
        request = Request(scope)
        return self.pages.problem(request, error) if is_for_people(request) else problem_response(error)


def _named(error: Exception) -> Exception:
    """Returns what the framework refused as one of our own."""
    if isinstance(error.__cause__, CounterfoilError):  # met while the body was read
        return error.__cause__
    if isinstance(error, HTTPException):
        if error.status_code in (404, 405):
            return NotFound("there is no page at this address", hint="the menu lists what there is")
        return InvalidInput(str(error.detail))
    return InvalidInput("the address asks for what cannot be") if isinstance(error, RequestValidationError) else error


def is_for_people(request: Request) -> bool:
    """Whether a browser asks for a page."""
    return not request.url.path.startswith(API) and "text/html" in request.headers.get("accept", "")
