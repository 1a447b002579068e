"""What people really fit passes, and what holds rows is refused, in whatever form it comes."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import making_gate as made
import pytest

from counterfoil.market.compute.gate import Gated


@pytest.fixture(scope="module")
def fitted() -> dict[str, Any]:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.tree import DecisionTreeClassifier

    frame = made.cancer()
    rows, target = frame.drop(columns="target"), frame["target"]
    tree = DecisionTreeClassifier(max_depth=3, min_samples_leaf=20, random_state=0).fit(rows, target)
    deep = DecisionTreeClassifier(random_state=0).fit(rows, target)
    line = make_pipeline(StandardScaler(), LogisticRegression(random_state=0)).fit(rows, target)
    return {"line": line, "tree": tree, "deep": deep}


def safetensors(**arrays: Any) -> bytes:
    from safetensors.numpy import save

    return bytes(save(arrays))


def numbers_of(line: Any) -> dict[str, Any]:
    scaler, model = (step for _, step in line.steps)
    return {"coef": model.coef_, "intercept": model.intercept_, "mean": scaler.mean_, "scale": scaler.scale_}


def test_the_weights_of_a_logistic_regression_pass_as_json(tmp_path: Path, fitted: dict[str, Any]) -> None:
    weights = [float(each) for each in fitted["line"][-1].coef_.ravel()]
    result = made.gated(tmp_path, made.rules(made.json_rule(digits=6)), made.index(), result_json={"weights": weights})
    assert made.outcome(result, "result.json") == ("passed", "json")
    assert result.passed["result.json"].startswith(b'{"weights":[')
    assert all(
        len(each.strip(b"-0.").replace(b".", b"")) <= 6 for each in result.passed["result.json"][12:-2].split(b",")
    )


def test_the_weights_of_a_logistic_regression_pass_as_tensors(tmp_path: Path, fitted: dict[str, Any]) -> None:
    from safetensors.numpy import load

    given = safetensors(**numbers_of(fitted["line"]))
    result = made.gated(tmp_path, made.rules(made.model_rule("safetensors")), made.index(), model_safetensors=given)
    assert made.outcome(result, "model.safetensors") == ("passed", "model")
    assert {name: each.tolist() for name, each in load(result.passed["model.safetensors"]).items()} == {
        name: each.tolist() for name, each in numbers_of(fitted["line"]).items()
    }


def onnx_of(model: Any, width: int = 30) -> bytes:
    from skl2onnx import to_onnx
    from skl2onnx.common.data_types import DoubleTensorType

    made_of = to_onnx(model, initial_types=[("rows", DoubleTensorType([None, width]))], options={"zipmap": False})
    return bytes(made_of.SerializeToString())


@pytest.mark.parametrize(
    ("model", "families", "expected"),
    [
        ("line", ["linear"], ("passed", "model")),
        ("line", ["trees"], ("refused", "family")),
        ("tree", ["trees"], ("passed", "model")),
        ("tree", ["linear"], ("refused", "family")),
    ],
    ids=str,
)
def test_an_onnx_model_passes_when_its_family_may(
    tmp_path: Path, fitted: dict[str, Any], model: str, families: list[str], expected: tuple[str, str]
) -> None:
    rule = made.model_rule("onnx", families=families)
    estimator = fitted[model].fit(*_arrays()) if model == "tree" else fitted[model]
    result = made.gated(tmp_path, made.rules(rule), made.index(), model_onnx=onnx_of(estimator))
    assert made.outcome(result, "model.onnx") == expected


def _arrays() -> tuple[Any, Any]:
    frame = made.cancer()
    return frame.drop(columns="target").to_numpy(), frame["target"].to_numpy()


def as_csv(rows: Any) -> bytes:
    out = io.StringIO()
    out.write("region,people,mean\n")
    for row in rows:
        out.write(f"north,50,{row[0]}\n")
    return out.getvalue().encode()


def rows_as(form: str, rows: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Returns the rule and the output of an algorithm that writes rows in some form."""
    import numpy as np

    listed = [[float(each) for each in row] for row in rows]
    flat = [value for row in listed for value in row]
    if form == "json lists":
        return made.json_rule(), {"result_json": {"rows": listed}}
    if form == "json one row":
        return made.json_rule(), {"result_json": {"weights": flat[:31]}}
    if form == "json three values":
        return made.json_rule(), {"result_json": {"weights": [1, 0.5, flat[7], flat[2], flat[20]]}}
    if form == "json text":
        return made.json_rule(), {"result_json": {"note": " ".join(map(str, flat[:20]))}}
    if form == "json keys":
        schema = {
            "type": "object",
            "additionalProperties": False,
            "properties": {str(each): {"type": "null"} for each in flat[:20]},
        }
        return made.json_rule(schema=schema), {"result_json": {str(each): None for each in flat[:20]}}
    if form == "json columns":
        return made.json_rule(), {"result_json": {"rows": np.transpose(listed).tolist()}}
    if form == "table":
        return made.table_rule(columns=[*made.table_rule()["columns"][:2], {"name": "mean", "type": "number"}]), {
            "groups_csv": as_csv(rows)
        }
    arrays = {"tensor": np.array(listed), "tensor of float32": np.array(listed, dtype=np.float32)}
    arrays["tensor, turned"] = np.ascontiguousarray(np.transpose(listed))
    arrays["tensor, shuffled"] = np.random.default_rng(1).permutation(flat)
    arrays["tensor among noise"] = np.concatenate([np.random.default_rng(2).normal(size=20_000), flat[:31]])
    return made.model_rule("safetensors"), {"model_safetensors": safetensors(weights=arrays[form])}


