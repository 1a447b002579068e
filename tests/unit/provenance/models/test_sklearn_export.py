"""Integer models answer as the scikit-learn models they come from, on every row."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import (
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    MaxAbsScaler,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
)
from sklearn.tree import DecisionTreeClassifier

from counterfoil.errors import InvalidInput
from counterfoil.provenance.models.integer import from_bytes
from counterfoil.provenance.models.sklearn_export import NotExportable, export

ORDINAL = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
CASES: dict[str, tuple[Any, Any, Any]] = {
    "logistic": (LogisticRegression(max_iter=2000), None, None),
    "logistic min-max": (LogisticRegression(max_iter=5000), MinMaxScaler(), None),
    "logistic robust, one dropped": (LogisticRegression(max_iter=5000), RobustScaler(), OneHotEncoder(drop="first")),
    "logistic ordinal, scaled": (
        LogisticRegression(max_iter=5000),
        MaxAbsScaler(),
        make_pipeline(ORDINAL, StandardScaler()),
    ),
    "gradient descent": (SGDClassifier(loss="log_loss", random_state=0), None, None),
    "tree": (DecisionTreeClassifier(random_state=0), None, None),
    "tree ordinal": (DecisionTreeClassifier(random_state=0, max_leaf_nodes=20), "passthrough", ORDINAL),
    "tree clipped": (DecisionTreeClassifier(random_state=0), MinMaxScaler(clip=True), None),
    "forest": (RandomForestClassifier(30, random_state=0), None, None),
    "extra trees": (ExtraTreesClassifier(10, random_state=0), None, None),
    "boosting": (GradientBoostingClassifier(random_state=0), None, None),
    "boosting exponential": (GradientBoostingClassifier(loss="exponential", random_state=0), None, None),
    "histogram boosting": (
        HistGradientBoostingClassifier(max_iter=30, random_state=0),
        None,
        OneHotEncoder(sparse_output=False),
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_agrees_with_scikit_learn_on_every_row(credit: Any, case: str) -> None:
    classifier, scaler, encoder = CASES[case]
    fitted = credit.pipeline(classifier, scaler=scaler, encoder=encoder)
    model = from_bytes(export(fitted).to_bytes())
    scores = np.array([model.score_micro(row) for row in credit.rows])
    assert np.abs(fitted.predict_proba(credit.inputs)[:, 1] * 1e6 - scores).max() <= 0.51
    assert [model.label(row) for row in credit.rows] == list(fitted.predict(credit.inputs))


@pytest.mark.parametrize("case", ["logistic", "tree", "boosting"])
def test_the_first_class_can_be_the_scored_one(credit: Any, case: str) -> None:
    classifier, scaler, encoder = CASES[case]
    fitted = credit.pipeline(classifier, scaler=scaler, encoder=encoder)
    good, bad = export(fitted), export(fitted, positive="bad")
    assert (good.positive, bad.positive) == ("good", "bad")
    assert all(abs(good.score_micro(row) + bad.score_micro(row) - 1_000_000) <= 1 for row in credit.rows[:100])


def test_thresholds_follow_the_cast_to_single_precision() -> None:
    """Values between two single-precision numbers fall where scikit-learn puts them."""
    values = np.array([[16777216.0], [16777218.0], [16777220.0]])
    fitted = DecisionTreeClassifier().fit(values, ["no", "no", "yes"])
    model = export(fitted, feature_names=["x"], decimals=2)
    for value in np.arange(16777215.0, 16777222.0, 0.25):
        assert model.label({"x": float(value)}) == fitted.predict([[value]])[0], value


def test_an_imputer_gives_null_a_meaning() -> None:
    table = pd.DataFrame({"a": [1.0, 2.0, np.nan, 4.0], "b": ["x", "y", "x", "y"]})
    from sklearn.compose import ColumnTransformer

    prepare = ColumnTransformer([("a", SimpleImputer(), ["a"]), ("b", OneHotEncoder(), ["b"])])
    fitted = make_pipeline(prepare, LogisticRegression()).fit(table, [0, 1, 0, 1])
    model = export(fitted)
    expected = fitted.predict_proba(table)[2, 1]
    assert abs(model.score({"a": None, "b": "x"}) - expected) < 2e-6
    with pytest.raises(InvalidInput, match="'b'"):
        model.score_micro({"a": 1, "b": None})


def test_unused_columns_are_not_asked_for(credit: Any) -> None:
    from sklearn.compose import ColumnTransformer

    prepare = ColumnTransformer([("kept", StandardScaler(), ["age_in_years", "credit_amount"])])
    fitted = make_pipeline(prepare, LogisticRegression()).fit(*credit.training)
    assert {feature.name for feature in export(fitted).features} == {"age_in_years", "credit_amount"}


@pytest.mark.parametrize(
    ("classifier", "scaler", "encoder", "named"),
    [
        (MLPClassifier((2,), max_iter=2000, random_state=0, tol=0.1), None, None, "MLPClassifier"),
        (LogisticRegression(max_iter=5000), QuantileTransformer(n_quantiles=50), None, "QuantileTransformer"),
        (LogisticRegression(max_iter=5000), MinMaxScaler(clip=True), None, "clips"),
        (LogisticRegression(max_iter=5000), None, OneHotEncoder(min_frequency=50), "infrequent"),
    ],
)
def test_says_what_it_does_not_know(credit: Any, classifier: Any, scaler: Any, encoder: Any, named: str) -> None:
    fitted = credit.pipeline(classifier, scaler=scaler, encoder=encoder)
    with pytest.raises(NotExportable, match=named):
        export(fitted)


def test_refuses_what_is_not_a_fitted_classifier_of_two_classes() -> None:
    with pytest.raises(NotExportable, match="not fitted"):
        export(LogisticRegression())
    three = LogisticRegression().fit([[0.0], [1.0], [2.0]], [0, 1, 2])
    with pytest.raises(NotExportable, match="two classes"):
        export(three)
    with pytest.raises(NotExportable, match="object"):
        export(object())

    class Own(LogisticRegression):
        """Could answer anything."""

    with pytest.raises(NotExportable, match="Own"):
        export(Own().fit([[0.0], [1.0]], [0, 1]))
