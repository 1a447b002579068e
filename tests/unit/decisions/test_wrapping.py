"""What `wrap` accepts, what it refuses before anything is recorded, and in which words."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from organisations import POLICY, ROW, Bank, bank, estimator, policy, rows

from counterfoil.decisions import Deployment, Policy
from counterfoil.errors import InvalidInput

MODEL = list(ROW)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Bank]:
    with bank(tmp_path) as made:
        yield made


def for_class(wanted: str) -> Policy:
    text = POLICY.format(version=f"about {wanted}", retain_days=0, effective_from="2026-09-02")
    return Policy.from_toml(text.replace('score_of = "good"', f'score_of = "{wanted}"'))


@cache
def skops_model() -> Any:
    """A pipeline that has no integer form, and trees that have exact reasons."""
    from sklearn.compose import ColumnTransformer
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, PowerTransformer

    columns = ColumnTransformer(
        [
            ("numbers", PowerTransformer(), ["credit_amount", "duration_in_month"]),
            ("texts", OneHotEncoder(handle_unknown="ignore", sparse_output=False), ["housing"]),
        ]
    )
    return make_pipeline(columns, RandomForestClassifier(5, max_depth=4, random_state=0)).fit(*training())


def training() -> tuple[pd.DataFrame, list[str]]:
    table = pd.DataFrame(rows(80))
    return table, ["bad" if row["duration_in_month"] > 20 else "good" for row in rows(80)]


def wrap_skops(home: Bank, rules: Policy) -> Deployment:
    return home.org.decisions.wrap(
        skops_model(), rules, name="forest", background=training()[0], trusted=["sklearn.tree._tree.Tree"]
    )


def test_reasons_of_a_skops_model_follow_again_on_replay(home: Bank) -> None:
    deployed = wrap_skops(home, policy())
    decision = deployed.decide(ROW | {"duration_in_month": 60}, subject="anna")
    assert deployed.model.record.form == "skops"
    assert decision.label == "decline"
    assert [reason.code for reason in decision.reasons]
    home.reopen()
    report = home.org.decisions.replay(decision.index or 0)
    assert [str(step.status) for step in report.steps] == ["passed"] * 3
    size = home.org.archive.size
    wrap_skops(home, policy())
    home.org.decisions.wrap(deployed.model, policy(), background=training()[0])
    assert home.org.archive.size == size


def test_sampled_reasons_of_a_network_are_found_by_replay(home: Bank) -> None:
    import skops.io
    from sklearn.compose import ColumnTransformer
    from sklearn.neural_network import MLPClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    columns = ColumnTransformer(
        [
            ("numbers", StandardScaler(), ["credit_amount", "duration_in_month"]),
            ("texts", OneHotEncoder(handle_unknown="ignore", sparse_output=False), ["housing"]),
        ]
    )
    network = make_pipeline(columns, MLPClassifier((4,), solver="lbfgs", random_state=0)).fit(*training())
    trusted = skops.io.get_untrusted_types(data=skops.io.dumps(network))
    deployed = home.org.decisions.wrap(network, policy(), background=training()[0], trusted=trusted)
    decision = deployed.decide(ROW | {"duration_in_month": 60}, subject="anna")
    assert (decision.label, decision.reasons) == ("decline", ())
    step = decision.check(replay=True).step("reasons")
    assert step is not None
    assert step.status == "passed"
    assert "R02" in step.detail


def test_the_same_model_for_another_class_is_another_model(home: Bank) -> None:
    good, bad = wrap_skops(home, policy()), wrap_skops(home, for_class("bad"))
    assert (good.model.record.positive, bad.model.record.positive) == ("good", "bad")
    assert good.model.index != bad.model.index
    total = good.decide(ROW).score + bad.decide(ROW).score
    assert total == pytest.approx(1)
    with pytest.raises(InvalidInput, match="probability of 'bad', and this model scores 'good'"):
        home.org.decisions.wrap(good.model, for_class("bad"), background=rows(5))


def test_a_model_file_scores_the_class_that_the_policy_names(home: Bank, tmp_path: Path) -> None:
    import skops.io

    path = tmp_path / "forest.skops"
    skops.io.dump(skops_model(), path)
    trusted = ["sklearn.tree._tree.Tree"]
    deployed = home.org.decisions.wrap(path, for_class("bad"), background=rows(20), trusted=trusted)
    expected = skops_model().predict_proba(pd.DataFrame([ROW]))[0, 0]
    assert deployed.decide(ROW).score == pytest.approx(expected)
    with pytest.raises(InvalidInput, match="no class 'nobody'"):
        home.org.decisions.wrap(path, for_class("nobody"), background=rows(20), trusted=trusted)


def test_an_onnx_model_that_answers_one_number_answers_about_its_last_class() -> None:
    import numpy as np

    from counterfoil.provenance.models.onnx_scorer import _pick

    assert _pick(np.array([[0.25]]), 1) == 0.25
    assert _pick(np.array([[0.25]]), 0) is None
    assert _pick(np.array([[0.25, 0.75]]), 0) == 0.25


def test_an_integer_model_is_not_registered_for_a_class_it_does_not_score(home: Bank, tmp_path: Path) -> None:
    from counterfoil.provenance.models.sklearn_export import export

    path = tmp_path / "model.json"
    path.write_bytes(export(estimator(), positive="good").to_bytes())
    size = home.org.archive.size
    with pytest.raises(InvalidInput, match="scores 'good', not 'bad'"):
        home.org.provenance.register_model(path, name="loans", positive="bad")
    assert home.org.archive.size == size


def test_classes_written_as_floats_are_whole_numbers_to_a_policy(home: Bank) -> None:
    from sklearn.linear_model import LogisticRegression
    from sklearn.tree import DecisionTreeClassifier

    table, labels = training()
    numbers = table.assign(housing=0.0)
    for kind in (LogisticRegression(max_iter=5_000), DecisionTreeClassifier(max_depth=2)):
        model = kind.fit(numbers, [float(label == "good") for label in labels])
        rules = Policy.from_toml(
            POLICY.format(version="numbers", retain_days=0, effective_from="2026-09-02")
            .replace('"good"', '"1"')
            .replace('kind = "category"\ncategories = ["for free", "own", "rent"]', 'kind = "number"')
        )
        deployed = home.org.decisions.wrap(model, rules, name=type(kind).__name__, background=numbers)
        assert deployed.decide(ROW | {"housing": 0}).check(replay=True).is_intact


def unfitting_models() -> dict[str, tuple[Any, str]]:
    from sklearn.linear_model import LinearRegression, LogisticRegression

    table, labels = training()
    numbers = table[["credit_amount", "duration_in_month"]]
    return {
        "fitted on bare numbers": (LogisticRegression().fit(numbers.to_numpy(), labels), "names of its features"),
        "fewer features": (LogisticRegression().fit(numbers, labels), "names the feature 'housing'"),
        "not fitted": (LogisticRegression(), "not fitted"),
        "a regression": (LinearRegression().fit(numbers, [1.0] * len(numbers)), "no classifier"),
        "a function": (lambda row: 0.5, "no classifier"),
        "nothing": (None, "no classifier"),
    }


@pytest.mark.parametrize("name", unfitting_models())
def test_models_that_do_not_fit_are_refused_and_nothing_is_recorded(home: Bank, name: str) -> None:
    model, said = unfitting_models()[name]
    size = home.org.archive.size
    with pytest.raises(InvalidInput, match=said):
        home.org.decisions.wrap(model, policy(version="2"), name="other", background=rows(20))
    assert home.org.archive.size == size


@pytest.mark.parametrize(
    ("background", "said"),
    [
        (ROW, "this is a dict"),
        ("rows.csv", "this is a str"),
        (pd.DataFrame(rows(3)).to_numpy(), "one of these is a"),
        (pd.DataFrame(rows(3)).drop(columns="housing"), "background row 1: housing .* is missing"),
        (pd.DataFrame(rows(3)).astype(str), "background row 1: credit amount"),
        ([*rows(2), ROW | {"housing": "castle"}], "background row 3: housing"),
    ],
)
def test_comparison_rows_are_checked_as_the_policy_says(home: Bank, background: Any, said: str) -> None:
    size = home.org.archive.size
    with pytest.raises(InvalidInput, match=said):
        home.org.decisions.wrap(estimator(), policy(version="2"), name="other", background=background)
    assert home.org.archive.size == size


def test_comparison_rows_are_committed_in_one_form(home: Bank) -> None:
    plain = home.org.decisions.wrap(estimator(), policy(), background=rows(20))
    size = home.org.archive.size
    other = home.org.decisions.wrap(estimator(), policy(), background=pd.DataFrame(rows(20)).convert_dtypes())
    assert (other.leaf, home.org.archive.size) == (plain.leaf, size)


def test_a_model_without_reasons_is_remarked_upon(home: Bank, caplog: pytest.LogCaptureFixture) -> None:
    wrap_skops(home, policy())
    deployed = home.org.decisions.wrap(skops_model(), policy(), name="forest", trusted=["sklearn.tree._tree.Tree"])
    assert "carry no reasons" in caplog.text
    assert deployed.decide(ROW | {"duration_in_month": 60}).reasons == ()


@pytest.mark.parametrize("score", [2, -1, True, "0.5", "high", [1], float("nan"), 0.5 + 0j])
def test_a_block_decides_by_a_score_and_nothing_else(home: Bank, score: Any) -> None:
    home.org.decisions.register_policy(policy())
    with home.org.decisions.deciding(ROW, policy=policy(), name="by hand") as opened:
        opened.score = 0.7
    size = home.org.archive.size
    with (
        pytest.raises(InvalidInput, match="a score is a number from 0 to 1"),
        home.org.decisions.deciding(ROW, policy=policy(), name="by hand") as opened,
    ):
        opened.score = score
    assert home.org.archive.size == size


def test_a_function_whose_source_cannot_be_read_leaves_nothing_on_record(home: Bank) -> None:
    from functools import partial

    size = home.org.archive.size
    with pytest.raises(InvalidInput, match="source"):
        home.org.decisions.decides(policy(version="2"))(partial(max, 0.5))
    assert home.org.archive.size == size


def test_a_column_that_is_there_twice_is_refused(home: Bank) -> None:
    table = pd.DataFrame(rows(3))
    doubled = pd.concat([table, table[["credit_amount"]] * 2], axis=1)
    with pytest.raises(InvalidInput, match="two columns named 'credit_amount'"):
        home.loans.decide_many(doubled)
    with pytest.raises(InvalidInput, match="'credit_amount' twice"):
        home.loans.decide(doubled.iloc[0])
    with pytest.raises(InvalidInput, match="two columns named 'credit_amount'"):
        home.org.decisions.wrap(estimator(), policy(), background=doubled)


@pytest.mark.parametrize("applicants", [ROW, None, ["anna"], pd.Series(ROW), "anna", 5])
def test_what_is_no_table_is_refused_in_words(home: Bank, applicants: Any) -> None:
    with pytest.raises(InvalidInput, match="applicants are a table"):
        home.loans.decide_many(applicants)


def test_one_applicant_is_a_row_and_not_a_table(home: Bank) -> None:
    with pytest.raises(InvalidInput, match="one row, and this is a table") as caught:
        home.loans.decide(pd.DataFrame([ROW]))
    assert "decide_many" in caught.value.hint
    assert home.loans.decide(pd.Series(ROW)).label == "approve"


def test_a_row_that_only_the_model_refuses_is_named_with_what_stays(home: Bank, tmp_path: Path) -> None:
    from counterfoil.decisions.batch.applicants import Applicant
    from counterfoil.decisions.batch.run import decide_table

    many: list[dict[str, Any]] = [dict(ROW) for _ in range(1_003)]
    many[1_001]["credit_amount"] = 2**53 - 1  # fits the policy, and not six decimals
    with pytest.raises(InvalidInput, match=r"^row 1002: .*too large.*; the 1,000 rows before"):
        home.loans.decide_many(many)
    applicants = [Applicant(number, row, f"person {number}") for number, row in enumerate(many, 1)]
    with pytest.raises(InvalidInput, match=r"^row 1002: .*; 1,000 of 1,003 rows were decided"):
        decide_table(home.loans, applicants, tmp_path / "out.csv")
    many[2]["credit_amount"] = 2**53 - 1
    size = home.org.archive.size
    with pytest.raises(InvalidInput, match=r"^row 3: [^;]*$"):
        home.loans.decide_many(many)
    assert home.org.archive.size == size


def test_a_preview_is_of_the_class_that_the_policy_names(home: Bank) -> None:
    from counterfoil.decisions.batch.run import preview_table

    scorer = home.org.provenance.scorer(wrap_skops(home, policy()).model)
    with pytest.raises(InvalidInput, match="probability of 'bad', and this model scores 'good'"):
        preview_table(scorer, for_class("bad"), [])


def test_two_models_never_share_a_version(home: Bank) -> None:
    wrap = home.org.decisions.wrap
    first = wrap(estimator(), policy(), name="scores", version="2026.1", background=rows(20))
    again = wrap(estimator(), policy(), name="scores", version="2026.1", background=rows(20))
    assert again.model == first.model
    with pytest.raises(InvalidInput, match=r"on record as scores 2026\.1"):
        home.org.decisions.wrap(
            skops_model(),
            policy(),
            name="scores",
            version="2026.1",
            background=rows(20),
            trusted=["sklearn.tree._tree.Tree"],
        )


@pytest.mark.parametrize("settings", [{"name": "\ud800"}, {"name": "a\nb"}, {"version": 2}, {"on_log_failure": "no"}])
def test_settings_that_cannot_be_are_refused_in_words(home: Bank, settings: dict[str, Any]) -> None:
    size = home.org.archive.size
    with pytest.raises(InvalidInput, match="texts|on_log_failure"):
        home.org.decisions.wrap(estimator(), policy(), background=rows(20), **settings)
    assert home.org.archive.size == size


def test_changed_rules_need_a_version_of_their_own(home: Bank) -> None:
    text = POLICY.format(version="2026-11", retain_days=0, effective_from="2026-09-02")
    home.org.decisions.register_policy(Policy.from_toml(text))
    changed = Policy.from_toml(text.replace("retain_days = 0", "retain_days = 1"))
    size = home.org.archive.size
    with pytest.raises(InvalidInput, match="other rules are on record as loans 2026-11"):
        home.org.decisions.register_policy(changed)
    assert home.org.archive.size == size
