"""The HTTP app of a node: every room's routes behind one gate."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.responses import Response

import counterfoil
from counterfoil.calls.api import CallRoutes
from counterfoil.decisions.api import DecisionRoutes
from counterfoil.errors import CounterfoilError, InvalidInput, NotAllowed, NotFound
from counterfoil.ledger.api import LedgerRoutes
from counterfoil.ledger.contract_api import ContractRoutes
from counterfoil.market.buying.api import BuyingRoutes
from counterfoil.market.catalogue.api import CatalogueRoutes
from counterfoil.market.contributions.api import ContributionRoutes
from counterfoil.market.public_api import PublicMarketRoutes
from counterfoil.market.selling.api import SellingRoutes
from counterfoil.node.access.api import AccessRoutes
from counterfoil.node.api import NodeRoutes
from counterfoil.node.console import Console
from counterfoil.node.gate import Gate
from counterfoil.node.node import Node
from counterfoil.node.settings import NodeSettings
from counterfoil.node.shares import Shares
from counterfoil.node.tiles import LogRoutes
from counterfoil.organisation.api import OrganisationRoutes
from counterfoil.organisation.check_api import CheckRoutes
from counterfoil.organisation.evidence_api import EvidenceRoutes
from counterfoil.organisation.recall_api import RecallRoutes
from counterfoil.provenance.api import ProvenanceRoutes
from counterfoil.provenance.assets.api import AssetRoutes
from counterfoil.provenance.lineage.openlineage.event_api import EventRoutes
from counterfoil.provenance.lineage.picture.api import LineageGraphRoutes
from counterfoil.provenance.lineage.run_api import RunRoutes
from counterfoil.provenance.passports.api import PassportRoutes
from counterfoil.provenance.rows.api import RowsRoutes
from counterfoil.provenance.snapshots.api import SnapshotRoutes
from counterfoil.web.problem import problem_response
from counterfoil.web.room import API
from counterfoil.witness.api import WitnessRoutes

__all__ = ["ROOMS", "build_app", "description"]

ROOMS: Final = (
    DecisionRoutes,
    CallRoutes,
    ProvenanceRoutes,
    RunRoutes,
    EventRoutes,
    AssetRoutes,
    LineageGraphRoutes,
    PassportRoutes,
    SnapshotRoutes,
    RowsRoutes,
    EvidenceRoutes,
    CheckRoutes,
    OrganisationRoutes,
    RecallRoutes,
    LedgerRoutes,
    ContractRoutes,
    PublicMarketRoutes,
    CatalogueRoutes,
    SellingRoutes,
    BuyingRoutes,
    ContributionRoutes,
)
"""The rooms of the capabilities."""


def build_app(node: Node) -> Gate:
    """Returns the ASGI app of a node."""

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        await node.start()
        yield
        await node.stop()

    app = _app(node, lifespan=lifespan)
    console = Console(node)
    app.include_router(console.router())
    app.exception_handlers |= {
        CounterfoilError: console.answering(_problem),
        RequestValidationError: console.answering(_invalid),
        HTTPException: console.answering(_http),
        Exception: console.answering(_problem),
    }
    settings = node.settings
    return Gate(
        app,
        node.access.identify,
        keyed=Shares(settings.requests_per_s, settings.request_burst),
        public=Shares(settings.public_requests_per_s, settings.public_request_burst),
        most_body_bytes=settings.most_body_bytes,
        body_timeout_s=settings.body_timeout_s,
        observe=node.metrics.observe,
        refuse=console.refuse,
    )


def description() -> dict[str, Any]:
    """Returns the OpenAPI description of every node; it is the same for each and needs no home."""
    # The rooms are laid out, and nobody comes in.
    nobody: Any = SimpleNamespace(org=SimpleNamespace(witness=None), access=None, settings=NodeSettings())
    return _app(nobody).openapi()


def _app(node: Node, **more: Any) -> FastAPI:
    app = FastAPI(
        title="Counterfoil node",
        version=counterfoil.__version__,
        description="One organisation's records: deciding, looking back, handing out, checking.",
        openapi_url=f"{API}/openapi.json",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=_operation_id,
        **more,
    )
    own, witness = NodeRoutes(node), WitnessRoutes(node.org, node)
    access = AccessRoutes(node.org, node, node.access)
    for room in (*(routes(node.org, node) for routes in ROOMS), witness, access, own):
        app.include_router(room.router())
    app.include_router(own.health())
    app.include_router(witness.endpoint())
    app.include_router(LogRoutes(node.org, public_entries=node.settings.public_entries).router())
    return app


def _operation_id(route: APIRoute) -> str:
    return "_".join([*map(str, route.tags[:1]), route.name])


async def _problem(_request: Request, error: Exception) -> Response:
    return problem_response(error)


async def _invalid(request: Request, error: Exception) -> Response:
    """What FastAPI found wrong with the parameters, as one of our own."""
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"] if part != "body") or "the body"
    more = f" (and {len(error.errors()) - 1} more)" if len(error.errors()) > 1 else ""
    if first["type"] == "missing" and first["loc"] == ("body",):
        return problem_response(InvalidInput("the body is missing", hint="send JSON; {} where there is nothing to say"))
    hint = "the OpenAPI description says what is taken: /api/v1/openapi.json"
    if first["type"] == "model_attributes_type" and "json" not in request.headers.get("content-type", ""):
        hint = "say that it is JSON: Content-Type: application/json"
    return problem_response(InvalidInput(f"{place}: {first['msg'][:1].lower()}{first['msg'][1:]}{more}", hint=hint))


async def _http(_request: Request, error: Exception) -> Response:
    """What the router refused."""
    assert isinstance(error, HTTPException)
    if isinstance(error.__cause__, CounterfoilError):  # met while the body was read
        return problem_response(error.__cause__)
    if error.status_code == 404:
        return problem_response(NotFound("there is nothing at this address", hint=f"see {API}/openapi.json"))
    if error.status_code == 405:
        refused = NotAllowed("this address does not take that method", hint=f"see {API}/openapi.json")
        found = problem_response(refused, 405)
        found.headers.update(error.headers or {})
        return found
    return problem_response(InvalidInput(str(error.detail)))
