"""JSON-RPC read strictly: only the answer to this very call counts."""

from __future__ import annotations

import json
from typing import Any

import pytest

from counterfoil.errors import LedgerContradicts
from counterfoil.ledger.rpc import envelope
from counterfoil.ledger.rpc.rpc import RpcError


def answer(number: Any, result: Any = "0x1") -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": number, "result": result}


def refusal(number: Any, **error: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": number, "error": {"code": 3, "message": "no"} | error}


def read(value: Any, number: int = 7) -> Any:
    return envelope.read_answer(json.dumps(value).encode(), number, "node")


def read_all(value: Any, *numbers: int) -> list[Any]:
    return envelope.read_answers(json.dumps(value).encode(), numbers, "node")


def test_requests_are_json_rpc_2() -> None:
    one = envelope.request([(7, ("eth_call", [{"to": "0x"}, "latest"]))], is_batch=False)
    assert json.loads(one) == {"jsonrpc": "2.0", "id": 7, "method": "eth_call", "params": [{"to": "0x"}, "latest"]}
    assert json.loads(envelope.request([(7, ("a", ()))], is_batch=True)) == [
        {"jsonrpc": "2.0", "id": 7, "method": "a", "params": []}
    ]


def test_the_answer_to_the_call_is_returned() -> None:
    assert read(answer(7)) == "0x1"
    assert read(answer(7, None)) is None
    assert read(answer(7) | {"extra": 1}) == "0x1"


@pytest.mark.parametrize(
    "value",
    [
        None, 1, "x", [], [answer(7)], {}, answer(8), answer("7"), answer(7.0), answer(7.5), answer(None),
        answer(True), {"id": 7, "result": 1}, answer(7) | {"jsonrpc": "1.0"}, answer(7) | {"jsonrpc": 2.0},
        {"jsonrpc": "2.0", "id": 7}, {"jsonrpc": "2.0", "result": 1}, answer(7) | refusal(7), refusal(8),
        refusal(7, code="3"), refusal(7, code=True), refusal(7, message=None), refusal(7) | {"error": None},
        refusal(7) | {"error": "no"},
    ],
)  # fmt: skip
def test_anything_else_is_no_answer(value: Any) -> None:
    with pytest.raises(LedgerContradicts, match="node does not answer as"):
        read(value)


@pytest.mark.parametrize(
    "body",
    [
        b"", b"<html>", b"\xff\xfe", b'{"jsonrpc":"2.0","id":7,"result":1', b'{"jsonrpc":"2.0","id":7,"result":NaN}',
        b'{"jsonrpc":"2.0","id":7,"result":1,"result":2}', b'{"jsonrpc":"2.0","id":7,"result":1e999}',
        b'{"jsonrpc":"2.0","id":7,"result":' + b"9" * 5_000 + b"}", b'{"jsonrpc":"2.0","id":7,"result":"\\ud800"}',
        b'{"jsonrpc":"2.0","id":7,"result":' + b"[" * 100 + b"]" * 100 + b"}",
        b"[" * 1_000_000, '{"jsonrpc":"2.0","id":7,"result":1}'.encode("utf-16"),
    ],
)  # fmt: skip
def test_json_is_read_strictly(body: bytes) -> None:
    with pytest.raises(LedgerContradicts):
        envelope.read_answer(body, 7, "node")
    assert envelope.read_refusal(body, [7], "node") is None


def test_a_nodes_errors_are_returned_with_what_a_contract_said() -> None:
    error = read(refusal(7, data="0x08c379a0"))
    assert isinstance(error, RpcError)
    assert (error.code, error.message, error.data) == (3, "no", bytes.fromhex("08c379a0"))
    assert read(refusal(7, data="Reverted")).data == b""
    assert read(refusal(7, data="0xnothex")).data == b""
    assert read(refusal(7, data={"a": 1})).data == b""
    assert read(refusal(None)).code == 3  # where the call could not be read, there is no id (5.1)
    assert len(read(refusal(7, message="x" * 10_000)).message) == 1_000


def test_answers_of_a_batch_are_put_in_order() -> None:
    assert read_all([answer(9, "c"), answer(7, "a"), answer(8, "b")], 7, 8, 9) == ["a", "b", "c"]
    found = read_all([refusal(8), answer(7)], 7, 8)
    assert found[0] == "0x1"
    assert found[1].code == 3


@pytest.mark.parametrize(
    "value",
    [
        [], [answer(7)], [answer(7), answer(7)], [answer(7), answer(8), answer(8)], [answer(7), answer(8), answer(9)],
        [answer(7), answer(9)], [answer(7), refusal(None)], [answer(7), answer(8), refusal(None)], [answer(7), None],
        answer(7), {}, "x", None,
    ],
)  # fmt: skip
def test_a_batch_with_another_number_of_answers_is_refused(value: Any) -> None:
    with pytest.raises(LedgerContradicts, match="node does not answer as"):
        read_all(value, 7, 8)


def test_a_batch_that_is_refused_as_a_whole_gives_each_call_the_error() -> None:
    assert [error.message for error in read_all(refusal(None), 7, 8)] == ["no", "no"]


def test_errors_with_an_http_status_are_read_too() -> None:
    body = json.dumps(refusal(7)).encode()
    found = envelope.read_refusal(body, [7], "node")
    assert found is not None
    assert found[0].code == 3
    assert envelope.read_refusal(json.dumps([refusal(7), refusal(8)]).encode(), [7, 8], "node") is not None
    assert envelope.read_refusal(b"<h1>no</h1>", [7], "node") is None
