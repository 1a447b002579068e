"""Cancelling: at once before a row is sent, else whichever of two transactions is executed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from anvil import needs_anvil
from counter import ETHER, TWELVE_BLOCKS, AnvilCounting, count_call, counting_on_anvil, key_of

from counterfoil.errors import NotAllowed, NotFound
from counterfoil.ledger.rpc.chain import GWEI, FeePolicy
from counterfoil.ledger.sending.outbox import Cause, Kind, State

pytestmark = [needs_anvil, pytest.mark.usefixtures("outbox_on")]


@pytest.fixture
def counting(tmp_path: Path) -> Iterator[AnvilCounting]:
    with counting_on_anvil(tmp_path, finality=TWELVE_BLOCKS) as counting:
        yield counting


def test_a_row_that_was_not_sent_is_cancelled_at_once(counting: AnvilCounting) -> None:
    first, second = counting.submit("a", "b")
    cancelled = counting.outbox.cancel(first)
    assert (cancelled.state, cancelled.fee_paid_wei, cancelled.nonce) == (State.CANCELLED, 0, None)
    assert counting.outbox.cancel(first) == cancelled
    counting.settle(blocks=4)
    assert counting.outbox.row(second).nonce == 0
    assert (counting.counted("a"), counting.counted("b")) == (0, 1)


def test_an_empty_transaction_takes_the_number_of_a_sent_row(counting: AnvilCounting) -> None:
    first, _ = counting.submit("a", "b", value_wei=ETHER)
    counting.outbox.step()
    assert counting.outbox.cancel(first).state is State.SENT
    assert counting.outbox.step().bumped == 1
    send, cancel = counting.outbox.row(first).attempts
    assert (send.kind, cancel.kind, cancel.nonce) == (Kind.SEND, Kind.CANCEL, send.nonce)
    assert cancel.max_fee_wei * 8 >= send.max_fee_wei * 9
    assert cancel.most_wei < ETHER
    counting.settle(blocks=4)
    row = counting.outbox.row(first)
    assert (row.state, row.transaction_hash, row.gas_used) == (State.CANCELLED, cancel.hash, 21_000)
    assert "empty transaction" in row.error
    assert (counting.counted("a"), counting.counted("b")) == (0, 1)
    assert counting.outbox.spent_today_wei == ETHER + counting.outbox.fee_paid_wei


def test_a_cancel_that_comes_too_late_leaves_the_row_done(counting: AnvilCounting) -> None:
    (row_id,) = counting.submit("a")
    counting.outbox.step()
    counting.outbox.cancel(row_id)
    counting.mine()
    counting.settle(blocks=4)
    row = counting.outbox.row(row_id)
    assert (row.state, row.is_cancel_asked, len(row.attempts)) == (State.FINAL, True, 1)
    assert counting.counted("a") == 1


def test_a_cancel_may_lose_the_race_after_it_was_sent(counting: AnvilCounting) -> None:
    (row_id,) = counting.submit("a")
    counting.outbox.step()
    send = counting.outbox.row(row_id).attempts[0]
    counting.outbox.cancel(row_id)
    counting.outbox.step()
    counting.anvil.call("anvil_dropAllTransactions")
    counting.chain.send_raw([send.raw])
    counting.mine()
    counting.settle(blocks=4)
    row = counting.outbox.row(row_id)
    assert (row.state, row.transaction_hash, len(row.attempts)) == (State.FINAL, send.hash, 2)
    assert counting.counted("a") == 1


def test_a_cancel_wins_when_a_reorganisation_takes_the_row_back(counting: AnvilCounting) -> None:
    counting.mine(3)
    (row_id,) = counting.submit("a")
    counting.outbox.step()
    counting.mine()
    counting.outbox.step()
    assert counting.outbox.cancel(row_id).state is State.MINED
    counting.anvil.call("anvil_reorg", 1, [])
    counting.settle(blocks=4)
    assert counting.outbox.row(row_id).state is State.CANCELLED
    assert counting.counted("a") == 0


def test_a_cancelled_row_whose_number_another_wallet_used_stays_cancelled(counting: AnvilCounting) -> None:
    (row_id,) = counting.submit("a")
    counting.outbox.step()
    counting.outbox.cancel(row_id)
    counting.wallet.send(counting.counter, count_call(key_of("foreign")), fee_times=3)
    counting.mine()
    counting.settle(blocks=4)
    row = counting.outbox.row(row_id)
    assert (row.state, row.nonce, row.fee_paid_wei) == (State.CANCELLED, None, 0)
    assert "used by another wallet" in row.error
    assert (counting.counted("a"), counting.counted("foreign")) == (0, 1)


def test_what_is_done_cannot_be_cancelled(counting: AnvilCounting) -> None:
    ids = counting.submit("a")
    counting.settle(blocks=4)
    with pytest.raises(NotAllowed, match="is done"):
        counting.outbox.cancel(ids[0])
    with pytest.raises(NotFound):
        counting.outbox.cancel(99)


def test_a_cancel_above_the_ceiling_waits_and_says_so(tmp_path: Path) -> None:
    with counting_on_anvil(tmp_path, fees=FeePolicy(ceiling_wei=3 * GWEI, headroom=3)) as counting:
        (row_id,) = counting.submit("a")
        counting.outbox.step()
        counting.outbox.cancel(row_id)
        counting.outbox.step()
        assert [each.cause for each in counting.outbox.stuck()] == [Cause.FEE_CEILING]
        counting.settle(blocks=4)
        assert counting.outbox.row(row_id).state is State.FINAL
