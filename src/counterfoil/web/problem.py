"""Errors as HTTP says them: problem+json (RFC 9457), one for each row of the error table."""

from __future__ import annotations

from typing import Any, Final

import orjson
from starlette.responses import Response

from counterfoil.errors import CounterfoilError, NotSignedIn, TooLarge, TooManyRequests, row_for

__all__ = ["PROBLEM_TYPE", "PROBLEM_URL", "problem", "problem_response"]

PROBLEM_TYPE: Final = "application/problem+json"
PROBLEM_URL: Final = "https://counterfoil.dev/errors#"
"""Where the errors are explained; the code follows."""

_UNFORESEEN: Final = "something went wrong that was not foreseen; the server's log says more"


def problem(error: BaseException) -> dict[str, Any]:
    """Returns the members of the problem; nothing of an unforeseen error but that there was one."""
    row = row_for(error)
    known = isinstance(error, CounterfoilError)
    return {
        "type": PROBLEM_URL + row.code,
        "title": row.title,
        "status": row.http_status,
        "code": row.code,
        "detail": error.message if known else _UNFORESEEN,  # type: ignore[attr-defined]
        "hint": error.hint if known else "",  # type: ignore[attr-defined]
    }


def problem_response(error: BaseException, status: int = 0) -> Response:
    """Returns the response for an error; with `status` in the place of the table's where that is not 0."""
    members = problem(error) | ({"status": status} if status else {})
    headers: dict[str, str] = {}
    if isinstance(error, NotSignedIn):
        headers["www-authenticate"] = 'Bearer realm="counterfoil"'
    if isinstance(error, TooLarge):
        headers["connection"] = "close"  # what is still on its way would keep the connection busy, for ever if it likes
    if isinstance(error, TooManyRequests):
        headers["retry-after"] = str(error.retry_after_s)
    elif members["status"] == 503:
        headers["retry-after"] = "1"
    return Response(orjson.dumps(members), members["status"], headers, PROBLEM_TYPE)
