"""Decision trees, alone or many together, in whole numbers."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from counterfoil.core import canonical
from counterfoil.core.canonical import JsonValue
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

__all__ = ["MAX_NODES", "MAX_TREES", "Leaf", "Split", "TreeModel"]

MAX_TREES = 10_000
MAX_NODES = 2_000_000
MAX_VALUE_DECIMALS = 15

Leaf = int
"""A leaf's value, in units of 10^-decimals."""

Split = tuple[int, int | tuple[int, ...], int]
"""(feature, condition, right child): left is the next node in the list.

A number goes left if its encoded value is at most the condition; a category goes
left if its index is one of the condition's, which are sorted.
"""

_KEYS = frozenset({"base", "classes", "decimals", "features", "format", "kind", "link", "trees"})


@dataclass(frozen=True, slots=True)
class TreeModel(Answers):
    """Margin = base + sum over the trees of the leaf reached ("mean": divided by their number).

    Args:
        features: The features the splits refer to by position.
        classes: Labels of the two outcomes; the score is about the last.
        trees: Each a list of nodes in preorder.
        base: Added once, in units of 10^-decimals.
        decimals: Scale of base and leaves.
        link: "mean" of probabilities (a forest), "logit" (boosting) or "identity".

    Raises:
        InvalidInput: If the parts do not fit together or a tree is not one.
    """

    features: tuple[Feature, ...]
    classes: tuple[Label, Label]
    trees: tuple[tuple[Leaf | Split, ...], ...]
    base: int
    decimals: int
    link: Literal["mean", "logit", "identity"]
    kind: ClassVar[str] = "trees"
    _encoder: RowEncoder = field(init=False, repr=False, compare=False)
    _compiled: _Compiled = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        _check(self)
        object.__setattr__(self, "_encoder", RowEncoder(self.features))
        object.__setattr__(self, "_compiled", _Compiled(self.features, self.trees))

    def margin(self, row: Mapping[str, JsonValue]) -> int:
        """Returns the margin in units of 10^-9, rounded half to even.

        Raises:
            InvalidInput: For a missing, extra or unusable value, naming the feature.
        """
        total, unit = self._total(row)
        return divide_half_even(total * 10**MARGIN_DECIMALS, unit)

    def to_bytes(self) -> bytes:
        """Returns the model file: canonical JSON."""
        return canonical.dumps(
            {
                "base": self.base,
                "classes": list(self.classes),
                "decimals": self.decimals,
                "features": [feature_json(feature) for feature in self.features],
                "format": FORMAT,
                "kind": self.kind,
                "link": self.link,
                "trees": [[_node_json(node) for node in tree] for tree in self.trees],
            }
        )

    def digest(self) -> str:
        """Returns the SHA-256 of the model file, 64 hex digits: the model's identity."""
        return hashlib.sha256(self.to_bytes()).hexdigest()

    @classmethod
    def from_bytes(cls, data: bytes) -> TreeModel:
        """Reads a model file.

        Raises:
            InvalidInput: For anything but the canonical bytes of a usable tree model.
        """
        return cls.from_document(read_document(data))

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> TreeModel:
        """Reads the parsed JSON of a model file; see `from_bytes`."""
        require_keys(document, _KEYS, "the model")
        if document["kind"] != cls.kind:
            raise invalid(f"the kind is not {cls.kind!r}")
        trees = read_list(document["trees"], MAX_TREES, "trees")
        return cls(
            read_features(document["features"]),
            read_classes(document["classes"]),
            tuple(tuple(map(_read_node, read_list(tree, MAX_NODES, "a tree"))) for tree in trees),
            document["base"],
            document["decimals"],
            document["link"],
        )

    def _total(self, row: Mapping[str, JsonValue]) -> tuple[int, int]:
        total = self.base + self._compiled.total(self._encoder.encode(row))
        unit = 10**self.decimals
        return total, unit * len(self.trees) if self.link == "mean" else unit


