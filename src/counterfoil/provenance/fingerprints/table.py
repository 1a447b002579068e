"""The fingerprint of a table: of its columns and rows, whatever file or frame they are in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final, Literal, Self, TypeAlias

from counterfoil.core import canonical
from counterfoil.core.merkle import HASH_SIZE_BYTES, root_of
from counterfoil.errors import InvalidInput
from counterfoil.provenance.fingerprints.cells import EMPTY, framed_cells, type_name
from counterfoil.provenance.fingerprints.hash_list import hashes_in, read_hash

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["BLOCK_ROWS", "TABLE_VERSION", "Column", "Order", "TableFingerprint", "row_hashes", "table_fingerprint"]

TABLE_VERSION: Final = 1
BLOCK_ROWS: Final = 256
"""Rows that share one hash, so that a changed row has a place."""

_DOMAIN: Final = b"counterfoil table 1\n"

Order: TypeAlias = Literal["kept", "any"]
"""Whether the order of the rows counts."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its name, its type (see `cells`), and the hash of its cells in order; none where no order counts."""

    name: str
    type: str
    digest: bytes | None


@dataclass(frozen=True, slots=True)
class TableFingerprint:
    """What a table says.

    Attributes:
        columns: In their order.
        rows: Number of rows.
        order: Whether the order of the rows counts.
        root: 32 bytes, over the hashes of all rows: in their order, or ascending where none counts.
        blocks: The hashes of every 256 rows, one after the other; empty where no order counts.
    """

    columns: tuple[Column, ...]
    rows: int
    order: Order
    root: bytes
    blocks: bytes = b""

    @property
    def digest(self) -> bytes:
        """32 bytes that stand for columns and rows: SHA-256 of a line that names this format, the columns, the root."""
        about = {
            "columns": [{"name": each.name, "type": each.type} for each in self.columns],
            "order": self.order,
            "rows": self.rows,
        }
        return sha256(_DOMAIN + canonical.dumps(about) + b"\n" + self.root).digest()

    def to_json(self) -> dict[str, Any]:
        """Returns the table as a fingerprint's file has it."""
        blocks = [each.hex() for each in hashes_in(self.blocks)]
        columns = [
            {"name": each.name, "type": each.type} | ({"sha256": each.digest.hex()} if each.digest else {})
            for each in self.columns
        ]
        told = {"blocks": blocks, "columns": columns, "digest": self.digest.hex(), "order": self.order}
        return told | {"root": self.root.hex(), "rows": self.rows, "version": TABLE_VERSION}

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> Self:
        """Reads a table back, and holds its digest against its parts.

        Raises:
            InvalidInput: It is none, or it was altered.
        """
        try:
            if told["version"] != TABLE_VERSION or told["order"] not in ("kept", "any"):
                raise ValueError
            columns = tuple(
                Column(str(each["name"]), str(each["type"]), read_hash(each["sha256"]) if "sha256" in each else None)
                for each in told["columns"]
            )
            blocks = b"".join(read_hash(each) for each in told["blocks"])
            made = cls(columns, int(told["rows"]), told["order"], read_hash(told["root"]), blocks)
            is_whole = made.order == "any" or made.root == _root_of_blocks(blocks)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InvalidInput("the fingerprint of the table is none", hint="make it again") from error
        if not is_whole or made.digest.hex() != told["digest"]:
            raise InvalidInput("the fingerprint of the table was altered", hint="make it again")
        return made


def table_fingerprint(
    schema: pa.Schema, batches: Iterable[pa.RecordBatch], *, order: Order = "kept"
) -> TableFingerprint:
    """Returns the fingerprint of a table, holding one batch and 32 bytes a row at a time.

    Args:
        schema: Names and types.
        batches: The rows.
        order: `any` where the order of the rows does not count.

    Raises:
        InvalidInput: Two columns have one name, there is no column, or a type has no fingerprint.
    """
    names = list(schema.names)
    if not names or len(set(names)) != len(names):
        twice = next((name for name in names if names.count(name) > 1), "")
        raise InvalidInput(f"two columns are named {twice!r}" if twice else "the table has no column")
    types = [type_name(each) for each in schema.types]
    hashes, columns, seen = bytearray(), [sha256() for _ in names], [False] * len(names)
    for batch in batches:
        if batch.num_rows:
            framed = [framed_cells(column) for column in batch.columns]
            for place, cells in enumerate(framed):
                columns[place].update(_bytes_of(cells))
                seen[place] = seen[place] or batch.columns[place].null_count < batch.num_rows
            hashes += b"".join(row_hashes(framed))
    rows = len(hashes) // HASH_SIZE_BYTES
    named = [name if is_seen else EMPTY for name, is_seen in zip(types, seen, strict=True)]
    if order == "any":
        found = tuple(Column(name, kind, None) for name, kind in zip(names, named, strict=True))
        return TableFingerprint(found, rows, order, root_of(sorted(hashes_in(hashes))))
    blocks = b"".join(
        root_of(hashes_in(hashes[start : start + BLOCK_ROWS * HASH_SIZE_BYTES]))
        for start in range(0, len(hashes), BLOCK_ROWS * HASH_SIZE_BYTES)
    )
    digests = [each.digest() for each in columns]
    found = tuple(Column(*each) for each in zip(names, named, digests, strict=True))
    return TableFingerprint(found, rows, order, _root_of_blocks(blocks), blocks)


def row_hashes(parts: Sequence[pa.Array | pa.Scalar]) -> list[bytes]:
    """Returns SHA-256(0x00 || parts) of every row: its framed cells, and what else is to be hashed with them.

    Args:
        parts: Large binaries, as long as there are rows, or one for all of them.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = pa.large_binary()
    rows = pc.binary_join_element_wise(pa.scalar(b"\x00", kind), *parts, pa.scalar(b"", kind))
    data, bounds = _bytes_of(rows), _bounds_of(rows)
    return [sha256(data[start:end]).digest() for start, end in pairwise(bounds)]


def _bounds_of(cells: pa.Array) -> list[int]:
    """Returns where each cell starts in `_bytes_of`, and where the last one ends."""
    offsets = memoryview(cells.buffers()[1]).cast("q")[cells.offset : cells.offset + len(cells) + 1]
    first = offsets[0]
    return [each - first for each in offsets] if first else offsets.tolist()


def _bytes_of(cells: pa.Array) -> memoryview:
    """Returns the bytes of all cells, one after the other."""
    offsets = memoryview(cells.buffers()[1]).cast("q")
    return memoryview(cells.buffers()[2])[offsets[cells.offset] : offsets[cells.offset + len(cells)]]


def _root_of_blocks(blocks: bytes) -> bytes:
    """Returns the root over all rows from those over every 256 of them, which are its subtrees."""
    return root_of(hashes_in(blocks))
