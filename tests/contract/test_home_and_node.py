"""What a home gives, a node gives: one suite for an opened home and for a client of a real server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from making_lineage import tell
from making_node import serving_home
from organisations import DATA, ROW, bank, estimator, policy, rows

import counterfoil
from counterfoil.core.checkpoint import SignedCheckpoint
from counterfoil.core.receipt import Receipt
from counterfoil.decisions import Decision, FollowUp, History
from counterfoil.decisions.policies import RegisteredPolicy
from counterfoil.errors import InvalidInput, NotAllowed, NotFound, NotSetUp, Stale
from counterfoil.organisation import Organisation
from counterfoil.provenance import Dataset, Model, Run, RunRecord
from counterfoil.provenance.lineage import Code
from counterfoil.store.bundle_file import Written
from counterfoil.store.vault_erasure import Erasure

BAD = {"credit_amount": 2_500, "duration_in_month": 72, "housing": "rent"}
"""An applicant whom the model would not give the loan."""


@dataclass
class Face:
    """What is tried: the object that users hold, a model at work in it, and the home behind it."""

    org: Any
    loans: Any
    home: Organisation


@contextmanager
def opened(kind: str, folder: Path, **more: Any) -> Iterator[Face]:
    with bank(folder, **more) as made:
        if kind == "home":
            yield Face(made.org, made.loans, made.org)
            return
        with serving_home(made.org) as node:
            key = node.client.headers["authorization"].removeprefix("Bearer ")
            with counterfoil.connect(node.url, key) as remote:
                yield Face(remote, remote.decisions.deployment(node.deployment), made.org)


@pytest.fixture(params=["home", "node"], scope="module")
def kind(request) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def face(kind, tmp_path_factory) -> Iterator[Face]:
    with opened(kind, tmp_path_factory.mktemp(kind)) as found:
        yield found


@pytest.fixture
def fresh(kind, tmp_path) -> Iterator[Face]:
    with opened(kind, tmp_path) as found:
        yield found


# Deciding


def test_a_decision_is_on_record_when_it_is_there(face):
    made = face.loans.decide(ROW, subject="4711")
    assert isinstance(made, Decision)
    assert (made.label, made.subject, made.promise, made.reasons) == ("approve", "4711", None, ())
    assert face.home.archive.leaf_hex(made.index) == made.leaf
    assert made.score_micro == round(made.score * 1_000_000)
    record = face.home.archive.record(made.index)
    assert (record.seq, record.time, record.builds_on) == (made.seq, made.time, (face.loans.leaf,))


def test_reasons_are_told_in_the_policys_words(face):
    made = face.loans.decide(BAD)
    assert made.label == "decline"
    assert made.reasons
    first = made.reasons[0]
    assert first.text == face.loans.policy.reason(first.code).text
    assert first.contribution_micro < 0
    assert first.features


@pytest.mark.parametrize(
    "wrong", [{"credit_amount": "much"}, {"more": 1}, {"housing": "castle"}, {"credit_amount": float("nan")}]
)
def test_an_applicant_who_does_not_fit_is_refused(face, wrong):
    size = face.home.archive.size
    with pytest.raises(InvalidInput):
        face.loans.decide(ROW | wrong)
    with pytest.raises(InvalidInput):
        face.loans.decide({"credit_amount": 1})
    assert face.home.archive.size == size


def test_many_are_decided_in_order(face):
    told = []
    made = face.loans.decide_many(
        [ROW, BAD, ROW], subjects=["a", "b", "c"], progress=lambda done, total: told.append((done, total))
    )
    assert [each.label for each in made] == ["approve", "decline", "approve"]
    assert [each.subject for each in made] == ["a", "b", "c"]
    assert made[0].index + 2 == made[2].index
    assert told == [(3, 3)]


def test_many_are_checked_before_the_first_is_recorded(face):
    size = face.home.archive.size
    with pytest.raises(InvalidInput, match="row 2: "):
        face.loans.decide_many([ROW, {"credit_amount": 1}])
    with pytest.raises(InvalidInput, match="number of references"):
        face.loans.decide_many([ROW], subjects=["a", "b"])
    assert face.home.archive.size == size


def test_more_than_a_thousand(face):
    told = []
    made = face.loans.decide_many([ROW] * 1_001, progress=lambda done, total: told.append((done, total)))
    assert len({each.index for each in made}) == 1_001
    assert told == [(1_000, 1_001), (1_001, 1_001)]


def test_a_receipt_proves_and_shows_what_is_chosen(face, tmp_path):
    made = face.loans.decide(ROW)
    receipt = made.receipt
    assert isinstance(receipt, Receipt)
    assert len(receipt.shown.disclosure.shown) > 3
    assert len(made.receipt_of(["/output/label"]).shown.disclosure.shown) == 1
    assert face.org.decisions.receipt(made.index, ()).shown.disclosure.shown == ()
    path = made.save_receipt(tmp_path / "receipt.json")
    assert counterfoil.check(path, issuer=face.org.issuer).verdict == "intact, and signed by the issuer you named"
    report = made.check(replay=True)
    assert report.is_intact
    assert report.step("issuer").status == "passed"


def test_a_replay_answers_as_recorded(face):
    made = face.loans.decide(ROW)
    report = face.org.decisions.replay(made.index)
    assert report.is_intact
    assert report.steps
    assert [index for index, _ in face.org.decisions.replay_many([made.index])] == [made.index]


def test_a_place_is_known_by_its_leaf_hash(face):
    made = face.loans.decide(ROW)
    assert face.org.decisions.place_of(made.leaf) == made.index
    assert face.org.decisions.place_of("0" * 64) is None


# Lineage


def test_lineage_is_the_same_from_near_and_far(face, tmp_path_factory):
    story = tell(face.home, tmp_path_factory.mktemp("story"))
    made = face.loans.decide(ROW)
    near, far = face.home.provenance.lineage, face.org.provenance.lineage
    for asked in ({}, {"back": False}, {"forth": False, "depth": 1}, {"back": False, "forth": False}, {"most": 2}):
        assert far.graph(story.joined.index, **asked).nodes == near.graph(story.joined.index, **asked).nodes
        assert far.graph(story.joined.index, **asked).edges == near.graph(story.joined.index, **asked).edges
    assert far.origin(made.index) == near.origin(made.index) != ()
    assert far.paths(story.raw.index, made.index) == near.paths(story.raw.index, made.index) != ()
    for ask in (far.graph, far.origin):
        with pytest.raises(NotFound):
            ask(10**9)


# Looking back, and what follows


def test_what_followed_is_the_history(face):
    made = face.loans.decide(BAD, subject="h")
    before = face.org.decisions.history(made.index)
    assert isinstance(before, History)
    assert (before.index, before.leaf, before.seq, before.time) == (made.index, made.leaf, made.seq, made.time)
    assert before.values["/input/housing"] == "rent"
    assert before.policy.digest() == face.loans.policy.digest()
    assert before.model.record == face.loans.model.record
    changed = face.org.decisions.override(made.index, label="approve", by="Bo", reason="paid before", saw=before.state)
    assert isinstance(changed, FollowUp)
    assert dict(changed.values) == {"/by": "Bo", "/label": "approve", "/reason": "paid before"} | (
        {"/saw": before.state}
    )
    face.org.decisions.appeal(made.index, text="it was wrong", by="Bo")
    face.org.decisions.outcome(made.index, outcome="repaid")
    after = face.org.decisions.history(made.index)
    assert [each.kind for each in after.followed] == ["override", "appeal", "outcome"]
    assert after.label_now == "approve"
    assert after.followed[0] == changed
    with pytest.raises(Stale):
        face.org.decisions.override(made.index, label="decline", by="Bo", reason="again", saw=before.state)


def test_what_cannot_follow_is_refused(face):
    made = face.loans.decide(ROW)
    state = face.org.decisions.history(made.index).state
    with pytest.raises(InvalidInput):
        face.org.decisions.override(made.index, label="perhaps", by="Bo", reason="x", saw=state)
    with pytest.raises(InvalidInput):
        face.org.decisions.override(made.index, label="decline", by="Bo", reason=" ", saw=state)
    with pytest.raises(NotFound):
        face.org.decisions.appeal(0, text="x", by="Bo")
    with pytest.raises(NotFound):
        face.org.decisions.history(10**9)


def test_decisions_are_found(face):
    made = face.loans.decide_many([ROW, BAD], subjects=["found", "found"])
    found = face.org.decisions.search(subject="found")
    assert [row["idx"] for row in found] == [made[1].index, made[0].index]
    assert [row["label_now"] for row in found] == ["decline", "approve"]
    assert found[0]["score_micro"] == made[1].score_micro
    assert [row["idx"] for row in face.org.decisions.search(subject="found", label="approve")] == [made[0].index]
    assert [row["idx"] for row in face.org.decisions.search(subject="found", limit=1)] == [made[1].index]
    assert [row["idx"] for row in face.org.decisions.search(subject="found", before=made[1].index)] == [made[0].index]
    assert face.org.decisions.search(subject="nobody") == []
    with pytest.raises(InvalidInput):
        face.org.decisions.search(since="yesterday")


# Models, data, policies


def test_a_dataset_is_registered_once(face):
    made = face.org.provenance.register_dataset(DATA, name="credit", notes={"licence": "CC-BY-4.0"})
    assert isinstance(made, Dataset)
    assert made.record.file_name == DATA.name
    assert made.record.notes == {"licence": "CC-BY-4.0"}
    assert face.org.provenance.register_dataset(DATA, name="credit", notes={"licence": "CC-BY-4.0"}) == made
    assert made in face.org.provenance.datasets()
    assert face.org.provenance.find_dataset("credit") == made
    assert face.org.provenance.find_dataset(str(made.index)) == made
    with pytest.raises(NotFound):
        face.org.provenance.find_dataset("nothing")
    with pytest.raises(NotFound):
        face.org.provenance.register_dataset("/no/such/file.csv")


def test_a_dataset_is_any_file(face, tmp_path):
    import pyarrow as pa
    import pyarrow.feather as feather
    import pyarrow.parquet as parquet

    table = pa.table({"id": [1, 2], "rate": [0.5, 0.7]})
    parquet.write_table(table, tmp_path / "rates.parquet")
    feather.write_feather(table, tmp_path / "rates.arrow")
    (tmp_path / "notes.txt").write_text("collected by hand")
    (tmp_path / "raw").write_bytes(b"\x00\xff")
    register = face.org.provenance.register_dataset
    made = [register(tmp_path / each, name=each) for each in ("rates.parquet", "rates.arrow", "notes.txt", "raw")]
    assert [(each.record.rows, each.record.file_name) for each in made] == [
        (2, "rates.parquet"),
        (2, "rates.arrow"),
        (None, "notes.txt"),
        (None, "raw"),
    ]
    assert made[0].record.table_sha256 == made[1].record.table_sha256
    assert register(tmp_path / "rates.parquet", name="rates.parquet") == made[0]
    (tmp_path / "broken.parquet").write_bytes(b"PAR1 is how it begins")
    with pytest.raises(InvalidInput):
        register(tmp_path / "broken.parquet", name="broken")


def test_a_fitted_model_is_put_to_work(face):
    dataset = face.org.provenance.register_dataset(DATA, name="training")
    made = face.org.decisions.wrap(
        estimator(), policy(version="2"), name="fitted", version="7", training=dataset, background=rows(20)
    )
    record = made.model.record
    assert (record.name, record.version, record.form, record.training) == ("fitted", "7", "integer", dataset.leaf)
    assert made.decide(BAD).reasons
    again = face.org.decisions.wrap(made.model, policy(version="2"), background=rows(20))
    assert again.leaf == made.leaf
    assert face.org.provenance.find_model("fitted") == made.model
    assert isinstance(face.org.provenance.models("fitted")[0], Model)
    known = [each.leaf for each in face.org.decisions.deployments()]
    assert known[-1] == made.leaf


def test_a_model_file_is_registered_with_rows_to_try_it_on(face, tmp_path):
    from counterfoil.provenance.models.sklearn_export import export

    file = tmp_path / "model.json"
    file.write_bytes(export(estimator()).to_bytes())
    made = face.org.provenance.register_model(file, name="file", sample=rows(5), code={"commit": "4f2a"})
    assert made.record.certificate.rows == 5
    assert made.record.code == {"commit": "4f2a"}
    assert face.org.provenance.model_at(made.index) == made


def test_a_model_that_does_not_fit_is_refused(face):
    other = policy(version="other")
    size = face.home.archive.size
    with pytest.raises(InvalidInput):
        face.org.decisions.wrap(object(), other)
    with pytest.raises(InvalidInput):
        face.org.decisions.wrap(estimator(), other, on_log_failure="shrug")
    assert face.home.archive.size == size


def test_a_pickle_is_refused(face, tmp_path):
    import pickle

    file = tmp_path / "model.pkl"
    file.write_bytes(pickle.dumps({"a": 1}))
    with pytest.raises(NotAllowed):
        face.org.provenance.register_model(file, name="pickled")


def test_policies_are_recorded_once(face):
    made = face.org.decisions.register_policy(policy(version="3"))
    assert isinstance(made, RegisteredPolicy)
    assert face.org.decisions.register_policy(policy(version="3")) == made
    assert made in face.org.decisions.policies()
    assert face.org.decisions.policy_at(made.index) == made.policy
    with pytest.raises(NotFound):
        face.org.decisions.policy_at(0)
    with pytest.raises(NotFound):
        face.org.decisions.deployment(0)


def test_a_policy_that_is_not_in_force_decides_nothing(face):
    later = policy(version="later", effective_from="2099-01-01")
    with pytest.raises(InvalidInput, match="takes effect on 2099-01-01"):
        face.org.decisions.wrap(face.loans.model, later, background=rows(20))


# Runs


def test_a_run_says_what_came_from_what(face, tmp_path):
    raw = face.org.provenance.register_dataset(table(tmp_path, "run-raw"))
    with face.org.provenance.run("prepare", inputs=["run-raw"], parameters={"least": 18}, seed=7) as run:
        clean = run.output(table(tmp_path, "run-clean"), name="run clean")
        run.result("rows", 2)
    made = run.recorded
    assert isinstance(made, Run)
    assert (made.record.inputs, made.record.outputs) == ((raw.leaf,), (clean.leaf,))
    assert (made.record.parameters, made.record.seed, made.record.results) == ({"least": 18}, 7, {"rows": 2})
    assert face.org.provenance.runs.at(made.index) == made
    assert face.org.provenance.runs.page(1) == [made]
    assert face.org.provenance.runs.page(1, before=made.index) != [made]
    assert face.org.provenance.runs.standing(made) == "declared"
    assert b"test_a_run_says" in face.home.provenance.runs.kept(made.record.code.sha256)
    assert b"cryptography==" in face.home.provenance.runs.kept(made.record.environment["packagesSha256"])
    assert raw.index in face.home.provenance.lineage.ancestors([clean.index])


def test_data_and_models_are_found_by_the_leaf_hash_of_their_record(face, tmp_path):
    raw = face.org.provenance.register_dataset(table(tmp_path, "leaf-raw"))
    model = face.org.provenance.models()[0]
    assert face.org.provenance.find(raw.leaf) == raw
    assert face.org.provenance.find(model.leaf) == model
    for other in (face.loans.leaf, "0" * 64):
        with pytest.raises(NotFound):
            face.org.provenance.find(other)


def test_a_decorated_function_is_recorded(face, tmp_path):
    raw = face.org.provenance.register_dataset(table(tmp_path, "step-raw"))

    @face.org.provenance.step(kind="training")
    def train(source: Path, rounds: int) -> Any:
        return estimator()

    train(tmp_path / "step-raw.csv", rounds=3)
    made = face.org.provenance.runs.page(1)[0]
    assert (made.record.inputs, made.record.parameters) == ((raw.leaf,), {"rounds": 3})
    assert made.record.outputs == (face.org.provenance.find_model("train").leaf,)


def test_a_run_that_cannot_be_is_refused(face, tmp_path):
    raw = face.org.provenance.register_dataset(table(tmp_path, "odd-raw"))
    runs = face.org.provenance.runs
    before = len(face.home.provenance.runs.all())
    told = dict(kind="transformation", code=None, parameters={}, environment={}, seed=None, started="", ended="")
    with pytest.raises(NotFound):
        face.org.provenance.run("prepare", inputs=["nothing on record"])
    for wrong, kind in (
        ({"inputs": (raw.leaf,), "outputs": (raw.leaf,)}, InvalidInput),
        ({"inputs": ("0" * 64,), "outputs": (raw.leaf,)}, NotFound),
        ({"inputs": (face.loans.leaf,), "outputs": (raw.leaf,)}, (InvalidInput, NotFound)),
        ({"inputs": (), "outputs": (raw.leaf, raw.leaf)}, InvalidInput),
        ({"inputs": (raw.leaf,) * 129, "outputs": ()}, InvalidInput),
        ({"inputs": (), "outputs": (), "parameters": {"a": {"api_key": "x"}}}, InvalidInput),
        ({"inputs": (), "outputs": (), "started": "yesterday"}, InvalidInput),
        ({"inputs": (), "outputs": (), "source": {"system": "mlflow"}}, InvalidInput),
        ({"inputs": (), "outputs": (), "code": Code("a", "b")}, InvalidInput),
        ({"inputs": (), "outputs": (), "parameters": {"much": "x" * 70_000}}, InvalidInput),
    ):
        with pytest.raises(kind):
            runs.record(RunRecord("odd", **told | wrong))
    assert len(face.home.provenance.runs.all()) == before


def test_a_run_of_another_system_is_recorded_once(face):
    told = RunRecord("x", "training", (), (), None, {}, {}, None, "", "", "failed", {"system": "mlflow", "id": "1f"})
    made = face.org.provenance.runs.record(told)
    again = face.org.provenance.runs.record(told)
    assert (again.index, again.leaf) == (made.index, made.leaf)
    assert made.record.status == "failed"


def table(folder: Path, name: str) -> Path:
    path = folder / f"{name}.csv"
    path.write_text(f"id,{name}\n1,30\n2,40\n")
    return path


# Handing out and erasing


def test_bundles_are_written_and_counted(face, tmp_path):
    made = face.loans.decide(ROW, subject="b")
    written = face.org.bundles.write_records(tmp_path / "some.zip", [made.index], show=("/output",))
    assert isinstance(written, Written)
    assert written.path == tmp_path / "some.zip"
    assert (written.records, written.shown) == (4, 1)
    assert counterfoil.check(written.path, issuer=face.org.issuer).is_intact
    whole = face.org.bundles.write_range(tmp_path / "all.zip", 0, 10)
    assert whole.shown == 0
    assert counterfoil.check(whole.path, issuer=face.org.issuer).is_intact
    with pytest.raises(InvalidInput, match="already exists"):
        face.org.bundles.write_range(tmp_path / "all.zip")
    with pytest.raises(InvalidInput):
        face.org.bundles.write_records(tmp_path / "none.zip", [])
    with pytest.raises(NotFound):
        face.org.bundles.write_records(tmp_path / "none.zip", [10**9])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["all.zip", "some.zip"]


def test_a_long_bundle_is_written_with_progress(face, tmp_path):
    face.loans.decide_many([ROW] * 2_001)
    told: list[tuple[int, int]] = []
    written = face.org.bundles.write_range(
        tmp_path / "long.zip", show="everything", progress=lambda done, total: told.append((done, total))
    )
    assert written.shown > 2_000
    assert told
    assert told[-1][0] == told[-1][1]


def test_a_person_is_erased(fresh):
    made = fresh.loans.decide_many([ROW, ROW], subjects=["gone", "gone"])
    plan = fresh.org.erasures.plan_person("gone")
    assert isinstance(plan, Erasure)
    assert plan.erased == tuple(each.index for each in made)
    assert fresh.org.decisions.history(made[0].index).values is not None
    assert fresh.org.erasures.erase_person("gone", basis="GDPR Art. 17(1)(b)").erased == plan.erased
    assert fresh.org.decisions.history(made[0].index).values is None
    assert fresh.org.decisions.place_of(made[0].leaf) == made[0].index
    with pytest.raises(NotFound):
        fresh.org.erasures.plan_person("nobody")
    with pytest.raises(NotFound):
        fresh.org.decisions.receipt(made[0].index)


def test_a_record_and_a_field_are_erased(fresh):
    whole, part = fresh.loans.decide_many([ROW, ROW])
    assert fresh.org.erasures.plan_record(whole.index).erased == (whole.index,)
    assert fresh.org.erasures.erase_record(whole.index, basis="asked for").erased == (whole.index,)
    assert fresh.org.erasures.erase_fields(part.index, ["/input/housing"], basis="asked for") is None
    values = fresh.org.decisions.history(part.index).values
    assert "/input/housing" not in values
    assert "/input/credit_amount" in values
    with pytest.raises(InvalidInput):
        fresh.org.erasures.erase_fields(part.index, [], basis="asked for")
    with pytest.raises(InvalidInput):
        fresh.org.erasures.erase_fields(part.index, ["/nothing"], basis="asked for")
    with pytest.raises(InvalidInput):
        fresh.org.erasures.erase_record(part.index, basis=" ")


def test_what_a_lock_keeps_is_restricted(kind, tmp_path):
    with opened(kind, tmp_path, retain_days=30) as face:
        made = face.loans.decide(ROW, subject="kept")
        done = face.org.erasures.erase_person("kept", basis="asked for")
        assert done.erased == ()
        assert [index for index, _ in done.restricted] == [made.index]
        assert done.restricted[0][1] > face.home.recorder.now_s()
        assert face.org.erasures.due() == []
        assert face.org.erasures.shred_due().erased == ()
        with pytest.raises(NotAllowed):
            face.org.decisions.receipt(made.index)


def test_a_preview_decides_nothing(face):
    newest = face.home.decisions.search(limit=1)
    made = face.loans.preview_many([ROW, BAD])
    assert [each.label for each in made] == ["approve", "decline"]
    assert face.home.decisions.search(limit=1) == newest
    assert made[0].score_micro == face.loans.decide(ROW).score_micro
    with pytest.raises(InvalidInput, match="row 2: "):
        face.loans.preview_many([ROW, {"credit_amount": 1}])


# The log, its key, the ledger


def test_the_head_covers_everything(face):
    head = SignedCheckpoint.parse(face.org.checkpoint()).head
    assert head.size == face.home.archive.size
    assert head.origin == face.org.issuer.name


def test_keys_are_replaced(fresh):
    before = fresh.org.issuer
    made = fresh.loans.decide(ROW)
    after = fresh.org.rotate_log_key()
    assert before != after == fresh.org.issuer
    fresh.org.rotate_vault_key()
    assert fresh.org.decisions.history(made.index).values is not None


def test_the_ledger_is_connected_anchored_and_let_go_of(fresh):
    assert not fresh.org.ledger.is_connected
    with pytest.raises(NotSetUp):
        fresh.org.ledger.status()
    fresh.org.ledger.connect()
    assert fresh.org.ledger.is_connected
    fresh.loans.decide(ROW)
    state = fresh.org.ledger.anchor()
    assert state.is_done
    assert fresh.org.ledger.keep() >= state.proven_size
    status = fresh.org.ledger.status()
    assert status.is_embedded
    assert status.state.proven_size >= state.proven_size
    held = fresh.org.ledger.roles.held()
    assert held["owner"] == held["writer"]
    assert fresh.org.ledger.roles.offer("writer", held["owner"]) == held["owner"]
    assert fresh.org.ledger.roles.held()["pending_writer"] == held["owner"]
    fresh.org.ledger.roles.accept("writer")
    fresh.org.ledger.roles.revoke_writer()
    assert fresh.org.ledger.roles.held() == held | {"writer": None}
    fresh.org.ledger.disconnect()
    assert not fresh.org.ledger.is_connected
