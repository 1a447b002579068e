"""Ids in a column, and the tags they have."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Final

from cryptography.hazmat.primitives.asymmetric import ec

from counterfoil.core.ecvrf import hash_input
from counterfoil.core.rows import MAX_ID_BYTES, id_input, tag_of
from counterfoil.errors import InvalidInput
from counterfoil.provenance.fingerprints.cells import type_name
from counterfoil.provenance.rows.secret import RowsSecret

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Tagger", "ids_of", "require_id_column"]

_TYPES: Final = ("text", "integer")
_KEPT: Final = 65_536
"""Ids whose tags are remembered, because the rows of one person often stand together."""


def require_id_column(schema: pa.Schema, column: str) -> None:
    """Refuses a table without such a column, or with one whose values are no ids.

    Raises:
        InvalidInput: There is none, or its type is neither text nor integer.
    """
    if column not in schema.names:
        shown = ", ".join(schema.names[:8])
        raise InvalidInput(f"there is no column {column!r}", hint=f"the table has {shown}")
    kind = type_name(schema.field(column).type)
    if kind not in _TYPES:
        raise InvalidInput(
            f"the column {column!r} holds values of the type {kind}; ids are texts or integers",
            hint="convert that column to text first",
        )


def ids_of(column: pa.Array, first: int) -> list[str]:
    """Returns the ids in a column as texts; an integer as its decimal digits, so that 42 and "42" are one id.

    Args:
        column: Texts or integers.
        first: Number of its first row, for messages.

    Raises:
        InvalidInput: One is missing, empty or too long. The message names the row, never the id.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    texts = column.dictionary_decode() if pa.types.is_dictionary(column.type) else column
    texts = texts.cast(pa.large_string())
    sizes = pc.fill_null(pc.binary_length(texts), 0)
    wrong = pc.or_(pc.less(sizes, 1), pc.greater(sizes, MAX_ID_BYTES))
    place = pc.index(wrong, pa.scalar(True)).as_py()
    if place >= 0:
        size = sizes[place].as_py()
        told = f"an id of {size:,} bytes" if size else "no id"
        raise InvalidInput(
            f"row {first + place + 1:,} has {told}", hint=f"every row needs an id of 1 to {MAX_ID_BYTES:,} bytes"
        )
    found: list[str] = texts.to_pylist()
    return found


class Tagger:
    """Finds the tags of ids, some ten thousand a second.

    Args:
        secret: Holds the key.
    """

    def __init__(self, secret: RowsSecret) -> None:
        self._key = secret.id_key
        self._public = secret.id_public
        self._curve = ec.SECP256R1()
        self._method = ec.ECDH()
        self._known: OrderedDict[str, bytes] = OrderedDict()

    def tag(self, text: str) -> bytes:
        """Returns the tag of an id, 32 bytes: what every proof for it leads to, without making one."""
        known = self._known.get(text)
        if known is not None:
            return known
        tag = tag_of(self._key.exchange(self._method, self._point(id_input(text))))
        self._known[text] = tag
        if len(self._known) > _KEPT:
            self._known.popitem(last=False)
        return tag

    def _point(self, alpha: bytes) -> ec.EllipticCurvePublicKey:
        """RFC 9381 5.4.1.1, by the faster curve arithmetic of `cryptography`."""
        for counter in range(256):
            try:
                data = b"\x02" + hash_input(self._public, alpha, counter)
                return ec.EllipticCurvePublicKey.from_encoded_point(self._curve, data)
            except ValueError:
                continue
        raise AssertionError("256 tries found no point, which nobody will ever see")
