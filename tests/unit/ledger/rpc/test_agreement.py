"""Which differences between two nodes prove something, and which only show that one is younger."""

from __future__ import annotations

from typing import Any

import pytest

from counterfoil.errors import LedgerContradicts
from counterfoil.ledger.rpc.agreement import (
    Difference,
    difference,
    height_of,
    is_refusal,
    kind_of,
    last_block_of,
    subject,
)
from counterfoil.ledger.rpc.rpc import Call, RpcError

HASH = "0x" + "ab" * 32
OTHER = "0x" + "cd" * 32
RECEIPT: Call = ("eth_getTransactionReceipt", [HASH])
BLOCK: Call = ("eth_getBlockByNumber", ["0x7", False])
LOGS: Call = ("eth_getLogs", [{"fromBlock": "0x1", "toBlock": "0x7", "address": []}])
PROOF: Call = ("eth_getProof", ["0x", [], "0x7"])
CODE: Call = ("eth_getCode", ["0x", "0x7"])


def event(**changed: Any) -> dict[str, Any]:
    return {
        "address": "0xAA", "topics": [HASH], "data": "0x01", "blockHash": HASH, "blockNumber": "0x7",
        "transactionHash": HASH, "transactionIndex": "0x0", "logIndex": "0x0", "removed": False,
    } | changed  # fmt: skip


def receipt(**changed: Any) -> dict[str, Any]:
    return {
        "transactionHash": HASH, "blockHash": HASH, "blockNumber": "0x7", "status": "0x1", "gasUsed": "0x5208",
        "logs": [event()], "from": "0xAb",
    } | changed  # fmt: skip


def block(**changed: Any) -> dict[str, Any]:
    return {"hash": HASH, "number": "0x7", "stateRoot": HASH, "timestamp": "0x5", "transactions": [HASH]} | changed


@pytest.mark.parametrize(
    ("call", "kind"),
    [
        (("eth_sendRawTransaction", ["0x"]), "send"),
        (("eth_blockNumber", []), "height"),
        (("eth_getBlockByNumber", ["latest", False]), "tip"),
        (("eth_getBlockByNumber", ["finalized", False]), "final"),
        (("eth_getBlockByNumber", ["safe", False]), "final"),
        (("eth_getBlockByNumber", ["earliest", False]), "fixed"),
        (("eth_getBlockByNumber", ["pending", False]), "plain"),
        (("eth_getBlockByNumber", []), "plain"),
        (BLOCK, "fixed"),
        (("eth_getBlockByHash", [HASH, False]), "fixed"),
        (RECEIPT, "fixed"),
        (LOGS, "fixed"),
        (("eth_getLogs", [{"blockHash": HASH}]), "fixed"),
        (("eth_getLogs", [{"fromBlock": "0x1", "toBlock": "latest"}]), "plain"),
        (("eth_getLogs", [{"fromBlock": "latest", "toBlock": "0x7"}]), "plain"),
        (("eth_getLogs", [{}]), "plain"),
        (PROOF, "fixed"),
        (("eth_getProof", ["0x", [], "latest"]), "plain"),
        (("eth_call", [{}, "0x7"]), "fixed"),
        (("eth_call", [{}, {"blockHash": HASH}]), "fixed"),
        (("eth_call", [{}, {"blockNumber": "0x7"}]), "fixed"),
        (("eth_call", [{}, "latest"]), "plain"),
        (("eth_call", [{}]), "plain"),
        (("eth_getTransactionCount", ["0x", "pending"]), "plain"),
        (("eth_chainId", []), "plain"),
        (("eth_estimateGas", [{}]), "plain"),
    ],
)
def test_calls_are_asked_by_what_they_are_about(call: Call, kind: str) -> None:
    assert kind_of(call) == kind


@pytest.mark.parametrize(
    ("call", "first", "second"),
    [
        (RECEIPT, None, None),
        (RECEIPT, receipt(), receipt(contractAddress=None, to=None)),
        (RECEIPT, receipt(), receipt(l1Fee="0x5", effectiveGasPrice="0x1")),
        (RECEIPT, receipt(blockHash=HASH.upper().replace("X", "x"), **{"from": "0xaB"}), receipt()),
        (RECEIPT, receipt(logs=[event(), event(logIndex="0x1")]), receipt(logs=[event(logIndex="0x1"), event()])),
        (BLOCK, block(), block(size="0x9", totalDifficulty="0x0")),
        (BLOCK, block(transactions=[{"hash": HASH, "from": "0x"}]), block()),
        (
            BLOCK,
            block(transactions=[{"hash": HASH, "from": "0xA"}]),
            block(transactions=[{"hash": HASH, "from": "0xa"}]),
        ),
        (LOGS, [], []),
        (LOGS, [event()], [event(blockTimestamp="0x5")]),
        (CODE, "0xAB", "0xab"),
        (PROOF, {"storageProof": [{"key": "0x1", "value": "0x2"}]}, {"storageProof": [{"key": "0x1", "value": "0x2"}]}),
        (("eth_call", [{}, "0x7"]), RpcError(3, "reverted: no", b"x"), RpcError(-32000, "execution reverted", b"x")),
    ],
)
def test_what_says_the_same_agrees(call: Call, first: Any, second: Any) -> None:
    assert difference(call, first, second) is None
    assert difference(call, second, first) is None


