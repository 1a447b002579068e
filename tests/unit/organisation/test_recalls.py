"""A recall says whom it reached, and nothing it holds back is recorded any more."""

from __future__ import annotations

import threading
from dataclasses import replace
from hashlib import sha256

import pytest
from making_passports import filled_in
from making_recalls import deployment_index, put_to_work, table, trained
from organisations import ROW, full_log, policy, rows, table_rows
from organisations import put_to_work as put_loans_to_work

from counterfoil.core import canonical
from counterfoil.errors import InvalidInput, LogUnavailable, NotFound, Recalled, Stale
from counterfoil.provenance.lineage.records import RunRecord
from counterfoil.provenance.passports.parts import Parent

WHY = "a column was doubled"


@pytest.fixture
def home(tmp_path):
    with trained(tmp_path) as made:
        yield made


def recall(home, wanted="raw", **more):
    return home.org.recalls.open(wanted, reason=WHY, by="Ada", **more)


# What it reaches


def test_a_recall_reaches_everything_that_came_from_a_dataset(home):
    made = [home.decide(subject) for subject in ("Ann", "Bob", "Ann")]
    home.bank.decide("Cem")
    found = home.org.recalls.preview("raw")
    kinds = [node.kind for node in found.nodes]
    assert sorted(kinds) == ["dataset", "deployment", "model", "run"]
    (reached,) = found.deployments
    assert (reached.model.name, reached.policy.name) == ("credit 1", "loans 1")
    assert (reached.decisions, dict(reached.labels)) == (3, {made[0].label: 3})
    assert (reached.first, reached.last) == (made[0].time, made[2].time)
    assert (found.decisions, found.people, found.unnamed, found.erased) == (3, 2, 0, 0)
    assert [node.name for node in found.policies] == ["loans 1"]


def test_its_digest_is_of_the_leaf_hashes_of_what_it_reached(home):
    found = home.org.recalls.preview("raw")
    leaves = sorted(home.org.archive.leaf_hex(node.index) for node in found.nodes)
    assert found.leaves_sha256 == sha256(canonical.dumps(leaves)).hexdigest()


def test_labels_are_counted_as_they_stand_now(home):
    made = home.decide("Ann")
    saw = home.org.decisions.history(made.index).state
    home.org.decisions.override(made.index, label="decline", by="Bo", reason="income was wrong", saw=saw)
    (reached,) = home.org.recalls.preview("raw").deployments
    assert (made.label, dict(reached.labels)) == ("approve", {"decline": 1})


def test_decisions_about_nobody_and_erased_ones_are_counted_apart(home):
    for subject in ("Ann", "Bob", None, None):
        home.decide(subject)
    home.org.erasures.erase_person("Bob", basis="GDPR Art. 17")
    found = home.org.recalls.preview("raw")
    assert (found.decisions, found.people, found.unnamed, found.erased) == (4, 1, 2, 1)


def test_what_a_model_and_a_policy_are_both_called_is_not_guessed(home):
    """The model of the other deployment, and the policy of both."""
    home.decide("Ann")
    with pytest.raises(InvalidInput, match=r"called 'loans@1': model loans 1 .*; policy loans 1 \(record \d+, 1"):
        home.org.recalls.preview("loans@1")


@pytest.mark.parametrize("wanted", ["credit", "credit@1", "policy"])
def test_models_are_found_by_name_and_version_and_policies_by_place(home, wanted):
    home.decide("Ann")
    wanted = str(home.org.decisions.policies()[0].index) if wanted == "policy" else wanted
    found = home.org.recalls.preview(wanted)
    assert found.decisions == 1
    assert found.root.kind == ("policy" if wanted.isdigit() else "model")


@pytest.mark.parametrize(
    ("wanted", "said"), [("nothing", "called 'nothing'"), ("0", "of kind identity"), ("99999", "99999")]
)
def test_what_cannot_be_recalled_is_not_found(home, wanted, said):
    with pytest.raises(NotFound, match=said):
        home.org.recalls.preview(wanted)


def test_what_is_easily_overlooked_is_told(home, tmp_path):
    other = home.org.provenance.register_dataset(table(tmp_path, "raw", "age,sum\n1,1\n"))
    found = home.org.recalls.preview(home.raw)
    assert [node.index for node in home.org.recalls.not_reached(found)] == [other.index]


def test_of_several_versions_none_is_guessed_and_each_is_told_with_whom_it_reached(home, tmp_path):
    home.decide("Ann")
    newer = home.org.provenance.register_dataset(table(tmp_path, "raw", "age,sum\n1,1\n"))
    with pytest.raises(InvalidInput) as refused:
        recall(home)
    assert refused.value.message == (
        f"2 records are called 'raw': dataset raw 1 (record {home.raw.index}, 1 decision about 1 person); "
        f"dataset raw 2 (record {newer.index}, no decisions)"
    )
    assert home.org.recalls.all() == []
    assert home.org.recalls.preview("raw@2").root.index == newer.index


