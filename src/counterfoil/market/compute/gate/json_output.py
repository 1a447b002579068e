"""JSON outputs: strict reading, a schema, rounding, and every value in order."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from counterfoil.core import canonical
from counterfoil.errors import InvalidInput
from counterfoil.market.compute.gate.cells import Run, numbers_in_texts, value_cells
from counterfoil.market.compute.gate.checked import Checked
from counterfoil.market.compute.gate.refusal import Refusal
from counterfoil.market.compute.gate.rules import JsonRule
from counterfoil.market.terms.parameters import require_schema_match

__all__ = ["check_json", "rounded"]


def check_json(data: bytes, rule: JsonRule) -> Checked:
    """Returns a JSON output as it may leave: canonical, with its numbers rounded.

    Raises:
        Refusal: `json` for what two readers could read differently, `schema` for what does not fit.
    """
    try:
        value = canonical.loads(data)
    except InvalidInput as error:
        raise Refusal(
            "json", "it is no JSON that every reader reads alike: no NaN, no doubled keys, 64 levels"
        ) from error
    try:
        require_schema_match(rule.schema, value, "the output")
    except InvalidInput as error:
        raise Refusal("schema", "it does not fit the schema of its rule") from error
    if rule.digits is not None:
        value = rounded(value, rule.digits)
    return Checked(canonical.dumps(value), list(_runs(value)))


def rounded(value: Any, digits: int) -> Any:
    """Returns a JSON value with each number that has a fraction rounded to so many significant digits."""
    if isinstance(value, float):
        return float(f"{value:.{digits - 1}e}")
    if isinstance(value, list):
        return [rounded(each, digits) for each in value]
    if isinstance(value, dict):
        return {key: rounded(each, digits) for key, each in value.items()}
    return value


def _runs(value: Any) -> Iterator[Run]:
    scalars = list(_scalars(value))
    yield Run("all values", value_cells(scalars))
    texts = [each for each in scalars if isinstance(each, str)] + list(_keys(value))
    yield Run("numbers in texts", numbers_in_texts(texts))
    yield Run("keys", value_cells(_keys(value)))
    yield from _lists(value, "")


def _scalars(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        for each in value.values():
            yield from _scalars(each)
    elif isinstance(value, list):
        for each in value:
            yield from _scalars(each)
    else:
        yield value


def _keys(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, each in value.items():
            yield key
            yield from _keys(each)
    elif isinstance(value, list):
        for each in value:
            yield from _keys(each)


def _lists(value: Any, where: str) -> Iterator[Run]:
    """Returns every list by itself, and for lists of lists or objects of one shape their columns."""
    if isinstance(value, dict):
        yield Run(f"{where or 'the whole'}", value_cells([]), (len(value),))
        for key, each in value.items():
            yield from _lists(each, f"{where}.{key}"[:100])
    elif isinstance(value, list):
        yield Run(where or "the whole", value_cells([each for each in value if _is_scalar(each)]), (len(value),))
        inner = [list(each.values()) if isinstance(each, dict) else each for each in value]
        if inner and all(isinstance(each, list) and len(each) == len(inner[0]) for each in inner):
            for number, column in enumerate(zip(*inner, strict=True)):
                yield Run(f"{where}, column {number}", value_cells([each for each in column if _is_scalar(each)]))
        for each in value:
            yield from _lists(each, f"{where}[]"[:100])


def _is_scalar(value: Any) -> bool:
    return not isinstance(value, list | dict)
