"""The fields of a document, each of which is either read or told of in the end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from counterfoil.errors import MalformedEvidence

__all__ = ["MOST_FIELDS", "Fields"]

MOST_FIELDS: Final = 5_000
"""Most values in a document that are no objects or lists."""


class Fields:
    """A document's values by JSON Pointer (RFC 6901). Empty lists and objects hold none.

    Args:
        document: A JSON object.

    Raises:
        MalformedEvidence: It has more than `MOST_FIELDS`.
    """

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._document = document
        self._left: dict[str, Any] = {}
        for pointer, value in _leaves("", document):
            if len(self._left) == MOST_FIELDS:
                raise MalformedEvidence(f"the DDO has more than {MOST_FIELDS:,} fields")
            self._left[pointer] = value

    def take(self, *steps: str | int) -> Any:
        """Returns a value, with everything below it read; None where there is none."""
        value = self.look(*steps)
        pointer = pointer_of(*steps)
        if isinstance(value, Mapping | list):
            for each in [each for each in self._left if each.startswith(f"{pointer}/")]:
                del self._left[each]
        else:
            self._left.pop(pointer, None)
        return value

    def text(self, *steps: str | int) -> str:
        """Returns a text that is not empty, read; anything else stays unread, and reads as empty."""
        value = self.look(*steps)
        if isinstance(value, str) and value.strip():
            self.take(*steps)
            return value.strip()
        return ""

    def look(self, *steps: str | int) -> Any:
        """Returns a value and leaves it unread; None where there is none."""
        value: Any = self._document
        for step in steps:
            if isinstance(step, int) and isinstance(value, list):
                value = value[step] if step < len(value) else None
            else:
                value = value.get(step) if isinstance(value, Mapping) else None
        return value

    def left(self) -> list[tuple[str, Any]]:
        """Returns (pointer, value) of what was not read, in the document's order."""
        return list(self._left.items())


def pointer_of(*steps: str | int) -> str:
    """Returns a JSON Pointer."""
    return "".join(f"/{str(step).replace('~', '~0').replace('/', '~1')}" for step in steps)


def _leaves(pointer: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _leaves(pointer + pointer_of(key), item)
    elif isinstance(value, list):
        for place, item in enumerate(value):
            yield from _leaves(f"{pointer}/{place}", item)
    else:
        yield pointer, value
