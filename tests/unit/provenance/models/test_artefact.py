"""Artefacts: three forms are loaded, code never is, odd rows are refused."""

from __future__ import annotations

import gzip
import io
import math
import pickle
import zipfile
from dataclasses import replace
from typing import Any

import joblib
import numpy as np
import pytest
import skops.io
from onnx import TensorProto, helper, load_model_from_string
from skl2onnx import to_onnx
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import FunctionTransformer

from counterfoil.errors import InvalidInput, NotAllowed
from counterfoil.provenance.models.artefact import Artefact, load, read_artefact, runtime
from counterfoil.provenance.models.fixedpoint import to_micro
from counterfoil.provenance.models.sklearn_export import export


@pytest.fixture(scope="module")
def bare() -> Any:
    values = np.random.default_rng(0).normal(size=(200, 3)).astype(np.float32)
    return LogisticRegression().fit(values, np.where(values.sum(axis=1) > 0, "good", "bad"))


def _onnx(estimator: Any, **options: Any) -> bytes:
    data: bytes = to_onnx(estimator, np.zeros((1, 3), np.float32), **options).SerializeToString()
    return data


@pytest.mark.parametrize("options", [{}, {"options": {"zipmap": False}}])
def test_an_onnx_model_is_scored_like_the_estimator(bare: Any, options: dict[str, Any]) -> None:
    artefact = read_artefact(_onnx(bare, **options), features=("a", "b", "c"))
    scorer = load(artefact)
    row = {"a": 0.5, "b": -1, "c": 0.25}
    expected = bare.predict_proba([[0.5, -1, 0.25]])[0]
    assert artefact.form == "onnx"
    assert abs(scorer.score(row) - expected[1]) < 1e-6
    assert scorer.score_micro(row) == to_micro(scorer.score(row))
    other = load(replace(artefact, positive="bad"))
    assert abs(other.score(row) - expected[0]) < 1e-6
    with pytest.raises(InvalidInput, match="no class"):
        load(replace(artefact, positive="fine"))


def test_an_onnx_model_may_have_one_input_a_feature(credit: Any) -> None:
    from skl2onnx.common.data_types import FloatTensorType, StringTensorType

    kinds = [
        (name, FloatTensorType([None, 1]) if name in credit.numbers else StringTensorType([None, 1]))
        for name in credit.inputs.columns
    ]
    data = to_onnx(credit.logistic, initial_types=kinds).SerializeToString()
    scorer = load(read_artefact(data))
    expected = credit.logistic.predict_proba(credit.inputs)[:50, 1]
    assert np.abs(np.array([scorer.score(row) for row in credit.rows[:50]]) - expected).max() < 1e-5


def test_a_skops_model_is_scored_like_the_estimator(credit: Any) -> None:
    artefact = read_artefact(skops.io.dumps(credit.tree), trusted=("sklearn.tree._tree.Tree",))
    scorer = load(artefact)
    assert artefact.form == "skops"
    assert [scorer.score(row) for row in credit.rows[:20]] == list(
        credit.tree.predict_proba(credit.inputs.iloc[:20])[:, 1]
    )
    assert {feature.name for feature in scorer.features} == set(credit.inputs.columns)


def test_an_integer_model_is_its_own_scorer(credit: Any) -> None:
    model = export(credit.logistic)
    artefact = read_artefact(model.to_bytes())
    assert artefact.file_sha256 == artefact.semantic_sha256 == model.digest()
    assert load(artefact).score_micro(credit.rows[0]) == model.score_micro(credit.rows[0])


@pytest.mark.parametrize(
    "row",
    [
        {"x0": math.nan, "x1": 0, "x2": 0},
        {"x0": math.inf, "x1": 0, "x2": 0},
        {"x0": 10**400, "x1": 0, "x2": 0},
        {"x0": "1", "x1": 0, "x2": 0},
        {"x0": True, "x1": 0, "x2": 0},
        {"x0": None, "x1": 0, "x2": 0},
        {"x0": 1, "x1": 0},
        {"x0": 1, "x1": 0, "x2": 0, "x3": 0},
    ],
)
@pytest.mark.parametrize("form", ["onnx", "skops"])
def test_odd_rows_are_refused(bare: Any, form: str, row: dict[str, Any]) -> None:
    scorer = load(read_artefact(_onnx(bare) if form == "onnx" else skops.io.dumps(bare)))
    with pytest.raises(InvalidInput, match="x"):
        scorer.score_micro(row)