@pytest.mark.parametrize(
    "form",
    [
        "json lists",
        "json one row",
        "json three values",
        "json text",
        "json keys",
        "json columns",
        "table",
        "tensor",
        "tensor of float32",
        "tensor, turned",
        "tensor, shuffled",
        "tensor among noise",
    ],
)
def test_an_algorithm_that_writes_rows_is_refused(tmp_path: Path, form: str) -> None:
    rule, output = rows_as(form, made.cancer().to_numpy()[40:90])
    result = made.gated(tmp_path, made.rules(rule), made.index(), **output)
    [decided] = result.decision.files
    assert decided.outcome == "refused"
    assert decided.rule in ("rows", "cells", "column", "values")
    assert (result.passed, result.held) == ({}, {})
    assert result.findings[decided.name]
    # the same output leaves where nothing is known of the data: it is the comparison that refuses
    assert made.gated(tmp_path, made.rules(rule)).passed


def integer_tree(splits: list[float], leaves: int) -> bytes:
    """Returns an integer tree model whose splits are the given values of the first features."""
    from counterfoil.core import canonical

    names = list(made.cancer().columns)[:30]
    features = [{"decimals": 4, "kind": "number", "missing": None, "name": name} for name in names]
    tree: list[Any] = []
    for place, value in enumerate(splits):
        tree += [[place % 30, round(value * 10_000), len(tree) + 2], 0]
    document = {
        "base": 0, "classes": [0, 1], "decimals": 3, "features": features, "format": "counterfoil-integer-model/1",
        "kind": "trees", "link": "mean", "trees": [[*tree, leaves]],
    }  # fmt: skip
    return canonical.dumps(document)


def test_rows_inside_a_tree_are_refused(tmp_path: Path) -> None:
    row = made.cancer().to_numpy()[12][:30]
    rules = made.rules(made.model_rule("integer", families=["trees"]))
    result = made.gated(tmp_path, rules, made.index(), model_json=integer_tree(list(row), 1))
    assert made.outcome(result, "model.json") == ("refused", "cells")
    harmless = [float(each) + 0.00017 for each in row]
    result = made.gated(tmp_path, rules, made.index(), model_json=integer_tree(harmless, 1))
    assert result.decision.files[0].rule not in ("rows", "cells", "column")


def test_a_leaf_that_stands_for_few_rows_is_refused(tmp_path: Path) -> None:
    """A tree that splits one person off says what that person's outcome is."""
    radius = made.cancer()["mean radius"]
    rule = made.model_rule("integer", families=["trees"], leastLeafRows=10)
    alone, shared = float(radius.nlargest(1).iloc[0]) - 0.0003, float(radius.median()) + 0.0003
    result = made.gated(tmp_path, made.rules(rule), made.index(), model_json=integer_tree([alone], 900))
    assert made.outcome(result, "model.json") == ("refused", "leaf")
    result = made.gated(tmp_path, made.rules(rule), made.index(), model_json=integer_tree([shared], 900))
    assert made.outcome(result, "model.json") == ("passed", "model")
    # nor does one leave whose leaves nobody can count: of data that are no table, or too large to be read as one
    result = made.gated(tmp_path, made.rules(rule), None, model_json=integer_tree([alone], 900))
    assert made.outcome(result, "model.json") == ("refused", "leaf")


def test_a_prediction_for_every_row_is_refused(tmp_path: Path, fitted: dict[str, Any]) -> None:
    chances = fitted["line"].predict_proba(made.cancer().drop(columns="target"))[:, 1]
    weights = [float(each) for each in chances]
    result: Gated = made.gated(tmp_path, made.rules(made.json_rule()), made.index(), result_json={"weights": weights})
    assert made.outcome(result, "result.json") == ("refused", "entries")


def test_many_values_of_the_data_are_for_the_owner_to_look_at(tmp_path: Path) -> None:
    """A forest's splits lie between values, and now and then on one: that is no row, and not nothing either."""
    import numpy as np
    from sklearn.ensemble import RandomForestClassifier

    frame = made.cancer()
    forest = RandomForestClassifier(20, random_state=0).fit(frame.drop(columns="target"), frame["target"])
    splits = np.concatenate([tree.tree_.threshold for tree in forest.estimators_])
    output = {"model_safetensors": safetensors(splits=splits)}
    result = made.gated(tmp_path, made.rules(made.model_rule("safetensors")), made.index(), **output)
    assert made.outcome(result, "model.safetensors") == ("held", "values")
    assert list(result.held) == ["model.safetensors"]
    assert result.decision.files[0].sha256 is None
