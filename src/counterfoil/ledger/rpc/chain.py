"""One chain, asked in Python's own types: blocks, balances, calls, events, fees.

Knows which chain it must be, when a block counts as final, and what a transaction may
cost. Everything that is sent or read elsewhere in `ledger` goes through here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, Self

from counterfoil.errors import LedgerContradicts, OverLimit, Reverted, WrongChain
from counterfoil.ledger.rpc.answers import Block, Event, TransactionReceipt, parse_block, parse_event, parse_receipt
from counterfoil.ledger.rpc.hexadecimal import data, parse_data, parse_quantity, quantity
from counterfoil.ledger.rpc.rpc import Call, Rpc, RpcError

__all__ = ["GWEI", "Chain", "FeePolicy", "Fees", "Finality", "Which", "revert_reason"]

Which = int | bytes | Literal["latest", "finalized", "safe", "earliest"]
"""A block: its height, its 32-byte hash, or one of the node's names."""

GWEI: Final = 10**9
BATCH_CALLS: Final = 100
"""Calls that are sent to a node at once; many refuse more."""
ERROR_SELECTOR: Final = bytes.fromhex("08c379a0")
"""Error(string), with which a contract says why it refused (Solidity ABI specification)."""

_NOT_FOUND: Final = -32001
_REVERTED: Final = 3
_REFUSALS: Final = ("revert", "invalid opcode", "invalid jump", "stack underflow", "stack limit reached")
"""How nodes word it when a contract, not the node, would not go on."""


@dataclass(frozen=True, slots=True)
class Finality:
    """When a block counts as final.

    Attributes:
        tag: The node's own name for it; empty where the chain has none.
        confirmations: Without a tag: so many blocks, itself included, must stand on it.
    """

    tag: Literal["finalized", "safe", ""] = "finalized"
    confirmations: int = 12


@dataclass(frozen=True, slots=True)
class FeePolicy:
    """What a unit of gas may cost (EIP-1559).

    Attributes:
        ceiling_wei: Most that is ever offered for a unit of gas, tip included.
        tip_wei: Least that is offered to the block's maker on top of the base fee.
        headroom: How many times the base fee is offered, so that it may rise meanwhile.
    """

    ceiling_wei: int = 100 * GWEI
    tip_wei: int = GWEI // 1_000
    headroom: int = 2


@dataclass(frozen=True, slots=True)
class Fees:
    """What is offered for a unit of gas: at most `max_wei`, of which `tip_wei` to the block's maker."""

    max_wei: int
    tip_wei: int


