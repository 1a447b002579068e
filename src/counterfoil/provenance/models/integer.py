"""Canonical integer models: a model anybody can score again, bit for bit.

The file format is published in docs/reference/models.md. A model of this kind needs
no library to replay, and its file digest is its identity.
"""

from __future__ import annotations

from collections.abc import Mapping
from random import Random
from typing import Protocol

from counterfoil.core.canonical import JsonValue
from counterfoil.provenance.models.features import Feature, Label
from counterfoil.provenance.models.fixedpoint import LARGEST_INTEGER
from counterfoil.provenance.models.linear import LinearModel
from counterfoil.provenance.models.model_file import invalid, read_document
from counterfoil.provenance.models.trees import TreeModel

__all__ = ["IntegerModel", "from_bytes", "probe_rows"]


class IntegerModel(Protocol):
    """What linear and tree models share."""

    @property
    def features(self) -> tuple[Feature, ...]:
        """The features a row must have, no more and no less."""

    @property
    def classes(self) -> tuple[Label, Label]:
        """The labels of the two outcomes; the score is about the last."""

    @property
    def positive(self) -> Label:
        """The outcome the score is about."""

    @property
    def link(self) -> str:
        """How a margin becomes a score: "logit", "mean" or "identity"."""

    def margin(self, row: Mapping[str, JsonValue]) -> int:
        """Returns the margin in units of 10^-9."""

    def score_micro(self, row: Mapping[str, JsonValue]) -> int:
        """Returns the score of the positive outcome, 0 to 1,000,000 micro-units."""

    def score(self, row: Mapping[str, JsonValue]) -> float:
        """Returns `score_micro` as a share of one."""

    def label(self, row: Mapping[str, JsonValue]) -> Label:
        """Returns the outcome without any policy."""

    def to_bytes(self) -> bytes:
        """Returns the model file."""

    def digest(self) -> str:
        """Returns the SHA-256 of the model file, 64 hex digits."""


def from_bytes(data: bytes) -> IntegerModel:
    """Reads an integer model file of either kind.

    Raises:
        InvalidInput: For anything but the canonical bytes of a usable model.
    """
    document = read_document(data)
    if document.get("kind") == LinearModel.kind:
        return LinearModel.from_document(document)
    if document.get("kind") == TreeModel.kind:
        return TreeModel.from_document(document)
    raise invalid("the kind is neither 'linear' nor 'trees'")


def probe_rows(model: IntegerModel, count: int = 256, seed: int = 0) -> list[dict[str, JsonValue]]:
    """Returns made-up rows that visit the model's edges, the same for the same model and seed.

    Numbers of a tree model lie at its thresholds or one unit beside them; those of a
    linear model spread the margin around zero. Categories are all visited in turn.

    Args:
        model: The model to probe.
        count: How many rows.
        seed: Of Python's Mersenne Twister, whose `random()` is the same in every version.
    """
    random = Random(seed)  # noqa: S311 - repeatable on purpose, guards no secret
    pick = random.random
    edges = _edges(model) if isinstance(model, TreeModel) else {}
    rows: list[dict[str, JsonValue]] = []
    for turn in range(count):
        row: dict[str, JsonValue] = {}
        for position, feature in enumerate(model.features):
            if feature.kind == "category":
                row[feature.name] = feature.categories[int((turn + pick()) * 7 + position) % len(feature.categories)]
            elif isinstance(model, LinearModel):
                row[feature.name] = _spread(model, position, pick())
            else:
                near = edges.get(position, [0])
                row[feature.name] = _value(near[int(pick() * len(near))] + int(pick() * 3) - 1, feature)
        rows.append(row)
    return rows


def _edges(model: TreeModel) -> dict[int, list[int]]:
    found: dict[int, set[int]] = {}
    for tree in model.trees:
        for node in tree:
            if isinstance(node, tuple) and isinstance(node[1], int):
                found.setdefault(node[0], set()).add(node[1])
    return {position: sorted(values) for position, values in found.items()}


def _spread(model: LinearModel, position: int, share: float) -> float | int:
    """Returns a number that moves the margin by -3 to 3, after its part of undoing the intercept."""
    feature, term = model.features[position], model.terms[position]
    weight = term.weights[0] / float(10**term.decimals)
    if weight == 0:
        return int(share * 2)
    numbers = sum(other.kind == "number" for other in model.features)
    intercept = model.intercept.weights[0] / float(10**model.intercept.decimals)
    units: float = ((6 * share - 3) - intercept / numbers) / weight * 10**feature.decimals
    return _value(int(min(max(units, -LARGEST_INTEGER), LARGEST_INTEGER)), feature)


def _value(units: int, feature: Feature) -> float | int:
    units = min(max(units, -LARGEST_INTEGER), LARGEST_INTEGER)
    whole, rest = divmod(units, 10**feature.decimals)
    return whole if rest == 0 else units / float(10**feature.decimals)
