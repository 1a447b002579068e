"""Datasets and models as JSON, and what is told about them as text: one shape for the command line and the HTTP API."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from counterfoil.errors import InvalidInput
from counterfoil.provenance.datasets import Dataset
from counterfoil.provenance.model_register import Model

__all__ = ["class_of", "dataset_json", "key_values", "model_json", "twin_lines"]


def dataset_json(found: Dataset) -> dict[str, Any]:
    """Returns a dataset as JSON values."""
    return {"index": found.index, "leaf": found.leaf, "sha256": found.record.sha256} | dict(found.record.draft().about)


def model_json(found: Model) -> dict[str, Any]:
    """Returns a model as JSON values."""
    return {"index": found.index, "leaf": found.leaf} | dict(found.record.draft().about)


def twin_lines(found: Dataset, versions: Iterable[Dataset]) -> list[str]:
    """Returns a line where an earlier version has the same contents, and so was recorded with other notes."""
    twins = [each for each in versions if each.index < found.index and each.record.sha256 == found.record.sha256]
    if not twins:
        return []
    record = twins[-1].record
    return [f"The same contents as {record.name} {record.version}, with other notes."]


def key_values(pairs: Iterable[str], option: str) -> dict[str, str]:
    """Returns KEY=VALUE texts as a table; `option` names them in messages.

    Raises:
        InvalidInput: For one without a key or an equals sign, or a key given twice.
    """
    table: dict[str, str] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key.strip():
            raise InvalidInput(f"{option} {pair!r} is not KEY=VALUE", hint=f"for example {option} licence=CC-BY-4.0")
        if key in table:
            raise InvalidInput(f"{option} gives {key!r} twice", hint="keep one of them")
        table[key] = value
    return table


def class_of(text: str | None) -> Any:
    """Returns the class that a text names: a whole number where it reads as one."""
    if text is None:
        return None
    return int(text) if text.removeprefix("-").isdecimal() and text.isascii() else text
