"""The routes of the HTTP API as a reference page tells them, from the OpenAPI description."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import Any, Final

__all__ = ["operations_text"]

Json = Mapping[str, Any]

_TITLES: Final = {
    "decisions": "Decisions",
    "evidence": "The log, proofs and bundles",
    "health": "For monitors",
    "ledger": "The shared ledger",
    "log": "The log's files (C2SP tlog-tiles)",
    "node": "The node and its work",
    "organisation": "The organisation",
    "provenance": "Datasets and models",
    "witness": "Witnesses",
}
_NOTHING: Final[Json] = {}
_SUCCESS: Final = ("200", "201", "202", "204")


def operations_text(description: Json) -> Iterator[str]:
    """Yields the sections of the page: one for each room, in it one for each route."""
    listed = [
        (str(operation["tags"][0]), method.upper(), path, operation)
        for path, item in description["paths"].items()
        for method, operation in item.items()
    ]
    for tag, group in groupby(sorted(listed, key=lambda each: each[0]), key=lambda each: each[0]):
        yield f"## {_TITLES.get(tag, tag.capitalize())}"
        for _, method, path, operation in group:
            yield "\n\n".join(_operation_parts(method, path, operation, description["components"]["schemas"]))


def _operation_parts(method: str, path: str, operation: Json, schemas: Json) -> Iterator[str]:
    yield f"### {method} {path}"
    yield f"`{operation['operationId']}`, for {', '.join(operation['x-roles'])}."
    yield str(operation.get("description") or operation["summary"]).strip()
    told = [each for each in operation.get("parameters", ()) if each["name"] != "Idempotency-Key"]
    if told:
        yield _table("Parameter", [_parameter_row(each) for each in told])
    yield from _body_parts(operation.get("requestBody"), schemas)
    answers = {code: operation["responses"][code] for code in _SUCCESS if code in operation["responses"]}
    for code, answer in answers.items():
        types = answer.get("content", {})
        shown = " or ".join(_type_text(media, types[media].get("schema", {})) for media in types)
        yield f"Answers {code}{': ' + shown if shown else ''}."
    first = next(iter(answers.values()), _NOTHING).get("content", {}).get("application/json", {}).get("schema", {})
    yield from _members(first, schemas)


def _parameter_row(each: Json) -> tuple[str, str, str]:
    schema, needed = each["schema"], "" if each.get("required") else _optional(each["schema"])
    told = each.get("description") or schema.get("description", "")
    return f"`{each['name']}` ({each['in']})", ", ".join(filter(None, (_kind(schema), needed))), told


def _body_parts(body: Json | None, schemas: Json) -> Iterator[str]:
    if body is None:
        return
    types = body["content"]
    yield "Body: " + " or ".join(_type_text(media, types[media].get("schema", {})) for media in types) + "."
    for content in types.values():
        yield from _members(content.get("schema", {}), schemas)


def _members(schema: Json, schemas: Json) -> Iterator[str]:
    """Yields the table of an object's members; of a list, its items'."""
    found = _resolved(schema.get("items", schema), schemas)
    properties = found.get("properties", {})
    required = found.get("required", properties)
    rows = [
        (
            f"`{name}`",
            ", ".join(filter(None, (_kind(each), "" if name in required else _optional(each)))),
            each.get("description", ""),
        )
        for name, each in properties.items()
    ]
    if rows:
        yield _table("Member", rows)


def _resolved(schema: Json, schemas: Json) -> Json:
    name = str(schema.get("$ref", "")).rpartition("/")[2]
    found: Json = schemas.get(name, schema)
    return found


def _optional(schema: Json) -> str:
    """Returns that a value may be left out, and what stands in its place where that is not nothing."""
    default = schema.get("default")
    return "optional" if default in (None, "", []) else f"`{json.dumps(default)}` by default"


def _kind(schema: Json) -> str:
    """Returns the kind of a value in a word or two."""
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "anyOf" in schema:
        return " or ".join(_kind(each) for each in schema["anyOf"])
    if "enum" in schema:
        return " or ".join(f"`{each}`" for each in schema["enum"])
    if schema.get("type") == "array":
        return f"list of {_kind(schema.get('items', {}))}"
    return str(schema.get("type", "any"))


def _type_text(media: str, schema: Json) -> str:
    kind = _kind(schema.get("items", schema)) if schema else ""
    is_named = bool(schema.get("$ref") or schema.get("items", {}).get("$ref"))
    return f"`{media}`" + (f", {'a list of ' if 'items' in schema else ''}{kind}" if is_named else "")


def _table(first: str, rows: list[tuple[str, str, str]]) -> str:
    lines = [f"| {name} | {kind} | {_cell(told)} |" for name, kind, told in rows]
    return "\n".join([f"| {first} | | |", "|---|---|---|", *lines])


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
