"""Data that ships with the package: the demonstration's policy and applicants."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

__all__ = ["german_credit_csv", "german_credit_policy"]


def german_credit_policy() -> str:
    """Returns the demonstration's credit policy, as TOML text."""
    return files(__name__).joinpath("german_credit_policy.toml").read_text("utf-8")


def german_credit_csv() -> Path:
    """Returns the path of the German credit data: 1,000 applicants, 20 attributes, one label.

    Statlog (German Credit Data), H. Hofmann, 1994, UCI Machine Learning Repository,
    doi 10.24432/C5NC77, CC BY 4.0; see README.md beside it.
    """
    return Path(str(files(__name__).joinpath("german_credit.csv")))
