"""Rows of a dataset that one hash stands for: how a row, an id and the columns become bytes.

row       every cell as its length in decimal, ":", its bytes (see docs/reference/fingerprint.md for the cells)
leaf      SHA-256(0x00 || salt (16) || columns (32) || row)
columns   SHA-256("counterfoil rows columns 1" || 0x0a || canonical JSON of the names, in their order)
input     "counterfoil rows id 1" || 0x0a || the id in UTF-8: what goes into the verifiable random function
tag       SHA-256("counterfoil rows tag 1" || 0x0a || x of the function's point (32))
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

from counterfoil.core import canonical
from counterfoil.core.merkle import leaf_hash

__all__ = [
    "MAX_ID_BYTES",
    "SALT_BYTES",
    "ShownRow",
    "cell_value",
    "columns_digest",
    "id_input",
    "is_id",
    "row_leaf",
    "tag_of",
]

SALT_BYTES: Final = 16
MAX_ID_BYTES: Final = 1_024


@dataclass(frozen=True, slots=True)
class ShownRow:
    """A row that is shown, with what hid it.

    Attributes:
        salt: 16 bytes.
        cells: One for each column, a letter for its type and the value.
    """

    salt: bytes
    cells: tuple[bytes, ...]

    def leaf(self, columns: bytes) -> bytes:
        """Returns the row's leaf, under the digest of its columns."""
        return row_leaf(self.salt, columns, b"".join([b"%d:%b" % (len(cell), cell) for cell in self.cells]))


def row_leaf(salt: bytes, columns: bytes, row: bytes) -> bytes:
    """Returns the 32 bytes that a row is in the tree of rows."""
    return leaf_hash(salt + columns + row)


def columns_digest(names: Sequence[str]) -> bytes:
    """Returns the 32 bytes that stand for the names of the columns."""
    return sha256(b"counterfoil rows columns 1\n" + canonical.dumps(list(names))).digest()


def is_id(text: str) -> bool:
    """Whether a text can be an id: not empty, at most 1,024 bytes in UTF-8."""
    try:
        return 0 < len(text.encode()) <= MAX_ID_BYTES
    except UnicodeEncodeError:
        return False


def id_input(text: str) -> bytes:
    """Returns what the verifiable random function takes for an id; `é` in its two spellings in Unicode is two ids."""
    return b"counterfoil rows id 1\n" + text.encode()


def tag_of(gamma_x: bytes) -> bytes:
    """Returns the tag of an id, 32 bytes."""
    return sha256(b"counterfoil rows tag 1\n" + gamma_x).digest()


def cell_value(cell: bytes) -> Any:
    """Returns what a cell says, for people: None where the value is missing; what is less usual as its bytes say it."""
    letter, rest = cell[:1], cell[1:]
    if letter == b"n" and not rest:
        return None
    if letter == b"f":
        try:
            return str(struct.unpack(">d", struct.pack(">q", int(rest)))[0])
        except (ValueError, struct.error):
            return repr(cell)
    if letter in (b"s", b"i", b"b", b"d", b"j"):
        return rest.decode("utf-8", "backslashreplace")
    return cell.decode("utf-8", "backslashreplace")