def _joblib(value: Any, compress: Any) -> bytes:
    held = io.BytesIO()
    joblib.dump(value, held, compress=compress)
    return held.getvalue()


def test_code_is_never_opened(bare: Any) -> None:
    hostile = [pickle.dumps(bare, protocol) for protocol in range(6)]
    hostile += [_joblib(bare, compress) for compress in (0, 3, "gzip", "bz2", "lzma", "xz")]
    hostile += [gzip.compress(pickle.dumps(1)), b"cos\nsystem\n(S'id'\ntR."]
    for data in hostile:
        with pytest.raises(NotAllowed, match="pickle") as caught:
            read_artefact(data)
        assert "skops" in caught.value.hint


def _archive(members: dict[str, bytes]) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return held.getvalue()


@pytest.mark.parametrize(
    ("members", "error"),
    [
        ({"archive/data.pkl": b"\x80\x02."}, NotAllowed),
        ({"other.txt": b""}, InvalidInput),
        ({"schema.json": b"[]"}, InvalidInput),
        ({"schema.json": b"{"}, InvalidInput),
        ({"schema.json": b"[" * 100_000}, InvalidInput),
        ({"schema.json": b'{"a":' * 5_000 + b"1" + b"}" * 5_000}, InvalidInput),
        ({"schema.json": b'{"__loader__": "NdArrayNode", "file": "missing.npy"}'}, InvalidInput),
        ({"schema.json": b'{"file": "a.npy"}', "a.npy": pickle.dumps([1])}, InvalidInput),
    ],
)
def test_hostile_archives_are_refused(members: dict[str, bytes], error: type[Exception]) -> None:
    with pytest.raises(error):
        read_artefact(_archive(members))


def test_types_that_are_not_trusted_are_named(credit: Any) -> None:
    from sklearn.pipeline import make_pipeline

    fitted = make_pipeline(FunctionTransformer(np.nan_to_num), LogisticRegression()).fit([[0.0], [1.0]], [0, 1])
    artefact = read_artefact(skops.io.dumps(fitted))
    with pytest.raises(NotAllowed, match="nan_to_num"):
        load(artefact)
    named = tuple(skops.io.get_untrusted_types(data=artefact.data))
    assert load(replace(artefact, trusted=named)).score({"x0": 1}) > 0.5


def test_onnx_tensors_in_other_files_are_refused(bare: Any) -> None:
    outside = helper.make_tensor("w", TensorProto.FLOAT, [1], [1.0])
    outside.ClearField("float_data")
    outside.data_location = TensorProto.EXTERNAL
    entry = outside.external_data.add()
    entry.key, entry.value = "location", "/etc/passwd"
    model = load_model_from_string(_onnx(bare))
    model.graph.initializer.append(outside)
    with pytest.raises(InvalidInput, match="other files"):
        read_artefact(model.SerializeToString())


@pytest.mark.parametrize("data", [b"", b"hello", b"\x00" * 100, b"PK\x03\x04", b"{}", b"\x08\x07"])
def test_what_is_no_model_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidInput):
        read_artefact(data)


def test_other_bytes_than_those_registered_are_refused(bare: Any) -> None:
    artefact = read_artefact(_onnx(bare))
    with pytest.raises(InvalidInput, match="SHA-256"):
        load(replace(artefact, data=artefact.data + b"\x00"))
    with pytest.raises(InvalidInput, match="form"):
        load(replace(artefact, form="skops"))


@pytest.mark.parametrize(
    ("score", "micro"),
    [(0.0, 0), (1.0, 1_000_000), (0.5, 500_000), (5e-7, 1), (4.9e-7, 0), (-3.0, 0), (7.5, 1_000_000), (1e308, 10**6)],
)
def test_the_rounding_of_scores(score: float, micro: int) -> None:
    assert to_micro(score) == micro


@pytest.mark.parametrize("score", [math.nan, math.inf, -math.inf])
def test_what_is_no_score_is_refused(score: float) -> None:
    with pytest.raises(InvalidInput):
        to_micro(score)


def test_the_runtime_is_described() -> None:
    found = runtime()
    assert isinstance(found["libraries"], dict)
    assert "onnxruntime" in found["libraries"]
    assert (found["batch"], found["threads"]) == (1, 1)


def test_an_artefact_is_plain_data(bare: Any) -> None:
    assert isinstance(read_artefact(_onnx(bare)), Artefact)
