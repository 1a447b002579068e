"""One model, one semantic digest, however and wherever it was written."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
import skops.io
from onnx import load_model_from_string
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression

from counterfoil.provenance.models.semantic import onnx_digest, skops_digest

EXPORT = """
import sys
import numpy as np
from skl2onnx import to_onnx
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
values = np.random.RandomState(0).normal(size=(200, 3)).astype(np.float32)
made = make_pipeline(StandardScaler(), GradientBoostingClassifier(n_estimators=5, random_state=0))
made.fit(values, values.sum(axis=1) > 0)
sys.stdout.buffer.write(to_onnx(made, values[:1], name=sys.argv[1]).SerializeToString())
"""

VALUES = np.random.default_rng(0).normal(size=(200, 3)).astype(np.float32)
LABELS = VALUES.sum(axis=1) > 0


def _elsewhere(name: str, seed: str) -> bytes:
    """Returns the model as another process exports it."""
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-c", EXPORT, name],
        check=True,
        stdout=subprocess.PIPE,
        env={"PYTHONHASHSEED": seed},
    ).stdout


def test_onnx_exports_of_two_processes_have_one_digest() -> None:
    one, two = _elsewhere("first", "1"), _elsewhere("second", "2")
    assert one != two
    assert onnx_digest(one) == onnx_digest(two)


@pytest.fixture(scope="module")
def exported() -> bytes:
    return _elsewhere("model", "0")


def _renamed(data: bytes) -> bytes:
    """Returns the model with other inner names, metadata and another order of constants."""
    model = load_model_from_string(data)
    public = {item.name for item in [*model.graph.input, *model.graph.output]}
    for node in model.graph.node:
        node.name = "other_" + node.name
        node.doc_string = "words"
        for names in (node.input, node.output):
            for i, name in enumerate(names):
                if name and name not in public:
                    names[i] = "other_" + name
    for tensor in model.graph.initializer:
        tensor.name = "other_" + tensor.name
    constants = list(model.graph.initializer)[::-1]
    del model.graph.initializer[:]
    model.graph.initializer.extend(constants)
    del model.graph.value_info[:]
    model.producer_name, model.producer_version, model.model_version = "somebody", "9", 7
    entry = model.metadata_props.add()
    entry.key, entry.value = "made", "today"
    return model.SerializeToString()


def test_names_and_metadata_do_not_count(exported: bytes) -> None:
    assert onnx_digest(_renamed(exported)) == onnx_digest(exported)


def test_every_number_of_an_onnx_model_counts(exported: bytes) -> None:
    known = {onnx_digest(exported)}
    model = load_model_from_string(exported)
    for i, node in enumerate(model.graph.node):
        for j, item in enumerate(node.attribute):
            if item.floats or item.ints:
                changed = load_model_from_string(exported)
                held = changed.graph.node[i].attribute[j]
                if held.floats:
                    held.floats[0] = float(np.nextafter(np.float32(held.floats[0]), np.float32(99)))
                else:
                    held.ints[0] += 1
                digest = onnx_digest(changed.SerializeToString())
                assert digest not in known, (node.op_type, item.name)
                known.add(digest)
    assert len(known) > 5


@pytest.mark.parametrize(
    "estimator",
    [
        LogisticRegression(),
        RandomForestClassifier(5, random_state=0),
        GradientBoostingClassifier(n_estimators=5, random_state=0),
    ],
)
def test_skops_dumps_of_one_model_have_one_digest(estimator: Any) -> None:
    fitted = estimator.fit(VALUES, LABELS)
    one, two = skops.io.dumps(fitted), skops.io.dumps(fitted, compression=8)
    assert one != two
    assert skops_digest(one) == skops_digest(two)
    again = skops.io.dumps(skops.io.loads(one, trusted=skops.io.get_untrusted_types(data=one)))
    assert skops_digest(again) == skops_digest(one)


def test_every_weight_of_a_skops_model_counts() -> None:
    fitted = LogisticRegression().fit(VALUES, LABELS)
    before = skops_digest(skops.io.dumps(fitted))
    fitted.coef_[0, 1] = np.nextafter(fitted.coef_[0, 1], 99)
    assert skops_digest(skops.io.dumps(fitted)) != before


def test_pipelines_of_text_columns_have_one_digest(credit: Any) -> None:
    assert skops_digest(skops.io.dumps(credit.logistic)) == skops_digest(skops.io.dumps(credit.logistic))
