"""Fees: offered with room, raised when it is not enough, never above the ceiling."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from anvil import needs_anvil
from counter import AnvilCounting, counting_on_anvil

from counterfoil.errors import InvalidInput
from counterfoil.ledger.rpc.chain import GWEI, FeePolicy, Fees
from counterfoil.ledger.sending.outbox import Attempt, Cause, Kind, SendingSettings, State
from counterfoil.ledger.sending.signing import raised

pytestmark = [needs_anvil, pytest.mark.usefixtures("outbox_on")]

CEILING_WEI = 40 * GWEI
BUMP_S = 100.0


@pytest.fixture
def counting(tmp_path: Path) -> Iterator[AnvilCounting]:
    settings = SendingSettings(bump_after_s=BUMP_S)
    with counting_on_anvil(tmp_path, fees=FeePolicy(ceiling_wei=CEILING_WEI), settings=settings) as counting:
        yield counting


def spike(counting: AnvilCounting, base_fee_wei: int) -> None:
    """Makes a block with this base fee; what offers less stays out of it."""
    counting.set_base_fee(base_fee_wei)
    counting.mine()


def test_an_offer_below_the_base_fee_is_raised_and_goes_through(counting: AnvilCounting) -> None:
    ids = counting.submit("a", "b")
    counting.outbox.step()
    first = counting.rows(ids)[0]
    assert first.max_fee_wei is not None
    spike(counting, first.max_fee_wei + GWEI)
    assert counting.outbox.step().bumped == 2
    for row in counting.rows(ids):
        old, new = row.attempts
        assert (old.nonce, old.kind) == (new.nonce, new.kind)
        assert new.max_fee_wei * 8 >= old.max_fee_wei * 9
        assert new.tip_wei * 8 >= old.tip_wei * 9
        assert (row.max_fee_wei, row.tip_wei, row.transaction_hash) == (new.max_fee_wei, new.tip_wei, new.hash)
    counting.settle()
    assert counting.states(ids) == [State.FINAL] * 2
    assert (counting.counted("a"), counting.counted("b")) == (1, 1)


def test_at_the_ceiling_it_waits_is_told_of_and_recovers(counting: AnvilCounting) -> None:
    ids = counting.submit("a")
    counting.outbox.step()
    spike(counting, 2 * CEILING_WEI)
    ids += counting.submit("b")
    for _ in range(3):
        stepped = counting.outbox.step()
        assert (stepped.bumped, stepped.signed) == (0, 0)
        counting.clock.advance(10)
    stuck = counting.outbox.stuck()
    assert [(each.id, each.cause) for each in stuck] == [(row_id, Cause.FEE_CEILING) for row_id in ids]
    assert f"{2 * CEILING_WEI:,} wei" in stuck[0].reason
    assert f"{CEILING_WEI:,}" in stuck[0].reason
    assert stuck[0].since_s == counting.clock() - 30
    spike(counting, GWEI)
    counting.settle()
    assert counting.states(ids) == [State.FINAL] * 2
    assert counting.outbox.stuck() == []
    assert counting.total == 2


def test_a_raise_ends_where_an_eighth_more_passes_the_ceiling(tmp_path: Path) -> None:
    with counting_on_anvil(tmp_path, fees=FeePolicy(ceiling_wei=CEILING_WEI, headroom=1)) as counting:
        ids = counting.submit("a")
        counting.outbox.step()
        spike(counting, 37 * GWEI)
        assert counting.outbox.step().bumped == 1
        spike(counting, 39 * GWEI)
        assert counting.outbox.step().bumped == 0
        assert [each.cause for each in counting.outbox.stuck()] == [Cause.FEE_CEILING]
        spike(counting, GWEI)
        counting.settle()
        assert counting.counted("a") == 1
        assert max(attempt.max_fee_wei for attempt in counting.rows(ids)[0].attempts) <= CEILING_WEI


def test_a_late_transaction_is_offered_more_for_only_while_blocks_are_made(counting: AnvilCounting) -> None:
    counting.submit("a", "b")
    counting.outbox.step()
    counting.outbox.step()
    counting.anvil.call("anvil_dropAllTransactions")  # the node lost them, so blocks pass them by
    counting.clock.advance(BUMP_S)
    assert counting.outbox.step().bumped == 0
    assert {each.cause for each in counting.outbox.stuck()} <= {Cause.LATE, Cause.EARLIER_WAITS}
    counting.anvil.call("anvil_dropAllTransactions")
    counting.mine()
    assert counting.outbox.step().bumped == 2
    assert counting.outbox.step().bumped == 0
    counting.settle()
    assert counting.total == 2


def test_any_version_may_be_the_one_that_is_executed(counting: AnvilCounting) -> None:
    (row_id,) = counting.submit("a")
    counting.outbox.step()
    (first,) = counting.outbox.row(row_id).attempts
    spike(counting, first.max_fee_wei + 1)
    counting.outbox.step()
    counting.anvil.call("anvil_dropAllTransactions")
    counting.set_base_fee(GWEI)
    counting.chain.send_raw([first.raw])
    counting.mine()
    counting.settle()
    row = counting.outbox.row(row_id)
    assert len(row.attempts) == 2
    assert (row.state, row.transaction_hash, row.max_fee_wei) == (State.FINAL, first.hash, first.max_fee_wei)
    assert counting.counted("a") == 1


def test_after_a_restart_the_same_bytes_go_out_again(counting: AnvilCounting) -> None:
    (row_id,) = counting.submit("a")
    counting.outbox.step()
    counting.anvil.call("anvil_dropAllTransactions")
    counting.reopen()
    stepped = counting.outbox.step()
    assert (stepped.signed, stepped.sent) == (0, 1)
    assert len(counting.outbox.row(row_id).attempts) == 1
    counting.settle()
    assert counting.counted("a") == 1


def test_bytes_the_node_dropped_go_out_again(counting: AnvilCounting) -> None:
    counting.submit("a")
    counting.outbox.step()
    counting.anvil.call("anvil_dropAllTransactions")
    assert counting.outbox.step().sent == 0
    counting.clock.advance(counting.settings.resend_after_s)
    assert counting.outbox.step().sent == 1
    counting.settle()
    assert counting.counted("a") == 1


def an_attempt(max_fee_wei: int, tip_wei: int) -> Attempt:
    return Attempt(0, bytes(32), b"", Kind.SEND, max_fee_wei, tip_wei, 0, 0.0, 0)


@pytest.mark.parametrize(
    ("earlier", "offered", "expected"),
    [
        ((80, 8), Fees(50, 5), Fees(90, 9)),
        ((80, 8), Fees(95, 5), Fees(95, 9)),
        ((80, 8), Fees(95, 20), Fees(95, 20)),
        ((81, 9), Fees(50, 5), Fees(92, 11)),
        ((1, 0), Fees(1, 1), Fees(2, 1)),
        ((88, 88), Fees(10, 1), Fees(99, 99)),
        ((89, 8), Fees(50, 5), None),
        ((80, 8), None, None),
    ],
)
def test_an_offer_is_raised_by_an_eighth_at_least(
    earlier: tuple[int, int], offered: Fees | None, expected: Fees | None
) -> None:
    assert raised(an_attempt(*earlier), offered, 100) == expected


@pytest.mark.parametrize("wrong", [{"bump_after_s": -1.0}, {"resend_after_s": -1.0}, {"most_in_flight": 0}])
def test_patience_has_sensible_numbers(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        SendingSettings(**wrong)
