"""Certificates: exact only where every bit is equal, and no replay for what wavers."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import count
from typing import Any

import pytest
import skops.io

from counterfoil.errors import InvalidInput
from counterfoil.provenance.models.artefact import load, read_artefact
from counterfoil.provenance.models.certificate import Certificate, certify, certify_scorer
from counterfoil.provenance.models.features import Feature
from counterfoil.provenance.models.integer import probe_rows
from counterfoil.provenance.models.sklearn_export import export
from counterfoil.provenance.models.skops_scorer import score_many

TREE = ("sklearn.tree._tree.Tree",)
ROWS = [{"x": i / 10} for i in range(10)]


class Plain:
    """A scorer that returns its input."""

    features = (Feature("x", "number"),)

    def score(self, row: Mapping[str, Any]) -> float:
        return float(row["x"])

    def score_micro(self, row: Mapping[str, Any]) -> int:
        return round(self.score(row) * 1e6)


def _same(rows: Any) -> list[float]:
    return [float(row["x"]) for row in rows]


def test_equal_bits_are_exact() -> None:
    made = certify(_same, Plain(), ROWS)
    assert (made.kind, made.tolerance_micro, made.rows) == ("exact", 0, 10)
    assert {(item.threads, item.batch) for item in made.tried} == {(t, b) for t in (1, 2) for b in (1, 2, 7, 32, 0)}
    assert made.agrees(5, 5)
    assert not made.agrees(5, 6)


@pytest.mark.parametrize(("gap", "tolerance"), [(1e-15, 1), (1e-6, 2), (1e-5, 20), (4e-4, 800)])
def test_the_tolerance_is_twice_what_was_seen(gap: float, tolerance: int) -> None:
    made = certify(lambda rows: [x + gap * (len(rows) > 1) for x in _same(rows)], Plain(), ROWS)
    assert made.kind == "tolerance"
    assert tolerance <= made.tolerance_micro <= tolerance + 1
    assert made.agrees(500_000, 500_000 - made.tolerance_micro)
    assert not made.agrees(500_000, 500_001 + made.tolerance_micro)


def test_another_model_gets_no_replay() -> None:
    made = certify(lambda rows: [x + 0.01 for x in _same(rows)], Plain(), ROWS)
    assert (made.kind, made.agrees(5, 5)) == ("none", False)
    assert "not the same model" in made.reason


def _failing(rows: Any) -> list[float]:
    raise RuntimeError("out of paper")


@pytest.mark.parametrize(
    ("score", "reason"),
    [
        (_failing, "failed with a RuntimeError"),
        (lambda rows: [0.5], "1 scores for 10 rows"),
        (lambda rows: [float("nan")] * len(rows), "not a number"),
        (lambda rows: ["high"] * len(rows), "ValueError"),
    ],
)
def test_a_model_that_fails_gets_no_replay(score: Any, reason: str) -> None:
    made = certify(score, Plain(), ROWS, batches=(None,))
    assert made.kind == "none"
    assert reason in made.reason


def test_a_model_that_wavers_gets_no_replay() -> None:
    turn = count()
    made = certify(lambda rows: [x + next(turn) * 1e-12 for x in _same(rows)], Plain(), ROWS)
    assert made.kind == "none"
    assert "changed its answer" in made.reason


def test_a_failure_keeps_private_values_out_of_the_certificate() -> None:
    assert "paper" not in certify(_failing, Plain(), ROWS).reason


def test_a_certificate_needs_usable_rows(credit: Any) -> None:
    with pytest.raises(InvalidInput, match="missing"):
        certify(_same, export(credit.tree), [{"x": 1}])
    with pytest.raises(InvalidInput):
        certify(_same, Plain(), [])


def test_integer_models_are_certified_against_their_estimators(credit: Any) -> None:
    model = export(credit.logistic)
    by_table = certify(score_many(credit.logistic), model, credit.inputs.iloc[:40], batches=(7, None))
    by_rows = certify(score_many(credit.logistic), model, credit.rows[:40], batches=(7, None))
    assert by_table.kind == by_rows.kind == "tolerance"
    assert by_table.tolerance_micro <= 2
    made_up = certify(score_many(credit.logistic), model, probe_rows(model, 40), batches=(7, None))
    assert made_up.tolerance_micro <= 2
    assert certify_scorer(model, credit.rows).kind == "exact"


def test_a_tree_in_skops_is_exact(credit: Any) -> None:
    scorer = load(read_artefact(skops.io.dumps(credit.tree), trusted=TREE))
    assert certify(score_many(credit.tree), scorer, credit.inputs, batches=(32, None), most_rows=40).kind == "exact"


@pytest.mark.parametrize(
    "made",
    [
        certify(_same, Plain(), ROWS),
        certify(_failing, Plain(), ROWS),
        certify(lambda rows: [x + 1e-6 for x in _same(rows)], Plain(), ROWS),
        Certificate.untried("a function is not replayed"),
    ],
)
def test_a_certificate_is_read_back(made: Certificate) -> None:
    assert Certificate.from_json(made.to_json()) == made


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "certain"},
        {"kind": []},
        {"kind": "tolerance"},
        {"toleranceMicro": 5},
        {"toleranceMicro": -1},
        {"rows": 1.5},
        {"rows": True},
        {"tried": {}},
        {"tried": [{}]},
        {"reason": None},
        {"more": 1},
    ],
)
def test_hostile_certificates_are_refused(change: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        Certificate.from_json(certify(_same, Plain(), ROWS).to_json() | change)
    with pytest.raises(InvalidInput):
        Certificate.from_json(change)