class Chain:
    """A chain behind any `Rpc`. Safe to use from several threads.

    Attributes:
        rpc: The way to it.
        chain_id: Its number, which every transaction is bound to (EIP-155).
        finality: When a block counts as final.
        fees: What a unit of gas may cost.
    """

    def __init__(self, rpc: Rpc, chain_id: int, finality: Finality, fees: FeePolicy) -> None:
        """For `connect`."""
        self.rpc = rpc
        self.chain_id = chain_id
        self.finality = finality
        self.fees = fees

    @classmethod
    def connect(
        cls,
        rpc: Rpc,
        *,
        chain_id: int | None = None,
        finality: Finality | None = None,
        fees: FeePolicy | None = None,
    ) -> Self:
        """Asks the node which chain it serves.

        Args:
            rpc: The way to it.
            chain_id: The number it must have; None takes what the node says.
            finality: When a block counts as final.
            fees: What a unit of gas may cost.

        Raises:
            WrongChain: It is another one.
            LedgerUnreachable: Nobody answers.
        """
        found = parse_quantity(rpc.call("eth_chainId"), "the chain's id")
        if chain_id is not None and found != chain_id:
            raise WrongChain(
                f"the node serves chain {found}, and {chain_id} was expected",
                hint="name the right node with --rpc; nothing was sent",
            )
        return cls(rpc, found, finality or Finality(), fees or FeePolicy())

    def require_chain(self) -> None:
        """Asks the node again which chain it serves: it may have been exchanged since.

        Raises:
            WrongChain: It is another one now.
        """
        found = parse_quantity(self._ask("eth_chainId"), "the chain's id")
        if found != self.chain_id:
            raise WrongChain(
                f"the node serves chain {found} now, and {self.chain_id} before",
                hint="name the right node with --rpc; nothing was sent",
            )

    def genesis_hash(self) -> bytes | None:
        """Returns the hash of the first block, None where the node does not show it."""
        try:
            answer = self.rpc.call("eth_getBlockByNumber", quantity(0), False)
        except RpcError:
            return None
        return parse_data(answer.get("hash"), "a block's hash", 32) if isinstance(answer, Mapping) else None

    # Blocks

    def block(self, which: Which) -> Block | None:
        """Returns a block, None when the node has none such.

        Raises:
            LedgerContradicts: When the node answers with another block than the one asked for.
        """
        method = "eth_getBlockByHash" if isinstance(which, bytes) else "eth_getBlockByNumber"
        try:
            answer = self.rpc.call(method, _which(which), False)
        except RpcError as error:
            if error.code == _NOT_FOUND or which in ("finalized", "safe"):
                return None
            raise LedgerContradicts(f"the ledger's node would not show a block: {error.message[:200]}") from error
        if answer is None:
            return None
        block = parse_block(answer)
        if (isinstance(which, int) and block.number != which) or (isinstance(which, bytes) and block.hash != which):
            raise LedgerContradicts("the ledger's node answered with another block than the one asked for")
        return block

    def require_block(self, which: Which) -> Block:
        """Returns a block that must be there.

        Raises:
            LedgerContradicts: When it is not.
        """
        block = self.block(which)
        if block is None:
            name = which.hex() if isinstance(which, bytes) else which
            raise LedgerContradicts(f"the ledger's node has no block {name}", hint="it may not have caught up yet")
        return block

    def blocks(self, numbers: Sequence[int]) -> list[Block | None]:
        """Returns the blocks at these heights, asked for at once; None where the node has none such.

        Raises:
            LedgerContradicts: When the node answers with another block than the one asked for.
        """
        answers = self._batch([("eth_getBlockByNumber", [quantity(number), False]) for number in numbers])
        return [self._block(number, answer) for number, answer in zip(numbers, answers, strict=True)]

    def senders(self, number: int) -> dict[bytes, tuple[bytes, int]]:
        """Returns for each transaction of a block, by hash, who sent it and under which number of theirs.

        Raises:
            LedgerContradicts: When the node does not show the block.
        """
        answer = self._ask("eth_getBlockByNumber", quantity(number), True)
        rows = answer.get("transactions") if isinstance(answer, Mapping) else None
        if not isinstance(rows, list) or not all(isinstance(row, Mapping) for row in rows):
            raise LedgerContradicts(f"the ledger's node does not show the transactions of block {number}")
        return {
            parse_data(row.get("hash"), "a transaction's hash", 32): (
                parse_data(row.get("from"), "a sender", 20),
                parse_quantity(row.get("nonce"), "a transaction's number"),
            )
            for row in rows
        }

    def final_block(self) -> Block:
        """Returns the newest block that will not be taken back; the first one while none is."""
        if self.finality.tag:
            found = self.block(self.finality.tag)
            if found is not None:
                return found
            return self.require_block("earliest")
        tip = self.require_block("latest")
        return self.require_block(max(0, tip.number - self.finality.confirmations + 1))

    # State

    def nonce(self, address: bytes, which: Which = "latest") -> int:
        """Returns how many transactions of an account are in blocks."""
        answer = self._ask("eth_getTransactionCount", data(address), _which(which))
        return parse_quantity(answer, "the number of transactions")

    def balance_wei(self, address: bytes, which: Which = "latest") -> int:
        """Returns what an account holds."""
        return parse_quantity(self._ask("eth_getBalance", data(address), _which(which)), "a balance")

    def code(self, address: bytes, which: Which = "latest") -> bytes:
        """Returns a contract's code, empty where there is none."""
        return parse_data(self._ask("eth_getCode", data(address), _which(which)), "a contract's code")

    def call(self, to: bytes, calldata: bytes, *, sender: bytes | None = None, which: Which = "latest") -> bytes:
        """Runs a contract's function without sending anything, and returns what it returns.

        Raises:
            Reverted: The contract refused.
        """
        request = {"to": data(to), "data": data(calldata)} | ({"from": data(sender)} if sender else {})
        return parse_data(self._ask("eth_call", request, _which(which)), "what a contract returned")

    def estimate_gas(self, sender: bytes, to: bytes | None, calldata: bytes, value_wei: int = 0) -> int:
        """Returns how much gas a transaction would use now.

        Raises:
            Reverted: The contract would refuse.
        """
        request = {"from": data(sender), "data": data(calldata), "value": quantity(value_wei)}
        request |= {"to": data(to)} if to is not None else {}
        return parse_quantity(self._ask("eth_estimateGas", request), "an estimate of gas")

    def proof(self, address: bytes, slots: Sequence[bytes], which: Which) -> Mapping[str, Any]:
        """Returns an answer to eth_getProof (EIP-1186), unread: `core.anchor` checks it."""
        answer = self._ask("eth_getProof", data(address), [data(slot) for slot in slots], _which(which))
        if not isinstance(answer, Mapping):
            raise LedgerContradicts("the ledger's node gave no proof of its state")
        return answer

    # Transactions and events

    def offered(self) -> Fees:
        """Returns what to offer for a unit of gas now.

        Raises:
            OverLimit: The base fee alone is above the ceiling.
        """
        base = self.require_block("latest").base_fee_wei
        tip = max(self.fees.tip_wei, self._suggested_tip_wei())
        if base + 1 > self.fees.ceiling_wei:
            raise OverLimit(
                f"a unit of gas costs {base:,} wei now, and the ceiling is {self.fees.ceiling_wei:,}",
                hint="wait until the fee falls, or raise fee_ceiling_gwei",
            )
        most = min(base * self.fees.headroom + tip, self.fees.ceiling_wei)
        return Fees(most, min(tip, most))

    def send_raw(self, raws: Sequence[bytes]) -> list[RpcError | None]:
        """Hands signed transactions to the node; a place holds the error where it took one badly."""
        answers = self._batch([("eth_sendRawTransaction", [data(raw)]) for raw in raws])
        return [answer if isinstance(answer, RpcError) else None for answer in answers]

    def is_known(self, hashes: Sequence[bytes]) -> list[bool]:
        """Returns for each transaction whether the node holds it, in a block or on its way into one."""
        answers = self._batch([("eth_getTransactionByHash", [data(each)]) for each in hashes])
        return [isinstance(answer, Mapping) for answer in answers]

    def receipts(self, hashes: Sequence[bytes]) -> list[TransactionReceipt | None]:
        """Returns what became of transactions; None for one that is in no block.

        Raises:
            LedgerContradicts: When the node answers for another transaction.
        """
        answers = self._batch([("eth_getTransactionReceipt", [data(each)]) for each in hashes])
        return [self._receipt(wanted, answer) for wanted, answer in zip(hashes, answers, strict=True)]

    def receipt(self, transaction_hash: bytes) -> TransactionReceipt | None:
        """Returns what became of one transaction; None while it is in no block."""
        return self.receipts([transaction_hash])[0]

    def events(
        self,
        first: int,
        last: int,
        addresses: Sequence[bytes],
        topics: Sequence[bytes | Sequence[bytes] | None] = (),
    ) -> list[Event]:
        """Returns the events of blocks first..last, in order.

        Args:
            first: Height of the first block.
            last: Height of the last block.
            addresses: Contracts.
            topics: What each topic must be: one value, one of several, or anything (None).

        Raises:
            LedgerContradicts: When the node answers with events from elsewhere.
        """
        query = {
            "fromBlock": quantity(first),
            "toBlock": quantity(last),
            "address": [data(each) for each in addresses],
            "topics": [_topic(each) for each in topics],
        }
        answer = self._ask("eth_getLogs", query)
        if not isinstance(answer, list):
            raise LedgerContradicts("the ledger's node gave no list of events")
        events = [parse_event(item) for item in answer]
        if any(not first <= event.block_number <= last or event.address not in addresses for event in events):
            raise LedgerContradicts("the ledger's node gave events that were not asked for")
        return sorted(events, key=lambda event: (event.block_number, event.index))

    def _batch(self, calls: Sequence[Call]) -> list[Any]:
        """Asks in batches of a size that public nodes take."""
        starts = range(0, len(calls), BATCH_CALLS)
        return [answer for start in starts for answer in self.rpc.batch(calls[start : start + BATCH_CALLS])]

    def _ask(self, method: str, *params: Any) -> Any:
        try:
            return self.rpc.call(method, *params)
        except RpcError as error:
            if error.code == _REVERTED or error.data or any(word in error.message for word in _REFUSALS):
                raise Reverted(f"the contract refused: {revert_reason(error)}", data=error.data) from error
            raise LedgerContradicts(f"the ledger's node would not answer {method}: {error.message[:200]}") from error

    def _suggested_tip_wei(self) -> int:
        try:
            return parse_quantity(self.rpc.call("eth_maxPriorityFeePerGas"), "a tip")
        except RpcError:  # an older node: the policy's own tip serves
            return 0

    def _block(self, number: int, answer: Any) -> Block | None:
        if isinstance(answer, RpcError):
            if answer.code == _NOT_FOUND:
                return None
            raise LedgerContradicts(f"the ledger's node would not show a block: {answer.message[:200]}")
        block = None if answer is None else parse_block(answer)
        if block is not None and block.number != number:
            raise LedgerContradicts("the ledger's node answered with another block than the one asked for")
        return block

    def _receipt(self, wanted: bytes, answer: Any) -> TransactionReceipt | None:
        if isinstance(answer, RpcError):
            raise LedgerContradicts(f"the ledger's node would not show a receipt: {answer.message[:200]}")
        if answer is None:
            return None
        receipt = parse_receipt(answer)
        if receipt.transaction_hash != wanted:
            raise LedgerContradicts("the ledger's node answered for another transaction than the one asked for")
        return receipt


def revert_reason(error: RpcError) -> str:
    """Returns why a contract refused: its own words where it gave any."""
    found = error.data
    if found[:4] == ERROR_SELECTOR and len(found) >= 68:
        size = int.from_bytes(found[36:68], "big")
        words = found[68 : 68 + size].decode("utf-8", "replace")
        if 0 < size <= len(found) - 68 and words.isprintable():
            return words
    return f"it gave no reason ({error.message[:120]})"


def _which(which: Which) -> str:
    if isinstance(which, bytes):
        return data(which)
    return quantity(which) if isinstance(which, int) else which


def _topic(topic: bytes | Sequence[bytes] | None) -> str | list[str] | None:
    if topic is None:
        return None
    return data(topic) if isinstance(topic, bytes) else [data(each) for each in topic]
