"""A node's answers, read strictly: blocks, receipts and events with their types.

What does not have the shape that the Ethereum JSON-RPC specification gives it is a
contradiction, not a default.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from counterfoil.errors import LedgerContradicts
from counterfoil.ledger.rpc.hexadecimal import parse_data, parse_quantity

__all__ = ["Block", "Event", "TransactionReceipt", "parse_block", "parse_event", "parse_receipt"]


@dataclass(frozen=True, slots=True)
class Block:
    """A block's header, and the hashes of its transactions.

    Attributes:
        number: Height; the first block is 0.
        hash: 32 bytes, as the node says; `core.block_header` recomputes it.
        parent_hash: 32 bytes.
        time_s: Unix seconds.
        base_fee_wei: Fee per unit of gas that every transaction pays at least.
        gas_limit: Most gas in one block.
        transactions: Their 32-byte hashes, in order.
        raw: The node's whole answer.
    """

    number: int
    hash: bytes
    parent_hash: bytes
    time_s: int
    base_fee_wei: int
    gas_limit: int
    transactions: tuple[bytes, ...]
    raw: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Event:
    """What a contract told, and where.

    Attributes:
        address: 20 bytes of the contract.
        topics: Up to four of 32 bytes; the first names the event.
        data: The rest, ABI-encoded.
        block_number: Height.
        block_hash: 32 bytes.
        transaction_hash: 32 bytes.
        index: Place among all events of the block.
    """

    address: bytes
    topics: tuple[bytes, ...]
    data: bytes
    block_number: int
    block_hash: bytes
    transaction_hash: bytes
    index: int


@dataclass(frozen=True, slots=True)
class TransactionReceipt:
    """What became of a transaction that is in a block.

    Attributes:
        transaction_hash: 32 bytes.
        block_number: Height.
        block_hash: 32 bytes.
        index: Place in the block.
        is_success: False when the contract refused; its fee was paid all the same.
        gas_used: Of this transaction alone.
        gas_price_wei: What each unit of gas cost.
        l1_fee_wei: What a rollup charged for its data on top (`l1Fee`, OP stack); 0 elsewhere.
        contract: 20 bytes of the contract it made, None when it made none.
        events: In order.
        raw: The node's whole answer.
    """

    transaction_hash: bytes
    block_number: int
    block_hash: bytes
    index: int
    is_success: bool
    gas_used: int
    gas_price_wei: int
    l1_fee_wei: int
    contract: bytes | None
    events: tuple[Event, ...]
    raw: Mapping[str, Any]

    @property
    def fee_wei(self) -> int:
        """What it cost in all, without the value it carried."""
        return self.gas_used * self.gas_price_wei + self.l1_fee_wei


def parse_block(value: Any) -> Block:
    """Reads an answer to eth_getBlockBy…, with hashes or whole transactions.

    Raises:
        LedgerContradicts: When it has another shape.
    """
    row = _row(value, "a block")
    return Block(
        number=_quantity(row, "number"),
        hash=_data(row, "hash", 32),
        parent_hash=_data(row, "parentHash", 32),
        time_s=_quantity(row, "timestamp"),
        base_fee_wei=_quantity(row, "baseFeePerGas"),
        gas_limit=_quantity(row, "gasLimit"),
        transactions=tuple(_transaction_hash(item) for item in _list(row, "transactions")),
        raw=row,
    )


def parse_receipt(value: Any) -> TransactionReceipt:
    """Reads an answer to eth_getTransactionReceipt.

    Raises:
        LedgerContradicts: When it has another shape, or its events are of another transaction.
    """
    row = _row(value, "a receipt")
    status = _quantity(row, "status")
    if status > 1:
        raise LedgerContradicts(f"a receipt's status is {status}, not 0 or 1")
    receipt = TransactionReceipt(
        transaction_hash=_data(row, "transactionHash", 32),
        block_number=_quantity(row, "blockNumber"),
        block_hash=_data(row, "blockHash", 32),
        index=_quantity(row, "transactionIndex"),
        is_success=status == 1,
        gas_used=_quantity(row, "gasUsed"),
        gas_price_wei=_quantity(row, "effectiveGasPrice"),
        l1_fee_wei=_quantity(row, "l1Fee") if row.get("l1Fee") is not None else 0,
        contract=_data(row, "contractAddress", 20) if row.get("contractAddress") else None,
        events=tuple(parse_event(item) for item in _list(row, "logs")),
        raw=row,
    )
    place = (receipt.transaction_hash, receipt.block_hash)
    if any((event.transaction_hash, event.block_hash) != place for event in receipt.events):
        raise LedgerContradicts("a receipt carries events of another transaction")
    return receipt


def parse_event(value: Any) -> Event:
    """Reads one entry of an answer to eth_getLogs.

    Raises:
        LedgerContradicts: When it has another shape, or is not in a block.
    """
    row = _row(value, "an event")
    topics = tuple(parse_data(item, "an event's topic", 32) for item in _list(row, "topics"))
    if len(topics) > 4:
        raise LedgerContradicts(f"an event has {len(topics)} topics; 4 is the most")
    return Event(
        address=_data(row, "address", 20),
        topics=topics,
        data=_data(row, "data"),
        block_number=_quantity(row, "blockNumber"),
        block_hash=_data(row, "blockHash", 32),
        transaction_hash=_data(row, "transactionHash", 32),
        index=_quantity(row, "logIndex"),
    )


def _row(value: Any, what: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise LedgerContradicts(f"the ledger's node gave {str(value)[:60]!r} for {what}")
    return value


def _list(row: Mapping[str, Any], name: str) -> Sequence[Any]:
    value = row.get(name)
    if not isinstance(value, list):
        raise LedgerContradicts(f"the ledger's node gave {str(value)[:60]!r} for {name}")
    return value


def _quantity(row: Mapping[str, Any], name: str) -> int:
    return parse_quantity(row.get(name), name)


def _data(row: Mapping[str, Any], name: str, size_bytes: int | None = None) -> bytes:
    return parse_data(row.get(name), name, size_bytes)


def _transaction_hash(item: Any) -> bytes:
    return parse_data(item.get("hash") if isinstance(item, Mapping) else item, "a transaction's hash", 32)
