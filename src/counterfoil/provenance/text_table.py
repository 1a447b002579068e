"""A table whose cells can be read as texts, one way for CSV, Parquet and Arrow, so that a rule means one thing.

A whole number is its digits, also where a file kept it as 12.0 because others in the column are missing; a date is
`2026-11-25`, an instant what ISO 8601 calls it. An empty text, NaN and null are a missing value.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import file_digest
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from counterfoil.errors import InvalidInput
from counterfoil.provenance.fingerprints.reading import fingerprint_of
from counterfoil.provenance.fingerprints.table_source import require_arrow, table_source

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

__all__ = [
    "CSV_SIGNS",
    "CodedColumn",
    "TextTable",
    "as_texts",
    "coded_columns",
    "digest_of",
    "expected_rows",
    "mapped",
    "text_table",
]

CSV_SIGNS: Final = {".csv": ",", ".tsv": "\t"}
"""Ends of names of tables in text, and what separates their columns."""

_EXACT: Final = 2**53
"""Below this, a number of 64 bits that is whole stands for one whole number."""

_BLANK: Final = -1
"""Code of NaN and the empty text, until it is known how many values there are."""

_BLOCK_BYTES: Final = 1 << 20
_MOST_COLUMNS: Final = 20_000

Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class TextTable:
    """A table that can be read from its beginning.

    Attributes:
        names: Of its columns, each there once.
        schema: Their types; all texts where the file is CSV.
        batches: Returns the rows, some tens of thousands at a time.
    """

    names: tuple[str, ...]
    schema: pa.Schema
    batches: Callable[[], Iterator[pa.RecordBatch]]

    def require(self, wanted: Any) -> None:
        """Refuses names that are no columns (InvalidInput)."""
        missing = [name for name in wanted if name not in set(self.names)]
        if missing:
            known = ", ".join(self.names[:12]) + (", …" if len(self.names) > 12 else "")
            raise InvalidInput(f"the table has no column {missing[0]!r}", hint=f"it has {known}")


@dataclass(frozen=True, slots=True)
class CodedColumn:
    """A column as numbers that stand for its values.

    Attributes:
        name: Of the column.
        codes: (rows,) int32; 0 for a missing value; one more than there are values for NaN and the empty text,
            where they were to be told apart from null.
        values: What each code from 1 on stands for, in order of appearance.
    """

    name: str
    codes: np.ndarray[Any, Any]
    values: tuple[str, ...]

    @property
    def is_there(self) -> np.ndarray[Any, Any]:
        """Whether each row has a value, (rows,) bool."""
        found: np.ndarray[Any, Any] = (self.codes > 0) & (self.codes <= len(self.values))
        return found


def text_table(path: Path) -> TextTable:
    """Returns the table in a file: CSV with a header row in UTF-8, Parquet or Arrow.

    Raises:
        NotFound: There is no such file.
        InvalidInput: It is no table: ragged, without a header, not UTF-8, a column there twice. What it says
            never quotes a cell.
        NotSetUp: pyarrow is missing.
    """
    sign = CSV_SIGNS.get(path.suffix.lower()) if path.is_file() else None
    if sign is None:
        source = table_source(path)
        return TextTable(_checked(path, source.schema.names), source.schema, source.batches)
    require_arrow()
    import pyarrow as pa

    from counterfoil.provenance.fingerprints.csv_source import csv_texts

    names = _checked(path, _header(path, sign))

    def batches() -> Iterator[pa.RecordBatch]:
        with _without_cells(path):
            yield from csv_texts(path, sign)

    return TextTable(names, pa.schema([(name, pa.string()) for name in names]), batches)


def expected_rows(path: Path) -> int:
    """Returns about how many rows a table has, for a progress bar: lines of CSV, rows of Parquet, else 0."""
    suffix = path.suffix.lower()
    if suffix in CSV_SIGNS:
        with path.open("rb") as file:
            return max(0, sum(block.count(b"\n") for block in iter(lambda: file.read(_BLOCK_BYTES), b"")) - 1)
    if suffix in (".parquet", ".pq") and path.is_file():
        import pyarrow.parquet as pq

        with pq.ParquetFile(path) as table:
            return int(table.metadata.num_rows)
    return 0


def digest_of(path: Path) -> str:
    """Returns the SHA-256 (hex) of a file, or the root of a folder's fingerprint: what datasets are on record by."""
    if path.is_dir():
        return fingerprint_of(path).root.hex()
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


