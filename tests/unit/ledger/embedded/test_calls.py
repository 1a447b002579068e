"""Running contracts without sending anything, and estimating gas."""

from __future__ import annotations

import sys
import threading
from typing import Any

import pytest
from eth_abi.abi import encode
from small_ledger import FUNDS_WEI, GWEI, Contracts, Purse, init_code, words

from counterfoil.ledger.embedded.calls import CALL_GAS_LIMIT
from counterfoil.ledger.embedded.ledger import EmbeddedLedger
from counterfoil.ledger.rpc.hexadecimal import data, quantity
from counterfoil.ledger.rpc.rpc import RpcError


def failure(ledger: EmbeddedLedger, call: Any, method: str = "eth_call") -> RpcError:
    with pytest.raises(RpcError) as caught:
        ledger.call(method, call)
    return caught.value


def test_a_refusal_carries_its_reason(ledger: EmbeddedLedger, contracts: Contracts) -> None:
    reason = bytes.fromhex("08c379a0") + encode(("string",), ("size must grow",))
    for method in ("eth_call", "eth_estimateGas"):
        error = failure(ledger, {"to": data(contracts.refuse), "data": data(reason)}, method)
        assert (error.code, error.message, error.data) == (3, "execution reverted: size must grow", reason)
        error = failure(ledger, {"to": data(contracts.refuse), "data": "0xdeadbeef"}, method)
        assert (error.code, error.message, error.data) == (3, "execution reverted", b"\xde\xad\xbe\xef")
    short = bytes.fromhex("08c379a0") + words(32, 10**9)
    assert failure(ledger, {"to": data(contracts.refuse), "data": data(short)}).message == "execution reverted"


@pytest.mark.parametrize(
    ("code", "problem"),
    [
        ("fe", "invalid opcode"),
        ("0c", "invalid opcode"),
        ("01", "stack underflow"),
        ("5f" * 1025, "stack limit reached 1024"),
        ("5f56", "invalid jump destination"),
        ("5b5f56", "out of gas"),
        ("60015f5f3e", "return data out of bounds"),
        ("60ef5f5260016001601f5360ef5f5360015ff3", "invalid code: must not begin with 0xef"),
    ],
)
def test_other_failures_are_named(ledger: EmbeddedLedger, code: str, problem: str) -> None:
    error = failure(ledger, {"data": "0x" + code, "gas": quantity(100_000)})
    assert (error.code, error.message, error.data) == (-32000, problem, b"")


def test_a_call_changes_nothing(ledger: EmbeddedLedger, purse: Purse, contracts: Contracts) -> None:
    call = {"to": data(contracts.store), "data": data(words(5, 0)), "from": data(purse.address(0)), "value": "0x1"}
    assert ledger.call("eth_call", call) == data(words(5))
    assert contracts.slot(0) == 0
    assert ledger.call("eth_getBalance", data(contracts.store), "latest") == "0x0"
    assert ledger.head.number == 1


def test_what_a_call_may_cost(ledger: EmbeddedLedger, purse: Purse, contracts: Contracts) -> None:
    rich, poor = data(purse.address(0)), data(b"\x99" * 20)
    base = {"to": data(contracts.store), "data": data(words(1, 0))}
    assert ledger.call("eth_call", base | {"from": poor}) == data(words(1))
    for more, problem in [
        ({"from": poor, "value": "0x1"}, "insufficient funds"),
        ({"from": poor, "gasPrice": quantity(GWEI)}, "insufficient funds"),
        ({"from": rich, "gasPrice": "0x1"}, "max fee per gas less than block base fee"),
        ({"from": rich, "gas": quantity(21_000)}, "intrinsic gas too low"),
        ({"from": rich, "value": quantity(FUNDS_WEI + 1)}, "insufficient funds"),
    ]:
        assert failure(ledger, base | more).message.startswith(problem)
    affordable = {"from": rich, "maxFeePerGas": quantity(GWEI), "maxPriorityFeePerGas": "0x1", "gas": quantity(90_000)}
    assert ledger.call("eth_call", base | affordable) == data(words(1))
    show_price = data(bytes.fromhex("3a5f524860205260405ff3"))  # GASPRICE and BASEFEE
    assert ledger.call("eth_call", {"data": show_price}) == data(words(0, 0))
    priced = ledger.call(
        "eth_call", {"data": show_price, "from": rich, "gas": quantity(90_000), "gasPrice": quantity(GWEI)}
    )
    assert priced == data(words(GWEI, 875_000_000))


def test_calls_that_cannot_be_read(ledger: EmbeddedLedger) -> None:
    for call in (
        {"to": "0x12"},
        {"data": "0x1"},
        {"data": "0x01", "input": "0x02"},
        {"gas": "many"},
        {"value": "-0x1"},
        {"gasPrice": "0x1", "maxFeePerGas": "0x1"},
        {"accessList": "none"},
        {"accessList": [{"address": "0x1"}]},
        {"accessList": [{"address": data(bytes(20)), "storageKeys": "x"}]},
        [],
        None,
    ):
        assert failure(ledger, call).code == -32602, call
    ok = {
        "data": "0x00",
        "input": "0x00",
        "accessList": [{"address": data(bytes(20)), "storageKeys": [data(bytes(32))]}],
    }
    assert ledger.call("eth_call", ok) == "0x"


