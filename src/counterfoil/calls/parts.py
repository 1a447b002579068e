"""Values too large for a field, in pieces: each a record of its own, about the same person.

A field and a receipt have limits (1 and 4 MiB), and what somebody asked of a model may be
larger. Its canonical JSON is cut into pieces, which are recorded first; the call's record
builds on them, and its field says in which order they belong together:

    {"$parts": {"bytes": n, "leaves": [leaf, …], "sha256": hex of the canonical JSON}}

A value beyond `MOST_PIECES` of one call is cut off, and says so:

    {"$cut": {"bytes": n, "sha256": hex of all of it, "text": its beginning}}
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

from counterfoil.core import canonical
from counterfoil.core.fields import encode_value
from counterfoil.errors import MalformedEvidence

__all__ = ["INLINE_BYTES", "MOST_PIECES", "PIECE_BYTES", "LargeValue", "joined", "large_values", "marked"]

INLINE_BYTES: Final = 200_000
"""Largest canonical value that stays in the call's own record; all 16 fields together stay below 4 MiB."""

PIECE_BYTES: Final = 500_000
"""Largest piece; as a JSON string, with quotes and backslashes doubled, it stays below 1 MiB."""

MOST_PIECES: Final = 64
"""Most pieces of one call, 32 MB; its record names each of them."""

_SHORT_CHARS: Final = INLINE_BYTES // 6  # no character takes more than six bytes


@dataclass(frozen=True, slots=True)
class LargeValue:
    """One value that does not fit into its field."""

    pointer: str
    data: bytes

    @property
    def pieces(self) -> list[str]:
        """Its canonical JSON in pieces, cut between characters."""
        return list(_pieces(self.data))


def large_values(values: Mapping[str, Any]) -> list[LargeValue]:
    """Returns the values that do not fit into their fields."""
    found = []
    for pointer, value in values.items():
        if isinstance(value, str) and len(value) <= _SHORT_CHARS:
            continue
        data = encode_value(value)
        if len(data) > INLINE_BYTES:
            found.append(LargeValue(pointer, data))
    return found


def marked(value: LargeValue, leaves: Sequence[str] | None) -> dict[str, Any]:
    """Returns what stands in the field instead: the pieces' leaves, or without any the value's beginning."""
    about: dict[str, Any] = {"bytes": len(value.data), "sha256": sha256(value.data).hexdigest()}
    if leaves is None:
        beginning = next(_pieces(value.data, INLINE_BYTES // 3))
        return {"$cut": about | {"text": beginning}}
    return {"$parts": about | {"leaves": list(leaves)}}


def joined(value: Any, piece_of: Callable[[str], str]) -> Any:
    """Returns a field's value with its pieces put together again.

    Args:
        value: What stands in the field.
        piece_of: Returns the text of a piece by the leaf hash of its record.

    Raises:
        MalformedEvidence: When the pieces are not those of the value.
    """
    about = value.get("$parts") if isinstance(value, dict) and len(value) == 1 else None
    if not isinstance(about, dict):
        return value
    data = "".join(piece_of(str(leaf)) for leaf in about["leaves"]).encode()
    if sha256(data).hexdigest() != about["sha256"]:
        raise MalformedEvidence("the parts of a large value are not those its record names")
    return canonical.loads(data)


def _pieces(data: bytes, size_bytes: int = PIECE_BYTES) -> Iterator[str]:
    start = 0
    while start < len(data):
        end = min(start + size_bytes, len(data))
        while end < len(data) and data[end] & 0xC0 == 0x80:  # inside of a UTF-8 character
            end -= 1
        yield data[start:end].decode()
        start = end
