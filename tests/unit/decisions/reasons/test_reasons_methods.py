from __future__ import annotations

import itertools
import random
from collections.abc import Sequence
from fractions import Fraction
from importlib import import_module
from math import factorial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterfoil.decisions.policy import Policy
from counterfoil.decisions.reasons import explain, explainer_for
from counterfoil.decisions.reasons.linear_reasons import ClosedForm
from counterfoil.decisions.reasons.sampled_reasons import permutation
from counterfoil.decisions.reasons.tree_reasons import IntegerTrees
from counterfoil.errors import InvalidInput
from counterfoil.provenance.models.features import Feature
from counterfoil.provenance.models.linear import LinearModel, Term
from counterfoil.provenance.models.trees import TreeModel

TOML = """
name = "loans"
version = "1"
author = "Ada"
approved_by = "Bo"
approved_on = 2026-09-01
effective_from = 2026-09-02
purpose = "Decide on small loans."
score_of = "good"
[[outcome]]
label = "approve"
at_least = 0.6
[[outcome]]
label = "decline"
adverse = true
[reasons]
method = "auto"
seed = 7
[features.amount]
kind = "number"
[features.months]
kind = "integer"
[features.housing]
kind = "category"
categories = ["own", "rent", "free"]
[features.age]
kind = "integer"
protected = true
[[reason]]
code = "R01"
features = ["amount"]
text = { en = "The amount." }
[[reason]]
code = "R02"
features = ["months"]
text = { en = "The term." }
[[reason]]
code = "R03"
features = ["housing"]
text = { en = "Your housing." }
"""

POLICY = Policy.from_toml(TOML)
NAMES = list(POLICY.model_features)


def with_method(method: str) -> Policy:
    return Policy.from_toml(TOML.replace('"auto"', f'"{method}"'))


def made_up_rows(count: int, seed: int = 0) -> list[dict[str, Any]]:
    draw = random.Random(seed)
    return [
        {
            "age": draw.randint(18, 80),
            "amount": draw.randint(100, 5000),
            "housing": draw.choice(["own", "rent", "free"]),
            "months": draw.randint(3, 60),
        }
        for _ in range(count)
    ]


ROWS = made_up_rows(200)
BACKGROUND = ROWS[:40]
NEW = made_up_rows(25, seed=1)


def trained(final: Any, *, scale: bool = False) -> Any:
    pandas = import_module("pandas")
    compose = import_module("sklearn.compose")
    pipeline = import_module("sklearn.pipeline")
    preprocessing = import_module("sklearn.preprocessing")
    numbers = preprocessing.StandardScaler() if scale else "passthrough"
    parts = [("c", preprocessing.OneHotEncoder(sparse_output=False), ["housing"]), ("n", numbers, ["months", "amount"])]
    frame = pandas.DataFrame(ROWS)[NAMES]
    labels = ["bad" if row["amount"] + 900 * (row["housing"] == "rent") > 3000 else "good" for row in ROWS]
    return pipeline.make_pipeline(compose.ColumnTransformer(parts), final).fit(frame, labels)


def seen(row: dict[str, Any]) -> dict[str, Any]:
    return dict(POLICY.for_model(row))


NUMBER = Feature("amount", "number", decimals=0)
HOUSING = Feature("housing", "category", categories=("own", "rent", "free"))
MONTHS = Feature("months", "number", decimals=0)


def linear_model() -> LinearModel:
    return LinearModel(
        features=(NUMBER, HOUSING, MONTHS),
        classes=("bad", "good"),
        intercept=Term((1_500,), 3),
        terms=(Term((-7,), 4), Term((500, -900, 0), 3), Term((-2,), 2)),
    )


def test_closed_form_is_weight_times_distance_from_the_mean() -> None:
    explainer = explainer_for(linear_model(), POLICY, BACKGROUND)
    assert (explainer.config.method, explainer.config.seed, explainer.config.on_demand) == ("closed_form", 0, False)
    for row in NEW:
        found = explainer.contributions(seen(row))
        mean = Fraction(sum(each["months"] for each in BACKGROUND), len(BACKGROUND))
        assert found["months"] == round(Fraction(-2, 100) * (row["months"] - mean) * 1_000_000)
        assert all(type(value) is int for value in found.values())


class Fixed:
    """A linear model with the contributions it is given, in units of 10^-9."""

    link = "logit"
    features = ()

    def __init__(self, *nano: int) -> None:
        self.nano = {str(place): value for place, value in enumerate(nano)}

    def background(self, rows: Any) -> None:
        return None

    def contributions(self, row: Any, background: None) -> dict[str, int]:
        return self.nano


@given(st.lists(st.integers(-(10**15), 10**15) | st.integers(-20, 20).map(lambda half: half * 500)))
def test_closed_form_rounds_half_to_even(nano: list[int]) -> None:
    found = ClosedForm(Fixed(*nano), BACKGROUND, 4).contributions({})
    assert list(found.values()) == [round(Fraction(value, 1000)) for value in nano]