def test_an_estimate_is_enough_and_not_much_more(ledger: EmbeddedLedger, purse: Purse, contracts: Contracts) -> None:
    half_back = bytes.fromhex("60016001556001600255") + bytes.fromhex("5f6001555f600255")  # set two slots, clear them
    for who, to, calldata in [
        (0, contracts.store, words(7, 1)),
        (0, contracts.tell, words(7, 1) * 9),
        (1, None, init_code(b"\5" * 5_000)),
        (1, None, half_back),
    ]:
        call = {"from": data(purse.address(who)), "data": data(calldata)} | ({"to": data(to)} if to else {})
        gas = int(ledger.call("eth_estimateGas", call), 16)
        (made,) = ledger.send([purse.sign(who, to, calldata, gas=gas)])
        receipt = ledger.call("eth_getTransactionReceipt", data(made))
        assert receipt["status"] == "0x1"
        if calldata != half_back:  # which needs more than it pays for in the end
            assert gas <= 1.016 * int(receipt["gasUsed"], 16)
    assert (
        ledger.call("eth_estimateGas", {"to": data(b"\x77" * 20), "value": "0x1", "from": data(purse.address(0))})
        == "0x5208"
    )


def test_estimates_that_cannot_be(ledger: EmbeddedLedger, purse: Purse, contracts: Contracts) -> None:
    poor = {"from": data(b"\x99" * 20), "to": data(contracts.store), "data": data(words(1, 1))}
    assert failure(ledger, poor | {"gasPrice": quantity(GWEI)}, "eth_estimateGas").message.startswith(
        ("intrinsic gas too low", "insufficient funds", "gas required exceeds allowance")
    )
    assert "exceeds allowance (30000)" in failure(ledger, poor | {"gas": quantity(30_000)}, "eth_estimateGas").message
    assert failure(ledger, poor | {"value": "0x1"}, "eth_estimateGas").message.startswith("insufficient funds")


def test_gas_beyond_the_limit_is_cut(ledger: EmbeddedLedger) -> None:
    show_gas = {"data": data(bytes.fromhex("5a5f5260205ff3"))}
    for gas in ({}, {"gas": quantity(2**60)}):
        left = int(ledger.call("eth_call", show_gas | gas), 16)
        assert CALL_GAS_LIMIT - 60_000 < left < CALL_GAS_LIMIT


def test_calls_inside_calls_go_as_deep_as_gas_allows_even_on_a_small_stack(
    ledger: EmbeddedLedger, purse: Purse
) -> None:
    deeper = bytes.fromhex("5f5f5f5f5f305af100")  # calls itself with all its gas
    counted = bytes.fromhex("5f5f5f5f5f305af15060015460010160015500")  # and counts afterwards
    made = [purse.sign(0, None, init_code(code)) for code in (deeper, counted)]
    receipts = [ledger.call("eth_getTransactionReceipt", data(each)) for each in ledger.send(made)]
    to, counting = (receipt["contractAddress"] for receipt in receipts)
    found: list[str] = []
    before = threading.stack_size(512 * 1024)  # what threads have on macOS
    try:
        thread = threading.Thread(target=lambda: found.append(ledger.call("eth_call", {"to": to, "data": "0x"})))
        thread.start()
    finally:
        threading.stack_size(before)
    thread.join()
    assert found == ["0x"]
    ledger.send([purse.sign(0, bytes.fromhex(counting[2:]), gas=30_000_000)])
    assert int(ledger.call("eth_getStorageAt", counting, "0x1", "latest"), 16) > 150


def test_the_interpreters_limit_is_put_back(ledger: EmbeddedLedger, purse: Purse) -> None:
    deeper = init_code(bytes.fromhex("5f5f5f5f5f305af15f5260205ff3"))  # returns whether its call of itself succeeded
    (made,) = ledger.send([purse.sign(0, None, deeper)])
    to = ledger.call("eth_getTransactionReceipt", data(made))["contractAddress"]
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(1_500)
    try:
        assert ledger.call("eth_call", {"to": to}) == data(words(1))
        assert sys.getrecursionlimit() == 1_500
    finally:
        sys.setrecursionlimit(before)


@pytest.mark.parametrize(("function", "size"), [(8, 192 * 200), (15, 384 * 200), (12, 160 * 400), (14, 288 * 400)])
def test_functions_that_would_run_for_minutes_are_refused(
    ledger: EmbeddedLedger, purse: Purse, function: int, size: int
) -> None:
    call = {"to": data(bytes(19) + bytes([function])), "data": data(bytes(size))}
    assert failure(ledger, call).message.startswith("execution timeout")
    with pytest.raises(RpcError, match="execution timeout"):
        ledger.send([purse.sign(0, bytes(19) + bytes([function]), bytes(size), gas=30_000_000)])
    ledger.send([purse.sign(0, nonce=0)])  # it left no trace


def test_rounds_without_end_are_refused(ledger: EmbeddedLedger) -> None:
    rounds = {"to": data(bytes(19) + b"\x09"), "data": data((30_000_000).to_bytes(4, "big") + bytes(209))}
    assert failure(ledger, rounds).message.startswith("execution timeout")
