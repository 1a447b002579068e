"""A room of pages: what it shows and what its forms do, each with the roles it needs.

A refused form leaves its own address in the browser. Opened again, that leads to the page the form stands on.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, Final
from urllib.parse import quote

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from counterfoil.web.pages import Form, Pages
from counterfoil.web.roles import Role, needs

__all__ = ["MOST_PUBLIC_BYTES", "PageRoom"]

MOST_PUBLIC_BYTES: Final = 16_384
"""Largest form of somebody who is not known: a name and a password of the most characters, percent-encoded."""

_PARAMETER: Final = re.compile(r"\{(\w+)(?::\w+)?\}")


class PageRoom:
    """The pages of one capability.

    Args:
        pages: Renders them.
    """

    def __init__(self, pages: Pages) -> None:
        self._router = APIRouter(include_in_schema=False)
        self._pages = pages
        self._shown: set[str] = set()
        self._done: dict[str, Sequence[Role] | None] = {}

    @property
    def router(self) -> APIRouter:
        """The table of routes; read once, when all pages and forms are in it."""
        for path, roles in self._done.items():
            if path not in self._shown:
                self._add("GET", path, self._leading_back(path), roles)
        return self._router

    def shows(self, path: str, handler: Callable[..., Response], roles: Sequence[Role] | None) -> None:
        """Adds a page; `roles` as in `Room.reads`."""
        self._shown.add(path)
        self._add("GET", path, handler, roles)

    def does(self, path: str, handler: Callable[[Request, Form], Response], roles: Sequence[Role] | None) -> None:
        """Adds what a form does; the form is read, and held to be one of this session's, before.

        A form that anybody may send is read up to `MOST_PUBLIC_BYTES`.
        """

        async def sent(request: Request) -> Response:
            if roles is None:
                request.state.most_body_bytes = min(request.state.most_body_bytes, MOST_PUBLIC_BYTES)
            return await run_in_threadpool(handler, request, await self._pages.form(request))

        self._done[path] = roles
        self._add("POST", path, sent, roles)

    def _leading_back(self, path: str) -> Callable[[Request], Response]:
        """Returns what leads from a form's address to the nearest page above it."""
        above = path
        while above and above not in self._shown:
            above = above.rpartition("/")[0]

        def back(request: Request) -> Response:
            given = request.path_params
            return self._pages.see(
                request, _PARAMETER.sub(lambda each: quote(str(given[each[1]]), safe=""), above or "/")
            )

        return back

    def _add(self, method: str, path: str, handler: Callable[..., Any], roles: Sequence[Role] | None) -> None:
        dependencies = [] if roles is None else [needs(*roles)]
        self._router.add_api_route(path, handler, methods=[method], dependencies=dependencies, response_model=None)
