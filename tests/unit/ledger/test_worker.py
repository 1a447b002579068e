from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from organisations import Clock, write_events

from counterfoil.errors import HomeDamaged, LedgerUnreachable
from counterfoil.ledger.sending.spending import SpendingLimits
from counterfoil.ledger.worker import Worker
from counterfoil.organisation import Organisation

LONG_S = 60
WAIT_S = 20


class Steps:
    """Answers steps from a list: an error is raised, a bool says whether more is under way."""

    def __init__(self, *answers: Exception | bool) -> None:
        self._answers = list(answers)
        self.done = threading.Event()

    def __call__(self) -> bool:
        answer = self._answers.pop(0)
        if not self._answers:
            self.done.set()
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture
def worker_of() -> Callable[..., Worker]:
    def make(steps: Steps, *, is_due: Callable[[], bool] = lambda: True) -> Worker:
        return Worker(is_due, steps, poll_s=0.001, idle_s=LONG_S)

    return make


def test_it_steps_until_nothing_is_under_way(worker_of: Callable[..., Worker]) -> None:
    steps = Steps(True, True, False)
    worker = worker_of(steps)
    worker.notice()
    assert steps.done.wait(WAIT_S)
    worker.stop()


def test_it_rests_while_nothing_is_due(worker_of: Callable[..., Worker]) -> None:
    asked = threading.Event()

    def is_due() -> bool:
        asked.set()
        return False

    worker = worker_of(Steps(), is_due=is_due)
    worker.notice()
    assert asked.wait(WAIT_S)
    worker.stop()
    assert worker.fault == ""


def test_it_goes_on_after_an_outage(worker_of: Callable[..., Worker]) -> None:
    steps = Steps(LedgerUnreachable("no node answers"), LedgerUnreachable("no node answers"), False)
    worker = worker_of(steps)
    worker.notice()
    assert steps.done.wait(WAIT_S)
    worker.stop()
    assert worker.fault == ""


def test_what_a_person_must_mend_is_remarked_once(worker_of: Callable[..., Worker], heard: list[str]) -> None:
    steps = Steps(HomeDamaged("the log was altered"), HomeDamaged("the log was altered"))
    worker = worker_of(steps)
    worker.notice()
    assert steps.done.wait(WAIT_S)
    worker.stop()
    assert worker.fault == "the log was altered"
    assert heard == ["anchoring has stopped: the log was altered"]


def test_it_goes_on_after_what_nobody_foresaw(worker_of: Callable[..., Worker]) -> None:
    steps = Steps(ValueError("a byte above 255"), False)
    worker = worker_of(steps)
    worker.notice()
    assert steps.done.wait(WAIT_S)
    worker.stop()


def test_a_stopped_worker_does_not_start_again(worker_of: Callable[..., Worker]) -> None:
    before = set(threading.enumerate())
    worker = worker_of(Steps())
    worker.stop()
    worker.notice()
    assert set(threading.enumerate()) <= before


def require_soon(holds: Callable[[], bool]) -> None:
    """Waits until something holds that a thread brings about."""
    paused = threading.Event()
    for _ in range(WAIT_S * 50):
        if holds():
            return
        paused.wait(0.02)
    pytest.fail("it did not come about")


def test_records_are_anchored_in_the_background(org: Organisation, clock: Clock) -> None:
    org.ledger.connect()
    org.ledger.anchor()
    write_events(org)
    size = org.archive.size
    clock.move(org.ledger.within_s)
    org.ledger.wake()

    def is_proven() -> bool:
        proof = org.ledger.newest(org.archive.size)
        return proof is not None and proof.size >= size

    require_soon(is_proven)


def test_what_failed_in_the_background_is_a_problem(org: Organisation, clock: Clock) -> None:
    org.ledger.connect()
    opened, where = org.ledger.opened, org.ledger.require_connection().where
    opened.change("revoke", opened.evidence.revoke_writer(where.log_id))
    write_events(org)
    clock.move(org.ledger.within_s)
    org.ledger.wake()
    fault = "another account may anchor this log, not the one this home uses"
    require_soon(lambda: org.ledger.fault == fault)
    assert f"in the background: {fault}" in org.ledger.status().problems


def test_what_status_finds_itself_is_not_told_again_from_the_background(org: Organisation, clock: Clock) -> None:
    org.ledger.connect()
    org.ledger.opened.outbox.limits = SpendingLimits(1, 1)
    clock.move(org.ledger.within_s)
    write_events(org)
    org.ledger.wake()
    require_soon(lambda: org.ledger.fault != "")
    [problem] = org.ledger.status().problems
    assert problem.startswith("what is due cannot be sent: ")
