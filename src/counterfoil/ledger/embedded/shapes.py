"""The ledger's answers in the shapes of the Ethereum JSON-RPC specification."""

from __future__ import annotations

from typing import Any, Final

from eth_hash.auto import keccak

from counterfoil.core.rlp import decode, encode
from counterfoil.ledger.embedded.block import Block
from counterfoil.ledger.embedded.ledger_file import EventRow
from counterfoil.ledger.embedded.mined import FullBlock
from counterfoil.ledger.embedded.receipts import bloom_of
from counterfoil.ledger.rpc.hexadecimal import data, quantity

__all__ = ["block_shape", "event_shape", "receipt_shape", "transaction_shape"]

_FIELDS: Final = (
    ("parentHash", data),
    ("sha3Uncles", data),
    ("miner", data),
    ("stateRoot", data),
    ("transactionsRoot", data),
    ("receiptsRoot", data),
    ("logsBloom", data),
    ("difficulty", quantity),
    ("number", quantity),
    ("gasLimit", quantity),
    ("gasUsed", quantity),
    ("timestamp", quantity),
    ("extraData", data),
    ("mixHash", data),
    ("nonce", data),
    ("baseFeePerGas", quantity),
    ("withdrawalsRoot", data),
    ("blobGasUsed", quantity),
    ("excessBlobGas", quantity),
    ("parentBeaconBlockRoot", data),
    ("requestsHash", data),
)
"""A header's fields in their order, and how each is written."""


def block_shape(full: FullBlock, *, whole: bool) -> dict[str, Any]:
    """Returns a block with its transactions, whole or only their hashes."""
    fields = full.block.header.fields()
    shape: dict[str, Any] = {name: write(field) for (name, write), field in zip(_FIELDS, fields, strict=True)}  # type: ignore[operator]
    raws = [each.transaction.raw if each.transaction.type_id else decode(each.transaction.raw) for each in full.mined]
    places = range(len(full.mined))
    return shape | {
        "hash": data(full.block.hash),
        "size": quantity(len(encode([fields, raws, [], []]))),
        "uncles": [],
        "withdrawals": [],
        "transactions": [
            transaction_shape(full, place) if whole else data(full.mined[place].transaction.hash) for place in places
        ],
    }


def transaction_shape(full: FullBlock, place: int) -> dict[str, Any]:
    """Returns a transaction of a block."""
    transaction, header = full.mined[place].transaction, full.block.header
    shape: dict[str, Any] = _where(full.block, place, transaction.hash, "hash") | {
        "type": quantity(transaction.type_id),
        "chainId": quantity(transaction.chain_id),
        "from": data(transaction.sender),
        "to": data(transaction.to) if transaction.to else None,
        "nonce": quantity(transaction.nonce),
        "value": quantity(transaction.value),
        "gas": quantity(transaction.gas),
        "gasPrice": quantity(header.base_fee_wei + transaction.tip_wei(header.base_fee_wei)),
        "input": data(transaction.data),
        "v": quantity(transaction.v),
        "r": quantity(transaction.r),
        "s": quantity(transaction.s),
    }
    if transaction.type_id:
        slots = [
            (contract, [data(slot.to_bytes(32, "big")) for slot in own]) for contract, own in transaction.access_list
        ]
        shape["accessList"] = [{"address": data(contract), "storageKeys": own} for contract, own in slots]
        shape["yParity"] = quantity(transaction.v)
    if transaction.type_id == 2:
        shape["maxFeePerGas"] = quantity(transaction.max_fee_per_gas)
        shape["maxPriorityFeePerGas"] = quantity(transaction.max_priority_fee_per_gas)
    return shape


def receipt_shape(full: FullBlock, place: int) -> dict[str, Any]:
    """Returns what became of a transaction of a block."""
    mined, header = full.mined[place], full.block.header
    transaction = mined.transaction
    before = full.mined[:place]
    first_event = sum(len(each.logs) for each in before)
    made = None if transaction.to else keccak(encode([transaction.sender, transaction.nonce]))[12:]
    return _where(full.block, place, transaction.hash) | {
        "type": quantity(transaction.type_id),
        "status": quantity(int(mined.is_success)),
        "from": data(transaction.sender),
        "to": data(transaction.to) if transaction.to else None,
        "contractAddress": data(made) if made else None,
        "gasUsed": quantity(mined.gas_used),
        "cumulativeGasUsed": quantity(mined.gas_used + sum(each.gas_used for each in before)),
        "effectiveGasPrice": quantity(header.base_fee_wei + transaction.tip_wei(header.base_fee_wei)),
        "logsBloom": data(bloom_of(mined.logs).to_bytes(256, "big")),
        "logs": [
            event_shape(EventRow(full.block.number, place, index, log, full.block.hash, transaction.hash))
            for index, log in enumerate(mined.logs, first_event)
        ],
    }


def event_shape(event: EventRow) -> dict[str, Any]:
    """Returns an event of a block."""
    address, topics, content = event.log
    return {
        "blockHash": data(event.block_hash),
        "blockNumber": quantity(event.number),
        "transactionIndex": quantity(event.place),
        "transactionHash": data(event.transaction_hash),
        "address": data(address),
        "topics": [data(topic) for topic in topics],
        "data": data(content),
        "logIndex": quantity(event.index),
        "removed": False,
    }


def _where(block: Block, place: int, transaction_hash: bytes, name: str = "transactionHash") -> dict[str, Any]:
    return {
        "blockHash": data(block.hash),
        "blockNumber": quantity(block.number),
        "transactionIndex": quantity(place),
        name: data(transaction_hash),
    }
