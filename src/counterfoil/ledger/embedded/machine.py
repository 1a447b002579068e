"""py-evm's state machine for Prague, as this ledger runs it.

What differs:

- A transaction is checked before it comes here (`signed`, `mining`), and not again.
- The gas that is billed is the gas in the receipt also where the floor of EIP-7623
  meets a refund; py-evm takes the refund's cap from another number there.
- Creation code that is too long fails as it must (EIP-3860), whatever the sender has.
- No system contracts: no beacon chain stands behind this ledger (EIP-4788, EIP-2935).
- Calls of built-in functions note no state to go back to, and memory that is there costs no call.
- Some built-in functions take seconds in Python, so that gas alone does not bound them: time does.
"""

from __future__ import annotations

import inspect
import time
from typing import Any, Final

from eth._utils.address import force_bytes_to_address, generate_contract_address
from eth.constants import GAS_CREATE
from eth.exceptions import OutOfGas
from eth.vm.forks.cancun.opcodes import CANCUN_OPCODES
from eth.vm.forks.prague.computation import PragueComputation
from eth.vm.forks.prague.opcodes import UPDATED_OPCODES
from eth.vm.forks.prague.state import PragueState, PragueTransactionExecutor
from eth.vm.forks.shanghai.logic import Create2EIP3860, CreateEIP3860
from eth.vm.message import Message

from counterfoil.ledger.embedded.signed import MAX_INIT_CODE_BYTES, floor_gas

__all__ = ["Machine", "TooSlow"]

_POINT_TIME_S: Final = 0.5
"""About what one point of a pairing or of a sum of products takes in Python, on a slow machine."""

_POINTS: Final = {
    force_bytes_to_address(b"\x08"): (192, 34_000),  # pairing on bn128
    force_bytes_to_address(b"\x0c"): (160, 6_000),  # sums of products and pairing on BLS12-381
    force_bytes_to_address(b"\x0e"): (288, 11_000),
    force_bytes_to_address(b"\x0f"): (384, 32_600),
}
"""Built-in functions that take long: bytes of one point, and gas that it costs at least."""

_BLAKE2: Final = force_bytes_to_address(b"\x09")
_ROUND_TIME_S: Final = 1e-5

_REFUND_SHARE: Final = 5
"""At most a fifth of the gas used is given back (EIP-3529)."""

_CREATE, _CREATE2, _SELFDESTRUCT = 0xF0, 0xF5, 0xFF


class TooSlow(Exception):
    """There is no time left."""


def _built_in_time_s(message: Any) -> float:
    """Returns about how long a call takes if it is one of the built-in functions that take long."""
    if message.code_address in _POINTS:
        point_bytes, point_gas = _POINTS[message.code_address]
        points = len(message.data) // point_bytes
        return points * _POINT_TIME_S if points * point_gas <= message.gas else 0  # it runs out of gas at once
    if message.code_address == _BLAKE2:
        rounds = int.from_bytes(message.data[:4], "big")
        return rounds * _ROUND_TIME_S if rounds <= message.gas else 0
    return 0


def _create(kind: Any) -> Any:
    """Returns CREATE or CREATE2, which fails for creation code that is too long (EIP-3860).

    py-evm looks at the length only where there is money enough for the contract.
    """

    def gas_cost(self: Any, data: Any) -> Any:
        if data.memory_length > MAX_INIT_CODE_BYTES:
            raise OutOfGas("the creation code is too long")
        return kind.get_gas_cost(self, data)

    return kind.configure(__name__=kind.__name__, mnemonic="CREATE", gas_cost=GAS_CREATE, get_gas_cost=gas_cost)()


def _lean(opcode: Any) -> Any:
    """Returns an opcode that takes its gas in one step instead of three calls, if it is of the simple kind."""
    if not hasattr(opcode, "logic_fn"):
        return opcode
    gas, run_logic = opcode.gas_cost, opcode.logic_fn

    def run(computation: Any) -> None:
        meter = computation._gas_meter
        if meter.gas_remaining < gas:
            raise OutOfGas
        meter.gas_remaining -= gas
        run_logic(computation)

    return run


_OPCODES: Final = {
    **{number: _lean(opcode) for number, opcode in (CANCUN_OPCODES | UPDATED_OPCODES).items()},
    _CREATE: _create(CreateEIP3860),
    _CREATE2: _create(Create2EIP3860),
    _SELFDESTRUCT: inspect.unwrap(CANCUN_OPCODES[_SELFDESTRUCT]),  # without py-evm's Python warning
}
"""Prague's, in a table of their own: tools that test contracts change py-evm's."""


class _Computation(PragueComputation):
    """A contract's run, which looks at the clock whenever it calls."""

    opcodes = _OPCODES

    def extend_memory(self, start_position: int, size: int) -> None:
        """Takes gas for memory that is new; most of the time there is none."""
        if start_position + size > len(self._memory):
            super().extend_memory(start_position, size)

    @classmethod
    def apply_message(cls, state: Any, message: Any, transaction_context: Any, parent_computation: Any = None) -> Any:
        """Runs a message; a built-in function changes no account, so that nothing need be noted for going back."""
        run = super().apply_message
        if parent_computation is not None and not message.value and message.code_address in cls.get_precompiles():
            run = cls.apply_computation
        return run(state, message, transaction_context, parent_computation)

    @classmethod
    def apply_computation(
        cls, state: Any, message: Any, transaction_context: Any, parent_computation: Any = None
    ) -> Any:
        if time.monotonic() + _built_in_time_s(message) > state.until_s:
            raise TooSlow
        return super().apply_computation(state, message, transaction_context, parent_computation)


class _Executor(PragueTransactionExecutor):
    """Takes the fee, runs the message, gives back what was not used."""

    def validate_transaction(self, transaction: Any) -> None:
        """Done before."""

    def build_evm_message(self, transaction: Any) -> Any:
        state: Any = self.vm_state
        nonce = state.get_nonce(transaction.sender)
        state.delta_balance(transaction.sender, -transaction.gas * state.get_gas_price(transaction))
        state.set_nonce(transaction.sender, nonce + 1)
        creates = not transaction.to
        message: Any = Message
        return message(
            gas=transaction.gas - transaction.intrinsic_gas,
            to=transaction.to,
            sender=transaction.sender,
            value=transaction.value,
            data=b"" if creates else transaction.data,
            code=transaction.data if creates else state.get_code(transaction.to),
            create_address=generate_contract_address(transaction.sender, nonce) if creates else None,
        )

    def finalize_computation(self, transaction: Any, computation: Any) -> Any:
        """Settles as py-evm does, and notes what was paid for: `gas_used`, `gas_needed`."""
        done: Any = super().finalize_computation(transaction, computation)
        needed = transaction.gas - computation.get_gas_remaining()
        refund = min(computation.get_gas_refund(), needed // _REFUND_SHARE)
        done.gas_needed = max(needed, floor_gas(transaction.data))
        done.gas_used = max(needed - refund, floor_gas(transaction.data))
        return done


class Machine(PragueState):
    """py-evm's state, without system contracts."""

    computation_class = _Computation
    transaction_executor_class = _Executor
    until_s = 0.0

    def set_system_contracts(self) -> None:
        """There are none."""
