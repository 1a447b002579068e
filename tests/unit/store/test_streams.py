from __future__ import annotations

import pytest

from counterfoil.core.statement import Draft, parse_record
from counterfoil.errors import HomeDamaged
from counterfoil.store.streams import EPOCH_STREAM, Epoch, Streams, parse_time, time_text

HOUR_S = 3_600
NOON_S = parse_time("2026-11-23T12:00:00Z")


def entry(kind: str, stream: str, seq: int, time_s: int, about: dict[str, object] | None = None) -> bytes:
    return Draft(kind, stream, kind, about=about or {}).template("bank.example+00000000").entry(seq, time_text(time_s))


def test_times_read_back() -> None:
    for time_s in (0, NOON_S, 253_402_300_799):
        assert parse_time(time_text(time_s)) == time_s


def test_every_stream_counts_by_itself() -> None:
    streams = Streams(HOUR_S)
    streams.advance(NOON_S)
    assert [streams.take("a"), streams.take("b"), streams.take("a")] == [0, 0, 1]
    assert (streams.next_of("a"), streams.next_of("b"), streams.next_of("c")) == (2, 1, 0)
    assert streams.names() == ["a", "b"]


def test_a_copy_is_independent() -> None:
    streams = Streams(HOUR_S)
    streams.take("a")
    trial = streams.copy()
    trial.take("a")
    trial.advance(NOON_S)
    assert (streams.next_of("a"), streams.last_time_s) == (1, 0)


def test_an_epoch_ends_at_the_hour_and_covers_the_pause() -> None:
    streams = Streams(HOUR_S)
    streams.advance(NOON_S + 10)
    streams.take("a")
    assert streams.ended_epochs() == []
    streams.advance(NOON_S + HOUR_S - 1)
    assert not streams.has_ended_epochs()
    streams.advance(NOON_S + 5 * HOUR_S + 7)
    assert streams.has_ended_epochs()
    assert streams.ended_epochs() == [Epoch("a", NOON_S, NOON_S + 5 * HOUR_S, 0, 1)]
    assert not streams.has_ended_epochs()
    assert streams.ended_epochs() == []


def test_up_to_now_also_ends_the_running_one_and_the_next_joins_up() -> None:
    streams = Streams(HOUR_S)
    streams.advance(NOON_S)
    streams.take("a")
    assert streams.ended_epochs(up_to_now=True) == [Epoch("a", NOON_S, NOON_S, 0, 1)]
    streams.advance(NOON_S + 60)
    streams.take("a")
    assert streams.ended_epochs(up_to_now=True) == [Epoch("a", NOON_S, NOON_S + 60, 1, 2)]
    streams.advance(NOON_S + HOUR_S)
    assert streams.ended_epochs() == [Epoch("a", NOON_S + 60, NOON_S + HOUR_S, 2, 2)]


def test_the_stream_of_epochs_has_none_itself() -> None:
    streams = Streams(HOUR_S)
    streams.advance(NOON_S)
    streams.take(EPOCH_STREAM)
    streams.advance(NOON_S + HOUR_S)
    assert streams.ended_epochs(up_to_now=True) == []


def test_reading_the_log_leads_to_the_same_counters() -> None:
    streams = Streams(HOUR_S)
    streams.apply_entries(
        [
            entry("event", "a", 0, NOON_S + 10),
            entry("event", "a", 1, NOON_S + 20),
            entry(
                "epoch",
                EPOCH_STREAM,
                0,
                NOON_S + HOUR_S,
                {
                    "stream": "a",
                    "first": 0,
                    "next": 2,
                    "from": time_text(NOON_S),
                    "to": time_text(NOON_S + HOUR_S),
                },
            ),
            entry("event", "a", 2, NOON_S + HOUR_S),
        ]
    )
    live = Streams(HOUR_S)
    live.advance(NOON_S + 10)
    live.take("a")
    live.take("a")
    live.advance(NOON_S + HOUR_S)
    live.ended_epochs()
    live.take(EPOCH_STREAM)
    live.take("a")
    assert streams.to_json() == live.to_json()
    assert Streams.from_json(live.to_json(), HOUR_S).to_json() == live.to_json()


def test_a_gap_or_a_double_in_the_log_is_damage() -> None:
    for number in (1, 5):
        streams = Streams(HOUR_S)
        with pytest.raises(HomeDamaged, match="where 0 should stand"):
            streams.apply(parse_record(entry("event", "a", number, NOON_S)))
    streams = Streams(HOUR_S)
    streams.apply(parse_record(entry("event", "a", 0, NOON_S)))
    with pytest.raises(HomeDamaged):
        streams.apply(parse_record(entry("event", "a", 0, NOON_S)))


@pytest.mark.parametrize(
    "value", [5, [], {}, {"lastTime": 1}, {"lastTime": "x", "streams": {}}, {"lastTime": 1, "streams": {"a": [1]}}]
)
def test_another_state_than_counters_is_damage(value: object) -> None:
    with pytest.raises(HomeDamaged):
        Streams.from_json(value, HOUR_S)


def test_no_state_is_an_empty_log() -> None:
    assert Streams.from_json(None, HOUR_S).to_json() == {"lastTime": 0, "streams": {}}
