"""The scanner tells each event once, in order, and takes back what a reorganisation takes back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import pytest
from anvil import Anvil, needs_anvil
from counter import (
    COUNTED,
    TWELVE_BLOCKS,
    AnvilCounting,
    Counting,
    Wallet,
    count_call,
    counting_on_anvil,
    key_of,
)
from sqlalchemy import Column, Connection, Engine, Integer, LargeBinary, MetaData, Table, create_engine, select
from sqlalchemy.pool import NullPool

from counterfoil.errors import InvalidInput, LedgerContradicts, LedgerUnreachable, WrongChain
from counterfoil.ledger.accounts.account import LocalAccount
from counterfoil.ledger.embedded.ledger import EmbeddedLedger
from counterfoil.ledger.rpc.answers import Event
from counterfoil.ledger.rpc.chain import Chain
from counterfoil.ledger.rpc.rpc import RpcError
from counterfoil.ledger.sending import scanner as module
from counterfoil.ledger.sending.scanner import NEAR_SPAN, Scanner

told = Table(
    "told",
    MetaData(),
    Column("block", Integer, primary_key=True),
    Column("place", Integer, primary_key=True),
    Column("key", LargeBinary),
)


class Reader:
    """Writes events down; can be made to fail after it has."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.forgot: list[int] = []
        self.fails = False
        told.metadata.create_all(engine)

    def take(self, connection: Connection, events: Sequence[Event]) -> None:
        assert events
        for event in events:
            row = {"block": event.block_number, "place": event.index, "key": event.topics[1]}
            connection.execute(told.insert().values(row))
        if self.fails:
            raise RuntimeError("the reader fails")

    def forget(self, connection: Connection, after_block: int) -> None:
        self.forgot.append(after_block)
        connection.execute(told.delete().where(told.c.block > after_block))

    def keys(self) -> list[bytes]:
        with self._engine.connect() as connection:
            return list(connection.execute(select(told.c.key).order_by(told.c.block, told.c.place)).scalars())


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    return create_engine(f"sqlite:///{tmp_path / 'read.db'}", poolclass=NullPool)


@pytest.fixture
def reader(engine: Engine) -> Reader:
    return Reader(engine)


@pytest.fixture
def counting(tmp_path: Path) -> Iterator[AnvilCounting]:
    with counting_on_anvil(tmp_path, finality=TWELVE_BLOCKS, timeout_s=20) as counting:
        yield counting


def scanning(
    counting: Counting,
    engine: Engine,
    reader: Reader,
    *,
    span: int = 2_000,
    until: Literal["latest", "final"] = "latest",
    start: int = 0,
) -> Scanner:
    return Scanner(
        engine, counting.through, "counts", [counting.counter], [COUNTED], reader, span=span, until=until, start=start
    )


def count(counting: AnvilCounting, *names: object) -> None:
    """One block for each."""
    for name in names:
        counting.wallet.send(counting.counter, count_call(key_of(name)))
        counting.mine()


def keys(*names: object) -> list[bytes]:
    return [key_of(name) for name in names]


def true_keys(counting: Counting) -> list[bytes]:
    return [event.topics[1] for event in counting.events()]


@needs_anvil
def test_events_are_told_once_and_in_order(counting: AnvilCounting, engine: Engine, reader: Reader) -> None:
    scanner = scanning(counting, engine, reader)
    count(counting, *range(5))
    first = scanner.step()
    assert (first.events, first.back_to) == (5, None)
    assert first.number == counting.chain.require_block("latest").number
    assert scanner.step().events == 0
    count(counting, 5, 6)
    assert scanner.step().events == 2
    assert reader.keys() == keys(*range(7))
    assert scanning(counting, engine, reader).step().events == 0
    assert reader.forgot == []


def test_events_of_the_embedded_ledger(tmp_path: Path, engine: Engine, reader: Reader) -> None:
    account = LocalAccount.create()
    with EmbeddedLedger.create(tmp_path / "ledger", funded={account.address: 10**21}) as ledger:
        chain = Chain.connect(ledger)
        wallet = Wallet(chain, account)
        counter = wallet.deploy()
        scanner = Scanner(engine, chain, "counts", [counter], [COUNTED], reader, until="final", span=3)
        for number in range(10):
            wallet.send(counter, count_call(key_of(number)))
        assert scanner.step().events == 10
        wallet.send(counter, count_call(key_of(10)))
        assert scanner.step().events == 1
        assert reader.keys() == keys(*range(11))


