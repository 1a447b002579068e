"""JSON-RPC 2.0 around calls and their answers, read strictly.

Each call carries an id, and only an answer with that very id counts. Answers of a batch
may come in any order; a doubled, missing or foreign one spoils the whole.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from counterfoil.core import canonical
from counterfoil.errors import InvalidInput, LedgerContradicts
from counterfoil.ledger.rpc.rpc import Call, RpcError

__all__ = ["read_answer", "read_answers", "read_refusal", "request"]

_MAX_WORDS: Final = 1_000
"""A node's words beyond these are cut off."""


def request(numbered: Sequence[tuple[int, Call]], *, is_batch: bool) -> bytes:
    """Returns the bytes of one call, or of a batch of them.

    Args:
        numbered: Calls with their ids.
        is_batch: Whether they go as a list; without it there is exactly one.
    """
    calls = [
        {"jsonrpc": "2.0", "id": number, "method": method, "params": list(params)}
        for number, (method, params) in numbered
    ]
    return json.dumps(calls if is_batch else calls[0], separators=(",", ":")).encode()


def read_answer(body: bytes, number: int, who: str) -> Any:
    """Returns the result of the call with that id, or an RpcError.

    Args:
        body: What the node sent.
        number: The call's id.
        who: The node, for the error.

    Raises:
        LedgerContradicts: It is not the answer to that call.
    """
    return _result(_json(body, who), {number}, who)[1]


def read_answers(body: bytes, numbers: Sequence[int], who: str) -> list[Any]:
    """Returns the results of a batch in the order of their ids, RpcErrors in place of some.

    Raises:
        LedgerContradicts: It is not one answer to each of the calls.
    """
    value = _json(body, who)
    if isinstance(value, dict):  # the batch as a whole was refused (JSON-RPC 2.0, 6)
        number, refusal = _result(value, set(), who)
        if number is None:
            return [refusal] * len(numbers)
    if not isinstance(value, list):
        raise _not_json_rpc(who, "no list of answers")
    left = set(numbers)
    found: dict[int | None, Any] = {}
    for row in value:
        number, result = _result(row, left, who)
        left.discard(number if number is not None else -1)
        found[number] = result
    if left or len(value) != len(numbers):
        raise _not_json_rpc(who, f"{len(value)} answers to {len(numbers)} calls")
    return [found[number] for number in numbers]


def read_refusal(body: bytes, numbers: Sequence[int], who: str) -> list[Any] | None:
    """Returns the errors in a body that came with an HTTP error status, None when it says nothing of the kind."""
    try:
        value = _json(body, who)
        found = read_answers(body, numbers, who) if isinstance(value, list) else [_result(value, {*numbers}, who)[1]]
    except LedgerContradicts:
        return None
    return found * len(numbers) if len(found) == 1 else found


def _json(body: bytes, who: str) -> Any:
    try:
        return canonical.loads(body)
    except InvalidInput as error:
        raise _not_json_rpc(who, "something that is not JSON") from error


def _result(value: Any, numbers: set[int], who: str) -> tuple[int | None, Any]:
    """Returns the id and the result of one answer; an error may come without an id, which is None then."""
    if not isinstance(value, Mapping) or value.get("jsonrpc") != "2.0" or "id" not in value:
        raise _not_json_rpc(who, "something else")
    number, is_error = value["id"], "error" in value
    if is_error == ("result" in value):
        raise _not_json_rpc(who, "neither a result nor an error, or both")
    is_known = type(number) is int and number in numbers
    if not is_known and (number is not None or not is_error):
        raise _not_json_rpc(who, "an answer to another call")
    return number, _error(value["error"], who) if is_error else value["result"]


def _error(value: Any, who: str) -> RpcError:
    row = value if isinstance(value, Mapping) else {}
    code, message, data = row.get("code"), row.get("message"), row.get("data")
    if type(code) is not int or not isinstance(message, str):
        raise _not_json_rpc(who, "an error without code and message")
    try:
        raw = bytes.fromhex(data[2:]) if isinstance(data, str) and data.startswith("0x") else b""
    except ValueError:  # words of the node's own, not what a contract returned
        raw = b""
    return RpcError(code, message[:_MAX_WORDS], raw)


def _not_json_rpc(who: str, found: str) -> LedgerContradicts:
    return LedgerContradicts(
        f"{who} does not answer as a ledger's node does: {found}",
        hint="check the URL of the node; nothing it said was believed",
    )
