"""The demonstration's model: a logistic regression on the German credit data."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from counterfoil.data import german_credit_csv
from counterfoil.decisions import Policy
from counterfoil.errors import INSTALL_ML, NotSetUp

__all__ = ["LABEL", "REFERENCE", "Split", "Trained", "require_packages", "split_applicants", "train"]

LABEL: Final = "creditability"
REFERENCE: Final = "reference"
HELD_OUT: Final = 300
SEED: Final = 20261123
_PACKAGES: Final = {"sklearn": "scikit-learn", "pandas": "pandas", "threadpoolctl": "threadpoolctl"}


@dataclass(frozen=True, slots=True)
class Split:
    """The German credit data in two parts. Tables are pandas DataFrames.

    Attributes:
        training: (700, 21): 20 attributes and the label.
        applicants: (300, 21): a reference of the person and 20 attributes.
        repaid: By reference, whether the loan was paid back.
    """

    training: Any
    applicants: Any
    repaid: dict[str, bool]


@dataclass(frozen=True, slots=True)
class Trained:
    """A fitted scikit-learn pipeline.

    Attributes:
        estimator: The pipeline.
        background: Training rows without label and protected columns, DataFrame.
        pairs_in_100: In how many of 100 pairs of a good and a bad payer among the
            applicants the good one has the higher score (the area under the ROC curve).
        code: Name and SHA-256 of this file.
    """

    estimator: Any
    background: Any
    pairs_in_100: int
    code: dict[str, str]


def require_packages() -> None:
    """Refuses to start (NotSetUp) without the packages that models need."""
    missing = [name for module, name in _PACKAGES.items() if importlib.util.find_spec(module) is None]
    if missing:
        raise NotSetUp(
            f"the demonstration trains a model and needs scikit-learn and pandas; missing: {', '.join(missing)}",
            hint=INSTALL_ML,
        )


def split_applicants() -> Split:
    """Returns the same split every time, with as large a share of good payers in both parts."""
    import pandas as pd
    from sklearn.model_selection import train_test_split

    table = pd.read_csv(german_credit_csv(), keep_default_na=False)
    training, rest = train_test_split(table, test_size=HELD_OUT, stratify=table[LABEL], random_state=SEED)
    applicants = rest.drop(columns=LABEL)
    applicants.insert(0, REFERENCE, [f"A-{number + 1:04d}" for number in rest.index])
    repaid = dict(zip(applicants[REFERENCE], rest[LABEL] == "good", strict=True))
    return Split(training, applicants, {reference: bool(good) for reference, good in repaid.items()})


def train(split: Split, policy: Policy) -> Trained:
    """Fits the pipeline on the training rows, without what the policy protects."""
    from sklearn.compose import make_column_selector, make_column_transformer
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    names = list(policy.model_features)
    columns = make_column_transformer(
        (StandardScaler(), make_column_selector(dtype_include="number")),
        (OneHotEncoder(handle_unknown="ignore"), make_column_selector(dtype_exclude="number")),
    )
    estimator = make_pipeline(columns, LogisticRegression(max_iter=1000))
    estimator.fit(split.training[names], split.training[LABEL])
    scores = estimator.predict_proba(split.applicants[names])[:, list(estimator.classes_).index(policy.score_of)]
    area = roc_auc_score([split.repaid[reference] for reference in split.applicants[REFERENCE]], scores)
    code = {"file": Path(__file__).name, "sha256": sha256(Path(__file__).read_bytes()).hexdigest()}
    return Trained(estimator, split.training[names], round(100 * float(area)), code)
