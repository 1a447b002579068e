"""Rows of a query as a Parquet file.

Rows come before anybody knows what a column holds: its first thousand values may be missing. So they are
first written as they come, and then again under the type that fits all of them.
"""

from __future__ import annotations

import datetime
import decimal
import ipaddress
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from counterfoil.core import canonical
from counterfoil.errors import INSTALL_FINGERPRINT, InvalidInput, NotSetUp
from counterfoil.provenance.snapshots.source import Writer

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["RowFile"]

_GROUP_ROWS: Final = 65_536
_MOST_COLUMNS: Final = 1_000
_AS_TEXT: Final = (uuid.UUID, ipaddress.IPv4Address, ipaddress.IPv6Address)


class RowFile:
    """Rows on their way into a Parquet file.

    Args:
        writer: Takes them as they come.

    Raises:
        NotSetUp: pyarrow is missing.
    """

    def __init__(self, writer: Writer) -> None:
        try:
            import pyarrow
        except ImportError as error:
            raise NotSetUp("Parquet needs the package pyarrow, which is missing", hint=INSTALL_FINGERPRINT) from error
        self._pa = pyarrow
        self._writer = writer
        self._schema: pa.Schema | None = None
        self._count = 0

    def add(self, names: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        """Takes some rows.

        Raises:
            InvalidInput: Two columns have one name, or a column holds values that have no one type.
        """
        pa = self._pa
        _require_names(names)
        columns = [self._column(name, [row[place] for row in rows]) for place, name in enumerate(names)]
        batch = pa.record_batch(columns, names=list(names))
        try:
            known = [self._schema] if self._schema is not None else []
            self._schema = pa.unify_schemas([*known, batch.schema], promote_options="permissive")
        except (pa.ArrowTypeError, pa.ArrowInvalid) as error:
            raise _mixed(names) from error
        if not rows:
            return
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, batch.schema) as stream:
            stream.write_batch(batch)
        self._writer.write(sink.getvalue().to_pybytes())
        self._count += 1

    def to_parquet(self, path: Path, writer: Writer) -> int:
        """Writes what was taken as a Parquet file; returns the number of rows.

        The same rows in the same order give the same bytes with the same pyarrow.

        Args:
            path: What was written as it came.
            writer: Takes the Parquet file.
        """
        import pyarrow.parquet as parquet

        pa = self._pa
        assert self._schema is not None
        rows = 0
        options = {"compression": "zstd", "version": "2.6", "write_page_index": False}
        with parquet.ParquetWriter(pa.PythonFile(_Sink(writer), mode="w"), self._schema, **options) as made:
            for table in self._groups(path):
                made.write_table(table, row_group_size=_GROUP_ROWS)
                rows += table.num_rows
        return rows

    def _groups(self, path: Path) -> Iterator[pa.Table]:
        """Yields the rows under their common types, a row group at a time, whatever batches they came in."""
        pa, waiting, count = self._pa, [], 0
        with path.open("rb") as file:
            for _ in range(self._count):
                table = pa.ipc.open_stream(file).read_all()
                try:
                    waiting.append(table.cast(self._schema))
                except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError) as error:
                    raise _mixed(self._schema.names if self._schema is not None else ()) from error
                count += table.num_rows
                while count >= _GROUP_ROWS:
                    whole = pa.concat_tables(waiting)
                    yield whole.slice(0, _GROUP_ROWS)
                    waiting, count = [whole.slice(_GROUP_ROWS)], count - _GROUP_ROWS
        if count:
            yield pa.concat_tables(waiting)

    def _column(self, name: str, values: list[Any]) -> pa.Array:
        pa = self._pa
        try:
            return pa.array([_plain(value) for value in values])
        except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, OverflowError, InvalidInput) as error:
            raise _mixed([name]) from error


class _Sink:
    """A file for pyarrow that stops at the writer's limits."""

    closed = False

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    def write(self, data: Any) -> int:
        """Writes some bytes."""
        self._writer.write(bytes(data))
        return len(data)

    def tell(self) -> int:
        """Returns how many were written."""
        return self._writer.done_bytes

    def flush(self) -> None:
        """Leaves that to the file."""

    def close(self) -> None:
        """Leaves that to the file's owner."""

    def writable(self) -> bool:
        """Whether it can be written."""
        return True


def _plain(value: Any) -> Any:
    """Returns a value of a database as one that Parquet has a type for."""
    if isinstance(value, datetime.datetime) and value.tzinfo is not None:
        return value.astimezone(datetime.UTC)  # servers name zones by their own settings
    if isinstance(value, _AS_TEXT):
        return str(value)
    if isinstance(value, memoryview | bytearray):
        return bytes(value)
    if isinstance(value, dict | list):
        return canonical.dumps(value).decode()
    if value is None or isinstance(value, bool | int | float | str | bytes | decimal.Decimal):
        return value
    if isinstance(value, datetime.date | datetime.time):
        return value
    raise InvalidInput(f"a value of the type {type(value).__name__} has no place in a table")


def _require_names(names: Sequence[str]) -> None:
    if len(names) > _MOST_COLUMNS:
        raise InvalidInput(f"the query gives {len(names):,} columns; {_MOST_COLUMNS:,} is the limit")
    twice = next((name for name in names if list(names).count(name) > 1), None)
    if twice is not None:
        raise InvalidInput(f"the query gives two columns named {twice[:60]!r}", hint="name one of them with AS")


def _mixed(names: Sequence[str]) -> InvalidInput:
    shown = ", ".join(repr(name[:60]) for name in names[:5])
    return InvalidInput(
        f"a column of {shown} holds values of types that do not go together, or of a type that no table has",
        hint="cast it in the query: CAST(… AS TEXT)",
    )
