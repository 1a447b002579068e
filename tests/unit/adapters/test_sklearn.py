"""The wrapper is a classifier like any other, and records decisions about people."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from organisations import DATA, ROW, TRAINING_ROWS, Bank, bank, estimator, full_disk, full_log, policy
from sklearn.base import clone, is_classifier
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from sklearn.utils.estimator_checks import check_estimator

from counterfoil.adapters.sklearn import RecordedClassifier
from counterfoil.errors import InvalidInput, LogUnavailable, NotSetUp


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Bank]:
    with bank(tmp_path) as opened:
        yield opened


@pytest.fixture(scope="module")
def table() -> Any:
    import pandas as pd

    return pd.read_csv(DATA, keep_default_na=False)


def wrapped(made: Bank, **settings: Any) -> RecordedClassifier:
    settings = {"policy": policy(), "name": "loans of sklearn"} | settings
    return RecordedClassifier(estimator(), organisation=made.org, **settings)


def fitted(made: Bank, table: Any, register: bool = True, **settings: Any) -> RecordedClassifier:
    train = table.iloc[:TRAINING_ROWS]
    return wrapped(made, **settings).fit(train[list(ROW)], train["creditability"], register=register)


def test_scikit_learns_own_checks() -> None:
    for inner in (LogisticRegression(), make_pipeline(StandardScaler(), LogisticRegression())):
        results = check_estimator(RecordedClassifier(inner), on_fail=None, on_skip=None)
        assert len(results) > 40
        assert [each["check_name"] for each in results if each["status"] not in ("passed", "skipped")] == []


def test_with_subjects_each_decision_is_on_record(made: Bank, table: Any) -> None:
    model = fitted(made, table)
    people = table.iloc[100:105][list(ROW)]
    labels = model.predict(people, subjects=[f"p-{number}" for number in range(5)])
    assert set(labels) <= {"approve", "decline"}
    for number, label in enumerate(labels):
        (row,) = made.org.decisions.search(subject=f"p-{number}")
        assert row["label"] == label
    decisions = model.decide(people.assign(who=list("abcde")), "who")
    assert [decision.label for decision in decisions] == list(labels)
    assert all(decision.check(replay=True).is_intact for decision in decisions)
    expected = ["approve" if score >= 0.6 else "decline" for score in model.predict_proba(people)[:, 1]]
    assert list(labels) == expected


def test_fit_registers_data_and_model_when_it_is_asked_to(made: Bank, table: Any) -> None:
    before = made.org.archive.size
    train = table.iloc[:TRAINING_ROWS]
    model = wrapped(made, version="7").fit(train[list(ROW)], train["creditability"])
    assert made.org.archive.size == before
    model.fit(train[list(ROW)], train["creditability"], register=True, dataset=DATA)
    (dataset,) = made.org.provenance.datasets()
    registered = model.deployment_.model.record
    assert (registered.name, registered.version, registered.training) == ("loans of sklearn", "7", dataset.leaf)
    size = made.org.archive.size
    model.put_to_work(background=train[list(ROW)], dataset=dataset)
    assert made.org.archive.size == size  # the same model and data are recorded once
    with pytest.raises(InvalidInput, match="register"):
        model.fit(train[list(ROW)], train["creditability"], dataset=DATA)


def test_the_first_decision_puts_the_model_to_work(made: Bank, table: Any) -> None:
    model = fitted(made, table, register=False)
    assert not hasattr(model, "deployment_")
    (decision,) = model.decide([ROW], ["p-1"])
    assert decision.index is not None
    first = model.deployment_
    train = table.iloc[: TRAINING_ROWS // 2]
    model.fit(train[list(ROW)], train["creditability"])
    assert not hasattr(model, "deployment_")
    model.decide([ROW], ["p-1"])
    assert model.deployment_.model.leaf != first.model.leaf


def test_without_subjects_nothing_is_recorded_and_answers_are_the_classifiers(made: Bank, table: Any) -> None:
    model = fitted(made, table)
    size = made.org.archive.size
    people = table.iloc[100:150]
    plain = estimator()
    assert list(model.predict(people[list(ROW)])) == list(plain.predict(people[list(ROW)]))
    assert np.array_equal(model.predict_proba(people[list(ROW)]), plain.predict_proba(people[list(ROW)]))
    assert np.array_equal(model.predict_log_proba(people[list(ROW)]), plain.predict_log_proba(people[list(ROW)]))
    assert np.array_equal(model.decision_function(people[list(ROW)]), plain.decision_function(people[list(ROW)]))
    assert model.score(people[list(ROW)], people["creditability"]) > 0.5
    assert len(cross_val_score(model, people[list(ROW)], people["creditability"], cv=3)) == 3
    search = GridSearchCV(model, {"estimator__logisticregression__C": [0.1, 1.0]}, cv=2)
    search.fit(people[list(ROW)], people["creditability"])
    assert search.best_estimator_.organisation is made.org
    assert made.org.archive.size == size
    assert list(model.classes_) == ["bad", "good"]
    assert list(model.feature_names_in_) == list(ROW)
    assert is_classifier(model)


def test_it_offers_only_what_its_classifier_has() -> None:
    assert not hasattr(RecordedClassifier(LinearSVC()), "predict_proba")
    assert hasattr(RecordedClassifier(LinearSVC()), "decision_function")


def test_copies_keep_the_organisation_and_pickles_do_not(made: Bank, table: Any) -> None:
    model = fitted(made, table)
    copied = clone(model)
    assert copied.organisation is made.org
    assert not hasattr(copied, "estimator_")
    assert copied.estimator is not model.estimator
    assert set(copied.get_params()) == set(model.get_params())
    for travelled in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model)):
        people = table.iloc[:3][list(ROW)]
        assert list(travelled.predict(people)) == list(model.predict(people))
        with pytest.raises(NotSetUp, match="no organisation"):
            travelled.predict(people, subjects=["a", "b", "c"])
        travelled.set_params(organisation=made.org)
        assert len(travelled.decide([ROW], ["p-1"])) == 1
    assert "estimator" in repr(model)


def test_in_a_pipeline_it_decides_on_rows_that_kept_their_names(made: Bank, table: Any) -> None:
    train = table.iloc[:TRAINING_ROWS]
    line = Pipeline([("all", "passthrough"), ("model", wrapped(made))])
    line.fit(train[list(ROW)], train["creditability"], model__register=True)
    assert len(line.predict(train[list(ROW)][:2], subjects=["a", "b"])) == 2
    numbers = make_pipeline(StandardScaler(), RecordedClassifier(LogisticRegression(), organisation=made.org))
    numbers.fit(train[["credit_amount"]], train["creditability"])
    numbers[-1].set_params(policy=policy())
    numbers[-1].deployment_ = line[-1].deployment_
    with pytest.raises(InvalidInput, match="names of features"):
        numbers.predict(train[["credit_amount"]], subjects=["a"] * TRAINING_ROWS)


def test_what_is_missing_is_said(made: Bank, table: Any) -> None:
    with pytest.raises(NotFittedError):
        wrapped(made).predict([ROW], subjects=["a"])
    with pytest.raises(NotFittedError):
        wrapped(made).predict_proba([ROW])
    with pytest.raises(NotSetUp, match="policy"):
        fitted(made, table, policy=None)
    size = made.org.archive.size
    model = fitted(made, table)
    recorded = made.org.archive.size
    assert recorded > size
    for rows, subjects in (([ROW | {"housing": "tent"}], ["a"]), ([ROW], []), ([{}], ["a"])):
        with pytest.raises(InvalidInput):
            model.decide(rows, subjects)
    assert made.org.archive.size == recorded


def test_without_the_log_there_is_no_decision_unless_it_may_wait(made: Bank, table: Any) -> None:
    strict = fitted(made, table)
    patient = fitted(made, table, on_log_failure="spool")
    with full_log(made.org):
        with pytest.raises(LogUnavailable):
            strict.predict([ROW], subjects=["a"])
        (decision,) = patient.decide([ROW], ["b"])
        assert decision.promise is not None
    with full_disk(0), pytest.raises(LogUnavailable):
        patient.decide([ROW], ["c"])
