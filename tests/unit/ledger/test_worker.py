from __future__ import annotations

import logging
import threading
from collections.abc import Callable

import pytest
from organisations import Clock

from counterfoil.core.statement import Draft
from counterfoil.errors import HomeDamaged, LedgerUnreachable
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


class Heard(logging.Handler):
    """Keeps what is remarked, whatever else listens."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.said.append(record.getMessage())


def test_what_a_person_must_mend_is_remarked_once(worker_of: Callable[..., Worker]) -> None:
    heard, logger = Heard(), logging.getLogger("counterfoil.ledger")
    logger.addHandler(heard)
    steps = Steps(HomeDamaged("the log was altered"), HomeDamaged("the log was altered"))
    worker = worker_of(steps)
    worker.notice()
    assert steps.done.wait(WAIT_S)
    worker.stop()
    logger.removeHandler(heard)
    assert worker.fault == "the log was altered"
    assert heard.said == ["anchoring has stopped: the log was altered"]


def test_it_goes_on_after_what_nobody_foresaw(worker_of: Callable[..., Worker]) -> None:
    steps = Steps(ValueError("a byte above 255"), False)
    worker = worker_of(steps)
    worker.notice()
    assert steps.done.wait(WAIT_S)
    worker.stop()


def test_a_stopped_worker_does_not_start_again(worker_of: Callable[..., Worker]) -> None:
    worker = worker_of(Steps())
    worker.stop()
    worker.notice()
    assert threading.active_count() == 1 or all(each.name != "counterfoil-anchoring" for each in threading.enumerate())


def test_records_are_anchored_in_the_background(org: Organisation, clock: Clock) -> None:
    org.ledger.connect()
    org.ledger.anchor()
    org.recorder.write(Draft("event", "events", "one"))
    size = org.archive.size
    clock.move(3_600)
    org.ledger.wake()
    waited = threading.Event()
    for _ in range(WAIT_S * 50):
        proof = org.ledger.newest(org.archive.size)
        if proof is not None and proof.size >= size:
            break
        waited.wait(0.02)
    else:
        pytest.fail(f"the record was not anchored: {org.ledger.fault}")
