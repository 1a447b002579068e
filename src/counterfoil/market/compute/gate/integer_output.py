"""Canonical integer models as outputs: one sequence of bytes for each model, and few rows in no leaf."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from counterfoil.core import canonical
from counterfoil.errors import InvalidInput
from counterfoil.market.compute.gate.cells import Run, number_cells, numbers_in_texts, value_cells
from counterfoil.market.compute.gate.checked import Checked
from counterfoil.market.compute.gate.refusal import Refusal
from counterfoil.market.compute.gate.rules import ModelRule
from counterfoil.provenance import integer_model

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["check_integer", "least_rows_in_leaves"]

_MOST_TEXT_CHARS: Final = 65_536


def check_integer(data: bytes, rule: ModelRule) -> Checked:
    """Returns an integer model as it may leave: as it is, since its bytes are canonical.

    Raises:
        Refusal: `model` for what is none, `family` for another kind, `text`, `parameters` for too many numbers.
    """
    try:
        integer_model(data)
    except InvalidInput as error:
        raise Refusal("model", "it is no canonical integer model") from error
    document = canonical.loads(data)
    texts = [text for feature in document["features"] for text in (feature["name"], *feature.get("categories", []))]
    if sum(len(str(each)) for each in texts) > _MOST_TEXT_CHARS:
        raise Refusal("text", "its names and categories are longer than names are")
    if document["kind"] not in rule.families:
        raise Refusal(
            "family", f"it is of the family {document['kind']}, and its rule takes {' and '.join(rule.families)}"
        )
    runs = list(_runs(document))
    if sum(len(run.cells) for run in runs) > rule.max_parameters:
        raise Refusal("parameters", f"it has more than {rule.max_parameters:,} numbers")
    return Checked(data, runs, document if document["kind"] == "trees" else {})


def _runs(document: Mapping[str, Any]) -> Iterator[Run]:
    decimals = [feature.get("decimals", 0) for feature in document["features"]]
    categories = [each for feature in document["features"] for each in feature.get("categories", [])]
    names = [feature["name"] for feature in document["features"]]
    yield Run("names and categories", value_cells([*names, *categories]))
    yield Run("numbers in names", numbers_in_texts(names))
    for feature in document["features"]:
        if "categories" in feature:
            yield Run("categories", value_cells([]), (len(feature["categories"]),))
    if document["kind"] == "linear":
        terms = [document["intercept"], *document["terms"]]
        yield Run(
            "weights", number_cells([each / 10 ** term["decimals"] for term in terms for each in term["weights"]])
        )
        return
    nodes = [node for tree in document["trees"] for node in tree]
    splits = [node for node in nodes if isinstance(node, list) and isinstance(node[1], int)]
    leaves = [node / 10 ** document["decimals"] for node in nodes if isinstance(node, int)]
    yield Run("splits", number_cells([condition / 10 ** decimals[feature] for feature, condition, _ in splits]))
    yield Run("leaves", number_cells(leaves), (len(leaves),))


def least_rows_in_leaves(document: Mapping[str, Any], numbers: Mapping[str, NDArray[Any]]) -> int | None:
    """Returns the smallest number of rows of the data in any leaf that has some.

    Args:
        document: An integer tree model of numeric features.
        numbers: The data's numeric columns, (rows,) float64 each.

    Returns:
        None where it cannot be counted: a feature is a category, or no column has its name.
    """
    import numpy as np

    features = document["features"]
    if any(feature["kind"] != "number" or feature["name"] not in numbers for feature in features):
        return None
    columns = [np.round(numbers[feature["name"]] * 10.0 ** feature["decimals"]) for feature in features]
    rows = np.arange(len(columns[0]))
    least = len(rows)
    for tree in document["trees"]:
        waiting = [(0, rows)]
        while waiting:
            place, here = waiting.pop()
            node = tree[place]
            if isinstance(node, int):
                least = min(least, len(here)) if len(here) else least
                continue
            feature, most, right = node
            goes_left = columns[feature][here] <= most
            waiting += [(place + 1, here[goes_left]), (right, here[~goes_left])]
    return least
