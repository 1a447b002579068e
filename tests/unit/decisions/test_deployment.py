from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from organisations import ROW, STREAM, Bank, bank, policy, put_to_work, rows

from counterfoil.decisions import Decision
from counterfoil.decisions.records import DeploymentRecord
from counterfoil.errors import InvalidInput, NotFound


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Bank]:
    with bank(tmp_path) as made:
        yield made


def test_a_decision_is_on_record_with_all_it_rests_on(home: Bank) -> None:
    decision = home.decide("anna", credit_amount=9_999.5)
    archive = home.org.archive
    record = archive.record(decision.index or 0)
    assert (record.kind, record.stream, record.seq) == ("decision", STREAM, decision.seq)
    values = archive.tree(decision.index or 0).values()
    assert values["/input/credit_amount"] == 9_999.5
    assert values["/output/label"] == decision.label == "approve"
    assert values["/output/score_micro"] == decision.score_micro == round(decision.score * 1_000_000)
    assert values["/subject"] == decision.subject == "anna"
    deployment = archive.record(home.org.views.index_of(record.builds_on[0]))
    assert record.builds_on == (home.loans.leaf,)
    links = DeploymentRecord.read(deployment)
    assert deployment.builds_on == (links.model, links.policy)
    assert archive.record(home.org.views.index_of(links.model)).kind == "model"
    assert archive.record(home.org.views.index_of(links.policy)).kind == "policy"


def test_an_adverse_decision_carries_reasons_of_the_catalogue(home: Bank) -> None:
    decision = home.decide("anna", duration_in_month=900)
    assert decision.label == "decline"
    assert decision.reasons[0].code == "R02"
    assert home.org.archive.tree(decision.index or 0).value("/reasons") == [each.to_json() for each in decision.reasons]
    assert decision.reasons == home.loans.explain(ROW | {"duration_in_month": 900}, "decline")
    assert decision.check(replay=True).is_intact


BAD_VALUES: list[dict[str, Any]] = [
    {"credit_amount": float("nan")},
    {"credit_amount": float("inf")},
    {"credit_amount": -float("inf")},
    {"credit_amount": 2**60},
    {"credit_amount": -1},
    {"credit_amount": True},
    {"credit_amount": "2500"},
    {"credit_amount": None},
    {"credit_amount": [2500]},
    {"credit_amount": 10**400},
    {"duration_in_month": 12.5},
    {"duration_in_month": 1_001},
    {"housing": "owm"},
    {"housing": 1},
    {"housing": "\ud800"},
    {"housing": "x" * 10_000_000},
    {"note": "\udc80"},
    {"note": "x" * 10_000_000},
    {"note": b"bytes"},
    {"age": 41},
    {"": 1},
    {"\ud800": 1},
    {"x" * 10_000_000: 1},
    {1: 2},
    {None: 2},
]


@pytest.mark.parametrize("changes", BAD_VALUES, ids=lambda changes: ascii(changes)[:40])
def test_bad_values_are_refused_in_words_and_nothing_is_recorded(home: Bank, changes: dict[str, Any]) -> None:
    size = home.org.archive.size
    with pytest.raises(InvalidInput) as caught:
        home.loans.decide(ROW | changes, subject="anna")
    assert len(caught.value.message) + len(caught.value.hint) < 600
    caught.value.message.encode()
    with pytest.raises(InvalidInput, match="row 2"):
        home.loans.decide_many([ROW, ROW | changes, ROW])
    assert home.org.archive.size == size


@pytest.mark.parametrize("applicant", [None, 5, "text", [], [ROW], {}, {"housing": "own"}], ids=str)
def test_what_is_no_applicant_is_refused(home: Bank, applicant: Any) -> None:
    with pytest.raises(InvalidInput):
        home.loans.decide(applicant, subject="anna")


@pytest.mark.parametrize("subject", ["", "\ud800", 4711, b"anna", 1.5, ["anna"]], ids=ascii)
def test_references_that_cannot_be_found_again_are_refused(home: Bank, subject: Any) -> None:
    size = home.org.archive.size
    with pytest.raises(InvalidInput):
        home.loans.decide(ROW, subject=subject)
    assert home.org.archive.size == size


