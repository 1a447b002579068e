"""What a buyer fills in: parameters with a schema, checked before anything is run.

The schema is JSON Schema 2020-12, as far as it needs no references, no choice between schemas and no pattern that
could take forever: objects are closed, strings and lists have a largest size. What the schema gives a default for is
filled in.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from copy import deepcopy
from functools import cache
from typing import Any, Final

from counterfoil.core import canonical
from counterfoil.core.wording import did_you_mean
from counterfoil.errors import INSTALL_COMPUTE, InvalidInput, NotSetUp

__all__ = ["MOST_SCHEMA_BYTES", "MOST_VALUE_BYTES", "check_schema", "fill_parameters", "require_schema_match"]

MOST_SCHEMA_BYTES: Final = 65_536
MOST_VALUE_BYTES: Final = 65_536
MOST_LEVELS: Final = 8

_EVERY: Final = {"type", "title", "description", "default", "enum", "const"}
_OF: Final[Mapping[str, set[str]]] = {
    "object": {"properties", "required", "additionalProperties"},
    "array": {"items", "minItems", "maxItems"},
    "string": {"minLength", "maxLength", "pattern"},
    "number": {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"},
    "integer": {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"},
    "boolean": set(),
    "null": set(),
}
_ATOM: Final = re.compile(
    r"(?:\[\^?(?:\\[\\\]\-dws.]|[^\\\[\]])+\]|\\[dws.\\+*?()\[\]{}|^$/-]|[^\\\[\](){}|^$+*?])"
    r"(?:(?P<open>[+*?])|\{(?P<low>[0-9]{1,3})(?:,(?P<high>[0-9]{0,3}))?\})?"
)


def check_schema(schema: Any, place: str = "the schema") -> None:
    """Refuses a schema that is outside the part of JSON Schema spoken here; see the module.

    Raises:
        InvalidInput: Naming the place within the schema.
        NotSetUp: The package jsonschema is not installed.
    """
    if len(canonical.dumps(schema)) > MOST_SCHEMA_BYTES:
        raise InvalidInput(f"{place} is larger than {MOST_SCHEMA_BYTES:,} bytes")
    _check_keywords(schema, place, MOST_LEVELS)
    _require_standard(schema, place)
    _check_defaults(schema, place)


def fill_parameters(schema: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the parameters with defaults filled in, checked against the schema.

    Raises:
        InvalidInput: Naming the parameter at fault.
    """
    if not isinstance(given, Mapping):
        raise InvalidInput("the parameters are no object", hint='write {"name": value, …}')
    if len(canonical.dumps(given)) > MOST_VALUE_BYTES:
        raise InvalidInput(f"the parameters are larger than {MOST_VALUE_BYTES:,} bytes", hint="give less")
    if schema.get("type") != "object":
        raise InvalidInput("the schema of parameters is one of an object")
    filled = _filled(schema, given)
    require_schema_match(schema, filled, "the parameters")
    return dict(filled)


def require_schema_match(schema: Mapping[str, Any], value: Any, what: str) -> None:
    """Refuses a value that the schema does not take. The schema has passed `check_schema`.

    Raises:
        InvalidInput: With the path of the value that is most to the point.
        NotSetUp: The package jsonschema is not installed.
    """
    errors = _validator(schema).iter_errors(value)
    error = next(iter(errors), None)
    if error is None:
        return
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in error.absolute_path).lstrip(".")
    raise InvalidInput(f"{what}: {path or 'the whole'} does not fit: {_words(error)}", hint=_hint(error))


def _validator(schema: Mapping[str, Any]) -> Any:
    return _dialect()(_pattern_last(schema))


@cache
def _dialect() -> Any:
    """Returns the standard's validator, with patterns as `_mismatch` reads them."""
    try:
        from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
        from jsonschema.validators import extend  # type: ignore[import-untyped]
    except ImportError as error:
        raise NotSetUp("schemas need jsonschema, which is not installed", hint=INSTALL_COMPUTE) from error
    return extend(Draft202012Validator, {"pattern": _mismatch})


def _mismatch(_validator: Any, pattern: str, value: Any, _schema: Any) -> Iterator[Any]:
    r"""Yields the error of a text that a pattern does not take, read as the standard has it (ECMA-262).

    To Python alone `$` would also stand before a newline at the end, and `\\d` for the digits of every script.
    """
    from jsonschema import ValidationError

    exact = f"{pattern[:-1]}\\Z" if pattern.endswith("$") else pattern
    if isinstance(value, str) and not re.search(exact, value, re.ASCII):
        yield ValidationError(f"{value!r} does not match {pattern!r}")


def _pattern_last(schema: Any) -> Any:
    """Returns the schema with patterns behind lengths: the first error counts, so no pattern meets a text too long."""
    if isinstance(schema, Mapping):
        return {key: _pattern_last(schema[key]) for key in sorted(schema, key=lambda key: key == "pattern")}
    return schema


def _check_keywords(schema: Any, place: str, levels: int) -> None:
    kind = schema.get("type") if isinstance(schema, Mapping) else None
    if not isinstance(kind, str) or kind not in _OF:
        raise InvalidInput(f"{place} has no type", hint=f"one of {', '.join(_OF)}")
    if levels == 0:
        raise InvalidInput(f"{place} lies deeper than {MOST_LEVELS} levels", hint="make it flatter")
    known = _EVERY | _OF[kind]
    for key in schema:
        if key not in known:
            hint = did_you_mean(key, known) or f"a schema of type {kind} may have {', '.join(sorted(known))}"
            raise InvalidInput(f"{place} has the unknown keyword {str(key)[:60]!r}", hint=hint)
    _check_parts(schema, kind, place, levels)