def test_versions_with_the_same_content_need_no_choice(home, tmp_path):
    newest = again(home, tmp_path, "clean copy")
    assert home.org.recalls.preview("clean copy").root.index == newest.index
    newest = home.org.provenance.register_dataset(
        table(tmp_path, "other", "age,sum\n30,1\n"), name="clean", version="2"
    )
    assert home.org.recalls.preview("clean").root.index == newest.index


def again(home, folder, name="copy"):
    """Registers what `clean` holds once more."""
    return home.org.provenance.register_dataset(table(folder, name, "age,sum\n30,1\n"))


def test_the_same_content_is_reached_under_every_name_with_what_came_from_it(home, tmp_path):
    home.decide("Ann")
    copy = again(home, tmp_path)
    found = home.org.recalls.preview(copy)
    assert [node.name for node in found.nodes] == ["clean 1", "credit 1", "credit 1"]
    assert (found.decisions, found.people) == (1, 1)
    assert copy.index in {node.index for node in home.org.recalls.preview("raw").nodes}
    recall(home, copy)
    with pytest.raises(Recalled, match="dataset copy 1"):
        home.decide("Ann")


def test_what_is_registered_again_while_a_recall_is_open_is_held_back(home, tmp_path):
    recall(home)
    with pytest.raises(Recalled, match="dataset raw 1"):
        put_to_work(home.org, "next", again(home, tmp_path))


# What it holds back


def test_nothing_is_decided_on_what_was_recalled_until_the_recall_ends(home):
    opened = recall(home).recall
    size = home.org.archive.size
    for attempt in (
        lambda: home.decide("Ann"),
        lambda: home.credit.decide_many([ROW, ROW]),
        lambda: home.credit.preview_many([ROW]),
    ):
        with pytest.raises(Recalled, match=rf"dataset raw 1, which is under recall \(record {opened.index}\): {WHY}"):
            attempt()
    assert home.org.archive.size == size
    assert home.bank.decide("Ann").index is not None  # what came from elsewhere goes on
    home.org.recalls.end(opened.index, reason="it was right after all", by="Bo")
    assert home.decide("Ann").index is not None


def test_a_model_under_recall_is_not_put_to_work_again(home):
    recall(home)
    with pytest.raises(Recalled):
        home.org.decisions.wrap(home.credit.model, policy(), background=rows(20))
    with pytest.raises(Recalled):
        home.org.decisions.require_usable(home.credit.model, policy())


def test_what_is_made_from_recalled_data_is_refused(home):
    recall(home)
    with pytest.raises(Recalled, match="the model 'next' would rest on the dataset raw 1"):
        put_to_work(home.org, "next", home.clean)
    with pytest.raises(Recalled, match="the run 'again' would rest on"):
        home.org.provenance.run("again", inputs=["clean"])
    with home.org.provenance.run("other") as run, pytest.raises(Recalled):
        run.input("clean")


def test_a_run_that_was_under_way_is_recorded_and_what_it_made_is_held_back_too(home, tmp_path):
    with home.org.provenance.run("under way", inputs=[home.clean]) as run:
        recall(home)
        made = run.output(table(tmp_path, "made", "a\n1\n"))
    assert run.recorded.record.status == "succeeded"
    with pytest.raises(Recalled, match="dataset raw 1"):
        put_to_work(home.org, "next", made)


def test_it_holds_after_the_home_was_opened_again(home):
    opened = recall(home).recall
    home.reopen()
    with pytest.raises(Recalled, match=f"record {opened.index}"):
        home.decide("Ann")
    home.org.recalls.end(opened.index, reason="mended", by="Bo")
    home.reopen()
    assert home.decide("Ann").index is not None


def test_a_function_and_a_block_are_held_back_by_a_recall_of_their_policy(home):
    rules = home.org.decisions.policies()[0]
    recall(home, rules.index)
    with pytest.raises(Recalled, match="policy loans 1"):
        home.org.decisions.decides(policy())(lambda applicant: 0.5)
    with pytest.raises(Recalled), home.org.decisions.deciding(ROW, policy=policy(), name="block"):
        pytest.fail("the block must not run")


def test_a_block_under_way_leaves_no_decision(home):
    rules = home.org.decisions.policies()[0]

    def block():
        with home.org.decisions.deciding(ROW, policy=policy(), name="block") as made:
            made.score = 0.7
            recall(home, rules.index)

    with pytest.raises(Recalled):
        block()
    assert home.org.decisions.search() == []


def test_a_recall_that_warns_holds_nothing_back_and_says_so(home, caplog):
    recall(home, action="warn")
    assert home.decide("Ann").index is not None
    put_to_work(home.org, "next", home.clean)
    assert "the model 'next' rests on the dataset raw 1" in caplog.text


