"""Reads a CSV file once: its digest, its rows, its columns and what they hold.

    integer   0, 7, -12: no zero or plus in front, at most 18 digits
    number    1.5, -2e9, NaN, inf, of at most 17 digits that count; and integers beside them
    text      everything else, such as the ZIP code 021 or the telephone number +4722334455

A column is a number only where nothing is lost by reading it as one. An empty place says nothing.
"""

from __future__ import annotations

import csv
import hashlib
import io
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from counterfoil.errors import InvalidInput, NotFound

__all__ = ["CsvTable", "describe_csv", "read_rows"]

_CHUNK_BYTES: Final = 1 << 20
_MAX_COLUMNS: Final = 1_000

_INTEGER, _NUMBER = 1, 2
_NAMES: Final = {_INTEGER: "integer", _INTEGER | _NUMBER: "integer", _NUMBER: "number", 0: "text"}
"""What a column is called by what all of its values can be read as."""

_WHOLE: Final = re.compile(r"0|-?[1-9][0-9]{0,17}")
_REAL: Final = re.compile(r"-?(?:(?:0|[1-9][0-9]*)(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?")
_NO_REAL: Final = re.compile(r"(?i:nan|[-+]?inf)")
_MOST_DIGITS: Final = 17
"""So many digits a number of 64 bits tells apart."""


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
    kinds = [_INTEGER | _NUMBER] * len(header)
    rows = 0
    for row in reader:
        if len(row) != len(header):
            raise InvalidInput(f"row {rows + 1} of {path.name} has {len(row)} values, the header {len(header)}")
        rows += 1
        for place, value in enumerate(row):
            if kinds[place] and value:
                kinds[place] &= _kinds(value)
    if not rows:
        raise InvalidInput(f"{path.name} has a header row and no row below it")
    return tuple((name, _NAMES[kind]) for name, kind in zip(header, kinds, strict=True)), rows


def _kinds(value: str) -> int:
    """Returns what a value can be read as without loss."""
    bare = value.strip(" ")
    if not _REAL.fullmatch(bare):
        return _NUMBER if _NO_REAL.fullmatch(bare) else 0
    digits = re.sub("[eE].*|[-.]", "", bare).lstrip("0")
    kinds = _NUMBER if len(digits) <= _MOST_DIGITS else 0
    return kinds | (_INTEGER if _WHOLE.fullmatch(value) else 0)
