"""Schemas: positions, types, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from making import SCHEMA

from counterfoil.core import canonical
from counterfoil.core.schema import MAX_FIELDS, Schema, SchemaField
from counterfoil.errors import InvalidInput, MalformedEvidence


def schema_of(*pointers: str) -> Schema:
    return Schema("s", tuple(SchemaField(pointer, "t") for pointer in pointers))


def test_reads_back() -> None:
    again = Schema.from_json(canonical.loads(SCHEMA.encoded))
    assert again == SCHEMA
    assert (again.digest, again.positions["/reasons"]) == (SCHEMA.digest, 4)


@pytest.mark.parametrize(("count", "width"), [(1, 1), (2, 2), (3, 4), (4, 4), (5, 8), (16, 16), (17, 32), (1024, 1024)])
def test_width(count: int, width: int) -> None:
    assert schema_of(*(f"/f{i}" for i in range(count))).width == width


def test_order_name_title_and_type_change_the_digest() -> None:
    variants = [
        schema_of("/a", "/b"),
        schema_of("/b", "/a"),
        Schema("z", schema_of("/a", "/b").fields),
        Schema("s", (SchemaField("/a", "u"), SchemaField("/b", "t"))),
        Schema("s", (SchemaField("/a", "t", "string"), SchemaField("/b", "t"))),
    ]
    assert len({variant.digest for variant in variants}) == len(variants)


@pytest.mark.parametrize(
    "pointers",
    [
        [],
        [""],
        ["a"],
        ["/"],
        ["/a/"],
        ["//a"],
        ['/a"'],
        ["/a\\b"],
        ["/a\nb"],
        ["/\x9b"],
        ["/\ud800"],
        ["#3"],
        ["/a", "/a"],
    ],
    ids=range(13),
)
def test_pointers_that_cannot_name_fields(pointers: list[str]) -> None:
    with pytest.raises(InvalidInput):
        schema_of(*pointers)


def test_limits() -> None:
    with pytest.raises(InvalidInput):
        schema_of(*(f"/f{i}" for i in range(MAX_FIELDS + 1)))
    with pytest.raises(InvalidInput, match="too large"):
        Schema("s", (SchemaField("/a", "t" * 2_000_000),))
    with pytest.raises(InvalidInput, match="one line of text"):
        Schema("s", (SchemaField("/a", "t\x1b[2J"),))
    with pytest.raises(InvalidInput, match="one line of text"):
        Schema("s\n1. passed", (SchemaField("/a", "t"),))
    with pytest.raises(InvalidInput, match="field type"):
        Schema("s", (SchemaField("/a", "t", "date"),))


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        ("any", [1, "x", None, [], True], []),
        ("array", [[], [1], None], [1, "x", {}, True]),
        ("boolean", [True, False, None], [0, 1, "true"]),
        ("integer", [0, -3, None], [True, 1.5, "1"]),
        ("number", [0, 1.5, None], [False, "1", []]),
        ("object", [{}, None], [[], 1]),
        ("string", ["", None], [1, [], True]),
    ],
)
def test_types(kind: str, good: list[Any], bad: list[Any]) -> None:
    field = SchemaField("/a", "t", kind)
    assert all(map(field.accepts, good))
    assert not any(map(field.accepts, bad))


GOOD = SCHEMA.to_json()


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        {},
        GOOD | {"extra": 1},
        GOOD | {"format": "counterfoil-schema/2"},
        GOOD | {"format": {"a": 1}},
        GOOD | {"name": 1},
        GOOD | {"fields": {}},
        GOOD | {"fields": []},
        GOOD | {"fields": ["/a"]},
        GOOD | {"fields": [{"pointer": "/a", "title": "t"}]},
        GOOD | {"fields": [{"pointer": "/a", "title": "t", "type": None}]},
        GOOD | {"fields": [{"pointer": "/a", "title": "t", "type": "any", "extra": "x"}]},
        GOOD | {"fields": [{"pointer": "/a", "title": "t", "type": "nothing"}]},
        GOOD | {"fields": GOOD["fields"] * 2},
        GOOD | {"fields": [{"pointer": f"/{i}", "title": "", "type": "any"} for i in range(1025)]},
    ],
    ids=range(16),
)
def test_what_is_no_schema_is_refused(value: Any) -> None:
    with pytest.raises(MalformedEvidence):
        Schema.from_json(value)