def test_what_is_decided_already_can_still_be_looked_at_and_answered(home):
    made = home.decide("Ann")
    recall(home)
    decisions = home.org.decisions
    assert decisions.receipt(made.index).encode()
    assert decisions.replay(made.index).verdict
    assert decisions.appeal(made.index, text="why?", by="Bo").index > made.index
    saw = decisions.history(made.index).state
    assert decisions.override(made.index, label="decline", by="Bo", reason="by hand", saw=saw).index > made.index
    assert decisions.outcome(made.index, outcome="repaid").index > made.index


def test_what_waits_in_the_queue_was_decided_before_and_counts(tmp_path):
    with trained(tmp_path, on_log_failure="spool") as home:
        with full_log(home.org):
            waiting = home.decide("Ann")
            with pytest.raises(LogUnavailable):
                recall(home)
        assert waiting.promise is not None
        home.decide("Bob")  # nothing is held back: the recall was not recorded
        with full_log(home.org):
            home.decide("Cem")
        opened = recall(home)
        assert (opened.reach.decisions, opened.reach.people) == (3, 3)
        with pytest.raises(Recalled), full_log(home.org):
            home.decide("Dan")


def test_no_decision_is_recorded_behind_the_recall_however_many_threads_decide(home):
    org, stop, seen = home.org, threading.Event(), []

    def decide():
        while not stop.is_set():
            try:
                seen.append(home.decide("Ann").index)
            except Recalled:
                return

    threads = [threading.Thread(target=decide) for _ in range(6)]
    for each in threads:
        each.start()
    while len(seen) < 20:
        stop.wait(0.001)
    opened = recall(home)
    size = org.archive.size
    for each in threads:
        each.join(20)
    stop.set()
    assert not any(each.is_alive() for each in threads)
    assert max(seen) < opened.recall.index
    assert opened.reach.decisions == len(seen) == len(org.decisions.search(limit=10_000))
    assert org.archive.size == size


def test_a_decision_that_shares_a_commit_with_a_run_is_judged_with_the_run_on_record(home, tmp_path):
    org, recorder = home.org, home.org.recorder
    late = org.provenance.register_dataset(table(tmp_path, "late", "a\n1\n"))
    opened = recall(home, "late")
    told = RunRecord("train", "training", (late.leaf,), (home.bank.loans.model.leaf,), None, {}, {}, None, "", "")
    answer, errors = home.bank.loans.answer(ROW, subject="Ann"), []

    def record(prepared):
        try:
            recorder.record([prepared])
        except Recalled as error:
            errors.append(error)

    threads = [
        threading.Thread(target=record, args=(each,)) for each in (recorder.prepare(told.draft()), answer.prepared)
    ]
    with recorder.lock:  # so that both wait, the run first
        for number, each in enumerate(threads):
            each.start()
            for _ in range(5_000):
                if len(recorder._group._queue) > number:
                    break
                each.join(0.001)
    for each in threads:
        each.join(20)
    assert len(errors) == 1
    assert org.recalls.preview("late").decisions == opened.reach.decisions == 0


def test_what_a_passport_says_of_its_origin_is_reached_until_another_says_otherwise(home, tmp_path):
    provenance = home.org.provenance
    survey = provenance.register_dataset(table(tmp_path, "survey", "a\n1\n"))
    passport = filled_in(provenance.passports.draft(home.clean))
    recall(home, "survey")
    home.decide("Ann")
    provenance.passports.record(replace(passport, parents=(*passport.parents, Parent("survey", "1", survey.leaf))))
    assert home.org.recalls.preview("survey").decisions == 1
    with pytest.raises(Recalled):
        home.decide("Bob")
    provenance.passports.record(passport)
    assert home.org.recalls.preview("survey").decisions == 0


def test_what_is_made_under_a_recall_that_warns_carries_the_warning_too(home):
    recall(home, action="warn")
    made = put_to_work(home.org, "fresh", home.clean)
    bar = home.org.provenance.recalls.bar
    assert bar.hold_on(made.leaf) is not None
    assert bar.hold_on(made.model.leaf) is not None


def test_what_a_run_brings_while_it_is_counted_is_counted_too(home, monkeypatch):
    org = home.org
    home.bank.decide("Ann")
    told = RunRecord("train", "training", (home.raw.leaf,), (home.bank.loans.model.leaf,), None, {}, {}, None, "", "")
    count, counted = org.recalls._finder.of, []

    def of(root):
        counted.append(count(root))
        if len(counted) == 1:  # another thread records the run meanwhile
            org.provenance.runs.record(told)
            with pytest.raises(Recalled):
                home.bank.decide("Bob")
        return counted[-1]

    monkeypatch.setattr(org.recalls._finder, "of", of)
    opened = recall(home)
    assert opened.recall.record.reached.decisions == opened.reach.decisions == 1
    assert org.recalls.preview("raw").numbers() == opened.recall.record.reached


