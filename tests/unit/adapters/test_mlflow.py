"""Runs and registered models of a real MLflow, with its files in a folder."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import mlflow
import pytest
from mlflow.entities import Dataset as TheirDataset
from mlflow.entities import DatasetInput
from mlflow.tracking import MlflowClient
from organisations import DATA, estimator, gated, rows

import counterfoil
from counterfoil.adapters.mlflow import import_registered_model, import_run, recorded_run
from counterfoil.errors import InvalidInput, NodeUnreachable, NotAllowed, NotFound, NotSetUp
from counterfoil.provenance.models.sklearn_export import export
from counterfoil.provenance.privacy.check import check_privacy

pytestmark = pytest.mark.filterwarnings("ignore:.*type hint is inferred as AnyType:UserWarning")


@pytest.fixture
def org(tmp_path):
    with counterfoil.create(tmp_path / "home", name="Example", origin="example.org/data") as made:
        yield made


@pytest.fixture
def client(tmp_path, monkeypatch):
    """MLflow over a folder; it wants to be told that this is meant."""
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    uri = f"file://{tmp_path}/mlruns"
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(uri)
    yield MlflowClient(tracking_uri=uri)
    mlflow.set_tracking_uri(before)


@pytest.fixture
def onnx_bytes():
    """A small classifier, as ONNX."""
    import numpy as np
    from skl2onnx import to_onnx
    from sklearn.linear_model import LogisticRegression

    fitted = LogisticRegression().fit([[0.0], [1.0], [2.0], [3.0]], [0, 0, 1, 1])
    made: bytes = to_onnx(fitted, np.array([[0.0]], dtype=np.float32), options={"zipmap": False}).SerializeToString()
    return made


SAMPLE = [{"x0": 0.5}, {"x0": 2.5}]


@contextmanager
def their_run(client: MlflowClient, *, name: str = "nightly", status: str = "FINISHED") -> Iterator[str]:
    """Yields the id of a run of MLflow's that ends with the block."""
    run = client.create_run("0", run_name=name, tags={"mlflow.source.git.commit": "4f2a", "owner": "Ada Lovelace"})
    yield run.info.run_id
    client.set_terminated(run.info.run_id, status)


def log(client: MlflowClient, run_id: str, **params: Any) -> None:
    for key, value in params.items():
        client.log_param(run_id, key, value)


def logged_file(client, run_id, tmp_path, name, data, folder="model"):
    path = tmp_path / name
    path.write_bytes(data)
    client.log_artifact(run_id, str(path), folder)


def test_a_run_is_recorded_once_with_what_mlflow_knows(org, client):
    with their_run(client) as run_id:
        log(client, run_id, depth=3, api_key="s3cr3t", note="x" * 300)
        for step, value in enumerate((0.5, 0.75)):
            client.log_metric(run_id, "auc", value, step=step)
        client.log_metric(run_id, "loss", float("nan"))
    found = import_run(org, run_id, tracking_uri=client.tracking_uri)
    record = found.run.record
    assert found.is_new
    assert (record.name, record.kind, record.status) == ("nightly", "training", "succeeded")
    assert record.parameters == {"depth": "3", "tags": {"mlflow.source.git.commit": "4f2a"}}
    assert record.results == {"auc": 0.75, "loss": "NaN"}
    assert record.source == {"system": "mlflow", "id": run_id}
    assert record.unmapped["parameters"] == ("api_key", "note")
    entry = org.archive.entry(found.run.index)
    assert b"s3cr3t" not in entry
    assert b"Ada" not in entry
    size = org.archive.size
    again = import_run(org, run_id)
    assert (again.is_new, again.run.index, org.archive.size) == (False, found.run.index, size)


def test_datasets_are_inputs_where_the_caller_says_which_they_are(org, client, tmp_path):
    data = org.provenance.register_dataset(DATA, name="credit")
    with their_run(client) as run_id:
        theirs = [TheirDataset(name, "ab12", "local", '{"uri": "/x.csv"}') for name in ("train", "eval", "third")]
        client.log_inputs(run_id, [DatasetInput(each, []) for each in theirs])
    for wrong, words in ({"other": "credit"}, "no dataset 'other'"), ({"train": "nothing"}, "on record is called"):
        with pytest.raises((InvalidInput, NotFound), match=words):
            import_run(org, run_id, datasets=wrong)
    unknown = tmp_path / "unknown.csv"
    unknown.write_text("a\n1\n")
    with pytest.raises(NotFound, match="not on record as a dataset"):
        import_run(org, run_id, datasets={"train": unknown})
    record = import_run(org, run_id, datasets={"train": DATA, "eval": "credit"}, code=DATA).run.record
    assert record.inputs == (data.leaf,)
    assert record.unmapped["inputs"] == ("third",)
    assert record.code.sha256 == data.record.sha256


