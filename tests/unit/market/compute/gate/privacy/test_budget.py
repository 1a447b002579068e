from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from counterfoil.errors import DoesNotMatch, InvalidInput, NotAllowed
from counterfoil.market.compute.gate.privacy import Budget, Cost, Limit

NOW = "2026-11-23T19:00:00Z"
LIMIT = Limit.of(1.0, 1e-6)


def job(number: int) -> str:
    return f"{number:064x}"


@pytest.fixture
def budget(tmp_path: Path) -> Iterator[Budget]:
    budget = Budget(tmp_path / "budget.db")
    yield budget
    budget.close()


def spend(
    budget: Budget, number: int, epsilon: float = 0.4, *, buyer: str = "a", limit: Limit = LIMIT, **more: Any
) -> bool:
    cost = Cost.of(epsilon, more.pop("delta", 0.0))
    return budget.spend(job(number), buyer, more.pop("dataset", "d"), cost, limit, NOW)


def test_what_is_used_up_does_not_come_back(budget: Budget) -> None:
    assert spend(budget, 1)
    assert spend(budget, 2)
    with pytest.raises(NotAllowed, match=r"costs epsilon 0\.4, and 0\.2 of this buyer's budget is left"):
        spend(budget, 3)
    assert budget.left("a", "d", LIMIT) == Cost(200_000, 10**9)
    assert spend(budget, 4, 0.2)
    assert budget.left("a", "d", LIMIT).epsilon_millionths == 0
    assert [each.job for each in budget.history("d")] == [job(1), job(2), job(4)]


def test_budgets_are_apart_by_buyer_and_dataset(budget: Budget) -> None:
    assert spend(budget, 1, 1.0)
    assert spend(budget, 2, 1.0, buyer="b")
    assert spend(budget, 3, 1.0, dataset="e")


def test_all_buyers_together_may_have_a_limit(budget: Budget) -> None:
    both = Limit.of(1.0, everybody_epsilon=1.5)
    spend(budget, 1, 1.0, limit=both)
    with pytest.raises(NotAllowed, match="all buyers together"):
        spend(budget, 2, 0.6, buyer="b", limit=both)
    assert budget.left("b", "d", both).epsilon_millionths == 500_000


def test_delta_is_used_up_as_well(budget: Budget) -> None:
    spend(budget, 1, 0.1, delta=9e-7)
    with pytest.raises(NotAllowed, match="delta"):
        spend(budget, 2, 0.1, delta=2e-7)


def test_a_job_is_paid_for_once(budget: Budget) -> None:
    assert spend(budget, 1) is True
    assert spend(budget, 1) is False
    assert budget.left("a", "d", LIMIT).epsilon_millionths == 600_000
    for other in ({"epsilon": 0.3}, {"buyer": "b"}, {"dataset": "e"}):
        with pytest.raises(DoesNotMatch, match="paid for otherwise"):
            spend(budget, 1, **other)


def test_an_answer_is_made_once_and_given_again_as_it_was(budget: Budget) -> None:
    noise = iter([b"first", b"second"])

    def answer(number: int = 1, buyer: str = "a") -> bytes:
        return budget.answer(job(number), buyer, "d", Cost.of(0.4), LIMIT, NOW, lambda: next(noise))

    assert [answer(), answer(), answer()] == [b"first"] * 3
    assert len(budget.history("d")) == 1
    with pytest.raises(DoesNotMatch):
        answer(buyer="b")


def test_no_answer_is_made_where_the_budget_does_not_reach(budget: Budget) -> None:
    made: list[int] = []

    def make() -> bytes:
        made.append(1)
        return b""

    with pytest.raises(NotAllowed):
        budget.answer(job(1), "a", "d", Cost.of(2.0), LIMIT, NOW, make)
    assert (made, budget.history("d")) == ([], [])


CRASH = """
import os, signal, sys
from pathlib import Path
from counterfoil.market.compute.gate.privacy import Budget, Cost, Limit
def make():
    if sys.argv[2] == "making":
        os.kill(os.getpid(), signal.SIGKILL)
    return os.urandom(8).hex().encode()
budget = Budget(Path(sys.argv[1]))
answer = budget.answer("0" * 64, "a", "d", Cost.of(0.4), Limit.of(1.0), "2026-11-23T19:00:00Z", make)
os.write(1, answer)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_process_that_is_killed_has_spent_before_it_answers(budget: Budget, tmp_path: Path) -> None:
    """Killed while it makes the answer: spent, and none given. Killed after: the same answer comes again."""

    def run(when: str) -> bytes:
        told = [sys.executable, "-c", CRASH, str(tmp_path / "budget.db"), when]
        done = subprocess.run(told, stdout=subprocess.PIPE, env=os.environ)
        assert done.returncode == -signal.SIGKILL
        return done.stdout

    assert run("making") == b""
    assert budget.left("a", "d", LIMIT).epsilon_millionths == 600_000
    first = run("after")
    assert len(first) == 16
    assert run("after") == first
    assert budget.left("a", "d", LIMIT).epsilon_millionths == 600_000


def test_many_at_once_spend_no_more_than_there_is(budget: Budget) -> None:

    def one(number: int) -> bool:
        try:
            return spend(budget, number, 0.3)
        except NotAllowed:
            return False

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(one, range(16))) == 3


def test_the_same_job_at_once_has_one_answer(budget: Budget) -> None:

    def one(number: int) -> bytes:
        return budget.answer(job(1), "a", "d", Cost.of(0.4), LIMIT, NOW, lambda: b"%d" % number)

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(one, range(16)))) == 1
    assert len(budget.history("d")) == 1


def test_costs_are_rounded_up_and_limits_down() -> None:
    assert Cost.of(0.1) == Cost(100_000)
    assert Cost.of(0.00000051, 1e-16) == Cost(1, 1)
    assert Limit.of(0.9999999, 1e-16) == Limit(Cost(999_999, 0))
    for epsilon, delta in ((0, 0), (-1, 0), (1, 1), (1, -1), (float("nan"), 0), (float("inf"), 0)):
        with pytest.raises(InvalidInput):
            Cost.of(epsilon, delta)


def test_jobs_have_names(budget: Budget) -> None:
    for name, buyer in (("1", "a"), ("0" * 64, "")):
        with pytest.raises(InvalidInput):
            budget.spend(name, buyer, "d", Cost.of(0.1), LIMIT, NOW)