# On record


def test_its_record_says_what_and_why_and_names_nobody(home):
    home.decide("Ann")
    opened = recall(home).recall
    record = home.org.archive.record(opened.index)
    assert (record.kind, record.builds_on) == ("recall", (home.raw.leaf,))
    about = dict(record.about)
    assert about["what"] == {"kind": "dataset", "leaf": home.raw.leaf, "name": "raw 1"}
    assert (about["action"], about["reason"]) == ("block", WHY)
    assert {name: about["reached"][name] for name in ("datasets", "deployments", "models", "policies", "runs")} == {
        **dict.fromkeys(("datasets", "deployments", "models", "policies", "runs"), 1)
    }
    assert b"Ada" not in home.org.archive.entry(opened.index)
    assert home.org.views.values_of(opened.index) == {"/by": "Ada"}
    ended = home.org.recalls.end(opened.index, reason="mended", by="Bo").ended
    last = home.org.archive.record(ended.index)
    assert (last.kind, last.builds_on, dict(last.about)) == (
        "recall-end",
        (opened.leaf,),
        {"reason": "mended", "recall": opened.leaf},
    )


def test_the_tables_made_anew_say_the_same(home):
    first, second = recall(home).recall, recall(home, "clean").recall
    home.org.recalls.end(first.index, reason="mended", by="Bo")
    before, listed = table_rows(home.org), home.org.recalls.all()
    home.org.rebuild()
    assert table_rows(home.org) == before
    assert home.org.recalls.all() == listed
    assert [each.index for each in home.org.recalls.open_ones()] == [second.index]
    with pytest.raises(Recalled, match="dataset clean 1"):
        home.decide("Ann")


def test_two_recalls_hold_back_until_both_have_ended(home):
    first, second = recall(home).recall, recall(home, "credit").recall
    home.org.recalls.end(first.index, reason="mended", by="Bo")
    with pytest.raises(Recalled, match="model credit 1"):
        home.decide("Ann")
    home.org.recalls.end(second.index, reason="mended", by="Bo")
    assert home.decide("Ann").index is not None


def test_a_warning_may_become_a_block_and_the_same_is_not_opened_twice(home):
    recall(home, action="warn")
    opened = recall(home).recall
    with pytest.raises(Stale, match=f"record {home.raw.index} is under recall already") as said:
        recall(home)
    assert f"counterfoil recall end {opened.index}" in said.value.hint


def test_a_recall_ends_once(home):
    opened = recall(home).recall
    ended = home.org.recalls.end(opened.index, reason="mended", by="Bo").ended
    with pytest.raises(Stale, match=rf"ended at {ended.time} \(record {ended.index}\)"):
        home.org.recalls.end(opened.index, reason="mended", by="Bo")
    assert recall(home).recall.index > ended.index


@pytest.mark.parametrize("index", [-1, 0, 99_999, 10**30])
def test_what_is_no_recall_does_not_end(home, index):
    with pytest.raises(NotFound):
        home.org.recalls.end(index, reason="mended", by="Bo")


@pytest.mark.parametrize(
    "changes",
    [
        {"reason": ""},
        {"reason": " \t "},
        {"reason": "two\nlines"},
        {"reason": "\x1b[2J"},
        {"reason": "\ud800"},
        {"reason": "x" * 501},
        {"by": ""},
        {"by": "A\nda"},
        {"by": "x" * 201},
        {"action": "explode"},
    ],
    ids=["empty", "blank", "two lines", "escape", "half", "long", "nobody", "control", "long name", "action"],
)
def test_what_cannot_stand_in_a_record_is_refused_and_holds_nothing_back(home, changes):
    size = home.org.archive.size
    with pytest.raises(InvalidInput):
        home.org.recalls.open("raw", **({"reason": WHY, "by": "Ada"} | changes))
    assert home.org.archive.size == size
    assert home.decide("Ann").index is not None


@pytest.mark.parametrize(
    "reason", ['=HYPERLINK("http://x")', "<script>alert(1)</script>", '"}],"kind":"x', "Ünïcode ✓"]
)
def test_a_reason_is_kept_as_it_was_given(home, reason):
    opened = home.org.recalls.open("raw", reason=reason, by="Ada").recall
    home.reopen()
    assert home.org.recalls.at(opened.index).record.reason == reason


def test_a_deployment_can_be_recalled_by_its_place(home):
    home.decide("Ann")
    index = deployment_index(home.org, home.credit)
    assert recall(home, index).reach.decisions == 1
    with pytest.raises(Recalled, match="deployment credit 1"):
        home.decide("Ann")
    other = put_loans_to_work(home.org, version="2")
    assert other.decide(ROW).index is not None
