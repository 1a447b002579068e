"""A room: the routes of one capability, each with the roles it needs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from fastapi import APIRouter
from pydantic import BaseModel

from counterfoil.web.multipart import MULTIPART
from counterfoil.web.problem import PROBLEM_TYPE
from counterfoil.web.roles import Role, needs

__all__ = ["API", "PUBLIC", "Problem", "Room", "Started", "takes", "takes_files"]

API: Final = "/api/v1"
"""Where the API lies."""

PUBLIC: Final[tuple[Role, ...] | None] = None
"""In the place of roles: anybody may ask, known or not."""


class Problem(BaseModel):
    """What went wrong (RFC 9457)."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    hint: str


class Started(BaseModel):
    """Long work that was started; ask for it by its id."""

    model_config = {"extra": "allow"}


_PROBLEM: Final[dict[str, Any]] = {
    "content": {PROBLEM_TYPE: {"schema": Problem.model_json_schema()}},
    "description": "What went wrong, and what to do about it.",
}
_PROBLEMS: Final[dict[int | str, dict[str, Any]]] = {"4XX": _PROBLEM, "5XX": _PROBLEM}
_BINARY: Final[dict[str, Any]] = {"type": "string", "format": "binary"}
_AGAIN: Final = "The same request was answered before; nothing was done anew."
_KEY: Final[dict[str, Any]] = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "schema": {"type": "string", "minLength": 1, "maxLength": 200},
    "description": "A name of your own for this request: sent again under it, it is not done again.",
}


class Room:
    """The routes of one capability.

    Args:
        tag: Its name in the OpenAPI description.
        prefix: Of every path in it.
    """

    def __init__(self, tag: str, prefix: str = API) -> None:
        self.router = APIRouter(tags=[tag], prefix=prefix)

    def reads(
        self, path: str, handler: Callable[..., Any], roles: Sequence[Role] | None, model: Any = None, **more: Any
    ) -> None:
        """Adds a GET route.

        Args:
            path: Below the room's prefix.
            handler: A bound method; its docstring describes the route.
            roles: Who may ask; `PUBLIC` for anybody, empty for admins only.
            model: Shape of the answer; None where the handler makes the response itself.
            more: What `APIRouter.add_api_route` takes.
        """
        responses = _PROBLEMS | more.pop("responses", {})
        self._add("GET", path, handler, roles, {"response_model": model, "responses": responses} | more)

    def writes(
        self,
        path: str,
        handler: Callable[..., Any],
        roles: Sequence[Role] | None,
        model: Any = None,
        *,
        method: str = "POST",
        status: int = 201,
        body: dict[str, Any] | None = None,
        **more: Any,
    ) -> None:
        """Adds a route that changes something.

        Args:
            path: Below the room's prefix.
            handler: A bound method; its docstring describes the route.
            roles: Who may ask; `PUBLIC` for anybody, empty for admins only.
            model: Shape of the answer; None where the handler makes the response itself.
            method: POST, or DELETE.
            status: Of the answer when it was done.
            body: Description of a body that the handler reads itself; see `takes`.
            more: What `APIRouter.add_api_route` takes.
        """
        extra = dict(body or {}) | ({"parameters": [_KEY]} if method == "POST" else {})
        again = {200: {"model": model, "description": _AGAIN}} if status == 201 and model is not None else {}
        given = {
            "openapi_extra": extra,
            "response_model": model,
            "responses": _PROBLEMS | again | more.pop("responses", {}),
            "status_code": status,
        }
        self._add(method, path, handler, roles, given | more)

    def _add(
        self, method: str, path: str, handler: Callable[..., Any], roles: Sequence[Role] | None, given: dict[str, Any]
    ) -> None:
        dependencies = [] if roles is None else [needs(*roles)]
        who = ["anybody"] if roles is None else sorted({*roles, Role.ADMIN})
        given["openapi_extra"] = given.get("openapi_extra", {}) | {"x-roles": who}
        self.router.add_api_route(path, handler, methods=[method], dependencies=dependencies, **given)


def takes(
    model: type[BaseModel] | None = None, *, media_type: str = "application/json", file_type: str = ""
) -> dict[str, Any]:
    """Returns the description of a body that the handler reads itself.

    Args:
        model: Shape of JSON; None for text.
        media_type: Of that JSON or text.
        file_type: Media type of any other file, where that is taken, too.
    """
    schema: dict[str, Any] = {"type": "string"} if model is None else model.model_json_schema()
    files: dict[str, Any] = {file_type: {"schema": _BINARY}} if file_type else {}
    return {"requestBody": {"required": True, "content": {media_type: {"schema": schema}} | files}}


def takes_files(parts: Iterable[str], *, required: Iterable[str] | None = None, alone: str = "") -> dict[str, Any]:
    """Returns the description of a body of several files (multipart/form-data), which the handler reads itself.

    Args:
        parts: Names of the parts.
        required: Those that must be there; all without it.
        alone: Media type of a body that is one file and nothing else, where that is taken, too.
    """
    parts = list(parts)
    needed = parts if required is None else list(required)
    schema: dict[str, Any] = {
        "type": "object",
        "required": needed,
        "additionalProperties": False,
        "properties": dict.fromkeys(parts, _BINARY),
    }
    content: dict[str, Any] = {alone: {"schema": _BINARY}} if alone else {}
    return {"requestBody": {"required": True, "content": content | {MULTIPART: {"schema": schema}}}}