class _Compiled:
    """Trees as nested tuples over columns, so that one comparison decides each split.

    Each different set of categories becomes a column holding 0 (goes left) or 1.
    """

    __slots__ = ("_numbers", "_roots", "_tables")

    def __init__(self, features: tuple[Feature, ...], trees: tuple[tuple[Leaf | Split, ...], ...]) -> None:
        self._numbers = tuple(i for i, feature in enumerate(features) if feature.kind == "number")
        place = {feature: column for column, feature in enumerate(self._numbers)}
        sets: dict[tuple[int, tuple[int, ...]], None] = {}
        for tree in trees:
            for node in tree:
                if isinstance(node, tuple) and isinstance(node[1], tuple):
                    sets.setdefault((node[0], node[1]))
        ordered = sorted(sets)
        column_of = {key: len(self._numbers) + column for column, key in enumerate(ordered)}
        tables: list[tuple[int, tuple[tuple[int, ...], ...]]] = []
        for feature in sorted({key[0] for key in ordered}):
            own = [frozenset(left) for position, left in ordered if position == feature]
            rows = tuple(tuple(int(i not in left) for left in own) for i in range(features[feature].slots))
            tables.append((feature, rows))
        self._tables = tuple(tables)
        self._roots = tuple(_nest(tree, place, column_of) for tree in trees)

    def total(self, encoded: list[int]) -> int:
        """Returns the sum of the leaves reached."""
        columns = [encoded[i] for i in self._numbers]
        for feature, rows in self._tables:
            columns += rows[encoded[feature]]
        total = 0
        for node in self._roots:
            while node.__class__ is tuple:
                column, most, left, right = node
                node = left if columns[column] <= most else right
            total += node
        return total


def _nest(
    tree: tuple[Leaf | Split, ...], place: dict[int, int], column_of: dict[tuple[int, tuple[int, ...]], int]
) -> Any:
    """Returns a preorder list as nested (column, most, left, right), from the last node to the first."""
    built: list[Any] = list(tree)
    for i in range(len(tree) - 1, -1, -1):
        node = tree[i]
        if not isinstance(node, tuple):
            continue
        feature, condition, right = node
        if isinstance(condition, tuple):
            built[i] = (column_of[feature, condition], 0, built[i + 1], built[right])
        else:
            built[i] = (place[feature], condition, built[i + 1], built[right])
    return built[0]


def _check(model: TreeModel) -> None:
    check_features(model.features)
    if model.link not in ("mean", "logit", "identity"):
        raise invalid("the link is none of 'mean', 'logit' and 'identity'")
    read_integer(model.decimals, 0, MAX_VALUE_DECIMALS, "decimals")
    read_integer(model.base, -LARGEST_INTEGER, LARGEST_INTEGER, "base")
    if not 0 < len(model.trees) <= MAX_TREES or sum(map(len, model.trees)) > MAX_NODES:
        raise invalid(f"there must be 1 to {MAX_TREES} trees with at most {MAX_NODES} nodes together")
    for tree in model.trees:
        _check_shape(tree)
        for node in tree:
            _check_node(node, model.features)


def _check_shape(tree: tuple[Leaf | Split, ...]) -> None:
    """Refuses anything but one whole tree in preorder: no cycle, no shared or idle node."""
    rights: list[int] = []  # right children still to come, the nearest last
    for i, node in enumerate(tree):
        if isinstance(node, tuple):
            rights.append(node[2])
        elif rights:
            if rights.pop() != i + 1:
                raise invalid("a tree's nodes are not in preorder")
        elif i != len(tree) - 1:
            raise invalid("a tree has nodes that nothing leads to")
    if rights or not tree:
        raise invalid("a tree ends before its last leaf")


def _check_node(node: Leaf | Split, features: tuple[Feature, ...]) -> None:
    if not isinstance(node, tuple):
        read_integer(node, -LARGEST_INTEGER, LARGEST_INTEGER, "a leaf")
        return
    position = read_integer(node[0], 0, len(features) - 1, "a split's feature")
    condition, feature = node[1], features[position]
    if feature.kind == "number":
        read_integer(condition, -LARGEST_INTEGER, LARGEST_INTEGER, "a split's condition")
        return
    if not isinstance(condition, tuple) or not 0 < len(condition) < feature.slots:
        raise invalid("a split on a category must send some of its values left and some right")
    for before, index in zip((-1, *condition), condition, strict=False):
        read_integer(index, before + 1, feature.slots - 1, "a category of a split")


def _node_json(node: Leaf | Split) -> Any:
    if not isinstance(node, tuple):
        return node
    feature, condition, right = node
    return [feature, list(condition) if isinstance(condition, tuple) else condition, right]


def _read_node(value: Any) -> Any:
    if value.__class__ is int:
        return value
    if not isinstance(value, list) or len(value) != 3:
        raise invalid("a node is neither a leaf (one integer) nor a split (feature, condition, right child)")
    feature, condition, right = value
    return feature, tuple(condition) if isinstance(condition, list) else condition, right
