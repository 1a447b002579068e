"""Where a table's rows come from: CSV, Parquet and Arrow files, datasets on disk, frames of pandas and polars."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from counterfoil.errors import INSTALL_FINGERPRINT, CounterfoilError, InvalidInput, NotFound, NotSetUp
from counterfoil.provenance.fingerprints.table import Order, TableFingerprint, table_fingerprint

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["TableSource", "is_table", "naming_faults", "table_of", "table_source"]

BATCH_ROWS: Final = 65_536
_CSV: Final = {".csv": ",", ".tsv": "\t"}
_ARROW: Final = (".arrow", ".feather", ".ipc")
_PARQUET: Final = (".parquet", ".pq")
_STATE: Final = "state.json"
_SPLITS: Final = "dataset_dict.json"


@dataclass(frozen=True, slots=True)
class TableSource:
    """A table that can be read from its beginning.

    Attributes:
        schema: Names and types.
        batches: Returns the rows, some tens of thousands at a time.
    """

    schema: pa.Schema
    batches: Callable[[], Iterator[pa.RecordBatch]]


def table_source(table: Any) -> TableSource:
    """Returns a table to be read.

    Args:
        table: A path (CSV with a header row in UTF-8, Parquet, Arrow; a folder of Parquet parts, or of a Hugging Face
            dataset that `save_to_disk` wrote), or a frame of pandas, polars or pyarrow. Of a pandas frame NaN is a
            missing value, as pandas itself has it, and the index does not count.

    Raises:
        NotFound: There is no such file.
        InvalidInput: It is no table, or cut off, ragged, or of mixed types.
        NotSetUp: pyarrow is missing.
    """
    try:
        import pyarrow as pa
    except ImportError as error:
        raise NotSetUp(
            "the rows of tables need the package pyarrow, which is missing", hint=INSTALL_FINGERPRINT
        ) from error
    if isinstance(table, str | Path):
        return _from_path(Path(table))
    with naming_faults("the frame"):
        if hasattr(table, "to_arrow"):
            table = table.to_arrow()  # polars
        elif not isinstance(table, pa.Table | pa.RecordBatch):
            table = pa.Table.from_pandas(_with_text_names(table), preserve_index=False)
    whole = pa.Table.from_batches([table]) if isinstance(table, pa.RecordBatch) else table
    return TableSource(whole.schema, lambda: iter(whole.to_batches(max_chunksize=BATCH_ROWS)))


def is_table(path: Path) -> bool:
    """Whether a file or folder looks like a table that `table_source` reads; nothing of it is opened."""
    if path.is_dir():
        return (path / _STATE).is_file() or bool(_parts_of(path))
    return path.suffix.lower() in (*_CSV, *_PARQUET, *_ARROW)


def table_of(table: Any, *, order: Order = "kept") -> TableFingerprint:
    """Returns the fingerprint of a table; see `table_source` for what it may be, and `table_fingerprint`."""
    source = table_source(table)
    return table_fingerprint(source.schema, source.batches(), order=order)


def _from_path(path: Path) -> TableSource:
    if not path.exists():
        raise NotFound(f"there is no file {path}")
    if path.is_dir():
        return _from_folder(path)
    suffix = path.suffix.lower()
    if suffix in _CSV:
        from counterfoil.provenance.fingerprints.csv_source import csv_source

        return csv_source(path, _CSV[suffix])
    if suffix in _PARQUET:
        return _joined([path], _parquet)
    if suffix in _ARROW:
        return _joined([path], _arrow)
    raise InvalidInput(
        f"{path.name} is no table that can be read", hint=f"its name ends in {', '.join((*_CSV, *_PARQUET, *_ARROW))}"
    )


def _from_folder(folder: Path) -> TableSource:
    if (folder / _SPLITS).is_file():
        raise InvalidInput(f"{folder} holds several tables", hint="name one of its splits, such as its folder train")
    if (folder / _STATE).is_file():
        try:
            state = json.loads((folder / _STATE).read_bytes())
            names = [str(each["filename"]) for each in state["_data_files"]]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InvalidInput(f"{folder / _STATE} does not name the parts of a dataset") from error
        if any(Path(name).name != name for name in names):
            raise InvalidInput(f"{folder / _STATE} names a part outside of the folder")
        if state.get("_indices_data_files"):
            raise InvalidInput(
                "the dataset on disk is a selection of other rows", hint="save it with flatten_indices() first"
            )
        return _joined([folder / name for name in names], _arrow)
    parts = _parts_of(folder)
    if not parts:
        raise InvalidInput(f"{folder} holds no table that can be read")
    return _joined(parts, _parquet)


def _parts_of(folder: Path) -> list[Path]:
    return sorted(each for each in folder.iterdir() if each.suffix.lower() in _PARQUET)


def _joined(parts: Sequence[Path], opened: Callable[[Path], TableSource]) -> TableSource:
    """Returns the rows of several files of one schema, one file after the other."""
    if not parts:
        raise InvalidInput("the dataset has no parts")
    sources = []
    for part in parts:
        with naming_faults(part.name):
            sources.append(opened(part))
    schema = sources[0].schema
    for part, source in zip(parts, sources, strict=True):
        if not source.schema.equals(schema):
            raise InvalidInput(f"{part.name} has other columns than {parts[0].name}")

    def batches() -> Iterator[pa.RecordBatch]:
        for part, source in zip(parts, sources, strict=True):
            with naming_faults(part.name):
                yield from source.batches()

    return TableSource(schema, batches)


def _parquet(path: Path) -> TableSource:
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        schema = file.schema_arrow

    def batches() -> Iterator[pa.RecordBatch]:
        with pq.ParquetFile(path) as file:
            yield from file.iter_batches(batch_size=BATCH_ROWS)

    return TableSource(schema.remove_metadata(), batches)


def _arrow(path: Path) -> TableSource:
    """An Arrow file, or the stream that Hugging Face's datasets keep."""
    import pyarrow as pa

    def reader(source: Any) -> Any:
        try:
            return pa.ipc.open_file(source)
        except pa.ArrowInvalid:
            source.seek(0)
            return pa.ipc.open_stream(source)

    with pa.OSFile(str(path)) as source:
        schema = reader(source).schema

    def batches() -> Iterator[pa.RecordBatch]:
        with pa.OSFile(str(path)) as source:
            opened = reader(source)
            if hasattr(opened, "num_record_batches"):
                yield from (opened.get_batch(number) for number in range(opened.num_record_batches))
            else:
                yield from opened

    return TableSource(schema.remove_metadata(), batches)


def _with_text_names(frame: Any) -> Any:
    """Refuses what is no frame, or one whose columns are not called by texts."""
    if not hasattr(frame, "columns") or not hasattr(frame, "dtypes"):
        raise InvalidInput(f"a {type(frame).__name__} is no table", hint="give a path, or a frame of pandas or polars")
    if not all(isinstance(name, str) for name in frame.columns):
        raise InvalidInput("the columns of the frame are not all called by texts", hint="frame.columns = [...]")
    return frame


@contextmanager
def naming_faults(what: str) -> Iterator[None]:
    """Turns what Arrow finds wrong with a table into our own error."""
    import pyarrow as pa

    try:
        yield
    except CounterfoilError:
        raise
    except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
        raise InvalidInput(f"{what} cannot be read as a table: {' '.join(str(error).split())[:200]}") from error
    except OSError as error:
        raise InvalidInput(f"{what} cannot be read: {' '.join(str(error).split())[:200]}") from error