@needs_anvil
def test_until_final_waits_for_finality(counting: AnvilCounting, engine: Engine, reader: Reader) -> None:
    scanner = scanning(counting, engine, reader, until="final")
    count(counting, "a")
    counting.mine(10)
    assert scanner.step().events == 0
    counting.mine()
    assert scanner.step().events == 1


@needs_anvil
def test_nothing_before_the_start_is_read(counting: AnvilCounting, engine: Engine, reader: Reader) -> None:
    count(counting, "a", "b")
    start = counting.chain.require_block("latest").number
    assert scanning(counting, engine, reader, start=start).step().events == 1
    assert reader.keys() == keys("b")


@needs_anvil
@pytest.mark.parametrize("depth", range(1, 11))
def test_a_reorganisation_takes_back_what_it_drops(
    depth: int, counting: AnvilCounting, engine: Engine, reader: Reader
) -> None:
    scanner = scanning(counting, engine, reader)
    counting.mine(2)
    for name in range(12):
        count(counting, name)
        if name % 3:
            scanner.step()
    counting.anvil.call("anvil_reorg", depth, [])
    stepped = scanner.step()
    tip = counting.chain.require_block("latest").number
    assert stepped.back_to is not None
    assert tip - depth - 3 <= stepped.back_to <= tip - depth
    assert reader.keys() == true_keys(counting) == keys(*range(12 - depth))
    count(counting, "after")
    scanner.step()
    assert reader.keys() == true_keys(counting)


@needs_anvil
def test_a_reorganisation_deeper_than_what_is_final_starts_anew(
    counting: AnvilCounting, engine: Engine, reader: Reader
) -> None:
    scanner = scanning(counting, engine, reader, start=1)
    count(counting, *range(30))
    scanner.step()
    counting.anvil.call("anvil_reorg", 25, [])
    assert scanner.step().back_to == 0
    assert reader.forgot == [0]
    assert reader.keys() == true_keys(counting) == keys(*range(5))


@needs_anvil
def test_a_crash_while_events_are_taken_moves_nothing(counting: AnvilCounting, engine: Engine, reader: Reader) -> None:
    scanner = scanning(counting, engine, reader)
    count(counting, "a")
    reader.fails = True
    with pytest.raises(RuntimeError):
        scanner.step()
    assert reader.keys() == []
    reader.fails = False
    assert scanning(counting, engine, reader).step().events == 1
    assert reader.keys() == keys("a")


@needs_anvil
def test_a_span_is_halved_where_the_node_refuses(counting: AnvilCounting, engine: Engine, reader: Reader) -> None:
    counting.mine(100)
    count(counting, "a", "b")
    counting.mine(60)
    asked: list[int] = []

    def refuse(events: Any, params: Sequence[Any]) -> Any:
        blocks = int(params[0]["toBlock"], 16) - int(params[0]["fromBlock"], 16) + 1
        asked.append(blocks)
        return events if blocks <= 20 else RpcError(-32005, "query returned more than 10000 results")

    counting.node.lie("eth_getLogs", refuse)
    assert scanning(counting, engine, reader).step().events == 2
    assert reader.keys() == keys("a", "b")
    assert max(asked) > 100
    assert len(asked) < 30
    counting.node.lie("eth_getLogs", RpcError(-32005, "no"))
    count(counting, "c")
    with pytest.raises(LedgerContradicts):
        scanning(counting, engine, reader).step()
    counting.node.honest()
    assert scanning(counting, engine, reader).step().events == 1


@needs_anvil
def test_near_the_tip_little_is_asked_for_at_once(counting: AnvilCounting, engine: Engine, reader: Reader) -> None:
    counting.mine(300)
    scanning(counting, engine, reader).step()
    final, tip = counting.chain.final_block().number, counting.chain.require_block("latest").number
    with engine.connect() as connection:
        remembered = list(connection.execute(select(module.scan_blocks.c.number)).scalars())
    assert min(remembered) == final
    assert max(remembered) == tip
    assert all(number - before <= NEAR_SPAN for before, number in pairwise(remembered))


@needs_anvil
def test_a_node_that_is_behind_takes_nothing_back(counting: AnvilCounting, engine: Engine, reader: Reader) -> None:
    scanner = scanning(counting, engine, reader)
    for name in range(6):
        count(counting, name)
        scanner.step()
    counting.node.behind = 3
    stepped = scanner.step()
    assert (stepped.events, stepped.back_to) == (0, None)
    assert reader.keys() == keys(*range(6))
    counting.node.behind = 0
    count(counting, 6)
    assert scanner.step().events == 1
    assert reader.forgot == []


