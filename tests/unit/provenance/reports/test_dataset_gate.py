"""A home's rules keep data from models until a report on record says that they are met."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest
from making_events import told
from organisations import estimator, gated

import counterfoil
from counterfoil.data import german_credit_policy
from counterfoil.decisions import Policy
from counterfoil.errors import HomeDamaged, InvalidInput, NotAllowed
from counterfoil.provenance.lineage.openlineage import read_event
from counterfoil.provenance.lineage.records import RunRecord
from counterfoil.provenance.privacy.check import check_privacy
from counterfoil.provenance.quality.check import check_quality
from counterfoil.store.dataset_rules import DatasetRule, read_rules

TABLE = "age,town,label\n" + "".join(
    f"{30 + each % 3},{'ab'[each % 2]},{int(each // 6 % 3 < 2 - each % 2)}\n" for each in range(60)
)


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "train.csv"
    path.write_text(TABLE)
    return path


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("privacy", DatasetRule("privacy", Fraction(0), "privacy")),
        ("k=5", DatasetRule("k", Fraction(5), "k=5")),
        ("t=0.3", DatasetRule("t", Fraction(3, 10), "t=0.3")),
        ("missing=0", DatasetRule("missing", Fraction(0), "missing=0")),
    ],
)
def test_a_rule_is_a_name_and_a_limit(text, rule):
    assert read_rules((text,)) == (rule,)


@pytest.mark.parametrize(
    "text", ["", "K=5", "k", "k=", "k=x", "k=1.5", "k=-1", "k=1/2", "k=1_0", "t=nan", "t=inf", "privacy=1", "age=3"]
)
def test_what_is_no_rule_is_refused(text):
    with pytest.raises(InvalidInput):
        read_rules((text,))


def test_a_home_with_a_rule_that_is_none_is_not_opened(tmp_path):
    gated(tmp_path, "k=5").close()
    settings = tmp_path / "gated" / "counterfoil.toml"
    text = settings.read_text()
    assert 'dataset_gate = ["k=5"]' in text
    settings.write_text(text.replace("k=5", "k>5"))
    with pytest.raises(HomeDamaged, match="no rule for datasets"):
        counterfoil.open(tmp_path / "gated")


def test_a_training_run_is_refused_until_the_report_is_there(tmp_path, table):
    with gated(tmp_path, "privacy", "k=10", "l=2", "t=0.5", "quality", "missing=0", "group=30") as org:
        dataset = org.provenance.register_dataset(table)
        size = org.archive.size
        with pytest.raises(
            NotAllowed, match=r"7 rules .*: privacy \(no privacy check of it is on record\); k=10"
        ) as caught:
            org.provenance.run("fit", inputs=[dataset], kind="training")
        assert "counterfoil dataset privacy train.csv" in caught.value.hint
        assert "counterfoil dataset quality train.csv" in caught.value.hint
        assert org.archive.size == size
        with org.provenance.run("clean", inputs=[dataset]):
            pass
        reports = org.provenance.reports
        reports.record_privacy(dataset, check_privacy(table))
        with pytest.raises(NotAllowed, match=r"6 rules .*: k=10 \(its privacy check names no quasi-identifiers\)"):
            org.provenance.run("fit", inputs=[dataset], kind="training")
        reports.record_privacy(dataset, check_privacy(table, quasi=["age", "town"], sensitive=["label"]))
        with pytest.raises(NotAllowed, match=r"3 rules .*: quality \(no quality report of it is on record\)") as caught:
            org.provenance.run("fit", inputs=[dataset], kind="training")
        assert "counterfoil dataset quality train.csv" in caught.value.hint
        reports.record_quality(dataset, check_quality(table, groups=["town"]))
        with org.provenance.run("fit", kind="training") as run:
            run.input(dataset)
        assert all(each.is_met for each in org.provenance.gate.answers(dataset))
        reports.record_privacy(dataset, check_privacy(table, quasi=["age"], sensitive=["label"]))
        reports.record_quality(dataset, check_quality(table, groups=["age"]))
        answers = {each.rule: (each.is_met, each.found) for each in org.provenance.gate.answers(dataset)}
        assert answers["group=30"] == (False, "the smallest group by age has 20 rows")
        with org.provenance.run("fit", kind="training") as run, pytest.raises(NotAllowed, match="group=30"):
            run.input(dataset)


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("safe-harbor", "2 findings look like an identifier"),
        ("k=31", "k is 30"),
        ("l=3", "l of label is 2"),
        ("t=0.001", "t of label is 0.1"),
        ("missing=0.01", "a column lacks 1 of 60 values"),
        ("duplicates=0.1", "of 60 rows equal an earlier one"),
        ("group=31", "the smallest group by town has 30 rows"),
        ("drift=0.1", "compared with no parent"),
    ],
)
def test_each_rule_says_what_was_found(tmp_path, rule, words):
    path = tmp_path / "train.csv"
    path.write_text("name," + TABLE.replace("\n", "\nx,").removesuffix("x,").replace("x,31,b,1", "x,,b,1", 1))
    with gated(tmp_path, rule) as org:
        dataset = org.provenance.register_dataset(path)
        org.provenance.reports.record_privacy(dataset, check_privacy(path, quasi=["town"], sensitive=["label"]))
        org.provenance.reports.record_quality(dataset, check_quality(path, groups=["town"]))
        (answer,) = org.provenance.gate.answers(dataset)
        assert (answer.is_met, answer.rule) == (False, rule)
        assert words in answer.found
        with pytest.raises(NotAllowed) as caught:
            org.provenance.gate.require(dataset)
        assert f"the rule {rule} of this home" in caught.value.message


@pytest.mark.parametrize(
    ("rules", "hint"),
    [
        (("k=31", "group=31"), "de-identify it, check and use what comes out: counterfoil deidentify train.csv"),
        (("group=31",), "mend the table"),
        (("k=31", "drift=0.1"), "counterfoil dataset quality train.csv --group COLUMN --parent FILE; the rules"),
    ],
    ids=["privacy", "quality", "unanswered"],
)
def test_where_the_report_is_there_the_hint_leads_on(tmp_path, table, rules, hint):
    with gated(tmp_path, *rules) as org:
        dataset = org.provenance.register_dataset(table)
        org.provenance.reports.record_privacy(dataset, check_privacy(table, quasi=["town"], sensitive=["label"]))
        org.provenance.reports.record_quality(dataset, check_quality(table, groups=["town"]))
        with pytest.raises(NotAllowed) as caught:
            org.provenance.gate.require(dataset)
        assert hint in caught.value.hint
        assert all(rule in caught.value.message for rule in rules)


def test_a_model_is_not_registered_on_data_that_did_not_pass(tmp_path, table):
    with gated(tmp_path, "privacy") as org:
        dataset = org.provenance.register_dataset(table)
        model = estimator()
        with pytest.raises(NotAllowed, match="the rule privacy"):
            org.provenance.register_model(model, name="credit", training=dataset)
        with pytest.raises(NotAllowed, match="the rule privacy"):
            org.decisions.wrap(model, Policy.from_toml(german_credit_policy()), name="credit", training=dataset)
        assert org.provenance.models() == []
        org.provenance.reports.record_privacy(dataset, check_privacy(table))
        assert org.provenance.register_model(model, name="credit", training=dataset).record.training == dataset.leaf


def test_a_report_about_another_file_is_refused(tmp_path, table):
    with gated(tmp_path) as org:
        dataset = org.provenance.register_dataset(table)
        other = tmp_path / "other.csv"
        other.write_text("a\n1\n")
        for record, report in (
            (org.provenance.reports.record_privacy, check_privacy(other)),
            (org.provenance.reports.record_quality, check_quality(other)),
        ):
            with pytest.raises(InvalidInput, match="not the one that is on record as train 1"):
                record(dataset, report)
        with pytest.raises(InvalidInput, match="compared with a parent"):
            org.provenance.reports.record_quality(dataset, check_quality(table, parent=other))


def test_reports_are_found_again_after_a_rebuild(tmp_path, table):
    with gated(tmp_path) as org:
        dataset = org.provenance.register_dataset(table)
        parent = org.provenance.register_dataset(table, name="parent")
        reports = org.provenance.reports
        first = reports.record_privacy(dataset, check_privacy(table))
        quality = reports.record_quality(dataset, check_quality(table, parent=table), parent)
        size = org.archive.size
        assert reports.record_privacy(dataset, check_privacy(table)) == first
        assert reports.record_quality(dataset, check_quality(table, parent=table), parent) == quality
        assert org.archive.size == size
        assert org.archive.record(quality.index).builds_on == (dataset.leaf, parent.leaf)
        org.rebuild()
        assert reports.privacy(dataset) == [first]
        assert reports.quality(dataset) == [quality]
        assert reports.privacy(parent) == [first]
        table.write_text("a\n1\n")
        other = org.provenance.register_dataset(table)
        assert reports.privacy(other) == reports.quality(other) == []


def test_a_wide_tables_report_still_fits_into_an_entry(tmp_path):
    path = tmp_path / "wide.csv"
    names = [f"{'phone ' * 30}{each}" for each in range(300)]
    path.write_text(",".join(names) + "\n" + (",".join(["1"] * 300) + "\n") * 3)
    with gated(tmp_path) as org:
        dataset = org.provenance.register_dataset(path, name="wide")
        report = check_privacy(path)
        kept = org.provenance.reports.record_privacy(dataset, report).report
        assert len(kept.findings) + kept.more == len(report.findings) + report.more == 300
        quality = org.provenance.reports.record_quality(dataset, check_quality(path)).report
        assert len(quality.columns) + quality.more_columns == 300
        assert max(len(org.archive.entry(place)) for place in range(org.archive.size)) < 65_536


def test_a_report_on_columns_with_long_names_fits_as_well(tmp_path):
    path = tmp_path / "long.csv"
    names = ["\N{CJK UNIFIED IDEOGRAPH-5217}" * 190 + str(each) for each in range(24)]
    rows = [",".join(str((row * (each + 3)) % 37) for each in range(24)) for row in range(40)]
    path.write_text("\n".join([",".join(names), *rows]) + "\n", encoding="utf-8")
    with gated(tmp_path) as org:
        dataset = org.provenance.register_dataset(path, name="long")
        report = check_privacy(path)
        kept = org.provenance.reports.record_privacy(dataset, report).report
        assert 0 < len(kept.uniqueness.combinations) < len(report.uniqueness.combinations)
        assert org.provenance.reports.record_privacy(dataset, report).report == kept


def test_findings_that_are_not_listed_are_findings(tmp_path):
    path = tmp_path / "train.csv"
    path.write_text("mail\nada@example.org\n")
    report = replace(check_privacy(path), findings=(), more=1)
    assert not report.is_clean
    assert not report.to_json()["safeHarbor"]["clean"]


def test_a_passport_names_the_reports_of_its_own_dataset_only(tmp_path, table):
    """The parent that a report was compared with does not count as what it is about."""
    from sqlalchemy import select

    from counterfoil.provenance.passports.tables import reports

    parent_table = tmp_path / "parent.csv"
    parent_table.write_text(TABLE + "35,a,1\n")
    with gated(tmp_path) as org:
        dataset, parent = (org.provenance.register_dataset(each) for each in (table, parent_table))
        found = org.provenance.reports.record_quality(dataset, check_quality(table, parent=parent_table), parent)
        with org.views.reading() as connection:
            kept = [tuple(row) for row in connection.execute(select(reports.c.idx, reports.c.about_idx))]
        assert kept == [(found.index, dataset.index)]


def test_all_that_went_into_a_run_must_be_fit_for_the_model_that_it_made(tmp_path, table):
    with gated(tmp_path, "privacy") as org:
        good = org.provenance.register_dataset(table)
        (tmp_path / "bad.csv").write_text("age\n1\n")
        bad = org.provenance.register_dataset(tmp_path / "bad.csv")
        org.provenance.reports.record_privacy(good, check_privacy(table))
        with org.provenance.run("train", inputs=[good, bad]) as run, pytest.raises(NotAllowed):
            run.model(estimator(), name="loans")
        with org.provenance.run("train", inputs=[good]) as run:
            assert run.model(estimator(), name="loans").record.training == good.leaf


def test_a_run_that_is_told_and_made_a_model_is_refused_whoever_records_it(tmp_path, table):
    with gated(tmp_path, "privacy") as org:
        dataset = org.provenance.register_dataset(table)
        model = org.provenance.register_model(estimator(), name="loans")
        made = RunRecord("fit", "other", (dataset.leaf,), (model.leaf,), None, {}, {}, None, "", "")
        size = org.archive.size
        with pytest.raises(NotAllowed, match="the rule privacy"):
            org.provenance.runs.record(made)
        assert org.archive.size == size
        org.provenance.reports.record_privacy(dataset, check_privacy(table))
        assert org.provenance.runs.record(made).record == made


def test_what_goes_into_a_run_after_its_model_is_asked_about_at_the_end(tmp_path, table):
    with gated(tmp_path, "privacy") as org:
        dataset = org.provenance.register_dataset(table)

        def fit():
            with org.provenance.run("fit") as run:
                run.model(estimator(), name="loans")
                run.input(dataset)

        with pytest.raises(NotAllowed, match="the rule privacy"):
            fit()
        assert org.provenance.runs.all() == []


def test_what_events_tell_has_happened_and_is_recorded(tmp_path, table):
    """The model is on record already; without the step a recall of the data would not reach it."""
    with gated(tmp_path, "privacy") as org:
        dataset = org.provenance.register_dataset(table, name="warehouse/train")
        model = org.provenance.register_model(estimator(), name="warehouse/loans")
        org.openlineage.take(read_event(told(inputs=["train"], outputs=["loans"])))
        assert dataset.index in org.provenance.lineage.ancestors([model.index])
