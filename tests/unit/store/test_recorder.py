from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from organisations import DAY_S, START_S, Bank, bank, full_disk, full_log, open_home

from counterfoil.core.check_receipt import check_receipt
from counterfoil.core.fields import MAX_FIELD_BYTES
from counterfoil.core.schema import Schema, SchemaField
from counterfoil.core.statement import Draft, parse_record
from counterfoil.errors import CounterfoilError, InvalidInput, LogUnavailable, NotAllowed, NotFound
from counterfoil.store import recorder as recorder_module
from counterfoil.store.prepared import Prepared
from counterfoil.store.recorder import Private, Recorded, Recorder
from counterfoil.store.streams import parse_time, time_text

NOTE = Schema("note", (SchemaField("/text", "Text"), SchemaField("/more", "More")))
EVENT = Draft("event", "events", "event")


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Bank]:
    with bank(tmp_path) as made:
        made.org.archive.keep_schema(NOTE)
        yield made


@pytest.fixture
def recorder(home: Bank) -> Recorder:
    return home.org.recorder


def note(value: Any, subject: str | None = None, retain_until_s: int = 0) -> Private:
    return Private(NOTE, {"/text": value}, subject, retain_until_s)


def together(recorder: Recorder, calls: list[Callable[[], Any]]) -> list[Any]:
    """Runs calls in threads so that one commit takes all their records; returns results or errors."""
    results: list[Any] = [None] * len(calls)

    def run(place: int) -> None:
        try:
            results[place] = calls[place]()
        except Exception as error:  # noqa: BLE001 - handed to the test
            results[place] = error

    threads = [threading.Thread(target=run, args=(place,)) for place in range(len(calls))]
    with recorder.lock:
        for thread in threads:
            thread.start()
        deadline = 10_000
        while len(recorder._group._queue) + sum(result is not None for result in results) < len(calls) and deadline:
            threads[0].join(0.001)
            deadline -= 1
    for thread in threads:
        thread.join(30)
    return results


def test_a_record_is_numbered_timed_and_durable_on_return(home: Bank, recorder: Recorder, tmp_path: Path) -> None:
    written = recorder.write(Draft("note", "notes", "note"), note("hello", "anna"))
    record = parse_record(written.entry)
    assert (record.stream, record.seq, record.time) == ("notes", 0, time_text(START_S))
    assert written.index is not None
    assert home.org.archive.entry(written.index) == written.entry
    assert home.org.archive.tree(written.index).values() == {"/text": "hello"}
    assert recorder.write(EVENT).seq == 0
    assert recorder.write(EVENT).seq == 1


def test_nothing_to_record_records_nothing(recorder: Recorder) -> None:
    assert recorder.record([]) == []


def test_a_long_call_is_cut_into_commits_and_stays_in_order(
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder_module, "MAX_BATCH", 7)
    written = recorder.record([recorder.prepare(EVENT)] * 30)
    assert [each.seq for each in written] == list(range(30))
    first = written[0].index or 0
    assert [each.index for each in written] == list(range(first, first + 30))


def test_sixteen_threads_get_their_own_records_back_without_gaps(home: Bank, recorder: Recorder) -> None:
    def write(number: int) -> list[tuple[int, Recorded]]:
        return [
            (number * 100 + i, recorder.write(Draft("note", "notes", "note"), note(number * 100 + i, f"p{number}")))
            for i in range(10)
        ]

    results = together(recorder, [lambda n=n: write(n) for n in range(16)])  # type: ignore[misc]
    pairs = [pair for result in results for pair in result]
    assert len(pairs) == 160
    for value, written in pairs:
        assert home.org.archive.tree(written.index).values() == {"/text": value}
    assert sorted(written.seq for _, written in pairs) == list(range(160))
    for result in results:
        assert [written.seq for _, written in result] == sorted(written.seq for _, written in result)


