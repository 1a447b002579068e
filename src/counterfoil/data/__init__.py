"""Data that ships with the package: the demonstration's policy."""

from __future__ import annotations

from importlib.resources import files

__all__ = ["german_credit_policy"]


def german_credit_policy() -> str:
    """Returns the demonstration's credit policy, as TOML text."""
    return files(__name__).joinpath("german_credit_policy.toml").read_text("utf-8")
