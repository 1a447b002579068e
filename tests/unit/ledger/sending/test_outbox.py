"""What is handed to an outbox is executed once; what it says of it is so."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import counter
import pytest
from anvil import Anvil, needs_anvil
from counter import (
    GENEROUS,
    TWELVE_BLOCKS,
    AnvilCounting,
    Counting,
    count_call,
    counting_on_anvil,
    creation_code,
    key_of,
    place_of,
    shut_call,
)

from counterfoil.errors import InvalidInput, LedgerBusy, LogUnavailable, NotAllowed, NotFound, WrongChain
from counterfoil.ledger.accounts.account import LocalAccount
from counterfoil.ledger.rpc.chain import Chain, Finality
from counterfoil.ledger.sending.outbox import Cause, Kind, Outbox, State

pytestmark = [needs_anvil, pytest.mark.usefixtures("outbox_on")]


@pytest.fixture
def counting(tmp_path: Path) -> Iterator[AnvilCounting]:
    with counting_on_anvil(tmp_path) as counting:
        yield counting


def test_a_row_goes_from_waiting_to_final(counting: AnvilCounting) -> None:
    (row_id,) = counting.submit("a")
    waiting = counting.outbox.row(row_id)
    assert (waiting.state, waiting.nonce, waiting.attempts) == (State.WAITING, None, ())
    assert counting.outbox.step().signed == 1
    sent = counting.outbox.row(row_id)
    assert (sent.state, sent.nonce, sent.block_number, len(sent.attempts)) == (State.SENT, 0, None, 1)
    assert sent.transaction_hash == sent.attempts[0].hash
    assert not counting.outbox.step().is_progress
    counting.mine()
    counting.clock.advance(7)
    stepped = counting.outbox.step()
    done = counting.outbox.row(row_id)
    receipt = counting.chain.receipt(sent.transaction_hash or b"")
    assert (stepped.final, stepped.open, done.state) == (1, 0, State.FINAL)
    assert receipt is not None
    assert (done.block_number, done.block_hash) == (receipt.block_number, receipt.block_hash)
    assert (done.gas_used, done.fee_paid_wei) == (receipt.gas_used, receipt.fee_wei)
    assert done.final_s == done.changed_s == counting.clock()
    assert counting.outbox.fee_paid_wei == receipt.fee_wei
    assert counting.counted("a") == 1


def test_a_row_in_a_block_is_not_done_before_it_is_final(tmp_path: Path) -> None:
    with counting_on_anvil(tmp_path, finality=Finality("", confirmations=3)) as counting:
        ids = counting.submit("a")
        counting.outbox.step()
        counting.mine()
        assert counting.outbox.step().mined == 1
        counting.mine()
        assert not counting.outbox.step().is_progress
        assert counting.states(ids) == [State.MINED]
        counting.mine()
        assert counting.outbox.step().final == 1


def test_rows_go_out_in_the_order_of_submission(counting: AnvilCounting) -> None:
    ids = counting.submit(*range(25))
    counting.settle()
    assert [row.nonce for row in counting.rows(ids)] == list(range(25))
    assert [event.topics[1] for event in counting.events()] == [key_of(n) for n in range(25)]


def test_submitting_needs_no_ledger_and_survives_a_restart(counting: AnvilCounting) -> None:
    counting.anvil.kill()
    ids = counting.submit("a", "b", gas=None)
    for _ in range(2):
        stepped = counting.outbox.step()
        assert stepped.trouble is not None
        assert not stepped.is_progress
    assert counting.states(ids) == [State.WAITING] * 2
    assert {stuck.cause for stuck in counting.outbox.stuck()} == {Cause.UNREACHABLE}
    counting.reopen()
    assert [row.id for row in counting.outbox.rows(states=("waiting",))] == ids[::-1]


def test_the_same_key_gives_the_same_row(counting: AnvilCounting) -> None:
    first = counting.submit("a")
    assert counting.submit("a") == first
    counting.settle()
    assert counting.submit("a") == first
    counting.settle()
    assert counting.total == 1
    assert counting.outbox.row_of("a").id == first[0]
    with pytest.raises(InvalidInput, match="stands for another transaction"):
        counting.outbox.submit(counting.counter, count_call(key_of("b")), purpose="count", key="a")
    with pytest.raises(NotFound):
        counting.outbox.row_of("b")


def test_rows_without_a_key_are_all_sent(counting: AnvilCounting) -> None:
    for _ in range(3):
        counting.outbox.submit(counting.counter, count_call(key_of("x")), purpose="count")
    counting.settle()
    assert counting.counted("x") == 3


def test_rows_are_found_newest_first(counting: AnvilCounting) -> None:
    ids = counting.submit("a", "b")
    other = counting.outbox.submit(counting.counter, shut_call(False), purpose="open up")
    assert [row.id for row in counting.outbox.rows()] == [other, *ids[::-1]]
    assert [row.id for row in counting.outbox.rows(purpose="count", limit=1)] == [ids[1]]
    assert counting.outbox.rows(states=("final",)) == []


def test_gas_is_estimated_with_a_margin(counting: AnvilCounting) -> None:
    (row_id,) = counting.submit("a", gas=None)
    counting.settle()
    row = counting.outbox.row(row_id)
    assert row.gas_limit is not None
    assert row.gas_used is not None
    assert row.state is State.FINAL
    assert row.gas is None
    assert row.gas_used * 5 // 4 <= row.gas_limit < row.gas_used * 2


def test_what_the_contract_would_refuse_is_never_sent(counting: AnvilCounting) -> None:
    counting.wallet.send(counting.counter, shut_call(True))
    counting.mine()
    before_wei = counting.chain.balance_wei(counting.account.address)
    (refused,) = counting.submit("a", gas=None)
    opened = counting.outbox.submit(counting.counter, shut_call(False), purpose="open up")
    counting.settle()
    row = counting.outbox.row(refused)
    assert (row.state, row.nonce, row.fee_paid_wei, row.attempts) == (State.REFUSED, None, 0, ())
    assert "the counter is shut" in row.error
    assert counting.outbox.row(opened).nonce == 1
    assert before_wei - counting.chain.balance_wei(counting.account.address) == counting.outbox.fee_paid_wei


def test_a_row_that_depends_on_one_before_it_waits_for_it(counting: AnvilCounting) -> None:
    counting.wallet.send(counting.counter, shut_call(True))
    counting.mine()
    opened = counting.outbox.submit(counting.counter, shut_call(False), purpose="open up")
    (dependent,) = counting.submit("a", gas=None)
    (behind,) = counting.submit("b")
    counting.outbox.step()
    assert counting.states([opened, dependent, behind]) == [State.SENT, State.WAITING, State.WAITING]
    stuck = {each.id: each for each in counting.outbox.stuck()}
    assert stuck[dependent].cause is Cause.WOULD_REFUSE
    assert "the counter is shut" in stuck[dependent].reason
    assert stuck[behind].cause is Cause.EARLIER_WAITS
    counting.settle()
    assert counting.states([opened, dependent, behind]) == [State.FINAL] * 3
    assert counting.outbox.stuck() == []


def test_a_refusal_in_a_block_is_told_with_its_reason_and_its_fee(counting: AnvilCounting) -> None:
    counting.wallet.send(counting.counter, shut_call(True))
    counting.mine()
    (row_id,) = counting.submit("a")
    counting.settle()
    row = counting.outbox.row(row_id)
    assert row.state is State.REFUSED
    assert row.error == "the contract refused: the counter is shut; the fee was paid"
    assert row.fee_paid_wei
    assert counting.outbox.fee_paid_wei == row.fee_paid_wei


def test_a_refusal_in_a_block_that_is_not_final_is_told_and_may_be_taken_back(tmp_path: Path) -> None:
    with counting_on_anvil(tmp_path, finality=TWELVE_BLOCKS) as counting:
        counting.mine(2)
        counting.wallet.send(counting.counter, shut_call(True))
        counting.mine()
        (row_id,) = counting.submit("a")
        counting.outbox.step()
        counting.mine()
        counting.outbox.step()
        row = counting.outbox.row(row_id)
        assert (row.state, row.error[:24]) == (State.MINED, "the contract refused it,")
        counting.anvil.call("anvil_reorg", 2, [])
        opened = counting.outbox.submit(counting.counter, shut_call(False), gas=60_000, purpose="open up")
        counting.settle(steps=60)
        row = counting.outbox.row(row_id)
        assert (row.state, row.error) == (State.FINAL, "")
        assert counting.outbox.row(opened).nonce == 0


def test_a_contract_can_be_made(counting: AnvilCounting) -> None:
    row_id = counting.outbox.submit(None, creation_code(), purpose="deploy")
    counting.settle()
    row = counting.outbox.row(row_id)
    receipt = counting.chain.receipt(row.transaction_hash or b"")
    assert receipt is not None
    assert counting.chain.code(receipt.contract or b"") == counting.chain.code(counting.counter)


def test_value_is_carried(counting: AnvilCounting) -> None:
    counting.submit("a", value_wei=5 * 10**18)
    counting.settle()
    assert counting.chain.balance_wei(counting.counter) == 5 * 10**18
    assert counting.outbox.spent_today_wei == 5 * 10**18 + counting.outbox.fee_paid_wei


def test_waiting_ends_in_a_block_when_done_or_when_the_time_is_over(tmp_path: Path) -> None:
    with counting_on_anvil(tmp_path, finality=Finality("", confirmations=2)) as counting:
        counting.let_mine()
        (row_id,) = counting.submit("a")
        assert counting.outbox.wait(row_id, "mined").state is State.MINED
        assert counting.outbox.wait(row_id, timeout_s=0.05).state is State.MINED
        waiter = threading.Timer(0.05, counting.mine)
        waiter.start()
        assert counting.outbox.wait(row_id, timeout_s=30).state is State.FINAL
        waiter.join()
        assert counting.outbox.wait(row_id, timeout_s=0).state is State.FINAL
        with pytest.raises(NotFound):
            counting.outbox.wait(99, timeout_s=0)


def test_closing_ends_a_wait(tmp_path: Path) -> None:
    with counting_on_anvil(tmp_path, finality=Finality("", confirmations=2)) as counting:
        counting.let_mine()
        (row_id,) = counting.submit("a")
        counting.outbox.wait(row_id, "mined")
        closer = threading.Timer(0.05, counting.outbox.close)
        closer.start()
        try:
            counting.outbox.wait(row_id, timeout_s=600)
        except LogUnavailable:  # closed between two looks
            pass
        closer.join()
        with pytest.raises(LogUnavailable, match="closed"):
            counting.outbox.submit(counting.counter, b"", purpose="late")
        counting.outbox.close()


@pytest.mark.parametrize(
    "order",
    [
        {"to": b"short"},
        {"data": bytes(120_001)},
        {"value_wei": -1},
        {"value_wei": 2**256},
        {"gas": 20_999},
        {"gas": 2**63},
        {"purpose": ""},
        {"purpose": "two\nlines"},
        {"purpose": "x" * 201},
        {"key": "\x1b[2J"},
    ],
)
def test_what_cannot_be_sent_is_refused_at_once(order: dict[str, object], counting: AnvilCounting) -> None:
    usable = {"to": counting.counter, "data": b"", "purpose": "count"}
    with pytest.raises(InvalidInput):
        counting.outbox.submit(**usable | order)
    assert counting.outbox.rows() == []


def test_one_process_sends_from_an_outbox(counting: AnvilCounting) -> None:
    with pytest.raises(LedgerBusy, match="this process"):
        Counting(counting.path, counting.chain, counting.account, counting.counter)
    program = f"""