def as_texts(column: pa.Array) -> pa.Array:
    """Returns a column's values as texts, null where one is missing."""
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = column.type
    if pa.types.is_dictionary(kind):
        return as_texts(column.dictionary_decode())
    if pa.types.is_floating(kind):
        return mapped(column.cast(pa.float64()), _number_text)
    if pa.types.is_timestamp(kind):
        return mapped(column, lambda value: value.isoformat())
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind):
        return mapped(column, bytes.hex)
    if pa.types.is_nested(kind) or pa.types.is_null(kind):
        return pa.array([None if value is None else str(value) for value in column.to_pylist()], pa.string())
    texts = column if pa.types.is_string(kind) else column.cast(pa.string())
    return pc.if_else(pc.equal(texts, ""), pa.scalar(None, pa.string()), texts)


def mapped(column: pa.Array, function: Callable[[Any], str | None]) -> pa.Array:
    """Returns what a function makes of each value, as texts; it is asked once for each different one."""
    import pyarrow as pa

    coded = column.dictionary_encode()
    new = pa.array([None if value is None else function(value) for value in coded.dictionary.to_pylist()], pa.string())
    return new.take(coded.indices)


def coded_columns(
    table: TextTable, names: tuple[str, ...], progress: Progress | None = None, *, blanks_apart: bool = False
) -> list[CodedColumn]:
    """Reads columns whole, 4 bytes a cell and each different value once.

    Args:
        table: The table.
        names: Which columns.
        progress: Called with the rows read so far.
        blanks_apart: Whether NaN and the empty text have a code of their own, as the file tells them from null.
    """
    import numpy as np

    known: list[dict[str, int]] = [{} for _ in names]
    parts: list[list[np.ndarray[Any, Any]]] = [[np.zeros(0, np.int32)] for _ in names]
    places = [table.names.index(name) for name in names]
    rows = 0
    for batch in table.batches():
        for number, place in enumerate(places):
            codes = _codes(as_texts(batch.column(place)), known[number])
            if blanks_apart:
                codes[(codes == 0) & _is_there(batch.column(place))] = _BLANK
            parts[number].append(codes)
        rows += batch.num_rows
        if progress is not None:
            progress(rows)
    columns = []
    for name, read, values in zip(names, parts, known, strict=True):
        codes = np.concatenate(read)
        codes[codes == _BLANK] = len(values) + 1
        columns.append(CodedColumn(name, codes, tuple(values)))
    return columns


def _is_there(column: pa.Array) -> np.ndarray[Any, Any]:
    """Whether each row holds anything but null, (rows,) bool."""
    import pyarrow as pa

    if pa.types.is_dictionary(column.type):  # whose list of values may hold null
        column = column.dictionary_decode()
    found: np.ndarray[Any, Any] = column.is_valid().to_numpy(zero_copy_only=False)
    return found


def _codes(texts: pa.Array, known: dict[str, int]) -> np.ndarray[Any, Any]:
    """Returns the codes of a batch, giving new values the next ones."""
    import numpy as np

    coded = texts.dictionary_encode()
    of_batch = [0, *(known.setdefault(value, len(known) + 1) for value in coded.dictionary.to_pylist())]
    places = coded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    codes: np.ndarray[Any, Any] = np.array(of_batch, np.int32)[places + 1]
    return codes


def _number_text(value: float) -> str | None:
    if value != value:
        return None
    return str(int(value)) if abs(value) < _EXACT and value.is_integer() else repr(value)


def _checked(path: Path, names: list[str]) -> tuple[str, ...]:
    if not names or len(names) > _MOST_COLUMNS:
        raise InvalidInput(f"{path.name} has no header row, or more than {_MOST_COLUMNS:,} columns")
    if len(set(names)) != len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise InvalidInput(f"{path.name} has two columns named {twice[:60]!r}", hint="rename one of them")
    return tuple(names)


def _header(path: Path, sign: str) -> list[str]:
    import csv

    with _without_cells(path), path.open(encoding="utf-8-sig", newline="") as file:
        return next(csv.reader(file, delimiter=sign, strict=True), [])


@contextmanager
def _without_cells(path: Path) -> Iterator[None]:
    """Turns what is wrong with a file into our own error, which quotes none of its rows."""
    import csv
    import re

    try:
        yield
    except (InvalidInput, ValueError, csv.Error) as error:
        found = re.search(r"(Row #[0-9,]+: )?Expected [0-9]+ columns, got [0-9]+", str(error))
        what = found.group() if found else "it is cut off, ragged or not in UTF-8"
        raise InvalidInput(f"{path.name} is not a CSV table in UTF-8: {what}") from None
