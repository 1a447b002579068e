"""A CSV file as a table: it has only texts, so what a column holds is found out by looking at all of it.

    integer   0, 7, -12: no zero in front, at most 18 digits
    number    1.5, -2e9, NaN, inf, of at most 17 digits that count; and integers beside them
    boolean   true and false, in any case
    text      everything else, such as 007

An empty place is a missing value. The file is read twice: for the types, then for the rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from counterfoil.errors import InvalidInput
from counterfoil.provenance.fingerprints.table_source import TableSource, naming_faults

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["csv_source", "csv_texts"]

_WHOLE: Final = "(0|[1-9][0-9]*)"
_KINDS: Final = {
    "integer": r"^(0|-?[1-9][0-9]{0,17})$",
    "number": rf"^([-+]?({_WHOLE}(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?|(?i:nan|[-+]?inf))$",
    "boolean": r"^(?i:true|false)$",
}
"""The types, narrowest first, and what all values of a column must look like."""

_MOST_DIGITS: Final = 17
"""So many a number of 64 bits tells apart; what has more stays text."""

_BLOCK_BYTES: Final = 4 * 2**20


def csv_source(path: Path, delimiter: str) -> TableSource:
    """Returns the table in a CSV file with a header row, in UTF-8.

    Raises:
        InvalidInput: It is not such a table: ragged, without a header, not UTF-8.
    """
    import pyarrow as pa

    with naming_faults(path.name):
        names, kinds = _kinds(path, delimiter)
    types = {"integer": pa.int64(), "number": pa.float64(), "boolean": pa.bool_(), "text": pa.string()}
    schema = pa.schema([(name, types[kind]) for name, kind in zip(names, kinds, strict=True)])

    def batches() -> Iterator[pa.RecordBatch]:
        with naming_faults(path.name):
            for batch in csv_texts(path, delimiter):
                columns = [column.cast(field.type) for column, field in zip(batch.columns, schema, strict=True)]
                yield pa.RecordBatch.from_arrays(columns, schema=schema)

    return TableSource(schema, batches)


def _kinds(path: Path, delimiter: str) -> tuple[Sequence[str], list[str]]:
    """Returns names and kinds of the columns."""
    names: Sequence[str] = ()
    left: list[list[str]] = []
    for batch in csv_texts(path, delimiter):
        if not left:
            names, left = batch.schema.names, [list(_KINDS) for _ in batch.schema.names]
        for column, kinds in zip(batch.columns, left, strict=True):
            kinds[:] = [kind for kind in kinds if _are(column, kind)]
    return names, [kinds[0] if kinds else "text" for kinds in left]


def _are(column: pa.Array, kind: str) -> bool:
    """Whether all values of a column look like a kind, and would keep all their digits as one."""
    import pyarrow.compute as pc

    if pc.all(pc.match_substring_regex(column, _KINDS[kind])).as_py() is False:
        return False
    if kind != "number":
        return True
    digits = pc.utf8_ltrim(pc.replace_substring_regex(column, "[eE].*|[-+.]", ""), "0")
    return (pc.max(pc.utf8_length(digits)).as_py() or 0) <= _MOST_DIGITS


def csv_texts(path: Path, delimiter: str) -> Iterator[pa.RecordBatch]:
    """Yields the rows with every value as text, null where its place is empty."""
    import pyarrow as pa
    from pyarrow import csv

    header = _header(path, delimiter)
    options: dict[str, Any] = {
        "read_options": csv.ReadOptions(block_size=_BLOCK_BYTES, use_threads=False),
        "parse_options": csv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
        "convert_options": csv.ConvertOptions(
            column_types=dict.fromkeys(header, pa.string()),
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=True,
        ),
    }
    with csv.open_csv(path, **options) as reader:
        yield from reader
        if not header:
            raise InvalidInput(f"{path.name} has no header row")


def _header(path: Path, delimiter: str) -> list[str]:
    import csv

    with path.open(encoding="utf-8-sig", newline="") as file:
        return next(csv.reader(file, delimiter=delimiter), [])
