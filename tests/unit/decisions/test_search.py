"""Searching and counting: the same as looking at every decision, and by an index each time."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from organisations import DAY_S, ROW, START_S, Bank, bank
from sqlalchemy import text
from sqlalchemy.dialects import postgresql, sqlite

from counterfoil.decisions.search import search_query
from counterfoil.errors import InvalidInput
from counterfoil.store.streams import time_text

BASIS = "test"


@pytest.fixture
def home(tmp_path: Path, views_on: str) -> Iterator[Bank]:
    with bank(tmp_path) as made:
        yield made


def live_a_little(home: Bank, seed: int) -> None:
    """Decides, overrides and erases at random over some days."""
    chance = random.Random(seed)
    decisions, made = home.org.decisions, []
    for number in range(30):
        home.clock.move(chance.choice([0, 60, DAY_S // 2, DAY_S]))
        made.append(home.decide(f"p{number % 7}", duration_in_month=chance.choice([6, 900])).index or 0)
        if chance.random() < 0.4:
            index = chance.choice(made)
            history, label = decisions.history(index), chance.choice(["approve", "decline"])
            if not decisions.is_erased(history):
                decisions.override(index, label=label, by="Bo", reason="why", saw=history.state)
        if chance.random() < 0.1:
            home.org.erasures.erase_record(chance.choice(made), basis=BASIS)
        if chance.random() < 0.1:
            home.org.erasures.erase_fields(made[-1], ["/output/label"], basis=BASIS)
        if chance.random() < 0.5:
            decisions.search(limit=1)  # folds: later changes then concern rows that are stored
    home.org.erasures.erase_person("p3", basis=BASIS)


@pytest.mark.parametrize("seed", range(4))
def test_counts_are_those_of_every_decision_as_it_stands_now(home: Bank, seed: int) -> None:
    live_a_little(home, seed)
    rows = home.org.decisions.search(limit=1_000)
    wanted = Counter((time_text(row["time_s"])[:10], row["label_now"]) for row in rows)
    counts = home.org.decisions.counts()
    assert {(each.day, each.label): each.decisions for each in counts} == dict(wanted)
    assert {(each.policy, each.version) for each in counts} == {("loans", "1")}
    assert sum(each.decisions for each in counts) == 30
    assert [each.day for each in counts] == sorted(each.day for each in counts)
    home.org.rebuild()
    assert home.org.decisions.counts() == counts


def test_counts_of_some_days(home: Bank) -> None:
    for _ in range(4):
        home.decide("anna")
        home.clock.move(DAY_S)
    days = [time_text(START_S + number * DAY_S)[:10] for number in range(4)]
    counts = home.org.decisions.counts
    assert [each.day for each in counts()] == days
    assert [each.day for each in counts(since=f"{days[1]}T23:59:59Z")] == days[1:]
    assert [each.day for each in counts(since=f"{days[1]}T00:00:00Z", until=f"{days[2]}T00:00:00Z")] == days[1:3]
    with pytest.raises(InvalidInput):
        counts(since="yesterday")


@pytest.mark.parametrize("seed", range(2))
def test_windows_of_time_are_those_of_every_decision(home: Bank, seed: int) -> None:
    live_a_little(home, seed)
    rows = home.org.decisions.search(limit=1_000)
    times = sorted({row["time_s"] for row in rows})
    for first in (times[0] - 1, times[0], times[4] + 1, times[-1], times[-1] + 1):
        for last in (times[0] - 1, times[0], times[4], times[-2] + 1, times[-1] + 1):
            for label in (None, "approve"):
                wanted = [
                    row["idx"]
                    for row in rows
                    if first <= row["time_s"] <= last and (label is None or row["label_now"] == label)
                ]
                found = home.org.decisions.search(
                    since=time_text(first), until=time_text(last), label=label, limit=1_000
                )
                assert [row["idx"] for row in found] == wanted


@pytest.mark.parametrize(
    ("filters", "index"),
    [
        ({"subject_tag": b"x" * 16}, "decisions_by_subject"),
        ({"label": "approve"}, "decisions_by_label"),
        ({"since": "2026-11-23T19:00:00Z"}, "decisions_by_time"),
        ({"until": "2026-11-23T19:00:00Z", "label": "approve"}, "decisions_by_label"),
        ({"overridden": True}, "decisions_overridden"),
    ],
    ids=["subject", "label", "since", "until and label", "overridden"],
)
def test_every_search_goes_by_an_index(home: Bank, views_on: str, filters: dict[str, Any], index: str) -> None:
    home.loans.decide_many([ROW] * 300)
    given: dict[str, Any] = {"subject_tag": None, "label": None, "since": None, "until": None, "overridden": None}
    query = search_query(**(given | filters), limit=50)
    with home.org.views.reading() as connection:
        if views_on == "postgres":
            connection.execute(text("SET LOCAL enable_seqscan = off"))
            connection.execute(text("SET LOCAL enable_bitmapscan = off"))
        dialect = postgresql.dialect() if views_on == "postgres" else sqlite.dialect()
        shown = str(query.compile(dialect=dialect, compile_kwargs={"literal_binds": True}))
        explain = "EXPLAIN " if views_on == "postgres" else "EXPLAIN QUERY PLAN "
        plan = " ".join(str(row) for row in connection.exec_driver_sql(explain + shown.replace("%", "%%")))
    assert index in plan
    assert "TEMP B-TREE" not in plan