def _check_defaults(schema: Mapping[str, Any], place: str) -> None:
    if "default" in schema:
        require_schema_match(schema, schema["default"], f"the default of {place}")
    for name, inner in schema.get("properties", {}).items():
        _check_defaults(inner, f"{place}, {name[:60]}")
    if "items" in schema:
        _check_defaults(schema["items"], f"{place}, items")


def _require_standard(schema: Mapping[str, Any], place: str) -> None:
    """Refuses keywords whose values are of the wrong type, by the standard's own schema."""
    validator = type(_validator(schema))
    error = next(iter(validator(validator.META_SCHEMA).iter_errors(schema)), None)
    if error is not None:
        where = "/".join(str(part) for part in error.absolute_path)
        raise InvalidInput(f"{place} is no JSON Schema: {where}: {error.message[:200]}")


def _check_parts(schema: Mapping[str, Any], kind: str, place: str, levels: int) -> None:
    if kind == "object":
        if schema.get("additionalProperties") is not False:
            raise InvalidInput(f"{place} is open to any member", hint='add "additionalProperties": false')
        properties = schema.get("properties", {})
        if not isinstance(properties, Mapping):
            raise InvalidInput(f"properties of {place} are no object")
        for name, inner in properties.items():
            _check_keywords(inner, f"{place}, {name[:60]}", levels - 1)
        required = schema.get("required", [])
        if not isinstance(required, list):
            raise InvalidInput(f"required of {place} is no list")
        strange = [name for name in required if name not in properties]
        if strange:
            raise InvalidInput(f"{place} requires {str(strange[0])[:60]!r}, and has no such property")
    if kind == "array":
        if "items" not in schema or not _is_count(schema.get("maxItems")):
            raise InvalidInput(
                f"{place} does not say what its items are, or how many at most", hint="add items and maxItems"
            )
        _check_keywords(schema["items"], f"{place}, items", levels - 1)
    if kind == "string" and not _is_count(schema.get("maxLength")) and "enum" not in schema and "const" not in schema:
        raise InvalidInput(f"{place} does not say how long it may be", hint="add maxLength, or enum")
    if "pattern" in schema:
        _check_pattern(schema, place)


def _check_pattern(schema: Mapping[str, Any], place: str) -> None:
    """Takes patterns without groups and with at most two repetitions of open length: they end in time.

    Two of them cost at most the square of the text's length, and that is held to 1,000.
    """
    pattern = schema["pattern"]
    if not isinstance(pattern, str) or len(pattern) > 200 or not _is_count(schema.get("maxLength")):
        raise InvalidInput(f"the pattern of {place} is too long, or its text has no maxLength")
    if schema["maxLength"] > 1_000 or not pattern.startswith("^") or not pattern.endswith("$"):
        raise InvalidInput(
            f"the pattern of {place} is about a part of a text, or a very long one",
            hint="begin it with ^, end it with $, and set maxLength to 1,000 at most",
        )
    inner = pattern[1:-1]
    place_of, repeated = 0, 0
    while place_of < len(inner):
        atom = _ATOM.match(inner, place_of)
        if atom is None:
            raise InvalidInput(
                f"the pattern of {place} has a part that is not taken, from {inner[place_of:][:20]!r} on",
                hint="characters, classes like [A-Z] and repetitions like {3}; no groups and no alternatives",
            )
        repeated += atom["open"] is not None or (atom["high"] is not None and atom["high"] != atom["low"])
        place_of = atom.end()
    try:
        re.compile(pattern)
    except re.error as error:
        raise InvalidInput(f"the pattern of {place} is none: {error}") from error
    if repeated > 2:
        raise InvalidInput(
            f"the pattern of {place} has {repeated} open repetitions", hint="two at most, so that it ends in time"
        )


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 10_000_000


def _filled(schema: Mapping[str, Any], value: Any) -> Any:
    """Returns `value` with the defaults of objects within it."""
    if schema.get("type") == "object" and isinstance(value, Mapping):
        filled = {name: value[name] for name in value}
        for name, inner in schema.get("properties", {}).items():
            if name not in filled and "default" in inner:
                filled[name] = deepcopy(inner["default"])
            if name in filled:
                filled[name] = _filled(inner, filled[name])
        return filled
    if schema.get("type") == "array" and isinstance(value, list):
        return [_filled(schema["items"], each) for each in value]
    return value


def _words(error: Any) -> str:
    """Returns the validator's words, which quote the value first, cut to a length that can be shown."""
    words = str(error.message)
    return words if len(words) <= 300 else f"{words[:80]}… {words[-200:]}"


def _hint(error: Any) -> str:
    if error.validator == "additionalProperties":
        known = error.schema.get("properties", {})
        extra = next((name for name in error.instance if name not in known), "")
        if not known:
            return "leave them out: none are taken here"
        return did_you_mean(extra, known) or f"it may have {', '.join(known)}"[:300]
    if error.validator == "required":
        return "give it a value; it has no default"
    described = error.schema.get("description", "")
    return str(described)[:300] or f"expected {error.validator}: {str(error.validator_value)[:200]}"
