"""Finding events by contract, topics and blocks."""

from __future__ import annotations

from typing import Any

import pytest
from small_ledger import Contracts, Purse, words

from counterfoil.ledger.embedded import events
from counterfoil.ledger.embedded.ledger import EmbeddedLedger
from counterfoil.ledger.rpc.hexadecimal import data, quantity
from counterfoil.ledger.rpc.rpc import RpcError


@pytest.fixture
def told(ledger: EmbeddedLedger, purse: Purse, contracts: Contracts) -> list[bytes]:
    """Eight events in blocks 2 to 5, two in each: topics are the teller, `number % 3` and the number."""
    for first in range(0, 8, 2):
        numbers = (first, first + 1)
        ledger.send([purse.sign(number % 2, contracts.tell, words(number, number % 3) + b"tail") for number in numbers])
    return [contracts.tell, purse.address(0), purse.address(1)]


def found(ledger: EmbeddedLedger, **wanted: Any) -> list[int]:
    """Returns the numbers that were told in the events that fit."""
    return [int(event["topics"][2], 16) for event in ledger.call("eth_getLogs", {"fromBlock": "0x0"} | wanted)]


def word(*numbers: int) -> list[str]:
    return [data(words(number)) for number in numbers]


def test_events_by_what_they_say(ledger: EmbeddedLedger, told: list[bytes]) -> None:
    tell, one, other = told
    teller = data(bytes(12) + one)
    assert found(ledger) == list(range(8))
    assert found(ledger, address=data(tell)) == found(ledger, address=[data(one), data(tell)]) == list(range(8))
    assert found(ledger, address=data(one)) == []
    assert found(ledger, topics=[teller]) == [0, 2, 4, 6]
    assert found(ledger, topics=[None, word(1)[0]]) == [1, 4, 7]
    assert found(ledger, topics=[[teller, data(bytes(12) + other)], word(0, 1)]) == [0, 1, 3, 4, 6, 7]
    assert found(ledger, topics=[teller, None, word(2, 3, 4)]) == [2, 4]
    assert found(ledger, topics=[None, None, None, None]) == []
    assert found(ledger, topics=[[], None]) == list(range(8))


def test_events_by_block(ledger: EmbeddedLedger, told: list[bytes]) -> None:
    assert ledger.head.number == 5
    assert found(ledger, fromBlock="0x3", toBlock="0x4") == [2, 3, 4, 5]
    assert found(ledger, fromBlock="latest") == [6, 7]
    assert found(ledger, fromBlock=None) == [6, 7]
    assert found(ledger, toBlock="0x2") == [0, 1]
    assert found(ledger, fromBlock="0x4", toBlock="0x999") == [4, 5, 6, 7]
    assert found(ledger, fromBlock="0x77", toBlock="0x99") == []
    block = ledger.call("eth_getBlockByNumber", "0x3", False)["hash"]
    assert found(ledger, fromBlock=None, blockHash=block) == [2, 3]


def test_an_event_says_where_it_is(ledger: EmbeddedLedger, told: list[bytes]) -> None:
    listed = ledger.call("eth_getLogs", {"fromBlock": "0x0"})
    receipts = [each for number in range(2, 6) for each in ledger.call("eth_getBlockReceipts", quantity(number))]
    assert listed == [log for receipt in receipts for log in receipt["logs"]]
    assert [log["logIndex"] for log in listed] == ["0x0", "0x1"] * 4
    assert all(log["data"].endswith(b"tail".hex()) for log in listed)


def test_filters_that_cannot_be(ledger: EmbeddedLedger, told: list[bytes]) -> None:
    for wanted in (
        {"fromBlock": "0x4", "toBlock": "0x3"},
        {"blockHash": "0x12"},
        {"blockHash": data(bytes(32)), "fromBlock": "0x1"},
        {"address": "0x12"},
        {"address": 7},
        {"address": [data(told[0])] * (events.MAX_CHOICES + 1)},
        {"topics": word(1, 2, 3, 4, 5)},
        {"topics": "0x1"},
        {"topics": [["0x1"]]},
        {"topics": [word(1) * (events.MAX_CHOICES + 1)]},
        {"fromBlock": "soon"},
        [],
    ):
        with pytest.raises(RpcError) as caught:
            ledger.call("eth_getLogs", wanted)
        assert caught.value.code == -32602, wanted
    with pytest.raises(RpcError, match="unknown block"):
        ledger.call("eth_getLogs", {"blockHash": data(bytes(32))})


def test_too_many_events_are_refused(
    ledger: EmbeddedLedger, purse: Purse, contracts: Contracts, monkeypatch: pytest.MonkeyPatch
) -> None:
    big = 100_000
    ledger.send([purse.sign(0, contracts.tell, words(1, 1) + bytes(big), gas=10_000_000) for _ in range(3)])
    for name, limit in (("MAX_EVENTS", 2), ("MAX_EVENT_BYTES", 3 * big - 1), ("MAX_EVENT_BLOCKS", 2)):
        with monkeypatch.context() as patched:
            patched.setattr(events, name, limit)
            with pytest.raises(RpcError) as caught:
                found(ledger)
        assert caught.value.code == events.LIMIT_EXCEEDED
    assert len(found(ledger)) == 3
