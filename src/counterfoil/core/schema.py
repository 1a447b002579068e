"""Which private fields a kind of record has, in which order.

A schema is public and named by its digest. It fixes the position of every field, so
that a checker knows where a value belongs and how many there are.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from typing import Any, Final

from counterfoil.core import canonical
from counterfoil.errors import InvalidInput, MalformedEvidence

__all__ = ["FIELD_TYPES", "MAX_FIELDS", "MAX_SCHEMA_BYTES", "Schema", "SchemaField"]

MAX_FIELDS: Final = 1024
MAX_SCHEMA_BYTES: Final = 1_048_576
"""Largest canonical form of a schema."""
FIELD_TYPES: Final = {
    "any": (object,),
    "array": (list, tuple),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
    "object": (dict,),
    "string": (str,),
}
_POINTER: Final = re.compile(r'(?:/[^"\\/\x00-\x1f\x7f]+)+')


@dataclass(frozen=True, slots=True)
class SchemaField:
    """One private field: where it sits, what people call it, what it holds.

    Attributes:
        pointer: JSON Pointer (RFC 6901), `/input/age_in_years`.
        title: Plain words for people.
        type: A key of `FIELD_TYPES`.
    """

    pointer: str
    title: str
    type: str = "any"

    def accepts(self, value: Any) -> bool:
        """Whether `value` is of the field's type (null always is)."""
        if value is None or self.type == "any":
            return True
        if isinstance(value, bool):
            return self.type == "boolean"
        return isinstance(value, FIELD_TYPES[self.type])


@dataclass(frozen=True)
class Schema:
    """An ordered list of private fields.

    Raises:
        InvalidInput: For no or more than 1,024 fields, more than a mebibyte, malformed
            or repeated pointers, titles that are not one line of text, unknown types.
    """

    name: str
    fields: tuple[SchemaField, ...]
    positions: Mapping[str, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not 0 < len(self.fields) <= MAX_FIELDS:
            raise InvalidInput(f"a schema has 1 to {MAX_FIELDS} fields, not {len(self.fields)}")
        for entry in self.fields:
            if not _POINTER.fullmatch(entry.pointer) or not entry.pointer.isprintable():
                raise InvalidInput(f"{entry.pointer[:80]!r} cannot name a field", hint="it looks like /input/age")
            if not entry.title.isprintable():
                raise InvalidInput(f"the title {entry.title[:80]!r} of {entry.pointer!r} is not one line of text")
            if entry.type not in FIELD_TYPES:
                raise InvalidInput(f"{entry.type[:80]!r} is not a field type", hint=f"one of {', '.join(FIELD_TYPES)}")
        positions = {entry.pointer: position for position, entry in enumerate(self.fields)}
        if len(positions) != len(self.fields):
            raise InvalidInput(f"the schema {self.name[:80]!r} names a field twice")
        if not self.name.isprintable() or len(self.encoded) > MAX_SCHEMA_BYTES:
            raise InvalidInput(f"the schema {self.name[:80]!r} is too large, or its name is not one line of text")
        object.__setattr__(self, "positions", positions)

    @property
    def width(self) -> int:
        """Number of leaves of the field tree: the next power of two."""
        return 1 << (len(self.fields) - 1).bit_length()

    @cached_property
    def encoded(self) -> bytes:
        """The canonical bytes."""
        return canonical.dumps(self.to_json())

    @cached_property
    def digest(self) -> str:
        """SHA-256 (hex) of the canonical bytes."""
        return sha256(self.encoded).hexdigest()

    def to_json(self) -> dict[str, Any]:
        """Returns the schema as JSON."""
        return {
            "fields": [{"pointer": f.pointer, "title": f.title, "type": f.type} for f in self.fields],
            "format": "counterfoil-schema/1",
            "name": self.name,
        }

    @classmethod
    def from_json(cls, value: Any) -> Schema:
        """Reads a schema, refusing anything it does not know.

        Raises:
            MalformedEvidence: When it is not a schema.
        """
        if not isinstance(value, dict) or set(value) != {"fields", "format", "name"}:
            raise MalformedEvidence("a schema has exactly a format, a name and fields")
        if value["format"] != "counterfoil-schema/1" or not isinstance(value["name"], str):
            raise MalformedEvidence(f"unknown schema format {str(value['format'])[:40]!r}")
        try:
            return cls(value["name"], tuple(_field(entry) for entry in _listed(value["fields"])))
        except InvalidInput as error:
            raise MalformedEvidence(error.message, hint=error.hint) from error


def _listed(value: Any) -> Sequence[Any]:
    if not isinstance(value, list):
        raise MalformedEvidence("a schema's fields are a list")
    return value


def _field(value: Any) -> SchemaField:
    if (
        not isinstance(value, dict)
        or set(value) != {"pointer", "title", "type"}
        or not all(isinstance(part, str) for part in value.values())
    ):
        raise MalformedEvidence("a schema's field has exactly a pointer, a title and a type, all text")
    return SchemaField(value["pointer"], value["title"], value["type"])
