"""Funds and limits: what cannot be paid waits and says so, and nothing passes a limit."""

from __future__ import annotations

from pathlib import Path

import pytest
from anvil import needs_anvil
from counter import ETHER, AnvilCounting, counting_on_anvil

from counterfoil.errors import InvalidInput, OutOfFunds, OverLimit
from counterfoil.ledger.rpc.chain import GWEI
from counterfoil.ledger.sending.outbox import Cause, SpendingLimits, State
from counterfoil.ledger.sending.spending import DAY_S, Budget

pytestmark = [needs_anvil, pytest.mark.usefixtures("outbox_on")]

DAY_WEI = 3 * 10**14
"""What one row of a test may cost at its worst, or a few may cost indeed."""


def set_balance(counting: AnvilCounting, wei: int) -> None:
    counting.anvil.call("anvil_setBalance", "0x" + counting.account.address.hex(), hex(wei))


def causes(counting: AnvilCounting) -> dict[int, Cause]:
    return {each.id: each.cause for each in counting.outbox.stuck()}


def test_without_funds_rows_wait_and_go_out_once_there_are_some(tmp_path: Path) -> None:
    with counting_on_anvil(tmp_path) as counting:
        set_balance(counting, 0)
        ids = counting.submit("a", "b")
        for _ in range(3):
            assert not counting.outbox.step().is_progress
            counting.mine()
        assert counting.states(ids) == [State.WAITING] * 2
        assert causes(counting) == {ids[0]: Cause.OUT_OF_FUNDS, ids[1]: Cause.EARLIER_WAITS}
        set_balance(counting, ETHER)
        counting.settle()
        assert counting.states(ids) == [State.FINAL] * 2
        assert counting.total == 2


def test_funds_for_one_pay_for_one_at_a_time(tmp_path: Path) -> None:
    with counting_on_anvil(tmp_path) as counting:
        (offered,) = {counting.chain.offered().max_wei}
        set_balance(counting, 100_000 * offered * 3 // 2)
        ids = counting.submit("a", "b")
        counting.outbox.step()
        assert counting.states(ids) == [State.SENT, State.WAITING]
        assert causes(counting) == {ids[1]: Cause.OUT_OF_FUNDS}
        counting.settle()
        assert counting.total == 2


def test_a_value_that_the_account_does_not_hold_waits_before_the_contract_is_asked(tmp_path: Path) -> None:
    with counting_on_anvil(tmp_path) as counting:
        set_balance(counting, ETHER)
        ids = counting.submit("a", gas=None, value_wei=2 * ETHER)
        counting.outbox.step()
        assert causes(counting) == {ids[0]: Cause.OUT_OF_FUNDS}
        assert "carries 2,000,000,000,000,000,000 wei" in counting.outbox.stuck()[0].reason
        counting.outbox.cancel(ids[0])
        counting.submit("b")
        counting.settle()
        assert (counting.counted("a"), counting.counted("b")) == (0, 1)


def test_funds_that_vanish_after_signing_are_told_of(tmp_path: Path) -> None:
    with counting_on_anvil(tmp_path) as counting:
        ids = counting.submit("a")
        counting.outbox.step()
        counting.anvil.call("anvil_dropAllTransactions")
        set_balance(counting, 0)
        counting.reopen()
        counting.outbox.step()
        assert causes(counting) == {ids[0]: Cause.NODE_REFUSED}
        assert "did not take it" in counting.outbox.stuck()[0].reason
        set_balance(counting, ETHER)
        counting.settle()
        assert counting.counted("a") == 1


def test_the_days_limit_holds_rows_back_until_the_day_is_over(tmp_path: Path) -> None:
    limits = SpendingLimits(per_day_wei=DAY_WEI, per_transaction_wei=DAY_WEI)
    with counting_on_anvil(tmp_path, limits=limits) as counting:
        ids = counting.submit(*range(8))
        done = 0
        for _ in range(40):
            counting.outbox.step()
            counting.mine()
            done = counting.total
        assert 1 <= done < 8
        assert counting.outbox.spent_today_wei <= DAY_WEI
        assert causes(counting)[ids[done]] is Cause.SPENDING_LIMIT
        assert set(causes(counting).values()) == {Cause.SPENDING_LIMIT, Cause.EARLIER_WAITS}
        days = 0
        while counting.total < 8:
            counting.clock.advance(DAY_S)
            days += 1
            for _ in range(20):
                counting.outbox.step()
                counting.mine()
                assert counting.outbox.spent_today_wei <= DAY_WEI
        counting.settle()
        assert 1 <= days <= 8


def test_what_can_never_be_within_the_limits_is_refused_at_once(tmp_path: Path) -> None:
    limits = SpendingLimits(per_day_wei=3 * ETHER, per_transaction_wei=2 * ETHER)
    with counting_on_anvil(tmp_path, limits=limits) as counting:
        with pytest.raises(OverLimit, match="one transaction"):
            counting.submit("a", value_wei=2 * ETHER)
        counting.submit("b", value_wei=3 * ETHER // 2)
        with pytest.raises(OverLimit, match="of the day's"):
            counting.submit("c", value_wei=3 * ETHER // 2)
        counting.settle()
        with pytest.raises(OverLimit, match="of the day's"):
            counting.submit("c", value_wei=3 * ETHER // 2)
        counting.clock.advance(DAY_S)
        counting.submit("c", value_wei=3 * ETHER // 2)
        counting.settle()
        assert [row.key for row in counting.outbox.rows()] == ["c", "b"]


def test_a_raise_of_the_fee_counts_too(tmp_path: Path) -> None:
    limits = SpendingLimits(per_day_wei=ETHER, per_transaction_wei=100_000 * 10 * GWEI)
    with counting_on_anvil(tmp_path, limits=limits) as counting:
        ids = counting.submit("a")
        counting.outbox.step()
        counting.set_base_fee(30 * GWEI)
        counting.mine()
        assert counting.outbox.step().bumped == 0
        assert causes(counting) == {ids[0]: Cause.SPENDING_LIMIT}
        assert "more cannot be offered" in counting.outbox.stuck()[0].reason
        counting.set_base_fee(GWEI)
        counting.mine()
        counting.settle()
        assert counting.counted("a") == 1


def test_a_budget_counts_each_row_once_with_its_dearest_version() -> None:
    budget = Budget(SpendingLimits(100, 60), paid_wei=30, balance_wei=90, under_way=[])
    budget.take(50)
    with pytest.raises(OverLimit):
        budget.take(21)
    budget.take(60, instead_of_wei=50)
    budget.take(5, instead_of_wei=60)
    with pytest.raises(OverLimit):
        budget.take(11)
    budget.take(10)
    with pytest.raises(OverLimit):
        budget.take(1)


def test_a_budget_stops_at_what_the_account_holds() -> None:
    budget = Budget(SpendingLimits(10**6, 10**6), paid_wei=0, balance_wei=90, under_way=[])
    budget.take(50)
    with pytest.raises(OutOfFunds):
        budget.take(41)
    budget.take(90, instead_of_wei=50)
    assert budget.free_wei == 0


@pytest.mark.parametrize("amounts", [(-1, 0), (0, -1)])
def test_a_limit_is_not_negative(amounts: tuple[int, int]) -> None:
    with pytest.raises(InvalidInput):
        SpendingLimits(*amounts)
