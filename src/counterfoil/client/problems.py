"""Problems of a node (RFC 9457) as the errors they were before they travelled."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from counterfoil.errors import ERROR_TABLE, CounterfoilError, LogUnavailable, NodeUnreachable

__all__ = ["error_in"]

_BY_CODE: Final = {row.code: kind for kind, row in ERROR_TABLE.items()}


def error_in(problem: Any, status: int) -> CounterfoilError:
    """Returns the error that a problem tells of.

    Args:
        problem: The answer's JSON; anything else where a node would not have sent it.
        status: The answer's status.
    """
    if not isinstance(problem, Mapping) or not isinstance(problem.get("detail"), str):
        if status == 503:
            return LogUnavailable("the node takes no requests now", hint="ask again in a moment")
        return NodeUnreachable(
            f"what answered is no node of Counterfoil: status {status} without a problem",
            hint="is the address right?",
        )
    kind = _BY_CODE.get(str(problem.get("code")), CounterfoilError)
    return kind(problem["detail"], hint=str(problem.get("hint") or ""))
