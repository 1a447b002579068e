from __future__ import annotations

import threading
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from organisations import START_S, Bank, bank, full_log

from counterfoil.core import canonical
from counterfoil.errors import CounterfoilError, InvalidInput, LogUnavailable, NotAllowed, NotFound, Stale
from counterfoil.store.streams import time_text


@pytest.fixture
def home(tmp_path: Path, views_on: str) -> Iterator[Bank]:
    with bank(tmp_path) as made:
        yield made


def override(home: Bank, index: int | None, label: str = "decline", **changes: str) -> Any:
    saw = home.org.decisions.history(index or 0).state
    given = {"label": label, "by": "Bo Reviewer", "reason": "income proven", "saw": saw} | changes
    return home.org.decisions.override(index or 0, **given)


def test_a_history_tells_what_decided_and_all_that_followed(home: Bank) -> None:
    decisions = home.org.decisions
    index = home.decide("anna").index or 0
    fresh = decisions.history(index)
    assert (fresh.label_now, fresh.followed, fresh.stream) == ("approve", (), "decisions/loans")
    assert fresh.model is not None
    assert fresh.policy is not None
    assert (fresh.model.record.name, fresh.policy.version) == ("loans", "1")
    home.clock.move(5)
    first = override(home, index)
    decisions.appeal(index, text="I object", by="Cleo")
    override(home, index, "approve")
    decisions.outcome(index, outcome="repaid", note="early")
    home.reopen()
    history = home.org.decisions.history(index)
    assert [each.kind for each in history.followed] == ["override", "appeal", "override", "outcome"]
    assert history.label_now == "approve"
    assert history.followed[0].values == {
        "/by": "Bo Reviewer",
        "/label": "decline",
        "/reason": "income proven",
        "/saw": fresh.state,
    }
    assert history.followed[0].index == first.index
    assert history.followed[0].time == time_text(START_S + 5)
    assert history.followed[1].values == {"/by": "Cleo", "/text": "I object"}
    assert history.followed[3].values == {"/note": "early", "/outcome": "repaid"}
    for each in history.followed:
        assert home.org.archive.record(each.index).builds_on == (history.leaf,)


def test_the_state_a_reviewer_saw_can_be_computed_by_anyone(home: Bank) -> None:
    index = home.decide("anna").index or 0
    override(home, index)
    home.org.decisions.outcome(index, outcome="repaid")
    history = home.org.decisions.history(index)
    seen = {"decision": history.leaf, "followed": [each.leaf for each in history.followed]}
    assert history.state == sha256(canonical.dumps(seen)).hexdigest()
    states = {history.state}
    for _ in range(2):
        home.org.decisions.appeal(index, text="again", by="Cleo")
        states.add(home.org.decisions.history(index).state)
    assert len(states) == 3


def test_an_override_on_an_old_view_is_refused(home: Bank) -> None:
    index = home.decide("anna").index or 0
    saw = home.org.decisions.history(index).state
    home.org.decisions.appeal(index, text="no", by="Cleo")
    size = home.org.archive.size
    with pytest.raises(Stale):
        override(home, index, saw=saw)
    for never in ("", "x", "0" * 64):
        with pytest.raises(InvalidInput, match="no state of this decision"):
            override(home, index, saw=never)
    assert home.org.archive.size == size


def test_of_many_reviewers_who_saw_the_same_only_one_overrides(home: Bank) -> None:
    index = home.decide("anna").index or 0
    saw = home.org.decisions.history(index).state
    results: list[str] = []

    def run(number: int) -> None:
        try:
            override(home, index, saw=saw, by=f"reviewer {number}")
            results.append("done")
        except Stale:
            results.append("stale")

    threads = [threading.Thread(target=run, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(results) == ["done"] + ["stale"] * 7
    assert len(home.org.decisions.history(index).followed) == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"label": "maybe"},
        {"label": ""},
        {"label": "Approve"},
        {"reason": ""},
        {"reason": "  "},
        {"by": ""},
        {"by": "\n"},
        {"reason": "\ud800"},
        {"reason": "x" * 10_000_000},
    ],
    ids=lambda changes: ascii(changes)[:30],
)
def test_an_override_needs_a_name_a_reason_and_a_label_of_the_policy(home: Bank, changes: dict[str, str]) -> None:
    index = home.decide("anna").index or 0
    size = home.org.archive.size
    with pytest.raises(InvalidInput):
        override(home, index, **changes)
    kinds = [home.org.archive.record(each).kind for each in range(size, home.org.archive.size)]
    assert "override" not in kinds
    assert home.org.decisions.history(index).label_now == "approve"


