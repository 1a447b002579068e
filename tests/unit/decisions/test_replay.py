from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from organisations import Bank, bank, put_to_work, rows

from counterfoil.core.steps import Report
from counterfoil.decisions.replay import RecordedDecision, replay
from counterfoil.errors import HomeDamaged, NotAllowed, NotFound


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Bank]:
    with bank(tmp_path) as made:
        yield made


def statuses(report: Report) -> list[str]:
    return [str(step.status) for step in report.steps]


def test_recorded_decisions_replay_from_the_record_alone(home: Bank) -> None:
    made = home.loans.decide_many(rows(40))
    home.reopen()
    indices = [decision.index or 0 for decision in made]
    reports = dict(home.org.decisions.replay_many(indices))
    assert list(reports) == indices
    assert all(statuses(report) == ["passed"] * 3 for report in reports.values())
    assert {decision.label for decision in made} == {"approve", "decline"}


def test_another_output_label_or_reason_on_record_is_noticed(home: Bank) -> None:
    decision = home.decide("anna", duration_in_month=900)
    values = home.org.archive.tree(decision.index or 0).values()
    policy, model, scorer, explainer = home.org.decisions._replays._of_decision(decision.index or 0)
    true = RecordedDecision.from_values(values)
    assert true is not None
    for changes, failing in (
        ({"/output/score_micro": values["/output/score_micro"] + 1}, 1),
        ({"/output/label": "approve"}, 1),
        ({"/input/duration_in_month": 6}, 1),
        ({"/input/housing": "castle"}, 1),
        ({"/reasons": []}, 2),
    ):
        recorded = RecordedDecision.from_values(values | changes)
        assert recorded is not None
        steps = replay(recorded, policy, model, scorer, explainer)
        assert steps[failing].status == "failed", changes
        assert Report("replay", tuple(steps)).exit_code() == 4


def test_an_altered_or_missing_artefact_is_named(home: Bank) -> None:
    decision = home.decide("anna")
    path = home.folder / "artefacts" / home.loans.model.record.file_sha256
    good = path.read_bytes()
    path.write_bytes(good.replace(b"0", b"1", 1))
    home.org.close()
    from organisations import open_home

    home.org = open_home(home.folder, home.clock)
    with pytest.raises(HomeDamaged, match="altered"):
        home.org.decisions.replay(decision.index or 0)
    with pytest.raises(HomeDamaged, match="altered"):
        put_to_work(home.org)
    path.unlink()
    with pytest.raises(NotFound):
        home.org.decisions.replay(decision.index or 0)
    path.write_bytes(good)
    assert home.org.decisions.replay(decision.index or 0).is_intact


def test_lost_comparison_rows_are_named(home: Bank) -> None:
    decision = home.decide("anna", duration_in_month=900)
    for path in (home.folder / "artefacts").glob("*.sealed"):
        path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(HomeDamaged, match="altered"):
        home.org.decisions.replay(decision.index or 0)


def test_what_was_erased_cannot_be_replayed_and_is_passed_over(home: Bank) -> None:
    made = [home.decide(subject) for subject in ("anna", "ben", "cleo", "dora")]
    indices = [decision.index or 0 for decision in made]
    erasures = home.org.erasures
    erasures.erase_record(indices[0], basis="test")
    erasures.erase_fields(indices[1], ["/input/housing"], basis="test")
    erasures.erase_fields(indices[2], ["/output/score_micro"], basis="test")
    for index in indices[:3]:
        with pytest.raises(NotFound):
            home.org.decisions.replay(index)
    assert [index for index, _ in home.org.decisions.replay_many(indices)] == [indices[3]]
    with pytest.raises(NotFound):
        list(home.org.decisions.replay_many([0]))


def test_what_is_locked_away_cannot_be_replayed(tmp_path: Path) -> None:
    with bank(tmp_path, retain_days=10) as home:
        index = home.decide("anna").index or 0
        home.org.erasures.erase_person("anna", basis="test")
        with pytest.raises(NotAllowed):
            home.org.decisions.replay(index)
        assert list(home.org.decisions.replay_many([index])) == []
