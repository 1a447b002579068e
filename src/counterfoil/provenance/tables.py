"""Reads a table file once: its digest, its rows, its columns."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from counterfoil.errors import InvalidInput, NotFound

__all__ = ["CsvTable", "describe_csv", "read_rows"]

_CHUNK_BYTES: Final = 1 << 20
_MAX_COLUMNS: Final = 1_000


class _Hashing(io.RawIOBase):
    """A file that is hashed while it is read, so that digest and content are of one moment."""

    def __init__(self, path: Path, progress: Callable[[int, int], None] | None) -> None:
        self._file = path.open("rb")
        self._size = path.stat().st_size
        self._progress = progress
        self.digest = hashlib.sha256()
        self.read_bytes = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        count = self._file.readinto(buffer)
        self.digest.update(buffer[:count])
        self.read_bytes += count
        if self._progress is not None:
            self._progress(self.read_bytes, self._size)
        return count

    def close(self) -> None:
        self._file.close()
        super().close()


@dataclass(frozen=True, slots=True)
class CsvTable:
    """What a CSV file holds: digest (hex) and size of its bytes, number of rows, (name, type) of each column."""

    sha256: str
    size_bytes: int
    rows: int
    columns: tuple[tuple[str, str], ...]


def describe_csv(path: Path, progress: Callable[[int, int], None] | None = None) -> CsvTable:
    """Returns what a CSV file with a header row holds.

    Args:
        path: The file, UTF-8.
        progress: Called with (bytes read, bytes in all).

    Raises:
        NotFound: When there is no such file.
        InvalidInput: When it is not such a table: no header, doubled columns,
            ragged rows, not UTF-8.
    """
    if not path.is_file():
        raise NotFound(f"there is no file {path}")
    source = _Hashing(path, progress)
    with io.TextIOWrapper(io.BufferedReader(source, _CHUNK_BYTES), encoding="utf-8-sig", newline="") as text:
        try:
            columns, rows = _scan(csv.reader(text, strict=True), path)
        except (UnicodeDecodeError, csv.Error) as error:
            raise InvalidInput(f"{path.name} is not a CSV table in UTF-8: {error}") from error
        digest, size = source.digest.hexdigest(), source.read_bytes
    return CsvTable(digest, size, rows, columns)


def read_rows(file: Path) -> list[dict[str, Any]]:
    """Returns the rows of a CSV table, numbers where a whole column holds numbers; empty places are None.

    Raises:
        NotFound: When there is no such file.
        InvalidInput: When it is not a table in UTF-8.
    """
    readers = {"integer": int, "number": float, "text": str}
    kinds = {column: readers[kind] for column, kind in describe_csv(file).columns}
    with file.open(encoding="utf-8-sig", newline="") as text:
        return [
            {name: kinds[name](value) if value else None for name, value in row.items()}
            for row in csv.DictReader(text, strict=True)
        ]


def _scan(reader: Iterator[list[str]], path: Path) -> tuple[tuple[tuple[str, str], ...], int]:
    header = next(reader, None)
    if not header or len(header) > _MAX_COLUMNS:
        raise InvalidInput(f"{path.name} has no header row, or more than {_MAX_COLUMNS} columns")
    for sign, name in ((";", "semicolons"), ("\t", "tabs")):
        if len(header) == 1 and sign in header[0]:
            raise InvalidInput(
                f"{path.name} has one column, named {header[0][:60]!r}",
                hint=f"are the columns separated by {name}? Separate them by commas",
            )
    if len(set(header)) != len(header):
        twice = next(name for name in header if header.count(name) > 1)
        raise InvalidInput(f"{path.name} has two columns named {twice!r}")
    kinds = [0] * len(header)  # 0 integer, 1 number, 2 text
    rows = 0
    for row in reader:
        if len(row) != len(header):
            raise InvalidInput(f"row {rows + 1} of {path.name} has {len(row)} values, the header {len(header)}")
        rows += 1
        for place, value in enumerate(row):
            if kinds[place] < 2 and value:
                kinds[place] = max(kinds[place], _kind(value))
    if not rows:
        raise InvalidInput(f"{path.name} has a header row and no row below it")
    names = ("integer", "number", "text")
    return tuple((name, names[kind]) for name, kind in zip(header, kinds, strict=True)), rows


def _kind(value: str) -> int:
    if value.lstrip("-").isdecimal():
        return 0
    try:
        float(value)
    except ValueError:
        return 2
    return 1
