from __future__ import annotations

from typing import Any

import pytest

from counterfoil.errors import LedgerContradicts
from counterfoil.ledger.rpc.answers import parse_block, parse_event, parse_receipt

H1, H2, A1 = "0x" + "11" * 32, "0x" + "22" * 32, "0x" + "33" * 20
BLOCK: dict[str, Any] = {
    "number": "0x7",
    "hash": H1,
    "parentHash": H2,
    "timestamp": "0x65",
    "baseFeePerGas": "0x9",
    "gasLimit": "0x1c9c380",
    "transactions": [H1, H2],
}
EVENT: dict[str, Any] = {
    "address": A1,
    "topics": [H1],
    "data": "0x12",
    "blockNumber": "0x7",
    "blockHash": H1,
    "transactionHash": H2,
    "logIndex": "0x0",
}
RECEIPT: dict[str, Any] = {
    "transactionHash": H2,
    "blockNumber": "0x7",
    "blockHash": H1,
    "transactionIndex": "0x1",
    "status": "0x1",
    "gasUsed": "0x5208",
    "effectiveGasPrice": "0xa",
    "contractAddress": None,
    "logs": [EVENT],
}


def test_a_block_is_read() -> None:
    block = parse_block(BLOCK)
    assert (block.number, block.time_s, block.base_fee_wei, len(block.transactions)) == (7, 101, 9, 2)
    assert parse_block(BLOCK | {"transactions": [{"hash": H1}]}).transactions == (bytes.fromhex(H1[2:]),)


def test_a_receipt_is_read() -> None:
    receipt = parse_receipt(RECEIPT)
    assert receipt.is_success
    assert receipt.fee_wei == 21_000 * 10
    assert receipt.contract is None
    assert receipt.events[0].topics == (bytes.fromhex(H1[2:]),)
    assert not parse_receipt(RECEIPT | {"status": "0x0"}).is_success
    assert parse_receipt(RECEIPT | {"contractAddress": A1}).contract == bytes.fromhex(A1[2:])


def test_what_a_rollup_charges_for_its_data_counts() -> None:
    assert parse_receipt(RECEIPT | {"l1Fee": "0x5"}).fee_wei == 21_000 * 10 + 5


@pytest.mark.parametrize("value", [None, [], "block", 7])
@pytest.mark.parametrize("parse", [parse_block, parse_receipt, parse_event])
def test_what_is_no_object_is_not_believed(parse: Any, value: Any) -> None:
    with pytest.raises(LedgerContradicts):
        parse(value)


@pytest.mark.parametrize(
    ("parse", "row"),
    [(parse_block, BLOCK), (parse_receipt, RECEIPT), (parse_event, EVENT)],
    ids=["block", "receipt", "event"],
)
def test_every_missing_or_mistaken_part_is_noticed(parse: Any, row: dict[str, Any]) -> None:
    for name in set(row) - {"contractAddress"}:
        for wrong in (None, "", "0xzz", [1], -1):
            with pytest.raises(LedgerContradicts):
                parse(row | {name: wrong})
        with pytest.raises(LedgerContradicts):
            parse({other: value for other, value in row.items() if other != name})


@pytest.mark.parametrize(
    "change",
    [
        {"status": "0x2"},
        {"contractAddress": "0x12"},
        {"logs": [EVENT | {"transactionHash": H1}]},
        {"logs": [EVENT | {"blockHash": H2}]},
        {"logs": [EVENT | {"topics": [H1] * 5}]},
        {"l1Fee": "much"},
    ],
)
def test_a_receipt_that_cannot_be_is_not_believed(change: dict[str, Any]) -> None:
    with pytest.raises(LedgerContradicts):
        parse_receipt(RECEIPT | change)
