"""Answers that are not FastAPI's own: bytes encoded here, files to be saved."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from starlette.responses import Response

from counterfoil.web.desk import REPLAYED_HEADER

__all__ = ["as_file", "json_answer"]


def json_answer(value: Mapping[str, Any], status: int = 200, *, replayed: bool = False) -> Response:
    """Returns JSON; `replayed` says that the request was answered before."""
    headers = {"cache-control": "no-store"} | ({REPLAYED_HEADER: "true"} if replayed else {})
    return Response(orjson.dumps(value), status, headers, "application/json")


def as_file(name: str) -> dict[str, str]:
    """Returns the headers of an answer that a browser should save under `name`, never show."""
    return {"cache-control": "no-store", "content-disposition": f'attachment; filename="{name}"'}