def test_numpy_and_pandas_values_make_the_same_record_as_plain_ones(home: Bank) -> None:
    import numpy as np
    import pandas as pd

    plain = {"credit_amount": 2500, "duration_in_month": 12, "housing": "own"}
    alike = [
        {"credit_amount": np.int64(2500), "duration_in_month": np.int8(12), "housing": np.str_("own")},
        {"credit_amount": np.float32(2500), "duration_in_month": 12.0, "housing": "own", "note": pd.NA},
        pd.Series(plain),
        plain | {"note": None},
        plain | {"note": float("nan")},
    ]
    wanted = home.org.archive.tree(home.loans.decide(plain).index or 0).values()
    for applicant in alike:
        assert home.org.archive.tree(home.loans.decide(applicant).index or 0).values() == wanted
    for missing in (pd.NA, pd.NaT, np.nan, np.float64("nan")):
        with pytest.raises(InvalidInput, match="credit_amount"):
            home.loans.decide(plain | {"credit_amount": missing})


def test_a_table_is_decided_row_by_row(home: Bank) -> None:
    import pandas as pd

    frame = pd.DataFrame(rows(30)).assign(who=[f"p{number}" for number in range(30)])
    seen: list[tuple[int, int]] = []
    made = home.loans.decide_many(frame, subjects="who", progress=lambda done, total: seen.append((done, total)))
    assert seen == [(30, 30)]
    assert [decision.subject for decision in made] == list(frame["who"])
    assert [decision.index for decision in made] == list(range(made[0].index or 0, (made[0].index or 0) + 30))
    again = home.loans.decide_many(rows(30), subjects=[f"p{number}" for number in range(30)])
    assert [(each.label, each.score_micro, each.reasons) for each in made] == [
        (each.label, each.score_micro, each.reasons) for each in again
    ]
    assert home.loans.decide_many([]) == []


def test_references_of_a_table_are_checked_before_anything_is_recorded(home: Bank) -> None:
    import pandas as pd

    size = home.org.archive.size
    frame = pd.DataFrame([ROW, ROW, ROW])
    for subjects in (["a", "b"], ["a", "b", ""], ["a", "b", "\ud800"], "who"):
        with pytest.raises(InvalidInput):
            home.loans.decide_many(frame, subjects=subjects)
    for missing in (None, float("nan"), pd.NA, ""):
        with pytest.raises(InvalidInput, match="row 2"):
            home.loans.decide_many(frame.assign(who=["a", missing, "c"]), subjects="who")
    assert home.org.archive.size == size
    made = home.loans.decide_many(frame, subjects=["a", None, 7])  # type: ignore[list-item]
    assert [decision.subject for decision in made] == ["a", None, "7"]


