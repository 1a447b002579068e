"""Ocean's consumer parameters, and the schema of what a buyer fills in."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any, Final

from counterfoil.market.ocean.fields import Fields
from counterfoil.market.ocean.unmapped import Unmapped

__all__ = ["consumer_parameters", "schema_of"]

_NOT_PLAIN: Final = "Ocean's parameters are one text, number, yes or no, or choice"
_MOST_TEXT: Final = 4_000
_MOST_PARAMETERS: Final = 64
_MOST_OPTIONS: Final = 200
_WORDS: Final = ("label", "description")
_TAKEN: Final = ("name", "type", "required", "options", *_WORDS)
_TYPES: Final = {"text": "string", "number": "number", "boolean": "boolean"}
_BACK: Final = {"string": "text", "number": "number", "integer": "number", "boolean": "boolean"}


def schema_of(fields: Fields, *steps: str | int) -> dict[str, Any]:
    """Returns the JSON Schema of a service's consumer parameters; empty without any.

    A parameter that does not map stays unread in `fields`, and so do a default that is no value of its own and
    whatever else is said of one.

    Args:
        fields: Of the DDO.
        steps: To the list of parameters.
    """
    told = fields.look(*steps)
    properties: dict[str, Any] = {}
    required: list[str] = []
    for place, each in enumerate(told[:_MOST_PARAMETERS] if isinstance(told, list) else ()):
        made = _schema(each)
        name = each.get("name") if isinstance(each, Mapping) else None
        if made is None or not isinstance(name, str) or not name.isprintable() or not name or name in properties:
            continue
        properties[name] = made
        if each.get("required") is True:
            required.append(name)
        for key in _TAKEN:
            fields.take(*steps, place, key)
        if "default" in made or each.get("default") in (None, ""):
            fields.take(*steps, place, "default")
    if not properties:
        return {}
    schema = {"type": "object", "properties": properties, "additionalProperties": False}
    return schema | ({"required": required} if required else {})


def consumer_parameters(schema: Mapping[str, Any], *, as_objects: bool) -> tuple[list[dict[str, Any]], list[Unmapped]]:
    """Returns what a buyer fills in as consumer parameters, and what of it does not map.

    Args:
        schema: JSON Schema of an object.
        as_objects: Whether options are objects (5.0), not a text that holds them.
    """
    properties = schema.get("properties")
    required = schema.get("required")
    found: list[dict[str, Any]] = []
    left: list[Unmapped] = []
    for name, told in (properties if isinstance(properties, Mapping) else {}).items():
        made = _parameter(name, told, name in (required if isinstance(required, list) else ()), as_objects)
        if made is None:
            left.append(Unmapped(f"/parameters/{name}", _NOT_PLAIN))
            continue
        found.append(made)
        bounds = sorted(set(told) - {"type", "title", "description", "default", "enum"})
        left += [
            Unmapped(f"/parameters/{name}/{bound}", "Ocean's parameters have no bounds", str(told[bound])[:60])
            for bound in bounds
        ]
    return found, left


def _schema(told: Any) -> dict[str, Any] | None:
    """Returns one parameter's schema; None where it does not map."""
    if not isinstance(told, Mapping):
        return None
    kind = told.get("type")
    options = _options(told.get("options")) if kind == "select" else {}
    if options:
        made: dict[str, Any] = {"type": "string", "enum": list(options)}
    elif isinstance(kind, str) and kind in _TYPES:
        made = {"type": _TYPES[kind]} | ({"maxLength": _MOST_TEXT} if kind == "text" else {})
    else:
        return None
    label, description = (each.strip() if isinstance(each := told.get(key), str) else "" for key in _WORDS)
    named = ", ".join(f"{value}: {words}" for value, words in options.items() if words not in ("", value))
    about = " ".join(each for each in (description, f"({named})" if named else "") if each)
    made |= {key: text[:_MOST_TEXT] for key, text in (("title", label), ("description", about)) if text}
    default = _default(made, told.get("default"))
    return made | ({} if default is None else {"default": default})


def _default(made: Mapping[str, Any], value: Any) -> Any:
    """Returns a default as its schema has it: Ocean keeps numbers, and yes or no, as texts, too."""
    if made["type"] == "boolean":
        return {"true": True, "false": False, True: True, False: False}.get(value) if _is_word(value) else None
    if made["type"] == "number":
        if isinstance(value, str):
            try:
                value = json.loads(value)
            except (ValueError, RecursionError):
                return None
        return value if isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value) else None
    if not isinstance(value, str) or len(value) > _MOST_TEXT or value not in made.get("enum", [value]):
        return None
    return value


def _is_word(value: Any) -> bool:
    return isinstance(value, bool | str)


def _options(value: Any) -> dict[str, str]:
    """Returns the values to choose from and their words; Ocean has a list of objects of one member, in 4.x as text."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return {}
    found: dict[str, str] = {}
    for each in value if isinstance(value, list) else ():
        found |= {each: ""} if isinstance(each, str) else each if isinstance(each, Mapping) else {}
    if len(found) > _MOST_OPTIONS or not all(
        key and key.isprintable() and isinstance(found[key], str) for key in found
    ):
        return {}
    return found


def _parameter(name: str, told: Any, is_required: bool, as_objects: bool) -> dict[str, Any] | None:
    """Returns one consumer parameter; None where the schema does not map."""
    if not isinstance(told, Mapping):
        return None
    choice = told.get("enum")
    kind = "select" if isinstance(choice, list) else _BACK.get(str(told.get("type")), "")
    if not kind:
        return None
    default = told.get("default", "")
    made: dict[str, Any] = {
        "name": name,
        "type": kind,
        "label": str(told.get("title") or name),
        "required": is_required,
        "description": str(told.get("description") or told.get("title") or name),
        "default": default if as_objects else _text(default),
    }
    if kind == "select":
        options: Sequence[dict[str, str]] = [{_text(each): _text(each)} for each in choice or ()]
        made["options"] = list(options) if as_objects else json.dumps(options)
    return made


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