BAD: list[tuple[str, Callable[[Recorder], Any]]] = [
    ("an empty reference", lambda r: r.write(Draft("note", "notes", "note"), note("x", ""))),
    ("a reference that is no text", lambda r: r.write(Draft("note", "notes", "note"), note("x", 4711))),  # type: ignore[arg-type]
    ("half a surrogate pair in it", lambda r: r.write(Draft("note", "notes", "note"), note("x", "\ud800"))),
    ("half a surrogate pair", lambda r: r.write(Draft("note", "notes", "note"), note("\udfff"))),
    ("not a number", lambda r: r.write(Draft("note", "notes", "note"), note(float("nan")))),
    ("infinite", lambda r: r.write(Draft("note", "notes", "note"), note([float("inf")]))),
    ("beyond 2^53", lambda r: r.write(Draft("note", "notes", "note"), note(2**60))),
    ("not JSON", lambda r: r.write(Draft("note", "notes", "note"), note(object()))),
    ("10 MB", lambda r: r.write(Draft("note", "notes", "note"), note("x" * 10_000_000))),
    ("an unknown field", lambda r: r.write(Draft("note", "notes", "note"), Private(NOTE, {"/other": 1}))),
    ("a lock beyond all time", lambda r: r.write(Draft("note", "notes", "note"), note("x", "p", 2**63))),
    ("a lock before all time", lambda r: r.write(Draft("note", "notes", "note"), note("x", "p", -1))),
    ("a bad stream", lambda r: r.write(Draft("event", "No Stream", "event"))),
    ("too much in public", lambda r: r.write(Draft("event", "events", "event", about={"x": "y" * 70_000}))),
    ("not a leaf hash", lambda r: r.write(Draft("event", "events", "event", ("xyz",)))),
]


@pytest.mark.parametrize(("what", "bad"), BAD, ids=[what for what, _ in BAD])
def test_one_bad_record_hurts_nobody_else_in_the_batch(
    home: Bank, recorder: Recorder, what: str, bad: Callable[[Recorder], Any]
) -> None:
    size = home.org.archive.size
    good = [lambda i=i: recorder.write(Draft("note", "notes", "note"), note(i, f"p{i}")) for i in range(3)]  # type: ignore[misc]
    results = together(recorder, [good[0], lambda: bad(recorder), good[1], good[2]])
    assert isinstance(results[1], InvalidInput), results[1]
    assert len(str(results[1])) < 500
    for place, value in ((0, 0), (2, 1), (3, 2)):
        assert isinstance(results[place], Recorded), results[place]
        assert home.org.archive.tree(results[place].index).values() == {"/text": value}
    assert home.org.archive.size == size + 3


def test_what_the_guard_refuses_is_not_written_and_hurts_nobody_else_in_the_batch(recorder: Recorder) -> None:
    def guard(prepared: Prepared) -> CounterfoilError | None:
        return NotAllowed("not this one") if prepared.stream == "barred" else None

    recorder.guard = guard
    free, barred = recorder.prepare(EVENT), recorder.prepare(Draft("event", "barred", "event"))
    size = recorder.log.size
    calls = [partial(recorder.record, each) for each in ([free], [barred], [free, barred], [free, free])]
    results = together(recorder, calls)
    assert [isinstance(each, NotAllowed) for each in results] == [False, True, True, False]
    assert recorder.log.size == size + 3
    assert recorder.refusal(barred) is not None
    assert recorder.refusal(free) is None
    recorder.guard = None
    assert recorder.record([barred])[0].seq == 0


def test_what_the_guard_refuses_is_not_queued_either(home: Bank, recorder: Recorder) -> None:
    with full_log(home.org):
        recorder.guard = lambda _prepared: NotAllowed("nothing")
        with pytest.raises(NotAllowed):
            recorder.record([recorder.prepare(EVENT)], "spool")
    assert recorder.spool.count == 0


def test_what_is_prepared_fits_whatever_number_and_time_it_gets(recorder: Recorder) -> None:
    sizes = []
    for length in range(65_000, 65_300):
        try:
            prepared = recorder.prepare(Draft("event", "events", "event", about={"x": "y" * length}))
        except InvalidInput:
            continue
        sizes.append(len(prepared.template.entry(10**15 - 1, time_text(START_S))))
    assert 0 < len(sizes) < 300
    assert max(sizes) <= 65_535