def test_sixteen_threads_decide_without_gaps(home: Bank) -> None:
    made: list[Decision] = []

    def run(number: int) -> None:
        for count in range(8):
            made.append(home.decide(f"p{number}-{count}", credit_amount=number * 100 + count))

    threads = [threading.Thread(target=run, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    first = made[0].seq
    assert sorted(decision.seq for decision in made) == list(range(2, 130))
    assert first < 130
    for decision in made[::10]:
        values = home.org.archive.tree(decision.index or 0).values()
        assert values["/subject"] == decision.subject
        assert decision.check().is_intact


def test_a_model_that_raises_records_nothing(home: Bank) -> None:
    @home.org.decisions.decides(policy(), name="by hand")
    def by_hand(applicant: Any) -> float:
        if applicant["credit_amount"] > 100:
            raise ZeroDivisionError("the model is broken")
        return 0.9

    size = home.org.archive.size
    with pytest.raises(ZeroDivisionError):
        by_hand(ROW)
    assert home.org.archive.size == size
    assert by_hand(ROW | {"credit_amount": 5}).label == "approve"


@pytest.mark.parametrize("answer", [float("nan"), float("inf"), -0.1, 1.1, "0.5", None, True])
def test_a_model_that_answers_nonsense_records_nothing(home: Bank, answer: Any) -> None:
    by_hand = home.org.decisions.decides(policy(), name="by hand")(lambda applicant: answer)
    size = home.org.archive.size
    with pytest.raises((InvalidInput, TypeError, ValueError)):
        by_hand(ROW)
    assert home.org.archive.size == size


def test_a_function_that_changes_its_answer_is_recorded_and_never_said_to_replay(home: Bank) -> None:
    answers = iter([0.9, 0.1])

    @home.org.decisions.decides(policy(), name="by mood")
    def by_mood(applicant: Any) -> float:
        return next(answers)

    first, second = by_mood(ROW, subject="anna"), by_mood(ROW, subject="anna")
    assert (first.label, second.label) == ("approve", "decline")
    for decision in (first, second):
        report = decision.check(replay=True)
        assert report.is_intact
        assert [str(report.step(step).status) for step in ("artefact", "output")] == ["not checked"] * 2  # type: ignore[union-attr]


def test_a_block_of_code_records_what_it_sets(home: Bank) -> None:
    deciding = home.org.decisions.deciding
    with deciding(ROW, policy=policy(), name="desk", subject="anna") as made:
        made.score = 0.3
    assert made.decision is not None
    assert made.decision.label == "decline"
    size = home.org.archive.size
    with pytest.raises(ZeroDivisionError), deciding(ROW, policy=policy(), name="desk") as broken:
        broken.score = 1 / 0
    with pytest.raises(InvalidInput), deciding(ROW, policy=policy(), name="desk"):
        pass
    with pytest.raises(InvalidInput), deciding(ROW, policy=policy(), name="desk") as wrong:
        wrong.score, wrong.label = 0.9, "maybe"
    assert home.org.archive.size == size


def test_putting_the_same_to_work_twice_records_nothing(home: Bank) -> None:
    size = home.org.archive.size
    for _ in range(2):
        assert put_to_work(home.org).leaf == home.loans.leaf
    home.reopen()
    assert home.org.archive.size == size


def test_two_versions_of_a_policy_share_one_stream(home: Bank) -> None:
    first = home.decide("anna")
    newer = put_to_work(home.org, version="2")
    second = newer.decide(ROW, subject="anna")
    third = home.decide("anna")
    assert (first.seq, second.seq, third.seq) == (2, 5, 6)  # the new policy and its deployment lie between
    history = home.org.decisions.history
    versions = [history(each.index or 0).policy.version for each in (first, second, third)]  # type: ignore[union-attr]
    assert versions == ["1", "2", "1"]
    assert [each.policy.version for each in home.org.decisions.policies()] == ["1", "2"]


def test_a_policy_that_does_not_fit_is_refused_before_anything_is_recorded(home: Bank, tmp_path: Path) -> None:
    from organisations import POLICY

    text = POLICY.format(version="9", retain_days=0, effective_from="2026-09-02")
    bad = {
        "unknown.toml": text.replace("credit_amount", "credit_amuont"),
        "self.toml": text.replace('approved_by = "Bo"', 'approved_by = "Ada"'),
        "protected.toml": text.replace("min = 0", "min = 0\nprotected = true"),
        "broken.toml": text + "\n[",
    }
    size = home.org.archive.size
    for name, content in bad.items():
        path = tmp_path / name
        path.write_text(content)
        with pytest.raises(InvalidInput):
            home.org.decisions.wrap(home.org.provenance.models()[0], path)
    with pytest.raises(NotFound):
        home.org.decisions.wrap(home.org.provenance.models()[0], tmp_path / "none.toml")
    assert not [
        each
        for each in home.org.decisions.policies()
        if each.policy.version == "9" and each.policy.author == each.policy.approved_by
    ]
    assert home.org.archive.size == size


def test_a_policy_waits_for_its_day(home: Bank) -> None:
    later = policy(version="3", effective_from="2026-11-24")
    assert not later.is_effective(date(2026, 11, 23))
    size = home.org.archive.size
    with pytest.raises(InvalidInput, match="2026-11-24"):
        home.org.decisions.wrap(home.org.provenance.models()[0], later)
    assert home.org.archive.size == size
    home.clock.move(5 * 3_600)
    assert home.org.decisions.wrap(home.org.provenance.models()[0], later).decide(ROW).label == "approve"
