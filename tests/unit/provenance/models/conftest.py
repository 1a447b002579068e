"""The German credit data and the pipelines the tests of this folder fit on it."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import pytest

from counterfoil.data import german_credit_csv

DATA = german_credit_csv()
LABEL = "creditability"


class Credit:
    """1,000 applicants, 7 numbers and 13 texts each."""

    @cached_property
    def frame(self) -> Any:
        import pandas as pd

        return pd.read_csv(DATA, keep_default_na=False)

    @cached_property
    def inputs(self) -> Any:
        return self.frame.drop(columns=LABEL)

    @cached_property
    def rows(self) -> list[dict[str, Any]]:
        return [dict(row) for row in self.inputs.to_dict("records")]

    @cached_property
    def numbers(self) -> list[str]:
        return [str(name) for name in self.inputs.select_dtypes("number").columns]

    @cached_property
    def texts(self) -> list[str]:
        return [str(name) for name in self.inputs.columns if name not in self.numbers]

    @cached_property
    def training(self) -> tuple[Any, Any]:
        """A seeded 70 % of the rows, and their labels."""
        from sklearn.model_selection import train_test_split

        train, _ = train_test_split(self.frame, train_size=0.7, random_state=0)
        return train.drop(columns=LABEL), train[LABEL]

    def pipeline(self, classifier: Any, *, scaler: Any = None, encoder: Any = None) -> Any:
        """Returns a fitted pipeline of scaler, encoder and classifier."""
        from sklearn.compose import ColumnTransformer
        from sklearn.pipeline import Pipeline
        from sklearn.preprocessing import OneHotEncoder, StandardScaler

        parts = [
            ("numbers", StandardScaler() if scaler is None else scaler, self.numbers),
            ("texts", OneHotEncoder(handle_unknown="ignore") if encoder is None else encoder, self.texts),
        ]
        made = Pipeline([("prepare", ColumnTransformer(parts)), ("classify", classifier)])
        return made.fit(*self.training)

    @cached_property
    def logistic(self) -> Any:
        from sklearn.linear_model import LogisticRegression

        return self.pipeline(LogisticRegression(max_iter=2000))

    @cached_property
    def tree(self) -> Any:
        from sklearn.tree import DecisionTreeClassifier

        return self.pipeline(DecisionTreeClassifier(max_depth=6, random_state=0))


@pytest.fixture(scope="session")
def credit() -> Credit:
    return Credit()
