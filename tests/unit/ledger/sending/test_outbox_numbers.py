"""An account's numbers: without a gap under many threads, and never lost to a wallet beside the outbox."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from anvil import needs_anvil
from counter import (
    GENEROUS,
    TWELVE_BLOCKS,
    AnvilCounting,
    Counting,
    Wallet,
    count_call,
    counting_on_anvil,
    key_of,
)

from counterfoil.ledger.accounts.account import LocalAccount
from counterfoil.ledger.embedded.ledger import EmbeddedLedger
from counterfoil.ledger.rpc.chain import Chain
from counterfoil.ledger.sending.outbox import Cause, SendingSettings, State

THREADS, SUBMITS = 8, 50
BUMP_S = 100.0


pytestmark = pytest.mark.usefixtures("outbox_on")


@pytest.fixture
def counting(tmp_path: Path) -> Iterator[AnvilCounting]:
    settings = SendingSettings(bump_after_s=BUMP_S)
    with counting_on_anvil(tmp_path, finality=TWELVE_BLOCKS, settings=settings) as counting:
        yield counting


def submit_from_threads(counting: Counting) -> list[int]:
    """Submits from many threads while another one steps."""
    ids: list[list[int]] = [[] for _ in range(THREADS)]

    def submit(place: int) -> None:
        for number in range(SUBMITS):
            ids[place] += counting.submit(f"{place}/{number}")

    threads = [threading.Thread(target=submit, args=(place,)) for place in range(THREADS)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        counting.outbox.step()
        counting.mine()
    for thread in threads:
        thread.join()
    counting.settle(steps=60)
    return [row_id for some in ids for row_id in some]


def require_each_once(counting: Counting, ids: list[int]) -> None:
    assert counting.states(ids) == [State.FINAL] * len(ids)
    assert sorted(row.nonce or 0 for row in counting.rows(ids)) == list(range(THREADS * SUBMITS))
    assert [event.topics[1] for event in counting.events()] == [
        key_of(row.key) for row in sorted(counting.rows(ids), key=lambda row: row.id)
    ]
    assert counting.total == len(ids) == THREADS * SUBMITS


@needs_anvil
def test_numbers_have_no_gap_under_threads(tmp_path: Path) -> None:
    with counting_on_anvil(tmp_path) as counting:
        require_each_once(counting, submit_from_threads(counting))


def test_numbers_have_no_gap_under_threads_on_the_embedded_ledger(tmp_path: Path) -> None:
    deployer, account = LocalAccount.create(), LocalAccount.create()
    funded = {deployer.address: 10**20, account.address: 10**21}
    with EmbeddedLedger.create(tmp_path / "ledger", funded=funded) as ledger:
        chain = Chain.connect(ledger)
        counter = Wallet(chain, deployer).deploy()
        with Counting(tmp_path / "outbox.db", chain, account, counter, limits=GENEROUS) as counting:
            require_each_once(counting, submit_from_threads(counting))


@needs_anvil
def test_an_account_that_was_used_before_goes_on_with_its_next_number(counting: AnvilCounting) -> None:
    for number in range(3):
        counting.wallet.send(counting.counter, count_call(key_of(f"before/{number}")))
        counting.mine()
    ids = counting.submit("a", "b")
    counting.settle()
    assert [row.nonce for row in counting.rows(ids)] == [3, 4]


@needs_anvil
def test_a_number_used_elsewhere_is_given_up_only_when_that_is_final(counting: AnvilCounting) -> None:
    first, second = counting.submit("a", "b")
    counting.outbox.step()
    counting.wallet.send(counting.counter, count_call(key_of("foreign")), nonce=0, fee_times=3)
    counting.mine()
    for _ in range(11):
        counting.outbox.step()
        assert counting.outbox.row(first).nonce == 0
        assert {stuck.cause for stuck in counting.outbox.stuck()} == {Cause.USED_ELSEWHERE}
        counting.mine()
    assert counting.outbox.step().renumbered == 1
    counting.settle()
    assert counting.states([first, second]) == [State.FINAL] * 2
    assert [row.nonce for row in counting.rows([first, second])] == [2, 1]
    assert (counting.counted("a"), counting.counted("b"), counting.counted("foreign")) == (1, 1, 1)
    assert [attempt.nonce for attempt in counting.outbox.row(first).attempts] == [0, 2]


@needs_anvil
def test_a_number_used_elsewhere_and_taken_back_is_still_ours(counting: AnvilCounting) -> None:
    ids = counting.submit("a")
    counting.outbox.step()
    counting.wallet.send(counting.counter, count_call(key_of("foreign")), nonce=0, fee_times=3)
    counting.mine(3)
    counting.outbox.step()
    counting.anvil.call("anvil_reorg", 3, [])
    counting.outbox.step()
    counting.mine()
    counting.settle()
    assert counting.rows(ids)[0].nonce == 0
    assert (counting.counted("a"), counting.counted("foreign")) == (1, 0)


@needs_anvil
def test_a_number_that_was_left_unused_below_ours_is_used_up(counting: AnvilCounting) -> None:
    counting.mine(3)
    counting.wallet.send(counting.counter, count_call(key_of("foreign")))
    counting.mine()
    ids = counting.submit("a", "b")
    counting.outbox.step()
    counting.mine()
    assert [row.nonce for row in counting.rows(ids)] == [1, 2]
    counting.anvil.call("anvil_reorg", 2, [])  # the other wallet does not send its transaction again
    counting.outbox.step()
    counting.mine()
    counting.outbox.step()
    assert {stuck.cause for stuck in counting.outbox.stuck()} == {Cause.USED_ELSEWHERE}
    assert "left the account's number 0 unused" in counting.outbox.stuck()[0].reason
    counting.clock.advance(BUMP_S)
    assert counting.outbox.step().filled == 1
    counting.settle()
    assert counting.states(ids) == [State.FINAL] * 2
    filler = counting.outbox.rows()[0]
    assert (filler.state, filler.nonce, filler.value_wei) == (State.CANCELLED, 0, 0)
    assert (counting.counted("a"), counting.counted("b"), counting.total) == (1, 1, 2)


@needs_anvil
def test_what_waits_takes_a_number_that_was_left_unused(counting: AnvilCounting) -> None:
    counting.mine(3)
    counting.wallet.send(counting.counter, count_call(key_of("foreign")))
    counting.mine()
    ids = counting.submit("a")
    counting.outbox.step()
    counting.mine()
    counting.anvil.call("anvil_reorg", 2, [])
    ids += counting.submit("b")
    counting.settle()
    assert [row.nonce for row in counting.rows(ids)] == [1, 0]
    assert len(counting.outbox.rows()) == 2


@needs_anvil
def test_a_wallet_that_comes_back_after_the_gap_is_filled_doubles_nothing(counting: AnvilCounting) -> None:
    counting.mine(3)
    raw = counting.wallet.sign(counting.counter, count_call(key_of("foreign")), fee_times=50)
    counting.chain.send_raw([raw])
    counting.mine()
    ids = counting.submit("a")
    counting.outbox.step()
    counting.mine()
    counting.anvil.call("anvil_reorg", 2, [])
    ids += counting.submit("b")
    counting.outbox.step()  # gives the free number 0 to b
    counting.chain.send_raw([raw])
    counting.settle(steps=60)
    assert counting.states(ids) == [State.FINAL] * 2
    assert [counting.counted(name) for name in ("a", "b", "foreign")] == [1, 1, 1]


@needs_anvil
def test_two_outboxes_of_one_account_are_slow_and_double_nothing(counting: AnvilCounting, tmp_path: Path) -> None:
    path = tmp_path / "second.db"
    with Counting(path, counting.chain, counting.account, counting.counter, settings=counting.settings) as second:
        second.clock = counting.clock
        ids, others = counting.submit("a", "b", "c"), second.submit("d", "e", "f")
        for _ in range(60):
            is_open = counting.outbox.step().open + second.outbox.step().open
            if not is_open:
                break
            counting.mine(2)
            counting.clock.advance(20)
        assert counting.states(ids) == second.states(others) == [State.FINAL] * 3
        assert counting.total == len({event.topics[1] for event in counting.events()}) == 6
