"""Counts of decisions, how scores move, and what values show by group."""

from __future__ import annotations

import pytest
from organisations import DAY_S, bank, policy

from counterfoil.decisions.patterns import LEAST_PEOPLE, PatternBook, find_patterns
from counterfoil.decisions.summary import BINS, KEPT_S, Summary, favourable
from counterfoil.decisions.told import added_since
from counterfoil.provenance import stability_index


@pytest.fixture
def made(tmp_path):
    with bank(tmp_path) as found:
        yield found


def test_days_are_counted_by_policy_and_label_as_they_stand(made):
    summary = Summary(made.org.views)
    first = made.decide("1")
    made.decide("2", credit_amount=15_000, duration_in_month=60)
    made.clock.move(DAY_S)
    made.decide("3")
    assert [(each.day, each.label, each.decisions) for each in summary.days()] == [
        ("2026-11-23", "approve", 1),
        ("2026-11-23", "decline", 1),
        ("2026-11-24", "approve", 1),
    ]
    saw = made.org.decisions.history(first.index).state
    made.org.decisions.override(first.index, label="decline", by="Bo", reason="x", saw=saw)
    rate = favourable(summary.days(), made.org.decisions.policies())[0]
    assert (rate.policy, rate.decisions, rate.favourable) == ("loans", 3, 1)


def test_answers_are_kept_for_a_few_seconds(made):
    now = [0.0]
    summary = Summary(made.org.views, lambda: now[0])
    assert summary.scores().decisions == 0
    made.decide("1")
    assert summary.scores().decisions == 0
    now[0] += KEPT_S
    assert summary.scores().decisions == 1


def test_scores_lie_in_equal_parts(made):
    made.decide("1")
    scores = Summary(made.org.views).scores()
    assert (scores.decisions, sum(scores.counts), len(scores.counts)) == (1, 1, BINS)


def test_drift_is_told_of_enough_decisions_only(made):
    summary = Summary(made.org.views)
    applicants = [{"credit_amount": 1000 + n, "duration_in_month": 6, "housing": "own"} for n in range(100)]
    made.loans.decide_many(applicants)
    assert summary.drifts() == []
    made.loans.decide_many([each | {"duration_in_month": 60} for each in applicants])
    drift = Summary(made.org.views).drifts()[0]
    assert (drift.policy, drift.decisions) == ("loans", 100)
    assert drift.index > 0.25
    assert sum(drift.before) == sum(drift.now) == 100


def test_equal_windows_do_not_drift_and_others_do_either_way():
    assert stability_index([5, 5], [5, 5]) == 0
    assert stability_index([10, 0], [0, 10]) == pytest.approx(stability_index([0, 10], [10, 0]))
    assert stability_index([100, 0], [0, 100]) > 1


def test_small_groups_are_not_told():
    rules = policy()
    values = {"/output/label": "approve", "/input/credit_amount": 1, "/input/duration_in_month": 2}
    sample = [(n, values | {"/input/housing": "own"}) for n in range(LEAST_PEOPLE)]
    sample += [(100 + n, values | {"/input/housing": "rent"}) for n in range(LEAST_PEOPLE - 1)]
    found = {each.title: each for each in find_patterns(rules, sample).groupings}["housing"]
    assert [(each.group, each.decisions, each.share) for each in found.groups] == [("own", LEAST_PEOPLE, 1.0)]
    assert (found.left_out, found.ratio) == (LEAST_PEOPLE - 1, 1.0)


def test_values_are_opened_only_after_that_was_told(made):
    made.decide("1")
    index = made.org.decisions.policies()[-1].index
    told = []
    book = PatternBook(made.org.views, made.org.archive)
    found = book.work_out(index, made.org.decisions.policy_at(index), told.append, "2026-11-23T19:00:00Z", "key:1")
    assert told == [[made.org.archive.size - 1]]
    assert found.patterns.decisions == 1
    assert book.known(index) is found
    with pytest.raises(RuntimeError):
        book.work_out(index, found.policy, refuse, "2026-11-23T19:00:00Z", "key:2")
    assert book.known(index) is found


def refuse(_places):
    raise RuntimeError


def test_what_was_added_since_a_state_was_seen(made):
    index = made.decide("1").index
    before = made.org.decisions.history(index)
    made.org.decisions.appeal(index, text="x", by="y")
    after = made.org.decisions.history(index)
    assert [each.kind for each in added_since(after, before.state)] == ["appeal"]
    assert added_since(after, after.state) == ()
    assert added_since(after, "0" * 64) is None
