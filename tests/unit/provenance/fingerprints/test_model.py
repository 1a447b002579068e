"""The fingerprint of what a model means: the same however often it is saved."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
from organisations import estimator
from safetensors.numpy import save_file
from skl2onnx import to_onnx
from sklearn.linear_model import LogisticRegression

from counterfoil.errors import InvalidInput, NotAllowed, NotFound
from counterfoil.provenance.fingerprints.model import model_digest

ROWS = np.random.default_rng(1).normal(size=(60, 3)).astype("f4")
LABELS = (ROWS.sum(axis=1) > 0).astype(int)


def fitted(strength: float = 1.0) -> LogisticRegression:
    return LogisticRegression(C=strength).fit(ROWS, LABELS)


def test_an_onnx_model_saved_twice_has_one_fingerprint(tmp_path: Path):
    for name in ("a.onnx", "b.onnx"):
        made = to_onnx(fitted(), ROWS[:1])
        made.graph.name = name
        made.doc_string = name
        (tmp_path / name).write_bytes(made.SerializeToString())
    (tmp_path / "c.onnx").write_bytes(to_onnx(fitted(0.01), ROWS[:1]).SerializeToString())
    a, b, c = (model_digest(tmp_path / name) for name in ("a.onnx", "b.onnx", "c.onnx"))
    assert (tmp_path / "a.onnx").read_bytes() != (tmp_path / "b.onnx").read_bytes()
    assert a == b != c


def test_a_fitted_classifier_counts_as_what_it_is_exported_to():
    assert model_digest(estimator()) == model_digest(estimator())
    assert model_digest(fitted()) != model_digest(fitted(0.01))


def test_a_safetensors_file_is_read_as_one(tmp_path):
    path = tmp_path / "a.safetensors"
    save_file({"w": ROWS}, path)
    first = model_digest(str(path))
    save_file({"w": ROWS}, path, metadata={"when": "later"})
    assert model_digest(path) == first


class Bomb:
    """Writes a file where it is loaded."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return (Path.write_text, (self.path, "it was run"))


def test_a_pickle_is_never_opened(tmp_path):
    path, proof = tmp_path / "model.pkl", tmp_path / "proof"
    for protocol in range(6):
        path.write_bytes(pickle.dumps(Bomb(proof), protocol))
        with pytest.raises((NotAllowed, InvalidInput)):
            model_digest(path)
    assert not proof.exists()


def test_what_is_no_model_is_refused(tmp_path):
    (tmp_path / "a.onnx").write_bytes(b"nonsense")
    with pytest.raises(InvalidInput):
        model_digest(tmp_path / "a.onnx")
    with pytest.raises(NotFound):
        model_digest(tmp_path / "missing.onnx")
    with pytest.raises(NotFound):
        model_digest(tmp_path)
    with pytest.raises(InvalidInput):
        model_digest(object())