def test_closed_form_adds_up_to_the_margin() -> None:
    model = linear_model()
    explainer = explainer_for(model, POLICY, BACKGROUND)
    mean_nano = Fraction(sum(model.margin(seen(row)) for row in BACKGROUND), len(BACKGROUND))
    for row in NEW:
        total = sum(explainer.contributions(seen(row)).values())
        assert abs(total - (model.margin(seen(row)) - mean_nano) / 1000) <= 3


def test_a_decline_is_explained_in_the_policys_words() -> None:
    explainer = explainer_for(linear_model(), POLICY, BACKGROUND)
    row = {"age": 30, "amount": 4900, "housing": "rent", "months": 5}
    reasons = explain(explainer, row, POLICY, "decline")
    assert [each.code for each in reasons] == ["R01", "R03"]
    assert reasons[0].text == {"en": "The amount."}


def test_linear_classifiers_agree_with_the_formula() -> None:
    linear = import_module("sklearn.linear_model")
    model = trained(linear.LogisticRegression(), scale=True)
    explainer = explainer_for(model, POLICY, BACKGROUND)
    assert explainer.config.method == "closed_form"
    pandas = import_module("pandas")
    mean = model.decision_function(pandas.DataFrame(BACKGROUND)[NAMES]).mean()
    for row in NEW:
        found = explainer.contributions(seen(row))
        assert set(found) == set(NAMES)
        margin = model.decision_function(pandas.DataFrame([row])[NAMES])[0]
        assert sum(found.values()) == pytest.approx(margin - mean)


def shapley_by_definition(
    model: TreeModel, row: dict[str, Any], background: Sequence[dict[str, Any]]
) -> dict[str, Fraction]:
    """Every coalition, every background row: the definition, for small models."""
    names = [feature.name for feature in model.features]
    count = len(names)
    totals = dict.fromkeys(names, Fraction())
    for start in background:
        value = {
            chosen: model.margin({name: (row if name in chosen else start)[name] for name in names})
            for size in range(count + 1)
            for chosen in itertools.combinations(names, size)
        }
        for name in names:
            for chosen, before in value.items():
                if name not in chosen:
                    after = value[tuple(each for each in names if each in (*chosen, name))]
                    weight = Fraction(factorial(len(chosen)) * factorial(count - len(chosen) - 1), factorial(count))
                    totals[name] += weight * (after - before)
    return {name: total / len(background) / 1000 for name, total in totals.items()}


FEATURES = (NUMBER, HOUSING, MONTHS)


@st.composite
def trees(draw: st.DrawFn, depth: int = 4) -> list[Any]:
    if depth == 0 or draw(st.integers(0, 4)) == 0:
        return [draw(st.integers(-(10**6), 10**6))]
    feature = draw(st.integers(0, 2))
    condition: Any = draw(st.sampled_from([0, 12, 30, 1000, 2500, 4000]))
    if feature == 1:
        condition = tuple(sorted(draw(st.sets(st.integers(0, 2), min_size=1, max_size=2))))
    left, right = draw(trees(depth=depth - 1)), draw(trees(depth=depth - 1))
    moved = [(node[0], node[1], node[2] + 1 + len(left)) if isinstance(node, tuple) else node for node in right]
    left = [(node[0], node[1], node[2] + 1) if isinstance(node, tuple) else node for node in left]
    return [(feature, condition, 1 + len(left)), *left, *moved]


@settings(max_examples=40, deadline=None)
@given(st.lists(trees(), min_size=1, max_size=3), st.sampled_from(["logit", "mean"]), st.integers(0, 24))
def test_integer_trees_give_the_shapley_values_by_definition(grown: list[Any], link: Any, which: int) -> None:
    model = TreeModel(FEATURES, ("bad", "good"), tuple(map(tuple, grown)), 5, 6, link)
    background = [seen(row) for row in BACKGROUND[:5]]
    row = seen(NEW[which])
    found = IntegerTrees(model, background, 4).contributions(row)
    expected = shapley_by_definition(model, row, background)
    for name in NAMES:
        assert abs(found[name] - expected[name]) <= Fraction(1, 2) + Fraction(1, 100)


def test_integer_trees_are_chosen_and_add_up() -> None:
    grown = ((0, 2500, 4), (1, (0, 2), 3), 800_000, 200_000, (2, 24, 6), 100_000, -400_000)
    model = TreeModel(FEATURES, ("bad", "good"), (grown,), 0, 6, "logit")
    explainer = explainer_for(model, POLICY, BACKGROUND)
    assert (explainer.config.method, explainer.config.of) == ("tree_shap", "margin")
    mean = Fraction(sum(model.margin(seen(row)) for row in BACKGROUND), len(BACKGROUND)) / 1000
    for row in NEW:
        assert abs(sum(explainer.contributions(seen(row)).values()) - model.margin(seen(row)) / 1000 + mean) <= 3


