from __future__ import annotations

from typing import Any

import pytest

from counterfoil.errors import InvalidInput
from counterfoil.market.terms import check_schema, fill_parameters

SCHEMA: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["target"],
    "properties": {
        "target": {"type": "string", "maxLength": 40, "pattern": "^[a-z_]{1,40}$"},
        "depth": {"type": "integer", "minimum": 1, "maximum": 10, "default": 3, "description": "levels of the tree"},
        "columns": {"type": "array", "maxItems": 3, "items": {"type": "string", "maxLength": 10}, "default": []},
        "fit": {
            "type": "object",
            "additionalProperties": False,
            "default": {},
            "properties": {"rate": {"type": "number", "exclusiveMinimum": 0, "default": 0.1}},
        },
        "method": {"type": "string", "enum": ["fast", "exact"], "default": "fast"},
    },
}


def test_what_is_not_given_is_filled_in() -> None:
    check_schema(SCHEMA)
    given = {"target": "income", "fit": {}}
    assert fill_parameters(SCHEMA, given) == {
        "target": "income",
        "depth": 3,
        "columns": [],
        "fit": {"rate": 0.1},
        "method": "fast",
    }
    assert given == {"target": "income", "fit": {}}
    assert fill_parameters(SCHEMA, {"target": "a"})["fit"] == {"rate": 0.1}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "target"),
        ({"target": "income", "dept": 2}, "did you mean 'depth'?"),
        ({"target": "income", "depth": 11}, "depth"),
        ({"target": "income", "depth": "3"}, "levels of the tree"),
        ({"target": "income", "depth": True}, "depth"),
        ({"target": "a", "columns": ["a", "b", "c", "d"]}, "columns"),
        ({"target": "a", "columns": ["a", 2]}, "columns[1]"),
        ({"target": "a", "fit": {"rate": 0}}, "fit.rate"),
        ({"target": "Income!"}, "target"),
        ({"target": "a", "method": "slow"}, "method"),
        ([], "no object"),
        ({"target": "a" * 70_000}, "larger than"),
        ({"target": float("nan")}, "not a JSON number"),
    ],
    ids=lambda value: str(value)[-80:],
)
def test_a_parameter_that_does_not_fit_is_named_with_a_hint(given: Any, words: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        fill_parameters(SCHEMA, given)
    assert words in f"{caught.value} {caught.value.hint}"
    assert caught.value.hint


def text(**parts: Any) -> dict[str, Any]:
    return {"type": "string", "maxLength": 100} | parts


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"$ref": "https://example.com/schema"}, "no type"),
        ({"type": "object", "additionalProperties": False, "$ref": "#"}, "$ref"),
        ({"type": "object"}, "additionalProperties"),
        ({"type": ["object", "null"]}, "no type"),
        ({"type": "object", "additionalProperties": False, "required": ["a"]}, "no such property"),
        ({"type": "object", "additionalProperties": False, "anyOf": []}, "anyOf"),
        ({"type": "array", "items": {"type": "null"}}, "maxItems"),
        ({"type": "array", "maxItems": 3}, "items"),
        ({"type": "string"}, "how long"),
        ({"type": "integer", "minimum": "one"}, "minimum"),
        ({"type": "integer", "minimum": 2, "default": 1}, "default"),
        (text(pattern="^(a+)+$"), "groups"),
        (text(pattern="^a|b$"), "alternatives"),
        (text(pattern="^a*b*c*$"), "open repetitions"),
        (text(pattern="a"), "begin it with ^"),
        (text(pattern="^[$"), "not taken"),
        (text(pattern="^a$", maxLength=1_001), "1,000"),
        ({"type": "string", "enum": ["x" * 70_000]}, "larger"),
        (None, "no type"),
    ],
    ids=lambda value: str(value)[-80:],
)
def test_a_schema_outside_the_part_that_is_spoken_is_refused(schema: Any, words: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        check_schema(schema)
    assert words in f"{caught.value} {caught.value.hint}"


def test_a_schema_has_a_largest_depth() -> None:
    schema: dict[str, Any] = {"type": "null"}
    for _ in range(7):
        schema = {"type": "array", "maxItems": 1, "items": schema}
    check_schema(schema)
    with pytest.raises(InvalidInput, match="deeper"):
        check_schema({"type": "array", "maxItems": 1, "items": schema})


@pytest.mark.parametrize("value", ["12\n", "\n12", "\u0661\u0662", "12 "], ids=ascii)
def test_a_pattern_takes_the_whole_text_and_nothing_beside(value: str) -> None:
    inner = {"pattern": "^\\d{2}$", "type": "string", "maxLength": 10}
    schema = {"type": "object", "additionalProperties": False, "properties": {"a": inner}}
    check_schema(schema)
    assert fill_parameters(schema, {"a": "12"}) == {"a": "12"}
    with pytest.raises(InvalidInput, match="does not match"):
        fill_parameters(schema, {"a": value})


def test_a_pattern_never_meets_a_text_that_is_too_long() -> None:
    """Else a text of 60,000 characters would keep the square of its length busy."""
    inner = {"pattern": "^a*a*b$", "type": "string", "maxLength": 1_000}
    schema = {"type": "object", "additionalProperties": False, "properties": {"a": inner}}
    check_schema(schema)
    with pytest.raises(InvalidInput, match="too long"):
        fill_parameters(schema, {"a": "a" * 60_000})
    with pytest.raises(InvalidInput, match="does not match"):
        fill_parameters(schema, {"a": "a" * 1_000})
