"""Features: what a policy expects of each value about a person.

A value is checked and brought into one form before anything else sees it: the
model, the record and a later replay all work on the same Python values. Nothing
is guessed: text is not turned into numbers, and a truth value is not a 1.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import isfinite, isnan
from typing import Any, Final, Literal

from counterfoil.core.canonical import MAX_SAFE_INTEGER
from counterfoil.core.wording import did_you_mean
from counterfoil.errors import InvalidInput

__all__ = ["FEATURE_KINDS", "LONGEST_TEXT_CHARS", "Feature", "FeatureKind", "FeatureValue"]

FeatureKind = Literal["number", "integer", "category", "text", "boolean"]
FeatureValue = int | float | str | bool
"""A checked value. Whole numbers are always `int`, so 5 and 5.0 make the same record."""

FEATURE_KINDS: Final[tuple[FeatureKind, ...]] = ("number", "integer", "category", "text", "boolean")

LONGEST_TEXT_CHARS: Final = 4096
"""Longest text value taken where the policy names no `max_chars` of its own."""

_EXPECTED: Final = {
    "number": "a number",
    "integer": "a whole number",
    "category": "one of the listed categories",
    "text": "text",
    "boolean": "true or false",
}


@dataclass(frozen=True, slots=True)
class Feature:
    """One feature of the applicant, as the policy describes it.

    Args:
        name: The key in the applicant's row.
        kind: What sort of value it is.
        title: The feature in plain words, for notices and messages.
        unit: Unit of a number ("DM", "months"), or an empty string.
        minimum: Smallest number allowed, or None.
        maximum: Largest number allowed, or None.
        categories: The values allowed; for the kind "category" only.
        max_chars: Longest text allowed; for the kind "text" only.
        required: False when an applicant may leave it out.
        protected: True when it is recorded, and kept from the model and the reasons.
    """

    name: str
    kind: FeatureKind
    title: str
    unit: str = ""
    minimum: int | float | None = None
    maximum: int | float | None = None
    categories: tuple[str, ...] = ()
    max_chars: int = LONGEST_TEXT_CHARS
    required: bool = True
    protected: bool = False
    _allowed: frozenset[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_allowed", frozenset(self.categories))
        if self.minimum is not None and self.maximum is not None and self.minimum > self.maximum:
            raise InvalidInput(
                f"the feature {self.name!r} has min {self.minimum} above max {self.maximum}",
                hint="swap them",
            )

    @property
    def called(self) -> str:
        """The feature as messages name it: its title, then its name."""
        return f"{self.title} ({self.name})"

    def check(self, value: Any) -> FeatureValue | None:
        """Returns `value` in its one form, or None where an optional value is missing.

        Raises:
            InvalidInput: For a missing required value, another type, NaN or an
                infinity, a number out of range, an unknown category, or text that
                is too long or not valid Unicode.
        """
        kind = self.kind
        # The two commonest cases first: this runs for every feature of every decision.
        if kind == "category":
            if type(value) is str and value in self._allowed:
                return value
        elif kind in ("number", "integer") and type(value) is int and abs(value) <= MAX_SAFE_INTEGER:
            return self._in_range(value)
        return self._check_slowly(value)

    def _check_slowly(self, value: Any) -> FeatureValue | None:
        value = _as_python(value)
        is_nan = isinstance(value, float) and isnan(value)
        if value is None or is_nan:
            if not self.required:
                return None
            found = "is NaN, which is not a number" if is_nan else "is missing"
            raise InvalidInput(f"{self.called} {found}", hint=f"give {_EXPECTED[self.kind]}")
        if self.kind in ("number", "integer"):
            return self._in_range(self._number(value))
        if self.kind == "boolean":
            if isinstance(value, bool):
                return value
            raise self._wrong_type(value)
        if not isinstance(value, str):
            raise self._wrong_type(value)
        return self._category(value) if self.kind == "category" else self._text(value)

    def _number(self, value: Any) -> int | float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self._wrong_type(value)
        if isinstance(value, float):
            if not isfinite(value):
                raise InvalidInput(f"{self.called} is infinite", hint="give a finite number")
            if not value.is_integer():
                if self.kind == "integer":
                    raise InvalidInput(f"{self.called} is {value}, and a whole number is expected")
                return float(value)
        if abs(value) > MAX_SAFE_INTEGER:
            raise InvalidInput(
                f"{self.called} is beyond 2^53 - 1, which programs do not read alike",
                hint="check the number, or use a larger unit",
            )
        return int(value)

    def _in_range(self, value: int | float) -> int | float:
        if self.minimum is not None and value < self.minimum:
            raise InvalidInput(f"{self.called} is {value}; the policy expects {self.minimum} or more")
        if self.maximum is not None and value > self.maximum:
            raise InvalidInput(f"{self.called} is {value}; the policy expects {self.maximum} or less")
        return value

    def _category(self, value: str) -> str:
        if value in self._allowed:
            return str.__str__(value)  # a plain str, also for an enumeration's member
        shown = ", ".join(repr(each) for each in self.categories[:12])
        raise InvalidInput(
            f"{self.called} is {_shorten(value)}, which is not one of its categories",
            hint=did_you_mean(value, self.categories) or f"the policy lists {shown}",
        )

    def _text(self, value: str) -> str:
        if len(value) > self.max_chars:
            raise InvalidInput(f"{self.called} has {len(value)} characters; the policy takes {self.max_chars}")
        if any("\ud800" <= character <= "\udfff" for character in value):
            raise InvalidInput(f"{self.called} holds half of a surrogate pair, which is not a character")
        return str.__str__(value)

    def _wrong_type(self, value: Any) -> InvalidInput:
        hint = ""
        if isinstance(value, str) and self.kind in ("number", "integer"):
            hint = "convert the text to a number before the decision"
        elif isinstance(value, bool):
            hint = "true and false are not taken for 1 and 0"
        return InvalidInput(
            f"{self.called} is {_shorten(value)}, and {_EXPECTED[self.kind]} is expected",
            hint=hint,
        )


def _as_python(value: Any) -> Any:
    """Turns NumPy scalars into Python's and pandas' missing markers into None."""
    kind = type(value)
    if kind.__module__ == "builtins":
        return value
    if kind.__name__ in ("NAType", "NaTType") and kind.__module__.startswith("pandas"):
        return None
    if kind.__module__ == "numpy" and getattr(value, "shape", None) == ():
        return value.item()
    return value


def _shorten(value: Any) -> str:
    """Returns a value for a message: never more than about 60 characters of it."""
    if isinstance(value, str):
        text = repr(value if len(value) <= 60 else value[:57] + "...")
        return text.encode("ascii", "backslashreplace").decode() if "\\ud" in text else text
    if isinstance(value, bool | float | None):
        return repr(value)
    return f"of the type {type(value).__name__}"
