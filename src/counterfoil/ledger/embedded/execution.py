"""Running one transaction or call by Prague's rules, and the accounts that it changes."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, Protocol

from eth import exceptions as evm
from eth.vm.execution_context import ExecutionContext
from eth.vm.interrupt import EVMMissingData
from eth_typing import Hash32
from eth_utils.exceptions import ValidationError
from trie.exceptions import MissingTraversalNode, MissingTrieNode

from counterfoil.errors import HomeDamaged
from counterfoil.ledger.embedded.block import BLOCK_GAS_LIMIT, MAKER
from counterfoil.ledger.embedded.machine import Machine, TooSlow
from counterfoil.ledger.embedded.mined import Log
from counterfoil.ledger.embedded.nodes import Nodes
from counterfoil.ledger.embedded.signed import AccessList, refusal

__all__ = ["EXECUTION_TIMEOUT_S", "Outcome", "Runnable", "State", "naming_damage"]

RECURSION_LIMIT: Final = 6_000
"""Python frames that calls inside calls may take; the gas of a block buys about 600, eight frames each."""

EXECUTION_TIMEOUT_S: Final = 20.0
"""How long one transaction or call may run; looked at whenever a contract or a built-in function is called."""

_WORDS: Final = {
    evm.OutOfGas: "out of gas",
    evm.InsufficientStack: "stack underflow",
    evm.FullStack: "stack limit reached 1024",
    evm.InvalidJumpDestination: "invalid jump destination",
    evm.InvalidInstruction: "invalid opcode",
    evm.InsufficientFunds: "insufficient balance for transfer",
    evm.StackDepthLimit: "max call depth exceeded",
    evm.ContractCreationCollision: "contract address collision",
    evm.WriteProtection: "write protection",
    evm.OutOfBoundsRead: "return data out of bounds",
    evm.ReservedBytesInCode: "invalid code: must not begin with 0xef",
}


class Runnable(Protocol):
    """What py-evm reads of a transaction."""

    @property
    def type_id(self) -> int: ...
    @property
    def sender(self) -> bytes: ...
    @property
    def to(self) -> bytes: ...
    @property
    def value(self) -> int: ...
    @property
    def data(self) -> bytes: ...
    @property
    def gas(self) -> int: ...
    @property
    def max_fee_per_gas(self) -> int: ...
    @property
    def max_priority_fee_per_gas(self) -> int: ...
    @property
    def access_list(self) -> AccessList: ...
    @property
    def intrinsic_gas(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Outcome:
    """What running did.

    Attributes:
        gas_used: What is paid for.
        gas_needed: The most that was used at any time, before anything was given back.
        output: What the contract returned: also its reason when it refused.
        contract: 20 bytes of the contract that was made, None when none was.
        logs: Its events, in order.
        problem: Why it failed, in the words of other nodes; empty when it succeeded.
        is_refusal: Whether the contract itself refused.
    """

    gas_used: int
    gas_needed: int
    output: bytes
    contract: bytes | None
    logs: tuple[Log, ...]
    problem: str
    is_refusal: bool

    @property
    def is_success(self) -> bool:
        return not self.problem


class State:
    """All accounts after some block, and what is being changed in them. For one thread.

    Args:
        nodes: Where the trees are read from and written to.
        root: 32 bytes that name the accounts to begin with.
        number, time_s, base_fee_wei: Of the block that contracts see.
        chain_id: The chain they see.
        ancestors: Hashes of the blocks before, newest first; read only if a contract asks.
    """

    def __init__(
        self,
        nodes: Nodes,
        root: bytes,
        *,
        number: int,
        time_s: int,
        base_fee_wei: int,
        chain_id: int,
        ancestors: Iterable[bytes],
    ) -> None:
        self.base_fee_wei = base_fee_wei
        context: Any = ExecutionContext
        self._machine: Any = Machine(
            nodes,
            context(
                coinbase=MAKER,
                timestamp=time_s,
                block_number=number,
                difficulty=0,
                mix_hash=bytes(32),
                gas_limit=BLOCK_GAS_LIMIT,
                prev_hashes=ancestors,
                chain_id=chain_id,
                base_fee_per_gas=base_fee_wei,
                excess_blob_gas=0,
            ),
            Hash32(root),
        )

    def balance_wei(self, address: bytes) -> int:
        with naming_damage():
            return int(self._machine.get_balance(address))

    def nonce(self, address: bytes) -> int:
        with naming_damage():
            return int(self._machine.get_nonce(address))

    def code(self, address: bytes) -> bytes:
        with naming_damage():
            return bytes(self._machine.get_code(address))

    def slot(self, address: bytes, slot: int) -> int:
        with naming_damage():
            return int(self._machine.get_storage(address, slot))

    def fund(self, address: bytes, balance_wei: int) -> None:
        """Sets what an account holds, before the first block."""
        self._machine.set_balance(address, balance_wei)

    def run(self, transaction: Runnable) -> Outcome:
        """Runs a transaction that was found good; takes its fee and keeps its changes.

        Raises:
            RpcError: It cannot be run here; the state is as before.
            HomeDamaged: A part of the stored state is missing or was altered.
        """
        machine = self._machine
        machine.until_s = time.monotonic() + EXECUTION_TIMEOUT_S
        machine.lock_changes()
        before = machine.snapshot()
        with naming_damage(), _DEEP:
            try:
                return _outcome(machine.apply_transaction(transaction))
            except TooSlow as error:
                machine.revert(before)
                raise refusal(f"execution timeout: it would take more than {EXECUTION_TIMEOUT_S:g} seconds") from error
            except (evm.VMError, ValidationError, ArithmeticError, TypeError, ValueError, RecursionError) as error:
                machine.revert(before)  # what py-evm itself gets wrong must not hold others up
                raise refusal(f"this ledger cannot run it: {type(error).__name__}") from error

    def store(self) -> bytes:
        """Writes the changed trees into the nodes; returns the new root."""
        with naming_damage():
            self._machine.persist()
        return bytes(self._machine.state_root)


class _Deep:
    """Lets Python call as deep as contracts can, for as long as any thread runs one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()  # guards what follows
        self._runs = 0
        self._before = 0

    def __enter__(self) -> None:
        with self._lock:
            if self._runs == 0:
                self._before = sys.getrecursionlimit()
                sys.setrecursionlimit(max(self._before, RECURSION_LIMIT))
            self._runs += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._runs -= 1
            if self._runs == 0:
                sys.setrecursionlimit(self._before)


_DEEP: Final = _Deep()


@contextmanager
def naming_damage() -> Iterator[None]:
    """Turns a missing part of the state into HomeDamaged."""
    try:
        yield
    except (EVMMissingData, MissingTrieNode, MissingTraversalNode) as error:
        raise HomeDamaged(
            "a part of the ledger's state is missing or was altered",
            hint="restore the ledger's folder from a backup",
        ) from error


def _outcome(computation: Any) -> Outcome:
    error = computation.error if computation.is_error else None
    message = computation.msg
    return Outcome(
        gas_used=computation.gas_used,
        gas_needed=computation.gas_needed,
        output=bytes(computation.output),
        contract=message.storage_address if message.is_create else None,
        logs=tuple(
            (address, tuple(topic.to_bytes(32, "big") for topic in topics), bytes(data))
            for address, topics, data in computation.get_log_entries()
        ),
        problem=_problem(error),
        is_refusal=isinstance(error, evm.Revert),
    )


def _problem(error: evm.VMError | None) -> str:
    if error is None:
        return ""
    if isinstance(error, evm.Revert):
        return "execution reverted"
    return _WORDS.get(type(error), "execution failed")
