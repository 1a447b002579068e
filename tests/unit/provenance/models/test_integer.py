"""Model files: one model, one sequence of bytes; hostile files are refused."""

from __future__ import annotations

import hashlib
import math
import re
from pathlib import Path
from typing import Any

import pytest

from counterfoil.core import canonical
from counterfoil.errors import InvalidInput
from counterfoil.provenance.models.features import Feature
from counterfoil.provenance.models.fixedpoint import sigmoid_micro
from counterfoil.provenance.models.integer import from_bytes, probe_rows
from counterfoil.provenance.models.linear import LinearModel, Term
from counterfoil.provenance.models.sklearn_export import export
from counterfoil.provenance.models.trees import TreeModel

AGE = Feature("age", "number", 2)
HOME = Feature("home", "category", categories=("own", "rent"), unknown="ignore")
JOB = Feature("job", "category", categories=(1, 2))
LINEAR = LinearModel(
    (AGE, HOME, JOB),
    ("bad", "good"),
    Term((-1,), 0),
    (Term((25,), 3), Term((5, -5, 0), 1), Term((0, 1), 0)),
)
TREES = TreeModel((AGE, HOME), ("bad", "good"), (((0, 3050, 4), (1, (0, 2), 3), 10, 20, 90), (50,)), 0, 2, "mean")


def test_a_scorecard_by_hand() -> None:
    """-1 + 0.025 * 40 + 0.5 + 1 = 1.5, and e is what it is."""
    row = {"age": 40, "home": "own", "job": 2}
    assert LINEAR.margin(row) == 1_500_000_000
    assert LINEAR.score_micro(row) == round(1e6 / (1 + math.exp(-1.5))) == 817_574
    assert LINEAR.margin({"age": 40, "home": "tent", "job": 2.0}) == 1_000_000_000


@pytest.mark.parametrize(
    ("row", "score_micro"),
    [
        ({"age": 30.5, "home": "own"}, 300_000),  # (0.10 + 0.50) / 2; at the threshold is left
        ({"age": 30.5, "home": "tent"}, 300_000),
        ({"age": 30.5, "home": "rent"}, 350_000),
        ({"age": 30.51, "home": "own"}, 700_000),
    ],
)
def test_trees_by_hand(row: dict[str, Any], score_micro: int) -> None:
    assert TREES.score_micro(row) == score_micro


@pytest.mark.parametrize("model", [LINEAR, TREES])
def test_a_file_is_read_back_as_the_same_model(model: Any) -> None:
    data = model.to_bytes()
    assert from_bytes(data) == model
    assert from_bytes(data).to_bytes() == data
    assert model.digest() == hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"age": math.nan}, "age"),
        ({"age": math.inf}, "age"),
        ({"age": 10**400}, "age"),
        ({"age": -(10**16)}, "age"),
        ({"age": 1e300}, "age"),
        ({"age": True}, "age"),
        ({"age": "40"}, "age"),
        ({"age": None}, "age"),
        ({"age": [40]}, "age"),
        ({"job": 3}, "job"),
        ({"job": True}, "job"),
        ({"job": {}}, "job"),
        ({"home": None}, "home"),
        ({"home": ["own"]}, "home"),
        ({"other": 1}, "other"),
    ],
)
def test_odd_values_are_refused_by_name(change: dict[str, Any], named: str) -> None:
    with pytest.raises(InvalidInput, match=named):
        LINEAR.score_micro({"age": 40, "home": "own", "job": 2} | change)


@pytest.mark.parametrize("row", [{"age": 40, "home": "own"}, {"age": 1, "home": "own", "place": 2}, [1, 2, 3], None])
def test_missing_features_are_refused(row: Any) -> None:
    with pytest.raises(InvalidInput):
        LINEAR.score_micro(row)


def _edit(model: Any, path: list[Any], value: Any) -> bytes:
    document = canonical.loads(model.to_bytes())
    place = document
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return canonical.dumps(document)