def test_what_mlflow_was_not_told_is_an_input_by_the_importers_word(org, client):
    data = org.provenance.register_dataset(DATA, name="credit")
    with their_run(client) as run_id:
        pass
    with pytest.raises(InvalidInput, match="told MLflow of no dataset 'train'") as caught:
        import_run(org, run_id, datasets={"train": DATA})
    assert "--input FILE" in caught.value.hint
    record = import_run(org, run_id, inputs=[DATA]).run.record
    assert record.inputs == (data.leaf,)
    assert list(record.parameters["inputsNamedAtImport"]) == [data.leaf]


def test_files_that_are_no_models_are_named(org, client, tmp_path, onnx_bytes):
    with their_run(client) as run_id:
        logged_file(client, run_id, tmp_path, "MLmodel", b"flavors: {}\n")
        logged_file(client, run_id, tmp_path, "conda.yaml", b"", folder="model/more")
        logged_file(client, run_id, tmp_path, "curve.png", b"", folder="plots")
        logged_file(client, run_id, tmp_path, "other.onnx", onnx_bytes, folder="plots")
        logged_file(client, run_id, tmp_path, "notes.txt", b"", folder=None)
    names = import_run(org, run_id, sample=SAMPLE).run.record.unmapped["outputs"]
    assert names == ("model: neither ONNX nor skops", "notes.txt", "plots/curve.png")


def test_an_onnx_file_becomes_a_model_that_can_be_replayed(org, client, tmp_path, onnx_bytes):
    with their_run(client, name="train credit") as run_id:
        logged_file(client, run_id, tmp_path, "model.onnx", onnx_bytes)
    found = import_run(org, run_id, sample=SAMPLE)
    (model,) = found.models
    assert (model.record.name, model.record.form) == ("model", "onnx")
    assert found.run.record.outputs == (model.leaf,)
    assert 0 <= org.provenance.scorer(model).score({"x0": 2.5}) <= 1


def test_a_model_without_rows_to_try_it_on_is_named(org, client, tmp_path, onnx_bytes):
    with their_run(client) as run_id:
        logged_file(client, run_id, tmp_path, "model.onnx", onnx_bytes)
    found = import_run(org, run_id)
    assert found.models == ()
    assert found.run.record.unmapped["outputs"][0].startswith("model/model.onnx: this onnx model is tried on rows")


def test_a_model_of_data_that_did_not_pass_is_named_and_not_registered(client, tmp_path, onnx_bytes):
    """Whether the data comes first or not, and whether it is named now or is on record as the run's."""
    with gated(tmp_path, "privacy") as org:
        good = org.provenance.register_dataset(DATA, name="good")
        org.provenance.reports.record_privacy(good, check_privacy(DATA))
        (tmp_path / "bad.csv").write_text("age\n1\n")
        bad = org.provenance.register_dataset(tmp_path / "bad.csv", name="bad")
        with their_run(client) as run_id:
            logged_file(client, run_id, tmp_path, "model.onnx", onnx_bytes)
            client.create_registered_model("credit")
            client.create_model_version("credit", f"runs:/{run_id}/model", run_id)
        with pytest.raises(NotAllowed, match="the rule privacy"):
            import_registered_model(org, "credit", "1", inputs=["good", "bad"], sample=SAMPLE)
        assert org.provenance.runs.all() == []
        found = import_run(org, run_id, inputs=["good", "bad"], sample=SAMPLE)
        assert (found.models, found.run.record.inputs) == ((), (good.leaf, bad.leaf))
        assert "the rule privacy of this home asks for more" in found.run.record.unmapped["outputs"][0]
        with pytest.raises(NotAllowed, match="the rule privacy"):
            import_registered_model(org, "credit", "1", sample=SAMPLE)
        assert org.provenance.models() == []
        org.provenance.reports.record_privacy(bad, check_privacy(tmp_path / "bad.csv"))
        model = import_registered_model(org, "credit", "1", sample=SAMPLE)
        assert {good.index, bad.index} <= org.provenance.lineage.ancestors([model.index])


class Explodes:
    """Fails the test when somebody opens the pickle."""

    def __reduce__(self):
        return (pytest.fail, ("a pickle was opened",))


def test_a_pickle_is_named_and_never_opened(org, client, tmp_path):
    with their_run(client) as run_id:
        logged_file(client, run_id, tmp_path, "model.pkl", pickle.dumps(Explodes()))
        logged_file(client, run_id, tmp_path, "MLmodel", b"flavors: {}\n")
        client.create_registered_model("pickled")
        client.create_model_version("pickled", f"runs:/{run_id}/model", run_id)
    found = import_run(org, run_id, sample=SAMPLE)
    assert found.run.record.unmapped["outputs"] == ("model: neither ONNX nor skops",)
    with pytest.raises(NotAllowed, match=r"MLflow keeps MLmodel, model\.pkl") as caught:
        import_registered_model(org, "pickled", "1", sample=SAMPLE)
    assert "never opened" in caught.value.hint
    assert org.provenance.models() == []


def test_a_pickle_under_another_name_is_not_opened(org, client, tmp_path):
    with their_run(client) as run_id:
        logged_file(client, run_id, tmp_path, "model.onnx", pickle.dumps(Explodes()))
    found = import_run(org, run_id, sample=SAMPLE)
    assert "pickle" in found.run.record.unmapped["outputs"][0]


