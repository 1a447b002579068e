"""Answers of a ledger's node, right and broken in one way: the JSON-RPC 2.0 that a LyingNode speaks."""

from __future__ import annotations

from typing import Any

from counterfoil.ledger.rpc.rpc import RpcError

WAYS = {"twice", "missing", "wrong_id", "text_id", "no_id", "version", "both", "neither", "wrapped", "bad_error"}


def spoilt(how: str, answer: Any) -> Any:
    """Returns JSON that breaks JSON-RPC 2.0 in one way."""
    if isinstance(answer, list):
        if how == "twice":
            return [*answer, answer[0]]
        if how == "missing":
            return answer[1:]
        if how == "wrapped":
            return {"answers": answer}
        return [spoilt(how, answer[0]), *answer[1:]]
    rest = {name: value for name, value in answer.items() if name != "id"}
    return {
        "twice": [answer, answer],
        "missing": [],
        "wrong_id": {**answer, "id": answer["id"] + 1_000},
        "text_id": {**answer, "id": str(answer["id"])},
        "no_id": rest,
        "version": {**answer, "jsonrpc": "1.0"},
        "both": {**answer, "error": {"code": 1, "message": "no"}},
        "neither": {"jsonrpc": "2.0", "id": answer["id"]},
        "wrapped": [answer],
        "bad_error": {"jsonrpc": "2.0", "id": answer["id"], "error": "no"},
    }[how]


def answer_to(call: dict[str, Any], result: Any) -> dict[str, Any]:
    """Returns the answer to a call: its result, or an error in place of it."""
    answer = {"jsonrpc": "2.0", "id": call["id"]}
    if isinstance(result, RpcError):
        error: dict[str, Any] = {"code": result.code, "message": result.message}
        if result.data:
            error["data"] = "0x" + result.data.hex()
        return answer | {"error": error}
    return answer | {"result": result}
