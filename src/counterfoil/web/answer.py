"""Answers that are not FastAPI's own: bytes encoded here, files to be saved."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import orjson
from fastapi import Request
from starlette.responses import Response

from counterfoil.web.desk import REPLAYED_HEADER, Desk, Make

__all__ = ["answered", "as_file", "asked_bytes", "json_answer"]


def json_answer(value: Mapping[str, Any], status: int = 200, *, replayed: bool = False) -> Response:
    """Returns JSON; `replayed` says that the request was answered before."""
    headers = {REPLAYED_HEADER: "true"} if replayed else {}
    return Response(orjson.dumps(value), status, headers, "application/json")


def as_file(name: str) -> dict[str, str]:
    """Returns the headers of an answer that a browser should save under `name`, never show."""
    return {"content-disposition": f'attachment; filename="{name}"'}


def asked_bytes(asked: Mapping[str, Any]) -> bytes:
    """Returns what a request asks for as bytes that tell it from others; its whole numbers may exceed 64 bits."""
    return json.dumps(asked, sort_keys=True).encode()


def answered(desk: Desk, request: Request, asked: Mapping[str, Any], make: Make) -> Response:
    """Returns what `make` answers; the same request sent again under its key gets the same answer.

    Args:
        desk: The node.
        request: Names itself by its idempotency key, or does not.
        asked: What it asks for, beside method and path.
        make: Does it; see `Desk.answered`.
    """
    tag = desk.tag(request, asked_bytes(asked))
    status, body, is_known = desk.answered(tag, make)
    headers = {REPLAYED_HEADER: "true"} if is_known else {}
    return Response(json.dumps(body), status, headers, "application/json")  # amounts in wei exceed orjson's 64 bits