@needs_anvil
def test_a_reorganisation_to_a_shorter_chain(counting: AnvilCounting, engine: Engine, reader: Reader) -> None:
    scanner = scanning(counting, engine, reader)
    for name in range(6):
        count(counting, name)
        scanner.step()
    counting.anvil.call("anvil_rollback", 4)
    counting.anvil.call("evm_increaseTime", 5)
    counting.mine(2)
    scanner.step()
    assert reader.keys() == true_keys(counting) == keys(0, 1)


Lie = Callable[[Any, Sequence[Any]], Any]
TWICE: Lie = lambda events, params: events * 2  # noqa: E731
ELSEWHERE: Lie = lambda events, params: [{**event, "blockHash": "0x" + "33" * 32} for event in events]  # noqa: E731
OTHERS: Lie = lambda events, params: [{**event, "address": "0x" + "44" * 20} for event in events]  # noqa: E731
LATER: Lie = lambda events, params: [{**event, "blockNumber": "0xffff"} for event in events]  # noqa: E731


@needs_anvil
@pytest.mark.parametrize(
    "lie",
    [
        pytest.param(TWICE, id="twice"),
        pytest.param(ELSEWHERE, id="elsewhere"),
        pytest.param(OTHERS, id="others"),
        pytest.param(LATER, id="later"),
        pytest.param("garbage", id="garbage"),
    ],
)
def test_lies_about_events_are_not_taken(lie: Any, counting: AnvilCounting, engine: Engine, reader: Reader) -> None:
    scanner = scanning(counting, engine, reader)
    scanner.step()
    count(counting, "a", "b")
    counting.node.lie("eth_getLogs", lie)
    for _ in range(2):
        with pytest.raises(LedgerContradicts):
            scanner.step()
        assert reader.keys() == []
    counting.node.honest()
    assert scanner.step().events == 2
    assert reader.keys() == keys("a", "b")


@needs_anvil
def test_blocks_that_are_exchanged_while_they_are_read(counting: AnvilCounting, engine: Engine, reader: Reader) -> None:
    scanner = scanning(counting, engine, reader)
    counting.mine(3)
    scanner.step()
    count(counting, "a", "b")
    exchanged: list[bool] = []

    def exchange(events: Any, params: Sequence[Any]) -> Any:
        if not exchanged:
            exchanged.append(True)
            counting.chain.rpc.call("anvil_reorg", 1, [])
        return events

    counting.node.lie("eth_getLogs", exchange)
    assert scanner.step().events == 1
    assert reader.keys() == true_keys(counting) == keys("a")


@needs_anvil
def test_an_outage_is_told_and_leaves_all_as_it_was(counting: AnvilCounting, engine: Engine, reader: Reader) -> None:
    scanner = scanning(counting, engine, reader)
    count(counting, "a")
    counting.node.misbehave("503")
    with pytest.raises(LedgerUnreachable):
        scanner.step()
    counting.node.honest()
    assert scanner.step().events == 1


@needs_anvil
def test_another_question_under_the_same_name_starts_anew(
    counting: AnvilCounting, engine: Engine, reader: Reader
) -> None:
    count(counting, "a")
    scanning(counting, engine, reader).step()
    assert scanning(counting, engine, reader, start=1).step().events == 1
    assert reader.forgot == [-1]
    assert reader.keys() == keys("a")


@needs_anvil
def test_another_chain_is_not_read(counting: AnvilCounting, engine: Engine, reader: Reader) -> None:
    count(counting, "a")
    scanner = scanning(counting, engine, reader)
    scanner.step()
    counting.node.lie("eth_chainId", "0x5")
    with pytest.raises(WrongChain):
        scanner.step()
    counting.node.honest()
    with Anvil(options=["--timestamp", "1000"]) as other:  # the same number, another first block
        counting.node.real = other
        scanner.step()
        assert reader.keys() == []


@pytest.mark.parametrize("wrong", [{"name": ""}, {"name": "x" * 61}, {"addresses": []}, {"start": -1}, {"span": 0}])
def test_what_cannot_be_read_is_refused(wrong: dict[str, Any], engine: Engine, reader: Reader) -> None:
    usable: dict[str, Any] = {"name": "counts", "addresses": [bytes(20)], "topics": [], "reader": reader}
    with pytest.raises(InvalidInput):
        Scanner(engine, None, **usable | wrong)  # type: ignore[arg-type]
