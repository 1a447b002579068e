"""Writing a table so that the same rows give the same bytes, into a file that was not there before.

CSV: UTF-8, one header row, lines end with a line feed, quotes only where a value needs them, a missing value is an
empty place (`""` where a row has one column alone). Parquet: the row groups are the batches, Zstandard at level 3, no
metadata of the writer's own; its bytes hang on pyarrow's version.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING, Any, Final

from counterfoil.errors import InvalidInput, LogUnavailable
from counterfoil.provenance.text_table import CSV_SIGNS, as_texts

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["require_new", "writing"]

PARQUET: Final = (".parquet", ".pq")

Write = Callable[["pa.RecordBatch"], None]


def require_new(path: Path) -> None:
    """Refuses a place that is taken, or a name that no table is written to (InvalidInput)."""
    if path.suffix.lower() not in (*CSV_SIGNS, *PARQUET):
        raise InvalidInput(
            f"{path.name} is no name of a table that can be written", hint="it ends in .csv, .tsv or .parquet"
        )
    if path.exists() or path.is_symlink():
        raise InvalidInput(f"{path} already exists", hint="choose another name; nothing is overwritten")
    if not path.absolute().parent.is_dir():
        raise InvalidInput(f"there is no folder {path.absolute().parent}", hint="make it first")


@contextmanager
def writing(path: Path, schema: pa.Schema) -> Iterator[Write]:
    """Gives a function that takes batches; the file is there, whole, when the block ends without an error.

    Raises:
        InvalidInput: There is something at `path`, now or by the end.
        LogUnavailable: The disk refuses.
    """
    require_new(path)
    unfinished = path.with_name(f".{path.name}.{token_hex(8)}.new")
    try:
        opened = _csv if path.suffix.lower() in CSV_SIGNS else _parquet
        with opened(unfinished, schema, CSV_SIGNS.get(path.suffix.lower(), "")) as write:
            yield write
        _finish(unfinished, path)
    except OSError as error:
        raise LogUnavailable(f"{path} could not be written: {error.strerror or error}") from error
    finally:
        unfinished.unlink(missing_ok=True)


def _finish(unfinished: Path, path: Path) -> None:
    with unfinished.open("rb") as file:
        os.fsync(file.fileno())
    try:
        os.link(unfinished, path)  # unlike a rename, this never replaces what somebody else put there
    except FileExistsError as error:
        raise InvalidInput(f"{path} already exists", hint="choose another name; nothing is overwritten") from error


@contextmanager
def _csv(path: Path, schema: pa.Schema, sign: str) -> Iterator[Write]:
    import csv

    with path.open("x", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter=sign, lineterminator="\n")
        writer.writerow(schema.names)

        def write(batch: pa.RecordBatch) -> None:
            columns: list[Any] = [as_texts(column).to_pylist() for column in batch.columns]
            writer.writerows(zip(*columns, strict=True))

        yield write


@contextmanager
def _parquet(path: Path, schema: pa.Schema, _sign: str) -> Iterator[Write]:
    import pyarrow.parquet as pq

    bare = schema.remove_metadata()
    with pq.ParquetWriter(path, bare, compression="zstd", compression_level=3, store_schema=False) as writer:

        def write(batch: pa.RecordBatch) -> None:
            if batch.num_rows:
                writer.write_batch(batch)

        yield write
