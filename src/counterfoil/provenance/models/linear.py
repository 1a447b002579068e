"""A linear model (a scorecard) in whole numbers."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from counterfoil.core import canonical
from counterfoil.core.canonical import JsonValue
from counterfoil.errors import InvalidInput
from counterfoil.provenance.models.answers import Answers
from counterfoil.provenance.models.features import Feature, Label, RowEncoder
from counterfoil.provenance.models.fixedpoint import (
    LARGEST_INTEGER,
    MARGIN_DECIMALS,
    divide_half_even,
)
from counterfoil.provenance.models.model_file import (
    FORMAT,
    check_features,
    feature_json,
    invalid,
    read_classes,
    read_document,
    read_features,
    read_integer,
    read_list,
    require_keys,
)

__all__ = ["MAX_WEIGHT_DECIMALS", "Background", "LinearModel", "Term"]

MAX_WEIGHT_DECIMALS = 24

_KEYS = frozenset({"classes", "features", "format", "intercept", "kind", "link", "terms"})
_TERM_KEYS = frozenset({"decimals", "weights"})


@dataclass(frozen=True, slots=True)
class Term:
    """The weights of one feature, in units of 10^-decimals.

    A number has one weight, for each whole unit of the value. A category has one for
    each index, an ignored unknown value included.
    """

    weights: tuple[int, ...]
    decimals: int


@dataclass(frozen=True, slots=True)
class Background:
    """The mean contribution of each feature over some rows, kept exact.

    Args:
        sums: One sum of contributions a feature, in the model's inner scale.
        count: How many rows were summed; at least 1.
        model: Digest of the model it was made for.
    """

    sums: tuple[int, ...]
    count: int
    model: str


@dataclass(frozen=True, slots=True)
class LinearModel(Answers):
    """Margin = intercept + sum of one term a feature, all exact, rounded once.

    Args:
        features: The features, in the order of `terms`.
        classes: Labels of the two outcomes; the score is about the last.
        intercept: One weight.
        terms: One a feature.

    Raises:
        InvalidInput: If the parts do not fit together.
    """

    features: tuple[Feature, ...]
    classes: tuple[Label, Label]
    intercept: Term
    terms: tuple[Term, ...]
    link: Literal["logit", "identity"] = "logit"
    kind: ClassVar[str] = "linear"
    _encoder: RowEncoder = field(init=False, repr=False, compare=False)
    _tables: tuple[tuple[int, ...], ...] = field(init=False, repr=False, compare=False)
    _plan: tuple[tuple[int, tuple[int, ...] | None], ...] = field(init=False, repr=False, compare=False)
    _start: int = field(init=False, repr=False, compare=False)
    _unit: int = field(init=False, repr=False, compare=False)
    _identity: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        _check(self)
        scales = [
            term.decimals + (feature.decimals if feature.kind == "number" else 0)
            for term, feature in zip(self.terms, self.features, strict=True)
        ]
        scale = max([self.intercept.decimals, MARGIN_DECIMALS, *scales])
        tables = tuple(
            tuple(weight * 10 ** (scale - own) for weight in term.weights)
            for term, own in zip(self.terms, scales, strict=True)
        )
        plan = tuple(
            (table[0], None) if feature.kind == "number" else (0, table)
            for feature, table in zip(self.features, tables, strict=True)
        )
        inner = {
            "_encoder": RowEncoder(self.features),
            "_tables": tables,
            "_plan": plan,
            "_start": self.intercept.weights[0] * 10 ** (scale - self.intercept.decimals),
            "_unit": 10 ** (scale - MARGIN_DECIMALS),
            "_identity": hashlib.sha256(self.to_bytes()).hexdigest(),  # each explanation asks for it
        }
        for name, value in inner.items():
            object.__setattr__(self, name, value)

    def margin(self, row: Mapping[str, JsonValue]) -> int:
        """Returns the margin in units of 10^-9, rounded half to even.

        Raises:
            InvalidInput: For a missing, extra or unusable value, naming the feature.
        """
        total = self._start
        for (weight, table), value in zip(self._plan, self._encoder.encode(row), strict=True):
            total += weight * value if table is None else table[value]
        return divide_half_even(total, self._unit)

    def background(self, rows: Sequence[Mapping[str, JsonValue]]) -> Background:
        """Returns the exact mean contributions of some rows, to compare others with.

        Raises:
            InvalidInput: For no rows or an unusable one.
        """
        if not rows:
            raise InvalidInput("a background needs at least one row")
        sums = [0] * len(self.features)
        for row in rows:
            for position, part in enumerate(self._parts(row)):
                sums[position] += part
        return Background(tuple(sums), len(rows), self.digest())

    def contributions(
        self, row: Mapping[str, JsonValue], background: Background | Sequence[Mapping[str, JsonValue]]
    ) -> dict[str, int]:
        """Returns what each feature adds to the margin, in units of 10^-9.

        w * (x - mean) of a number, and of a category the same summed over its one-hot
        columns: the exact SHAP values of a linear model with independent features
        (Lundberg and Lee 2017, corollary 1). They add up to the margin less the mean
        margin of the background, but for half a unit a feature.

        Raises:
            InvalidInput: For an unusable row, or a background made for another model.
        """
        if not isinstance(background, Background):
            background = self.background(background)
        if background.model != self.digest():
            raise InvalidInput("the background was made for another model")
        unit = self._unit * background.count
        return {
            feature.name: divide_half_even(part * background.count - total, unit)
            for feature, part, total in zip(self.features, self._parts(row), background.sums, strict=True)
        }

    def to_bytes(self) -> bytes:
        """Returns the model file: canonical JSON."""
        return canonical.dumps(
            {
                "classes": list(self.classes),
                "features": [feature_json(feature) for feature in self.features],
                "format": FORMAT,
                "intercept": _term_json(self.intercept),
                "kind": self.kind,
                "link": self.link,
                "terms": [_term_json(term) for term in self.terms],
            }
        )

    def digest(self) -> str:
        """Returns the SHA-256 of the model file, 64 hex digits: the model's identity."""
        return self._identity

    @classmethod
    def from_bytes(cls, data: bytes) -> LinearModel:
        """Reads a model file.

        Raises:
            InvalidInput: For anything but the canonical bytes of a usable linear model.
        """
        return cls.from_document(read_document(data))

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> LinearModel:
        """Reads the parsed JSON of a model file; see `from_bytes`."""
        require_keys(document, _KEYS, "the model")
        if document["kind"] != cls.kind:
            raise invalid(f"the kind is not {cls.kind!r}")
        features = read_features(document["features"])
        terms = read_list(document["terms"], len(features), "terms")
        return cls(
            features,
            read_classes(document["classes"]),
            _read_term(document["intercept"]),
            tuple(_read_term(term) for term in terms),
            document["link"],
        )

    def _parts(self, row: Mapping[str, JsonValue]) -> list[int]:
        return [
            weight * value if table is None else table[value]
            for (weight, table), value in zip(self._plan, self._encoder.encode(row), strict=True)
        ]


def _check(model: LinearModel) -> None:
    if model.link not in ("logit", "identity"):
        raise invalid("the link of a linear model is neither 'logit' nor 'identity'")
    check_features(model.features)
    if len(model.terms) != len(model.features) or len(model.intercept.weights) != 1:
        raise invalid("there must be one intercept and one term for each feature")
    for feature, term in zip(model.features, model.terms, strict=True):
        expected = 1 if feature.kind == "number" else feature.slots
        if len(term.weights) != expected:
            raise invalid(f"the term of {feature.name!r} has {len(term.weights)} weights, expected {expected}")
    for term in (model.intercept, *model.terms):
        read_integer(term.decimals, 0, MAX_WEIGHT_DECIMALS, "decimals of a term")
        for weight in term.weights:
            read_integer(weight, -LARGEST_INTEGER, LARGEST_INTEGER, "a weight")


def _term_json(term: Term) -> dict[str, Any]:
    return {"decimals": term.decimals, "weights": list(term.weights)}


def _read_term(value: Any) -> Term:
    item = require_keys(value, _TERM_KEYS, "a term")
    return Term(tuple(read_list(item["weights"], 100_001, "weights")), item["decimals"])
