"""What a model is asked about: its features, and how their values become integers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Context, Decimal
from math import isfinite
from typing import Any, Literal

from counterfoil.core.canonical import JsonValue
from counterfoil.errors import InvalidInput
from counterfoil.provenance.models.fixedpoint import LARGEST_INTEGER

__all__ = ["DECIMALS", "MAX_DECIMALS", "Feature", "Label", "RowEncoder", "find_label", "fixed", "require_names", "show"]

Label = str | int | bool
"""A category or an outcome, as JSON holds it."""

DECIMALS = 6
"""Decimals kept of a number unless the model says otherwise."""

MAX_DECIMALS = 12

_EXACT = Context(prec=400, rounding=ROUND_HALF_EVEN)
_UNIT = Decimal(1)


@dataclass(frozen=True, slots=True)
class Feature:
    """One column of the model's input.

    Args:
        name: The key of the value in a row.
        kind: "number" or "category".
        decimals: For a number: it becomes an integer in units of 10^-decimals.
        categories: For a category: the known values, all of one type. Empty means any text
            (only for artefacts whose categories cannot be read).
        unknown: For a category: "refuse" an unknown value, or "ignore" it, which gives it
            the index after the last category.
        missing: What JSON null stands for: an encoded number, an index of a category,
            or None to refuse it.
    """

    name: str
    kind: Literal["number", "category"]
    decimals: int = DECIMALS
    categories: tuple[Label, ...] = ()
    unknown: Literal["refuse", "ignore"] = "refuse"
    missing: int | None = None

    @property
    def slots(self) -> int:
        """How many indexes a category can take, the one for unknown values included."""
        return len(self.categories) + (self.unknown == "ignore")

    def index(self, value: object) -> int:
        """Returns the index of a category's value.

        Raises:
            InvalidInput: For a value of another type, or an unknown one if those are refused.
        """
        if isinstance(value, float) and value.is_integer():
            value = int(value)  # JSON has one number 1, however it is written
        for index, category in enumerate(self.categories):
            if category == value and isinstance(category, bool) == isinstance(value, bool):
                return index
        if self.unknown == "ignore" and _is_label(value):
            return len(self.categories)
        known = ", ".join(repr(category) for category in self.categories[:5])
        raise InvalidInput(
            f"the feature {self.name!r} has the unknown value {show(value)}",
            hint=f"known values are {known}{', ...' if len(self.categories) > 5 else ''}",
        )

    def encode(self, value: object) -> int:
        """Returns the integer a value stands for: fixed-point number or category index.

        Raises:
            InvalidInput: For a value that cannot be used, naming the feature.
        """
        if value is None and self.missing is not None:
            return self.missing
        if self.kind == "number":
            return fixed(value, self.decimals, self.name)
        return self.index(value)


def fixed(value: object, decimals: int, name: str) -> int:
    """Returns `value` in units of 10^-decimals, half to even.

    A float stands for the shortest decimal text that reads back as it (the text of
    RFC 8785 3.2.2.3): 0.1 is one tenth.

    Raises:
        InvalidInput: If it is not a finite number or is beyond 2^53 - 1 units.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidInput(
            f"the feature {name!r} must be a number, found {show(value)}",
            hint="use a finite JSON number",
        )
    if isinstance(value, int):
        units = value * 10**decimals if -LARGEST_INTEGER <= value <= LARGEST_INTEGER else LARGEST_INTEGER + 1
    elif not isfinite(value):
        raise InvalidInput(f"the feature {name!r} is {value!r}, which is not a number that can be scored")
    elif abs(value) > LARGEST_INTEGER:
        units = LARGEST_INTEGER + 1
    else:
        text = Decimal(float.__repr__(value)).scaleb(decimals, _EXACT)
        units = int(text.quantize(_UNIT, context=_EXACT))
    if -LARGEST_INTEGER <= units <= LARGEST_INTEGER:
        return units
    raise InvalidInput(
        f"the feature {name!r} is too large: {show(value)}",
        hint=f"with {decimals} decimals the largest magnitude is {LARGEST_INTEGER // 10**decimals}",
    )


def require_names(row: Mapping[str, JsonValue], names: Sequence[str]) -> None:
    """Refuses a row that lacks a feature or has one the model does not know.

    Raises:
        InvalidInput: Naming the first such feature.
    """
    if not isinstance(row, Mapping):
        raise InvalidInput("a row is a JSON object from feature names to values")
    for name in names:
        if name not in row:
            raise InvalidInput(f"the feature {name!r} is missing")
    known = set(names)
    for key in row:
        if key not in known:
            raise InvalidInput(f"the model has no feature {show(key)}", hint="leave it out of the row")


def find_label(positive: Label, labels: Sequence[Label]) -> int:
    """Returns the position of a class label, also where a record has kept it as text.

    Raises:
        InvalidInput: If the model has no such class.
    """
    for index, label in enumerate(labels):
        if str(label) == str(positive):
            return index
    raise InvalidInput(f"the model has no class {show(positive)}", hint=f"its classes are {list(labels)}")


def show(value: object) -> str:
    """Returns a short, safe text of a hostile value for a message."""
    if isinstance(value, int) and value.bit_length() > 200:
        return "an integer of more than 60 digits"
    if not isinstance(value, str | int | float | type(None)):
        return f"a {type(value).__name__}"
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


class RowEncoder:
    """Turns rows into integers, in the order of the features. About 5 us for 20 features."""

    __slots__ = ("_names", "_plan")

    def __init__(self, features: Sequence[Feature]) -> None:
        self._names = tuple(feature.name for feature in features)
        self._plan = tuple(
            (feature.name, feature, 10**feature.decimals, None if feature.kind == "number" else _exact_index(feature))
            for feature in features
        )

    def encode(self, row: Mapping[str, JsonValue]) -> list[int]:
        """Returns one integer a feature.

        Raises:
            InvalidInput: For a missing, extra or unusable value, naming the feature.
        """
        encoded: list[int] = []
        append = encoded.append
        try:
            if len(row) != len(self._plan):
                require_names(row, self._names)
            for name, feature, unit, index in self._plan:
                value: Any = row[name]
                if index is None:
                    units = value * unit if value.__class__ is int else feature.encode(value)
                    if not -LARGEST_INTEGER <= units <= LARGEST_INTEGER:
                        units = feature.encode(value)
                    append(units)
                else:
                    append(index[value] if value.__class__ is str and value in index else feature.encode(value))
        except (KeyError, TypeError) as error:
            require_names(row, self._names)
            raise InvalidInput("a row is a JSON object from feature names to values") from error
        return encoded


def _exact_index(feature: Feature) -> dict[str, int]:
    return {category: index for index, category in enumerate(feature.categories) if isinstance(category, str)}


def _is_label(value: object) -> bool:
    return isinstance(value, str | int)
