"""JSON outputs: strict reading, a schema, rounding, and every value in order."""

from __future__ import annotations

from collections.abc import Iterator
from math import isfinite
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
    """Returns a JSON value with each number that has a fraction rounded to so many significant digits.

    Raises:
        Refusal: `numbers` where one would be rounded to infinity.
    """
    if isinstance(value, float):
        near = float(f"{value:.{digits - 1}e}")
        if not isfinite(near):
            raise Refusal("numbers", "a number is too large to be rounded")
        return near
    if isinstance(value, list):
        return [rounded(each, digits) for each in value]
    if isinstance(value, dict):
        return {key: rounded(each, digits) for key, each in value.items()}
    return value


def _runs(value: Any) -> Iterator[Run]:
    """Returns all values in order, keys, numbers within texts, and the columns of lists of lists or objects.

    Few long runs, however many small lists there are: each costs a dozen calls.
    """
    scalars = list(_scalars(value))
    keys = list(_keys(value))
    yield Run("its values", value_cells(scalars), tuple({len(each) for each in _containers(value)}))
    yield Run("its names", value_cells(keys))
    yield Run("numbers in its texts", numbers_in_texts([each for each in (*scalars, *keys) if isinstance(each, str)]))
    yield Run("its columns", value_cells(_columns(value)))


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


def _containers(value: Any) -> Iterator[Any]:
    if isinstance(value, list | dict):
        yield value
        for each in value.values() if isinstance(value, dict) else value:
            yield from _containers(each)


def _columns(value: Any) -> Iterator[Any]:
    """Returns the values of every list of equally long lists or objects, column after column."""
    for each in _containers(value):
        if isinstance(each, dict) or len(each) < 2:
            continue
        rows = [list(row.values()) if isinstance(row, dict) else row for row in each]
        if all(isinstance(row, list) and len(row) == len(rows[0]) for row in rows):
            for column in zip(*rows, strict=True):
                yield from (cell for cell in column if not isinstance(cell, list | dict))