@pytest.mark.parametrize(
    ("model", "path", "value"),
    [
        (LINEAR, ["extra"], 1),
        (LINEAR, ["format"], "counterfoil-integer-model/2"),
        (LINEAR, ["kind"], "forest"),
        (LINEAR, ["kind"], []),
        (LINEAR, ["link"], "mean"),
        (LINEAR, ["link"], []),
        (LINEAR, ["classes"], ["good", "good"]),
        (LINEAR, ["classes"], ["good"]),
        (LINEAR, ["classes"], [["a"], ["b"]]),
        (LINEAR, ["features"], []),
        (LINEAR, ["features", 0, "kind"], "text"),
        (LINEAR, ["features", 0, "kind"], ["number"]),
        (LINEAR, ["features", 0, "decimals"], 13),
        (LINEAR, ["features", 0, "decimals"], 10**9),
        (LINEAR, ["features", 0, "name"], ""),
        (LINEAR, ["features", 0, "name"], "home"),
        (LINEAR, ["features", 0, "name"], {}),
        (LINEAR, ["features", 0, "missing"], 1.5),
        (LINEAR, ["features", 1, "categories"], ["own", "own"]),
        (LINEAR, ["features", 1, "categories"], ["own", 1]),
        (LINEAR, ["features", 1, "categories"], []),
        (LINEAR, ["features", 1, "categories"], [[], {}]),
        (LINEAR, ["features", 1, "missing"], 2),
        (LINEAR, ["features", 1, "unknown"], "guess"),
        (LINEAR, ["features", 1, "unknown"], []),
        (LINEAR, ["terms"], []),
        (LINEAR, ["terms", 0, "weights"], [1, 2]),
        (LINEAR, ["terms", 0, "weights"], [1.5]),
        (LINEAR, ["terms", 0, "weights"], ["1"]),
        (LINEAR, ["terms", 0, "decimals"], 25),
        (LINEAR, ["terms", 0, "decimals"], True),
        (LINEAR, ["intercept"], 0),
        (TREES, ["decimals"], 16),
        (TREES, ["base"], "0"),
        (TREES, ["trees"], []),
        (TREES, ["trees", 0], []),
        (TREES, ["trees", 0, 0], [0, 3050, 0]),  # a cycle
        (TREES, ["trees", 0, 0], [0, 3050, 3]),  # a shared node
        (TREES, ["trees", 0, 0], [0, 3050, 5]),  # beyond the end
        (TREES, ["trees", 0, 0], [0, 3050, []]),
        (TREES, ["trees", 0, 0], [2, 3050, 4]),
        (TREES, ["trees", 0, 0], [-1, 3050, 4]),
        (TREES, ["trees", 0, 0], [0, 3050.5, 4]),
        (TREES, ["trees", 0, 0], [0, [1], 4]),
        (TREES, ["trees", 0, 0], [0, 3050]),
        (TREES, ["trees", 0, 1], [1, 0, 3]),
        (TREES, ["trees", 0, 1], [1, [], 3]),
        (TREES, ["trees", 0, 1], [1, [0, 1, 2], 3]),
        (TREES, ["trees", 0, 1], [1, [2, 0], 3]),
        (TREES, ["trees", 0, 1], [1, [0, 0], 3]),
        (TREES, ["trees", 0, 1], [1, [[0]], 3]),
        (TREES, ["trees", 0, 1], [1, [3], 3]),
        (TREES, ["trees", 1], [50, 60]),
        (TREES, ["trees", 1], [None]),
        (TREES, ["trees", 1], {}),
    ],
)
def test_hostile_files_are_refused(model: Any, path: list[Any], value: Any) -> None:
    with pytest.raises(InvalidInput):
        from_bytes(_edit(model, path, value))


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b"null", b"\x80\x04.", LINEAR.to_bytes() + b"\n", b"[" * 10**5])
def test_what_is_not_a_model_file_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidInput):
        from_bytes(data)


def test_a_very_deep_tree_is_no_problem() -> None:
    depth = 50_000
    nodes: list[Any] = []
    for i in range(depth):
        nodes += [(0, -i, 2 * i + 2), 0]  # the left child is a leaf, the right one goes on
    model = TreeModel((AGE,), ("no", "yes"), ((*nodes, 1),), 0, 0, "mean")
    assert model.score_micro({"age": 100}) == 1_000_000
    assert from_bytes(model.to_bytes()).score_micro({"age": -1000}) == 0


def test_contributions_add_up_to_the_margin(credit: Any) -> None:
    model = export(credit.logistic)
    assert isinstance(model, LinearModel)
    background = model.background(credit.rows[:100])
    mean = sum(model.margin(row) for row in credit.rows[:100]) / 100
    for row in credit.rows[100:150]:
        parts = model.contributions(row, background)
        assert abs(sum(parts.values()) - (model.margin(row) - mean)) <= len(parts)
    assert set(parts) == {feature.name for feature in model.features}
    with pytest.raises(InvalidInput, match="another model"):
        LINEAR.contributions({"age": 40, "home": "own", "job": 2}, background)
    with pytest.raises(InvalidInput, match="at least one"):
        model.background([])


def test_contributions_are_those_of_shap(credit: Any) -> None:
    import numpy as np
    import shap

    model = export(credit.logistic)
    assert isinstance(model, LinearModel)
    prepare, classify = credit.logistic[0], credit.logistic[1]
    columns = np.asarray(prepare.transform(credit.inputs))
    names = [name.split("__")[1] for name in prepare.get_feature_names_out()]
    explainer = shap.LinearExplainer(
        (classify.coef_[0], classify.intercept_[0]), shap.maskers.Independent(columns[:100], max_samples=100)
    )
    found = explainer.shap_values(columns[200:210])
    for i, row in enumerate(credit.rows[200:210]):
        for feature, part in model.contributions(row, credit.rows[:100]).items():
            expected = sum(v for v, name in zip(found[i], names, strict=True) if name.startswith(feature))
            assert abs(part / 1e9 - expected) < 1e-8


@pytest.mark.parametrize("which", ["logistic", "tree"])
def test_probe_rows_are_usable_and_repeatable(credit: Any, which: str) -> None:
    model = export(getattr(credit, which))
    rows = probe_rows(model, 200)
    assert rows == probe_rows(model, 200)
    assert rows != probe_rows(model, 200, seed=1)
    assert {model.label(row) for row in rows} == {"bad", "good"}


REFERENCE = Path(__file__).parents[4] / "docs" / "reference" / "models.md"


def test_the_published_scores_are_true() -> None:
    rows = re.findall(r"^\| (-?\d+) \| (\d+) \| \| (-?\d+) \| (\d+) \|$", REFERENCE.read_text("utf-8"), re.MULTILINE)
    assert len(rows) == 6
    for row in rows:
        assert [sigmoid_micro(int(row[0])), sigmoid_micro(int(row[2]))] == [int(row[1]), int(row[3])]


def test_the_published_example_is_true() -> None:
    text = REFERENCE.read_text("utf-8")
    data = next(line for line in text.splitlines() if line.startswith('{"classes"')).encode()
    model = from_bytes(data)
    row = {"age": 40, "home": "own"}
    assert f"SHA-256 `{model.digest()}`" in text
    assert f"that is {model.margin(row)}, and the score is {model.score_micro(row)}." in text
