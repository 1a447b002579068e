"""Builds what a commitment to rows consists of: the tree over the rows, and the tree over their ids."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from counterfoil.core.rows import columns_digest
from counterfoil.core.rows_proof import IdTree, RowTree
from counterfoil.errors import InvalidInput, LogUnavailable
from counterfoil.provenance.fingerprints.cells import framed_cells
from counterfoil.provenance.fingerprints.table import row_hashes
from counterfoil.provenance.fingerprints.table_source import TableSource
from counterfoil.provenance.rows.ids import Tagger, ids_of, require_id_column
from counterfoil.provenance.rows.partitions import Partitions
from counterfoil.provenance.rows.secret import RowsSecret
from counterfoil.provenance.rows.tag_files import write_tags
from counterfoil.store.tree_files import TreeFiles

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["TREE_FOLDER", "Trees", "build_trees"]

TREE_FOLDER: Final = "tree"

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Trees:
    """The trees over a dataset's rows, and over its ids, where these were asked for."""

    rows: RowTree
    ids: IdTree | None


def build_trees(
    source: TableSource,
    secret: RowsSecret,
    folder: Path,
    *,
    id_column: str = "",
    expected_rows: int = 0,
    progress: Progress | None = None,
) -> Trees:
    """Reads a table once and writes the files from which proofs are made: 32 bytes a row, and 48 for its id.

    Args:
        source: The table.
        secret: Hides rows and ids.
        folder: An empty folder.
        id_column: Where the ids stand; without one only rows can be proven, by their number.
        expected_rows: So many there should be, for `progress`.
        progress: Told (rows done, rows in all).

    Raises:
        InvalidInput: The table has no row, no such column, or a row without an id.
        LogUnavailable: The disk refuses.
    """
    names = list(source.schema.names)
    if len(set(names)) != len(names):
        raise InvalidInput("two columns of the table have one name", hint="rename one of them")
    if id_column:
        require_id_column(source.schema, id_column)
    try:
        (folder / TREE_FOLDER).mkdir()
        tree = TreeFiles(folder / TREE_FOLDER, 0)
        try:
            with Partitions(folder) if id_column else nullcontext() as partitions:
                _read_rows(source, secret, tree, id_column, partitions, expected_rows, progress)
                rows = RowTree(columns_digest(names), tree.size, tree.root(tree.size))
                ids = None
                if partitions is not None:
                    count, root = write_tags(folder, partitions.sorted(), tree.size)
                    ids = IdTree(id_column, count, secret.id_public, root)
            tree.sync()
        finally:
            tree.close()
    except OSError as error:
        raise LogUnavailable(f"the trees over the rows cannot be written: {error.strerror}") from error
    return Trees(rows, ids)


def _salted_leaves(batch: pa.RecordBatch, secret: RowsSecret, columns: bytes, first: int) -> list[bytes]:
    """Returns the leaves of a batch's rows, the first of which is row number `first`."""
    import pyarrow as pa

    salts = secret.salt_column(first, batch.num_rows)
    cells = [framed_cells(column) for column in batch.columns]
    return row_hashes([salts, pa.scalar(columns, pa.large_binary()), *cells])


def _read_rows(
    source: TableSource,
    secret: RowsSecret,
    tree: TreeFiles,
    id_column: str,
    partitions: Partitions | None,
    expected_rows: int,
    progress: Progress | None,
) -> None:
    columns, tagger = columns_digest(source.schema.names), Tagger(secret)
    place = source.schema.names.index(id_column) if id_column else 0
    for batch in source.batches():
        first = tree.size
        leaves = _salted_leaves(batch, secret, columns, first)
        if partitions is not None:
            tags = [tagger.tag(each) for each in ids_of(batch.column(place), first)]
            partitions.add(tags, leaves, first)
        tree.extend(leaves)
        tree.flush()
        if progress is not None:
            progress(tree.size, max(expected_rows, tree.size))
    if not tree.size:
        raise InvalidInput("the table has no row", hint="commit to a dataset that has some")
