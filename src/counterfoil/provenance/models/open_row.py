"""Checks rows for models whose own reader would let odd values pass."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite

from counterfoil.core.canonical import JsonValue
from counterfoil.errors import InvalidInput
from counterfoil.provenance.models.features import Feature, require_names, show
from counterfoil.provenance.models.fixedpoint import LARGEST_INTEGER

__all__ = ["check_row"]


def check_row(row: Mapping[str, JsonValue], features: Sequence[Feature]) -> list[int | float | str]:
    """Returns the values in the order of the features.

    Raises:
        InvalidInput: For a missing or extra feature, NaN, an infinity, a number beyond
            2^53 - 1, or a value of the wrong type, naming the feature.
    """
    require_names(row, [feature.name for feature in features])
    return [_value(row[feature.name], feature) for feature in features]


def _value(value: object, feature: Feature) -> int | float | str:
    name = feature.name
    if feature.kind == "category":
        if isinstance(value, str):
            return value
        if not feature.categories and isinstance(value, int | float):
            return _number(value, name)
        raise InvalidInput(f"the feature {name!r} must be a text, found {show(value)}")
    return _number(value, name)


def _number(value: object, name: str) -> int | float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidInput(f"the feature {name!r} must be a number, found {show(value)}")
    if isinstance(value, float) and not isfinite(value):
        raise InvalidInput(f"the feature {name!r} is {value!r}, which is not a number that can be scored")
    if abs(value) > LARGEST_INTEGER:
        raise InvalidInput(f"the feature {name!r} is too large: {show(value)}")
    return value
