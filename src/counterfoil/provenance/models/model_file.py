"""Reads and writes the parts every integer model file shares, strictly.

The file is canonical JSON and nothing else: one model has one sequence of bytes,
so its SHA-256 is the model's identity. Whatever is not exactly expected is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from counterfoil.core import canonical
from counterfoil.errors import InvalidInput
from counterfoil.provenance.models.features import MAX_DECIMALS, Feature, Label
from counterfoil.provenance.models.fixedpoint import LARGEST_INTEGER

__all__ = [
    "FORMAT",
    "MAX_FEATURES",
    "MAX_FILE_BYTES",
    "check_features",
    "feature_json",
    "invalid",
    "read_classes",
    "read_document",
    "read_features",
    "read_integer",
    "read_list",
    "require_keys",
]

FORMAT = "counterfoil-integer-model/1"
MAX_FILE_BYTES = 64 * 2**20
MAX_FEATURES = 10_000
MAX_CATEGORIES = 100_000
MAX_TEXT = 1_000

_NUMBER_KEYS = frozenset({"decimals", "kind", "missing", "name"})
_CATEGORY_KEYS = frozenset({"categories", "kind", "missing", "name", "unknown"})


def invalid(what: str) -> InvalidInput:
    """Returns the error for a model file that says `what`."""
    return InvalidInput(f"not a usable integer model: {what}", hint="docs/reference/models.md has the format")


def read_document(data: bytes) -> dict[str, Any]:
    """Returns the outermost object of a model file.

    Raises:
        InvalidInput: If it is too large, not canonical JSON or of another format.
    """
    if len(data) > MAX_FILE_BYTES:
        raise invalid(f"larger than {MAX_FILE_BYTES} bytes")
    document = canonical.loads(data)
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise invalid(f"the format is not {FORMAT!r}")
    if canonical.dumps(document) != data:
        raise invalid("the JSON is not canonical (RFC 8785)")
    return document


def require_keys(value: Any, keys: frozenset[str], what: str) -> dict[str, Any]:
    """Returns `value` as an object with exactly `keys`."""
    if not isinstance(value, dict):
        raise invalid(f"{what} is not an object")
    if value.keys() != keys:
        odd = sorted(value.keys() ^ keys)[0]
        raise invalid(f"{what} {'has an unknown' if odd in value else 'lacks the'} key {odd[:60]!r}")
    return value


def read_integer(value: Any, low: int, high: int, what: str) -> int:
    """Returns `value` as an integer from `low` to `high`."""
    if value.__class__ is not int or not low <= value <= high:
        raise invalid(f"{what} is not an integer from {low} to {high}")
    return int(value)


def read_list(value: Any, most: int, what: str) -> list[Any]:
    """Returns `value` as a list of at most `most` items."""
    if not isinstance(value, list):
        raise invalid(f"{what} is not a list")
    if len(value) > most:
        raise invalid(f"{what} has more than {most} items")
    return value


def read_classes(value: Any) -> tuple[Label, Label]:
    """Returns the labels of the two outcomes, the scored one last."""
    labels = read_list(value, 2, "classes")
    if len(labels) != 2 or not all(map(_is_label, labels)) or labels[0] == labels[1]:
        raise invalid("classes are not two different labels")
    return labels[0], labels[1]


def read_features(value: Any) -> tuple[Feature, ...]:
    """Returns the features of a model file.

    Raises:
        InvalidInput: For unknown keys, wrong types or values out of range.
    """
    features = tuple(_read_feature(item) for item in read_list(value, MAX_FEATURES, "features"))
    check_features(features)
    return features


def check_features(features: tuple[Feature, ...]) -> None:
    """Refuses features that contradict each other or themselves."""
    if not 0 < len(features) <= MAX_FEATURES:
        raise invalid(f"there must be 1 to {MAX_FEATURES} features")
    if len({feature.name for feature in features}) != len(features):
        raise invalid("two features have the same name")
    for feature in features:
        if feature.kind == "number" and not 0 <= feature.decimals <= MAX_DECIMALS:
            raise invalid(f"the feature {feature.name!r} has {feature.decimals} decimals")
        if feature.kind == "category":
            _check_categories(feature)


def feature_json(feature: Feature) -> dict[str, Any]:
    """Returns a feature as the model file holds it."""
    shared = {"kind": feature.kind, "missing": feature.missing, "name": feature.name}
    if feature.kind == "number":
        return shared | {"decimals": feature.decimals}
    return shared | {"categories": list(feature.categories), "unknown": feature.unknown}


def _read_feature(value: Any) -> Feature:
    if not isinstance(value, Mapping) or value.get("kind") not in ("number", "category"):
        raise invalid("a feature's kind is neither 'number' nor 'category'")
    number = value["kind"] == "number"
    item = require_keys(value, _NUMBER_KEYS if number else _CATEGORY_KEYS, "a feature")
    name = item["name"]
    if not isinstance(name, str) or not 0 < len(name) <= MAX_TEXT:
        raise invalid(f"a feature's name is not a text of 1 to {MAX_TEXT} characters")
    missing = item["missing"]
    if number:
        if missing is not None:
            read_integer(missing, -LARGEST_INTEGER, LARGEST_INTEGER, "missing")
        decimals = read_integer(item["decimals"], 0, MAX_DECIMALS, "decimals")
        return Feature(name, "number", decimals, missing=missing)
    categories = read_list(item["categories"], MAX_CATEGORIES, "categories")
    if item["unknown"] not in ("refuse", "ignore"):
        raise invalid("unknown is neither 'refuse' nor 'ignore'")
    if missing is not None:
        read_integer(missing, 0, len(categories) - 1, "missing")
    return Feature(name, "category", categories=tuple(categories), unknown=item["unknown"], missing=missing)


def _check_categories(feature: Feature) -> None:
    categories = feature.categories
    if not categories or not all(map(_is_label, categories)):
        raise invalid(f"the categories of {feature.name!r} are not texts, whole numbers or truth values")
    if len({type(category) for category in categories}) != 1 or len(set(categories)) != len(categories):
        raise invalid(f"the categories of {feature.name!r} are not different values of one type")


def _is_label(value: object) -> bool:
    if isinstance(value, str):
        return len(value) <= MAX_TEXT
    return isinstance(value, bool) or (isinstance(value, int) and abs(value) <= LARGEST_INTEGER)
