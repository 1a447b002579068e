"""Running a contract without sending anything: eth_call and eth_estimateGas."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from counterfoil.ledger.embedded import parameters
from counterfoil.ledger.embedded.block import BLOCK_GAS_LIMIT, Block
from counterfoil.ledger.embedded.execution import Outcome, State
from counterfoil.ledger.embedded.signed import (
    MAX_INIT_CODE_BYTES,
    AccessList,
    floor_gas,
    intrinsic_gas,
    refusal,
)
from counterfoil.ledger.embedded.view import View
from counterfoil.ledger.rpc.rpc import RpcError

__all__ = ["CALL_GAS_LIMIT", "Call", "estimate", "read_call", "run"]

CALL_GAS_LIMIT: Final = BLOCK_GAS_LIMIT
"""Most gas that a call may use; what asks for more gets this much."""

_REVERTED: Final = 3
_ERROR_SELECTOR: Final = bytes.fromhex("08c379a0")
_CALL_STIPEND: Final = 2_300
_GAS_KEPT: Final = 64
"""A contract that calls keeps a 64th of its gas (EIP-150)."""

_NEAR_ENOUGH: Final = 0.015
"""By how much an estimate may be too high, as other nodes have it."""


@dataclass(frozen=True, slots=True)
class Call:
    """A transaction that nobody signed. py-evm reads these names.

    Attributes:
        sender: 20 bytes; zeros where nobody is named.
        to: 20 bytes; empty where it makes a contract.
        value: Wei it carries.
        data: Calldata, or creation code.
        gas: Most gas it may use.
        max_fee_per_gas: Most that a unit of gas may cost, wei; 0 for a call that pays nothing.
        max_priority_fee_per_gas: Of that, most to the block's maker, wei.
        access_list: What it says it will touch.
    """

    sender: bytes
    to: bytes
    value: int
    data: bytes
    gas: int
    max_fee_per_gas: int
    max_priority_fee_per_gas: int
    access_list: AccessList

    type_id = 2

    @property
    def intrinsic_gas(self) -> int:
        """What it costs before a contract runs."""
        return intrinsic_gas(self.to, self.data, self.access_list)


def read_call(value: Any) -> Call:
    """Reads the object that eth_call and eth_estimateGas are given.

    Raises:
        RpcError: It cannot be used.
    """
    given = {name: item for name, item in parameters.mapping(value, "call").items() if item is not None}
    price = _number(given, "gasPrice", 0)
    most = _number(given, "maxFeePerGas", price)
    if "gasPrice" in given and ("maxFeePerGas" in given or "maxPriorityFeePerGas" in given):
        raise RpcError(parameters.INVALID_PARAMS, "both gasPrice and (maxFeePerGas or maxPriorityFeePerGas) specified")
    names = [name for name in ("input", "data") if name in given]
    payloads = [parameters.bytes_of(given[name], name) for name in names]
    if len(set(payloads)) > 1:
        raise RpcError(parameters.INVALID_PARAMS, "both data and input are set and not equal")
    return Call(
        sender=parameters.address(given["from"], "from") if "from" in given else bytes(20),
        to=parameters.address(given["to"], "to") if "to" in given else b"",
        value=_number(given, "value", 0),
        data=payloads[0] if payloads else b"",
        gas=min(_number(given, "gas", CALL_GAS_LIMIT), CALL_GAS_LIMIT),
        max_fee_per_gas=most,
        max_priority_fee_per_gas=min(_number(given, "maxPriorityFeePerGas", price), most),
        access_list=_access_list(given.get("accessList", [])),
    )


def run(view: View, call: Call, block: Block, time_s: int | None = None) -> Outcome:
    """Runs a call on the state after a block, and forgets what it changed.

    Args:
        view: The ledger.
        call: The call.
        block: The block.
        time_s: Unix seconds that contracts are told; None tells the block's.

    Raises:
        RpcError: It cannot even begin: too little gas, or too little money.
    """
    state = _state(view, call, block, time_s)
    _require_runnable(state, call)
    return state.run(call)


def require_success(outcome: Outcome) -> Outcome:
    """Returns an outcome that succeeded.

    Raises:
        RpcError: It failed; the error carries what the contract returned.
    """
    if outcome.is_success:
        return outcome
    if not outcome.is_refusal:
        raise refusal(outcome.problem)
    reason = _reason(outcome.output)
    raise RpcError(_REVERTED, outcome.problem + (f": {reason}" if reason else ""), outcome.output)


def estimate(view: View, call: Call, block: Block, time_s: int) -> int:
    """Returns gas with which a call succeeds, at most 1.5 % more than it needs.

    Args:
        view: The ledger.
        call: The call.
        block: The block it is run after.
        time_s: Unix seconds of the block that it would be in: on a ledger where blocks are made only when something
            is sent, the newest one may be long ago, and what a contract lets happen after a time would never be sent.

    Raises:
        RpcError: It fails with any gas that it may have.
    """
    high = call.gas
    if call.max_fee_per_gas:
        high = min(high, _affordable_gas(view, call, block))
    outcome = run(view, replace(call, gas=high), block, time_s)
    if not outcome.is_success and not outcome.is_refusal and high < CALL_GAS_LIMIT:
        raise refusal(f"gas required exceeds allowance ({high})")
    require_success(outcome)
    if not call.data and outcome.gas_used == intrinsic_gas(call.to, b"", ()):
        return outcome.gas_used  # a plain transfer
    low = outcome.gas_used - 1
    guess = (outcome.gas_needed + _CALL_STIPEND) * _GAS_KEPT // (_GAS_KEPT - 1)
    if guess < high and _succeeds(view, call, guess, block, time_s):
        high = guess
    elif guess < high:
        low = guess
    while low + 1 < high and (high - low) / high >= _NEAR_ENOUGH:
        middle = min((low + high) // 2, low * 2)
        if _succeeds(view, call, middle, block, time_s):
            high = middle
        else:
            low = middle
    return high


def _succeeds(view: View, call: Call, gas: int, block: Block, time_s: int) -> bool:
    try:
        return run(view, replace(call, gas=gas), block, time_s).is_success
    except RpcError:
        return False


def _state(view: View, call: Call, block: Block, time_s: int | None) -> State:
    """Returns the state to run in; where the caller names no fee, gas costs nothing and contracts see that."""
    return view.state_at(block, base_fee_wei=None if call.max_fee_per_gas else 0, time_s=time_s)


def _require_runnable(state: State, call: Call) -> None:
    needed = max(call.intrinsic_gas, floor_gas(call.data))
    if call.gas < needed:
        raise refusal(f"intrinsic gas too low: gas {call.gas}, minimum needed {needed}")
    if not call.to and len(call.data) > MAX_INIT_CODE_BYTES:
        raise refusal(f"max initcode size exceeded: code size {len(call.data)} limit {MAX_INIT_CODE_BYTES}")
    if call.max_fee_per_gas and call.max_fee_per_gas < state.base_fee_wei:
        raise refusal(
            "max fee per gas less than block base fee: "
            f"maxFeePerGas: {call.max_fee_per_gas}, baseFee: {state.base_fee_wei}"
        )
    most_wei = call.gas * call.max_fee_per_gas + call.value
    if most_wei and (balance_wei := state.balance_wei(call.sender)) < most_wei:
        raise refusal(f"insufficient funds for gas * price + value: balance {balance_wei}, tx cost {most_wei}")


def _affordable_gas(view: View, call: Call, block: Block) -> int:
    left_wei = view.state_at(block).balance_wei(call.sender) - call.value
    if left_wei < 0:
        raise refusal("insufficient funds for transfer")
    return left_wei // call.max_fee_per_gas


def _reason(output: bytes) -> str:
    """Returns a contract's own words (Error(string) of the ABI), empty where there are none."""
    if output[:4] != _ERROR_SELECTOR or len(output) < 68:
        return ""
    size = int.from_bytes(output[36:68], "big")
    return output[68 : 68 + size].decode("utf-8", "replace") if size <= len(output) - 68 else ""


def _number(given: Mapping[str, Any], name: str, default: int) -> int:
    return parameters.number(given[name], name) if name in given else default


def _access_list(value: Any) -> AccessList:
    if not isinstance(value, list):
        raise parameters.invalid(value, "accessList", "a list")
    found = []
    for entry in value:
        row = parameters.mapping(entry, "accessList entry")
        slots = row.get("storageKeys") or []
        if not isinstance(slots, list):
            raise parameters.invalid(slots, "storageKeys", "a list")
        keys = tuple(int.from_bytes(parameters.digest(each, "storage key"), "big") for each in slots)
        found.append((parameters.address(row.get("address")), keys))
    return tuple(found)