def test_empty_appeals_and_outcomes_and_those_of_other_records_are_refused(home: Bank) -> None:
    decisions = home.org.decisions
    index = home.decide("anna").index or 0
    with pytest.raises(InvalidInput):
        decisions.appeal(index, text=" ", by="Cleo")
    with pytest.raises(InvalidInput):
        decisions.outcome(index, outcome="")
    for other in (0, index - 1, index + 100, -1):
        with pytest.raises(NotFound):
            decisions.history(other)
        with pytest.raises(NotFound):
            decisions.outcome(other, outcome="repaid")
        with pytest.raises(NotFound):
            decisions.replay(other)


def test_decisions_are_found_by_person_label_time_and_override(home: Bank) -> None:
    first = home.decide("anna").index or 0
    home.clock.move(60)
    second = home.decide("anna", duration_in_month=900).index or 0
    home.clock.move(60)
    third = home.decide("ben").index or 0
    override(home, third, "decline")
    home.org.decisions.outcome(first, outcome="default")

    def found(**filters: Any) -> list[int]:
        return [row["idx"] for row in home.org.decisions.search(**filters)]

    assert found() == [third, second, first]
    assert found(limit=2) == [third, second]
    assert found(subject="anna") == [second, first]
    assert found(subject="nobody") == []
    assert found(label="\ud800") == []
    assert found(label="decline") == [third, second]
    assert found(label="approve", subject="anna") == [first]
    assert found(overridden=True) == [third]
    assert found(overridden=False) == [second, first]
    assert found(since=time_text(START_S + 60)) == [third, second]
    assert found(until=time_text(START_S + 60)) == [second, first]
    assert found(since=time_text(START_S + 61), until=time_text(START_S + 119)) == []
    row = home.org.decisions.search(label="approve")[0]
    assert (row["outcome"], row["label"], row["score_micro"] > 600_000) == ("default", "approve", True)


@pytest.mark.parametrize(
    "filters",
    [
        {"since": "yesterday"},
        {"until": "2026-13-01T00:00:00Z"},
        {"since": ""},
        {"limit": -1},
        {"limit": 0},
        {"limit": 2**63},
        {"subject": ""},
        {"subject": "\ud800"},
    ],
    ids=ascii,
)
def test_filters_that_make_no_sense_are_refused_in_words(home: Bank, filters: dict[str, Any]) -> None:
    home.decide("anna")
    with pytest.raises(InvalidInput):
        home.org.decisions.search(**filters)


def test_what_waits_in_the_queue_is_a_promise_and_then_a_receipt(tmp_path: Path) -> None:
    with bank(tmp_path, on_log_failure="spool") as home:
        with full_log(home.org):
            waiting = home.decide("anna", note="x" * 5_000)
            assert (waiting.index, waiting.receipt) == (None, waiting.promise)
            assert home.org.decisions.place_of(waiting.leaf) is None
            report = waiting.check(replay=True)
            assert report.is_intact
            assert report.what == "promise of a receipt"
            with pytest.raises(CounterfoilError):
                home.org.decisions.outcome(home.org.archive.size, outcome="repaid")
        later = home.decide("ben")
        place = home.org.decisions.place_of(waiting.leaf)
        assert place is not None
        assert later.index is not None
        assert later.index > place
        assert home.org.decisions.history(place).seq == waiting.seq
        assert waiting.receipt.leaf.hex() == waiting.leaf
        assert waiting.check(replay=True).exit_code(["log", "issuer", "output"]) == 0


def test_follow_ups_are_never_left_in_the_queue(tmp_path: Path) -> None:
    with bank(tmp_path, on_log_failure="spool") as home:
        index = home.decide("anna").index or 0
        home.org.decisions.appeal(index, text="first", by="Cleo")
        with full_log(home.org), pytest.raises(LogUnavailable):
            home.org.decisions.appeal(index, text="x" * 5_000, by="Cleo")
        assert len(home.org.decisions.history(index).followed) == 1


def test_nobody_decides_otherwise_on_what_was_erased(home: Bank) -> None:
    index, kept = home.decide("anna").index or 0, home.decide("ben").index or 0
    home.org.erasures.erase_record(index, basis="test")
    decisions = home.org.decisions
    assert decisions.is_erased(decisions.history(index))
    assert not decisions.is_erased(decisions.history(kept))
    with pytest.raises(NotAllowed, match="were erased"):
        override(home, index)
    with pytest.raises(NotAllowed, match="were erased"):
        decisions.appeal(index, text="It is wrong.", by="Bo")
    assert decisions.outcome(index, outcome="repaid").kind == "outcome"  # names no value
    override(home, kept)