@pytest.mark.parametrize("kind", ["GradientBoostingClassifier", "RandomForestClassifier"])
@pytest.mark.parametrize("background", [BACKGROUND, []], ids=["interventional", "path"])
def test_tree_ensembles_sum_one_hot_columns_by_feature(kind: str, background: list[dict[str, Any]]) -> None:
    ensemble = import_module("sklearn.ensemble")
    import_module("shap")
    pandas = import_module("pandas")
    model = trained(getattr(ensemble, kind)(n_estimators=10, max_depth=3, random_state=0))
    explainer = explainer_for(model, POLICY, background)
    assert explainer.config.method == ("tree_shap" if background else "tree_shap_path")
    assert explainer.config.library.startswith("shap ")
    if not background:
        assert explainer.config.background_sha256 == ""
        assert set(explainer.contributions(seen(NEW[0]))) == set(NAMES)
        return

    def output(rows: list[dict[str, Any]]) -> Any:
        frame = pandas.DataFrame(rows)[NAMES]
        return model.decision_function(frame) if "Boosting" in kind else model.predict_proba(frame)[:, 1]

    for row in NEW[:5]:
        found = explainer.contributions(seen(row))
        assert found == explainer.contributions(seen(row))
        assert sum(found.values()) == pytest.approx(output([row])[0] - output(background).mean(), abs=1e-6)


@pytest.mark.parametrize("kind", ["RandomForestClassifier", "HistGradientBoostingClassifier"])
def test_rows_beside_a_threshold_are_explained_by_their_own_side(kind: str) -> None:
    ensemble = import_module("sklearn.ensemble")
    import_module("shap")
    model = trained(getattr(ensemble, kind)(random_state=0), scale=True)
    explainer = explainer_for(model, POLICY, BACKGROUND)
    for row in ROWS[:60]:  # the library's own check of the sum refuses a wrong turn
        explainer.contributions(seen(row))


def test_the_first_class_is_explained_with_the_other_sign() -> None:
    ensemble = import_module("sklearn.ensemble")
    import_module("shap")
    model = trained(ensemble.GradientBoostingClassifier(n_estimators=5, random_state=0))
    good = explainer_for(model, POLICY, BACKGROUND).contributions(seen(NEW[0]))
    bad_policy = Policy.from_toml(TOML.replace('score_of = "good"', 'score_of = "bad"'))
    bad = explainer_for(model, bad_policy, BACKGROUND).contributions(seen(NEW[0]))
    assert bad == {name: -value for name, value in good.items()}


def black_box() -> Any:
    return trained(import_module("sklearn.naive_bayes").GaussianNB())


def test_anything_else_is_sampled_and_left_for_a_replay() -> None:
    model = black_box()
    explainer = explainer_for(model, POLICY, BACKGROUND)
    assert (explainer.config.method, explainer.config.on_demand, explainer.config.seed) == ("permutation", True, 7)
    assert not explainer_for(model, with_method("permutation"), BACKGROUND).config.on_demand
    again = explainer_for(model, POLICY, BACKGROUND)
    row = seen(NEW[0])
    first, second = explainer.contributions(row), explainer.second_opinion(row)
    assert first == again.contributions(row)
    assert second is not None
    assert second != first
    assert sum(first.values()) == pytest.approx(sum(second.values()), abs=4)


def test_a_clear_case_of_a_black_box_is_explained_on_demand() -> None:
    row = {"age": 30, "amount": 4900, "housing": "own", "months": 30}
    reasons = explain(explainer_for(black_box(), POLICY, BACKGROUND), row, POLICY, "decline")
    assert reasons[0].code == "R01"


def test_on_demand_defers_an_exact_method_too() -> None:
    explainer = explainer_for(linear_model(), with_method("on_demand"), BACKGROUND)
    assert (explainer.config.method, explainer.config.on_demand) == ("closed_form", True)


@pytest.mark.parametrize(
    ("make", "policy", "rows", "words"),
    [
        (black_box, with_method("tree_shap"), BACKGROUND, "'tree_shap', which does not fit a Pipeline"),
        (linear_model, with_method("tree_shap"), BACKGROUND, "explained by 'closed_form'"),
        (linear_model, POLICY, [], "background rows, and there are none"),
        (linear_model, Policy.from_toml(TOML.replace('"good"', '"bad"')), BACKGROUND, "this model scores 'good'"),
        (linear_model, Policy.from_toml(TOML.replace('"good"', '"fine"')), BACKGROUND, "no such class"),
        (object, POLICY, BACKGROUND, "names of its features"),
    ],
)
def test_refuses_what_does_not_fit(make: Any, policy: Policy, rows: list[dict[str, Any]], words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        explainer_for(make(), policy, rows)


def test_permutations_are_permutations_and_fixed_for_good() -> None:
    drawn = [permutation(9, 7, number) for number in range(50)]
    assert all(sorted(each) == list(range(9)) for each in drawn)
    assert len(set(map(tuple, drawn))) == 50
    assert permutation(9, 7, 0) == drawn[0]
    assert permutation(5, 0, 0) == [0, 2, 4, 1, 3]