def test_large_fields_up_to_the_limit_are_kept(home: Bank, recorder: Recorder) -> None:
    large = "ß" * ((MAX_FIELD_BYTES - 100) // 2)
    written = recorder.write(Draft("note", "notes", "note"), note(large, "anna"))
    receipt = home.org.archive.receipt(written.index or 0)
    assert check_receipt(receipt.encode(), issuer=home.org.issuer).is_intact


def test_time_never_goes_back(home: Bank, recorder: Recorder) -> None:
    home.clock.move(10)
    recorder.write(EVENT)
    home.clock.move(-3 * DAY_S)
    assert recorder.clock_behind_s() == 3 * DAY_S
    assert parse_time(recorder.write(EVENT).time) == START_S + 10
    home.reopen()
    assert parse_time(home.org.recorder.write(EVENT).time) == START_S + 10
    assert home.org.recorder.clock_behind_s() == 3 * DAY_S
    home.clock.move(4 * DAY_S)
    assert home.org.recorder.clock_behind_s() == 0
    assert parse_time(home.org.recorder.write(EVENT).time) == START_S + 10 + DAY_S


def test_a_clock_far_ahead_is_told_and_stays_in_order(home: Bank, recorder: Recorder) -> None:
    home.clock.move(50 * 365 * DAY_S)
    far = recorder.write(EVENT).time
    home.clock.move(-50 * 365 * DAY_S)
    assert recorder.write(EVENT).time == far
    assert recorder.clock_behind_s() == 50 * 365 * DAY_S
    home.reopen()
    assert home.decide("anna").time == far


@pytest.mark.parametrize("year", [10_000, 60_000])
def test_a_clock_beyond_all_calendars_writes_nothing_unreadable(home: Bank, recorder: Recorder, year: int) -> None:
    size = home.org.archive.size
    home.clock.now_s = (year - 1970) * 365.2425 * DAY_S + DAY_S
    with pytest.raises(CounterfoilError, match="clock"):
        recorder.write(EVENT)
    home.clock.now_s = START_S + 5
    assert parse_time(recorder.write(EVENT).time) == START_S + 5
    home.reopen()
    assert home.org.archive.size == size + 1


def test_a_disk_too_full_for_the_vault_denies_and_later_works_again(home: Bank, recorder: Recorder) -> None:
    size = home.org.archive.size
    with full_disk(4_096), pytest.raises(LogUnavailable):
        recorder.write(Draft("note", "notes", "note"), note("lost", "anna"))
    assert home.org.archive.size == size
    written = recorder.write(Draft("note", "notes", "note"), note("kept", "anna"))
    assert (written.index, written.seq) == (size, 0)
    home.reopen()
    assert home.org.archive.tree(size).values() == {"/text": "kept"}


def test_a_disk_too_full_for_the_log_leaves_nothing_in_the_vault(home: Bank, recorder: Recorder) -> None:
    recorder.write(Draft("note", "notes", "note"), note("before", "anna"))
    with full_log(home.org):
        size = home.org.archive.size
        for _ in range(3):
            with pytest.raises(LogUnavailable):
                recorder.write(Draft("note", "notes", "note"), note("lost" * 1000, "ben"))
        assert home.org.archive.size == size
    written = recorder.write(Draft("note", "notes", "note"), note("after", "cleo"))
    assert (written.index, written.seq) == (size, 1)
    assert home.org.archive.tree(size).values() == {"/text": "after"}
    assert home.org.vault.indices_of("ben") == []
    home.reopen()
    assert home.org.archive.tree(size).values() == {"/text": "after"}


def test_of_a_mixed_batch_only_the_patient_wait_in_the_queue(home: Bank, recorder: Recorder) -> None:
    with full_log(home.org):
        size = home.org.archive.size
        big = "x" * 5_000

        def call(patience: Any, value: int) -> Callable[[], Any]:
            prepared = recorder.prepare(Draft("note", "notes", "note"), note([value, big], f"p{value}"))
            return lambda: recorder.record([prepared], patience)[0]

        results = together(recorder, [call("deny", 0), call("spool", 1), call("deny", 2), call("spool", 3)])
    assert [type(result) for result in results] == [LogUnavailable, Recorded, LogUnavailable, Recorded]
    assert [results[1].index, results[3].index] == [None, None]
    assert sorted([results[1].seq, results[3].seq]) == [0, 1]
    assert results[1].promise
    assert results[3].promise
    assert home.org.archive.size == size
    assert recorder.drain() == 2
    assert home.org.archive.size == size + 2
    entries = [home.org.archive.entry(size), home.org.archive.entry(size + 1)]
    assert sorted(entries) == sorted([results[1].entry, results[3].entry])


def test_epochs_never_count_what_still_waits_in_the_queue(home: Bank, recorder: Recorder, tmp_path: Path) -> None:
    with full_log(home.org):
        waiting = recorder.record([recorder.prepare(Draft("note", "notes", "note"), note("x" * 5000))], "spool")
        assert waiting[0].promise
    home.clock.move(2 * 3_600)
    recorder.close_epochs(up_to_now=True)
    path = tmp_path / "all.zip"
    home.org.bundles.write_range(path)
    from counterfoil.store.check_file import check_file

    step = check_file(path, issuer=home.org.issuer).step("complete")
    assert step is not None
    assert step.status == "passed", step.detail


def test_a_pause_of_days_is_covered_by_one_epoch_a_stream_at_the_next_open(home: Bank) -> None:
    home.decide("anna")
    home.clock.move(5 * DAY_S)
    home.reopen()
    epochs = [record for record in all_records(home) if record.kind == "epoch"]
    assert Counter(record.name for record in epochs).most_common(1)[0][1] == 1
    mine = next(record.about for record in epochs if record.name == "decisions/loans")
    assert mine == {
        "first": 0,
        "from": time_text(START_S),
        "next": 3,
        "stream": "decisions/loans",
        "to": time_text(START_S + 5 * DAY_S),
    }
    size = home.org.archive.size
    home.reopen()
    assert home.org.archive.size == size


def test_epochs_join_up_also_when_a_running_one_was_closed(home: Bank, recorder: Recorder) -> None:
    home.decide("anna")
    home.clock.move(60)
    recorder.close_epochs(up_to_now=True)
    home.decide("ben")
    home.clock.move(3_600)
    home.decide("cleo")
    mine = [record.about for record in all_records(home) if record.kind == "epoch" and record.name == "decisions/loans"]
    assert [(each["first"], each["next"]) for each in mine] == [(0, 3), (3, 4)]
    assert mine[0]["to"] == mine[1]["from"]


def test_an_interrupted_commit_closes_the_recorder_and_loses_nothing(home: Bank, tmp_path: Path) -> None:
    """Ctrl-C may arrive after the entries are durable and before they are counted."""
    recorder = home.org.recorder
    recorder.write(EVENT)

    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    real = recorder.log._tree.extend
    recorder.log._tree.extend = interrupted  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        recorder.write(EVENT)
    recorder.log._tree.extend = real  # type: ignore[method-assign]
    with pytest.raises(LogUnavailable, match="interrupted"):
        recorder.write(EVENT)
    with pytest.raises(LogUnavailable):
        recorder.record([recorder.prepare(EVENT)], "spool")
    home.org.close()
    home.org = open_home(home.folder, home.clock)
    assert home.org.recorder.write(EVENT).seq == 2


def test_what_is_not_in_the_log_is_not_found(home: Bank) -> None:
    for index in (-1, home.org.archive.size, 10**9):
        with pytest.raises(NotFound):
            home.org.archive.entry(index)


def all_records(home: Bank) -> list[Any]:
    return [parse_record(home.org.archive.entry(index)) for index in range(home.org.archive.size)]
