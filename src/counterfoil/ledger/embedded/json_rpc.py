"""JSON-RPC 2.0 over bytes: what was sent is read strictly and answered in full, one call or many."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final

from counterfoil.core.canonical import loads
from counterfoil.errors import CounterfoilError, InvalidInput
from counterfoil.ledger.embedded.events import LIMIT_EXCEEDED
from counterfoil.ledger.embedded.parameters import INVALID_PARAMS
from counterfoil.ledger.rpc.hexadecimal import data
from counterfoil.ledger.rpc.rpc import Rpc, RpcError

__all__ = ["INVALID_REQUEST", "PARSE_ERROR", "answer", "respond"]

PARSE_ERROR: Final = -32_700
INVALID_REQUEST: Final = -32_600
INTERNAL_ERROR: Final = -32_603

_SEND: Final = "eth_sendRawTransaction"
_MAX_ID_CHARACTERS: Final = 200

Identifier = str | int | None


@dataclass(frozen=True, slots=True)
class _Request:
    """One call as it was sent; `error` where it cannot be made."""

    identifier: Identifier
    method: str = ""
    params: Sequence[Any] = ()
    error: RpcError | None = None


def answer(identifier: Identifier, result: Any) -> dict[str, Any]:
    """Returns the object that answers a call with its result or its error."""
    if not isinstance(result, RpcError):
        return {"jsonrpc": "2.0", "id": identifier, "result": result}
    error: dict[str, Any] = {"code": result.code, "message": result.message}
    if result.data or result.code == 3:  # a contract refused: callers look for its data, even when there are none
        error["data"] = data(result.data)
    return {"jsonrpc": "2.0", "id": identifier, "error": error}


def respond(ledger: Rpc, body: bytes, *, max_calls: int, max_answer_bytes: int) -> bytes:
    """Returns the answer to a request, or the answers to many.

    Args:
        ledger: Makes the calls. Transactions sent one right after another go into one block.
        body: What was sent.
        max_calls: Most calls at once.
        max_answer_bytes: Most bytes of answers; calls after that are not made.
    """
    try:
        value = loads(body)
    except InvalidInput as error:
        return _encoded(None, RpcError(PARSE_ERROR, error.message))
    if not isinstance(value, list):
        return _answers(ledger, [_read(value)], max_answer_bytes)[0]
    if not value:
        return _encoded(None, RpcError(INVALID_REQUEST, "an empty batch"))
    if len(value) > max_calls:
        return _encoded(None, RpcError(INVALID_REQUEST, f"a batch has {len(value)} calls; {max_calls} is the limit"))
    return b"[" + b",".join(_answers(ledger, [_read(each) for each in value], max_answer_bytes)) + b"]"


def _answers(ledger: Rpc, requests: Sequence[_Request], left_bytes: int) -> list[bytes]:
    encoded: list[bytes] = []
    for sends, group in groupby(requests, key=lambda request: request.error is None and request.method == _SEND):
        run = list(group)
        results = iter(_sent(ledger, run) if sends else ())
        for request in run:
            if not sends and left_bytes <= 0:
                result: Any = RpcError(LIMIT_EXCEEDED, "not called: the answers before it are too long already")
            else:
                result = next(results) if sends else _called(ledger, request)
            encoded.append(_encoded(request.identifier, result))
            left_bytes -= len(encoded[-1])
            if left_bytes < 0 and not sends:
                encoded[-1] = _encoded(request.identifier, RpcError(LIMIT_EXCEEDED, "the answer is too long"))
    return encoded


def _called(ledger: Rpc, request: _Request) -> Any:
    if request.error is not None:
        return request.error
    try:
        return ledger.call(request.method, *request.params)
    except RpcError as error:
        return error
    except CounterfoilError as error:
        return RpcError(INTERNAL_ERROR, error.message)


def _sent(ledger: Rpc, requests: Sequence[_Request]) -> list[Any]:
    try:
        return ledger.batch([(request.method, request.params) for request in requests])
    except CounterfoilError as error:
        return [RpcError(INTERNAL_ERROR, error.message)] * len(requests)


def _read(value: Any) -> _Request:
    if not isinstance(value, dict):
        return _Request(None, error=RpcError(INVALID_REQUEST, "a call is an object"))
    identifier = value.get("id")
    is_usable = isinstance(identifier, str | int) and not isinstance(identifier, bool)
    if not is_usable or len(str(identifier)) > _MAX_ID_CHARACTERS:
        return _Request(None, error=RpcError(INVALID_REQUEST, "a call has an id: a number, or a short string"))
    method, params = value.get("method"), value.get("params", [])
    if value.get("jsonrpc") != "2.0" or not isinstance(method, str):
        return _Request(identifier, error=RpcError(INVALID_REQUEST, 'a call has "jsonrpc": "2.0" and a method'))
    if not isinstance(params, list):
        return _Request(identifier, error=RpcError(INVALID_PARAMS, "params is a list"))
    return _Request(identifier, method, params)


def _encoded(identifier: Identifier, result: Any) -> bytes:
    return json.dumps(answer(identifier, result), separators=(",", ":")).encode()
