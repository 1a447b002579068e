"""Requests that leave no record of their own: done once, and never twice in doubt."""

from __future__ import annotations

import threading

import pytest

from counterfoil.errors import HomeBusy, InvalidInput, LogUnavailable, NotFound, Stale
from counterfoil.node.answers import KEPT_S, Answers
from counterfoil.node.state import NodeState

TAG, OTHER_BODY, OTHER_KEY = b"k" * 16 + b"b" * 8, b"k" * 16 + b"c" * 8, b"l" * 16 + b"b" * 8


class Clock:
    now_s = 1_000_000

    def __call__(self) -> int:
        return self.now_s


@pytest.fixture
def state(tmp_path):
    opened = NodeState(tmp_path / "node.db")
    yield opened
    opened.close()


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def answers(state, clock):
    return Answers(state, clock)


def counting():
    done = []

    def make():
        done.append(1)
        return 200, {"done": len(done)}

    return make


def test_the_same_request_is_answered_from_what_was_kept(answers, state, clock):
    make = counting()
    assert answers.answered(TAG, make) == (200, {"done": 1}, False)
    assert answers.answered(TAG, make) == (200, {"done": 1}, True)
    assert Answers(state, clock).answered(TAG, make) == (200, {"done": 1}, True)
    assert answers.answered(OTHER_KEY, make) == (200, {"done": 2}, False)
    assert answers.answered(None, make) == (200, {"done": 3}, False)


def test_a_key_stands_for_one_request(answers):
    answers.answered(TAG, counting())
    with pytest.raises(InvalidInput, match="another request"):
        answers.answered(OTHER_BODY, counting())


def test_what_was_refused_before_it_began_is_forgotten(answers):
    def refuse():
        raise NotFound("nobody")

    with pytest.raises(NotFound):
        answers.answered(TAG, refuse)
    assert answers.answered(TAG, counting()) == (200, {"done": 1}, False)


@pytest.mark.parametrize("error", [LogUnavailable("full"), ZeroDivisionError(), KeyboardInterrupt()])
def test_what_broke_off_is_not_done_again_until_somebody_looked(answers, state, clock, error):
    def break_off():
        raise error

    with pytest.raises(type(error)):
        answers.answered(TAG, lambda: break_off)
    for each in (answers, Answers(state, clock)):
        with pytest.raises(Stale, match="broke off"):
            each.answered(TAG, counting())


@pytest.mark.parametrize("error", [LogUnavailable("full"), HomeBusy("somebody else")])
def test_what_failed_before_it_began_may_be_sent_again(answers, error):
    def look():
        raise error

    with pytest.raises(type(error)):
        answers.answered(TAG, look)
    assert answers.answered(TAG, lambda: counting()) == (200, {"done": 1}, False)


def test_two_at_once_are_one(answers):
    began, go_on, seen = threading.Event(), threading.Event(), []

    def slow():
        began.set()
        go_on.wait()
        return 200, {}

    thread = threading.Thread(target=lambda: seen.append(answers.answered(TAG, slow)))
    thread.start()
    began.wait()
    with pytest.raises(HomeBusy, match="under way"):
        answers.answered(TAG, counting())
    go_on.set()
    thread.join()
    assert seen == [(200, {}, False)]


def test_an_answer_is_forgotten_after_a_month(answers, clock):
    make = counting()
    answers.answered(TAG, make)
    clock.now_s += KEPT_S
    assert answers.answered(TAG, make)[2]
    clock.now_s += 1
    assert answers.answered(TAG, make) == (200, {"done": 2}, False)