def test_a_model_that_mlflow_logged_itself_is_registered(org, client):
    from sklearn.linear_model import LogisticRegression

    with mlflow.start_run() as run:
        fitted = LogisticRegression().fit([[0.0], [1.0], [2.0], [3.0]], [0, 0, 1, 1])
        mlflow.sklearn.log_model(fitted, name="score", registered_model_name="score")
    found = import_run(org, run.info.run_id, sample=[{"x0": 0.5}])
    (model,) = found.models
    assert (model.record.name, model.record.form) == ("score", "skops")


def test_a_registered_model_keeps_its_name_and_version_and_its_origin(org, client, tmp_path, onnx_bytes):
    data = org.provenance.register_dataset(DATA, name="credit")
    with their_run(client) as run_id:
        logged_file(client, run_id, tmp_path, "model.onnx", onnx_bytes)
        client.log_inputs(run_id, [DatasetInput(TheirDataset("train", "ab12", "local", "{}"), [])])
        client.create_registered_model("credit score")
        client.create_model_version("credit score", f"runs:/{run_id}/model", run_id)
    for _ in range(2):
        model = import_registered_model(org, "credit score", "1", datasets={"train": "credit"}, sample=SAMPLE)
    assert (model.record.name, model.record.version) == ("credit score", "1")
    assert model.record.training == data.leaf
    (run,) = org.provenance.runs.all()
    assert (run.record.inputs, run.record.outputs) == ((data.leaf,), (model.leaf,))
    assert data.index in org.provenance.lineage.ancestors([model.index])


def test_a_model_of_a_run_on_record_comes_from_what_the_run_read(org, client, tmp_path, onnx_bytes):
    data = org.provenance.register_dataset(DATA, name="credit")
    with their_run(client) as run_id:
        logged_file(client, run_id, tmp_path, "model.onnx", onnx_bytes)
        client.log_inputs(run_id, [DatasetInput(TheirDataset("train", "ab12", "local", "{}"), [])])
        client.create_registered_model("late")
        client.create_model_version("late", f"runs:/{run_id}/model", run_id)
    import_run(org, run_id, datasets={"train": "credit"})
    for _ in range(2):
        model = import_registered_model(org, "late", "1", sample=SAMPLE)
    assert [each.record.kind for each in org.provenance.runs.all()] == ["training", "registration"]
    assert data.index in org.provenance.lineage.ancestors([model.index])


def test_a_run_is_recorded_when_it_ends(org, client):
    with recorded_run(org, run_name="live") as run:
        mlflow.log_param("depth", 3)
        assert org.provenance.runs.all() == []
    (made,) = org.provenance.runs.all()
    assert (made.record.source["id"], made.record.parameters["depth"]) == (run.info.run_id, "3")


def test_a_run_that_fails_is_recorded_and_its_error_goes_on(org, client):
    with pytest.raises(ZeroDivisionError), recorded_run(org, run_name="live"):
        _ = 1 / 0
    assert org.provenance.runs.all()[0].record.status == "failed"
    with pytest.raises(ZeroDivisionError) as caught, recorded_run(org, datasets={"none": "none"}):
        _ = 1 / 0
    assert "the run is not on record" in caught.value.__notes__[0]


def test_what_is_not_there_or_not_done_is_refused(org, client, tmp_path):
    size = org.archive.size
    with pytest.raises(NotFound, match="MLflow does not have the run"):
        import_run(org, "0" * 32)
    with pytest.raises(NotFound, match="MLflow does not have version 9"):
        import_registered_model(org, "nothing", "9")
    run = client.create_run("0")
    with pytest.raises(InvalidInput, match="has not ended"):
        import_run(org, run.info.run_id)
    spoilt = tmp_path / "mlruns" / "0" / run.info.run_id / "meta.yaml"
    spoilt.write_text("status: 77\n")
    with pytest.raises((NodeUnreachable, NotFound, InvalidInput)):
        import_run(org, run.info.run_id)
    assert org.archive.size == size


def test_runs_in_a_folder_that_mlflow_refuses_say_what_to_set(org, client, monkeypatch):
    monkeypatch.delenv("MLFLOW_ALLOW_FILE_STORE")
    uri = client.tracking_uri.replace("mlruns", "others")
    with pytest.raises(NotSetUp, match="refuses to read runs from a folder") as caught:
        import_run(org, "0" * 32, tracking_uri=uri)
    assert "MLFLOW_ALLOW_FILE_STORE=true" in caught.value.hint


def test_a_model_of_ours_in_mlflow_is_left_to_its_own_command(org, client, tmp_path):
    """Whole-number models are JSON, as much else is: they are not guessed at."""
    with their_run(client) as run_id:
        logged_file(client, run_id, tmp_path, "model.json", export(estimator()).to_bytes())
    found = import_run(org, run_id, sample=rows(3))
    assert (found.models, found.run.record.unmapped["outputs"]) == ((), ("model/model.json",))
