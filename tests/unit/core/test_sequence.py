"""Counting: gaps, doubles, time, epochs."""

from __future__ import annotations

from typing import Any

import pytest

from counterfoil.core import canonical
from counterfoil.core.sequence import Sequence
from counterfoil.core.statement import Record


def record(seq: int, stream: str = "a", time: str = "2026-11-23T19:00:00Z", kind: str = "decision") -> Record:
    return Record(kind, stream, seq, time, "b+00000000", (), None, b"", "", b"")


def epoch(seq: int, first: Any, following: Any, stream: Any = "a") -> Record:
    about = {"first": first, "next": following, "stream": stream}
    return record(seq, "epochs", kind="epoch")._replace(about_bytes=canonical.dumps(about))


def faults(*records: Record, from_start: bool = True) -> list[str]:
    sequence = Sequence(from_start=from_start)
    for index, each in enumerate(records):
        sequence.add(index, each)
    return sequence.faults


def test_every_number_once() -> None:
    run = [record(0), record(0, "b"), record(1), record(1, "b"), record(2)]
    assert faults(*run) == []
    assert faults(*run[2:], from_start=False) == []
    assert len(faults(*run[2:])) == 2


def test_a_gap_and_a_double_are_named_once() -> None:
    assert faults(record(0), record(2), record(3)) == ["number 1 of a is missing (at place 1)"]
    assert faults(record(0), record(1), record(0), record(2)) == ["number 0 of a appears again (at place 2)"]
    assert faults(record(5), record(5), from_start=False) == ["number 5 of a appears again (at place 1)"]


def test_time_may_stand_still_but_not_go_back() -> None:
    later = "2026-11-23T19:00:01Z"
    assert faults(record(0), record(1), record(2, time=later)) == []
    assert len(faults(record(0, time=later), record(1))) == 1


def test_epochs_join_up_and_count_what_went_by() -> None:
    assert faults(record(0), record(1), epoch(0, 0, 2), epoch(1, 2, 2), record(2), epoch(2, 2, 3)) == []
    assert faults(epoch(0, 7, 9), record(9), epoch(1, 9, 10), from_start=False) == []


@pytest.mark.parametrize(
    "wrong",
    [
        epoch(0, 0, 1),
        epoch(0, 0, 3),
        epoch(0, 1, 2),
        epoch(0, 2, 0),
        epoch(0, True, 2),
        epoch(0, 0, 2.5),
        epoch(0, 0, 2, 5),
    ],
    ids=range(7),
)
def test_epochs_that_contradict(wrong: Record) -> None:
    assert len(faults(record(0), record(1), wrong)) >= 1


def test_an_epoch_without_numbers() -> None:
    assert len(faults(record(0, "epochs", kind="epoch"))) == 1


def test_only_the_first_faults_are_kept() -> None:
    assert len(faults(*[record(7)] * 100)) == 20


def test_what_is_counted() -> None:
    sequence = Sequence(from_start=True)
    for index, each in enumerate([record(0), epoch(0, 0, 1), record(1, time="2026-11-23T20:00:00Z")]):
        sequence.add(index, each)
    assert (dict(sequence.kinds), sequence.epochs) == ({"decision": 2, "epoch": 1}, 1)
    assert sequence.streams() == {"a": 2, "epochs": 1}
    assert (sequence.first_time, sequence.last_time) == ("2026-11-23T19:00:00Z", "2026-11-23T20:00:00Z")