import sys
from pathlib import Path
sys.path.insert(0, {str(Path(__file__).parents[3])!r})
from counter import place_of
from counterfoil.errors import LedgerBusy
try:
    place_of(Path({str(counting.path)!r}), {counter.outbox_url!r}).open({{}})
except LedgerBusy as error:
    print(error.message)
"""
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert said.startswith("process ")
    counting.outbox.close()
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout == ""
    counting.reopen()
    counting.submit("a")
    counting.settle()


def test_an_outbox_is_of_one_account_and_one_chain(counting: AnvilCounting) -> None:
    counting.outbox.close()
    other = LocalAccount(counting.anvil.keys[1])
    with pytest.raises(NotAllowed, match="an account needs|sends for"):
        Outbox(place_of(counting.path), counting.chain, other, limits=GENEROUS)
    elsewhere = Chain(counting.chain.rpc, 5, counting.chain.finality, counting.chain.fees)
    with pytest.raises(WrongChain):
        Outbox(place_of(counting.path), elsewhere, counting.account, limits=GENEROUS)
    counting.reopen()


def test_a_ledger_that_was_started_anew_is_another_one(tmp_path: Path) -> None:
    with counting_on_anvil(tmp_path, timeout_s=10) as counting, Anvil(options=["--timestamp", "1000"]) as other:
        counting.submit("a")
        counting.settle()
        ids = counting.submit("b")
        counting.node.real = other
        with pytest.raises(WrongChain, match="began with another block"):
            counting.outbox.step()
        assert counting.states(ids) == [State.WAITING]
        assert "eth_sendRawTransaction" not in counting.node.asked[-5:]
        assert other.call("eth_blockNumber") == "0x0"


def test_the_kinds_of_versions_are_told(counting: AnvilCounting) -> None:
    (row_id,) = counting.submit("a")
    counting.outbox.step()
    attempt = counting.outbox.row(row_id).attempts[0]
    assert attempt.kind is Kind.SEND
    assert attempt.raw.hex() not in repr(counting.outbox.row(row_id))