@pytest.mark.parametrize(
    ("call", "first", "second", "height"),
    [
        # The same block hash: the contents are fixed, old or young.
        (RECEIPT, receipt(), receipt(status="0x0"), None),
        (RECEIPT, receipt(), receipt(gasUsed="0x5209"), None),
        (RECEIPT, receipt(), receipt(logs=[]), None),
        (RECEIPT, receipt(), receipt(contractAddress="0xcc"), None),
        (RECEIPT, receipt(), receipt(logs=[event(data="0x02")]), None),
        (RECEIPT, receipt(), receipt(logs=[event(topics=[])]), None),
        (RECEIPT, receipt(), receipt(blockNumber="0x8"), None),
        (BLOCK, block(), block(stateRoot=OTHER), None),
        (BLOCK, block(), block(transactions=[]), None),
        (BLOCK, block(), block(transactions=[{"hash": OTHER}]), None),
        (
            BLOCK,
            block(transactions=[{"hash": HASH, "nonce": "0x1"}]),
            block(transactions=[{"hash": HASH, "nonce": "0x2"}]),
            None,
        ),
        # Another block: a contradiction once the lower one is final.
        (RECEIPT, receipt(), receipt(blockHash=OTHER, blockNumber="0x9"), 7),
        (RECEIPT, receipt(), receipt(blockHash=OTHER, status="0x0"), 7),
        (BLOCK, block(), block(hash=OTHER), 7),
        # One does not know it.
        (RECEIPT, receipt(), None, 7),
        (BLOCK, block(), None, 7),
        (("eth_getBlockByHash", [HASH, False]), block(), None, 7),
        (CODE, "0x01", None, 7),
        # Of a block that was named.
        (LOGS, [event()], [], 7),
        (LOGS, [event()], [event(data="0x02")], 7),
        (("eth_getLogs", [{"blockHash": HASH}]), [event()], [], None),
        (CODE, "0x01", "0x02", 7),
        (("eth_getCode", ["0x", {"blockHash": HASH}]), "0x01", "0x02", None),
        (("eth_call", [{}, "earliest"]), "0x01", "0x02", 0),
        (PROOF, {"balance": "0x1"}, {"balance": "0x2"}, 7),
        (PROOF, {"storageProof": [{"value": "0x2"}]}, {"storageProof": [{"value": "0x3"}]}, 7),
        (("eth_call", [{}, "0x7"]), RpcError(3, "no"), "0x01", 7),
        (("eth_call", [{}, "0x7"]), RpcError(3, "no", b"a"), RpcError(3, "no", b"b"), 7),
    ],
)
def test_a_difference_hangs_on_a_block(call: Call, first: Any, second: Any, height: int | None) -> None:
    for found in (difference(call, first, second), difference(call, second, first)):
        assert found is not None
        assert found.height == height
        assert found.words


@pytest.mark.parametrize(
    ("call", "wrong"),
    [
        (RECEIPT, []),
        (RECEIPT, "0x"),
        (RECEIPT, receipt(logs=None)),
        (RECEIPT, receipt(logs=["x"])),
        (RECEIPT, receipt(logs=[event(logIndex=None)])),
        (RECEIPT, receipt(blockHash=OTHER, blockNumber=7)),
        (BLOCK, 7),
        (LOGS, {}),
        (LOGS, ["x"]),
        (LOGS, [event(blockNumber="x")]),
        (PROOF, "x"),
    ],
)
def test_what_has_another_shape_is_refused(call: Call, wrong: Any) -> None:
    right = {"eth_getTransactionReceipt": receipt(), "eth_getLogs": [event()], "eth_getProof": {"balance": "0x1"}}
    good = right.get(call[0], block())
    for first, second in ((good, wrong), (wrong, good)):
        with pytest.raises(LedgerContradicts):
            difference(call, first, second)


def test_words_are_short_and_print() -> None:
    found = difference(CODE, "0x" + "ab" * 10_000, "\x1b[2J\n" + "x" * 100)
    assert found is not None
    assert found.words.isprintable()
    assert len(found.words) < 200
    assert difference(RECEIPT, receipt(), receipt(status="0x0")) == Difference("status is 0x1 and 0x0", None)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (RECEIPT, f"the receipt of {HASH}"),
        (BLOCK, "block 7"),
        (("eth_getBlockByNumber", ["finalized", False]), "the finalized block"),
        (("eth_getBlockByHash", [HASH, False]), f"block {HASH}"),
        (LOGS, "the events up to block 7"),
        (CODE, "eth_getCode at block 7"),
    ],
)
def test_what_is_asked_is_said_in_words(call: Call, words: str) -> None:
    assert subject(call) == words


def test_heights_are_read_strictly() -> None:
    assert height_of({"number": "0x7"}) == 7
    for wrong in (None, "0x7", {}, {"number": 7}, {"number": "0x07"}):
        with pytest.raises(LedgerContradicts):
            height_of(wrong)


def test_only_a_contracts_no_is_an_answer() -> None:
    assert is_refusal(RpcError(3, "no"))
    assert is_refusal(RpcError(-32000, "execution reverted"))
    assert is_refusal(RpcError(-32015, "VM error", b"x"))
    assert not is_refusal(RpcError(-32601, "no such method"))
    assert not is_refusal("0x")


def test_events_are_asked_for_up_to_a_block() -> None:
    assert last_block_of(LOGS) == 7
    assert last_block_of(("eth_getLogs", [{"fromBlock": "0x1", "toBlock": "latest"}])) is None
    assert last_block_of(("eth_getLogs", [{"blockHash": HASH}])) is None
    assert last_block_of(BLOCK) is None
