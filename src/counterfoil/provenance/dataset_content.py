"""What a dataset holds: its fingerprint, and its rows and columns where it is a table."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, TypeAlias

from counterfoil.errors import NotFound, NotSetUp
from counterfoil.provenance.fingerprints.fingerprint import Fingerprint
from counterfoil.provenance.fingerprints.reading import content_hashes, fingerprint_of
from counterfoil.provenance.fingerprints.table import TableFingerprint
from counterfoil.provenance.fingerprints.table_source import is_table, table_of
from counterfoil.provenance.fingerprints.walk import walk
from counterfoil.provenance.tables import describe_csv

__all__ = ["DatasetContent", "content_of", "content_sha256"]

Progress: TypeAlias = Callable[[int, int], None]

_CSV: Final = ".csv"


@dataclass(frozen=True, slots=True)
class DatasetContent:
    """What a file or folder holds.

    Attributes:
        fingerprint: Of its files; of its rows, too, where it is a table and pyarrow is installed.
        sha256: Of the file's bytes, hex; of a folder, the fingerprint's root.
        rows: Number of rows; None where it is no table.
        columns: (name, type) of each column.
    """

    fingerprint: Fingerprint
    sha256: str
    rows: int | None
    columns: tuple[tuple[str, str], ...]


def content_of(path: Path, progress: Progress | None = None, file_name: str = "") -> DatasetContent:
    """Reads a dataset: a CSV, Parquet or Arrow file, a folder of such parts, or any other file or folder.

    Args:
        path: The file or folder.
        progress: Called with (bytes read, bytes in all).
        file_name: What a single file is called where it comes from; the path's own name when empty.

    Raises:
        NotFound: When there is nothing there.
        InvalidInput: When a table is none: ragged, cut off, not UTF-8; or something cannot be read.
        NotSetUp: When it is a table of a form that needs pyarrow.
    """
    if not path.exists():
        raise NotFound(f"there is no file {path}")
    if path.suffix.lower() == _CSV and path.is_file():
        return _csv_content(path, progress, file_name)
    fingerprint = _named(fingerprint_of(path, progress=progress), "" if path.is_dir() else file_name)
    if not is_table(path):
        return DatasetContent(fingerprint, _sha256(path, fingerprint), None, ())
    table = table_of(path)
    whole = replace(fingerprint, table=table)
    return DatasetContent(whole, _sha256(path, fingerprint), table.rows, _columns(table))


def content_sha256(path: Path, progress: Progress | None = None) -> str:
    """Returns the digest by which a file or folder is on record as a dataset, hex; reads every byte.

    Raises:
        NotFound: When there is nothing there.
        InvalidInput: When something cannot be read, or is changed meanwhile.
    """
    return _sha256(path, fingerprint_of(path, progress=progress))


def _csv_content(path: Path, progress: Progress | None, file_name: str) -> DatasetContent:
    """Reads a CSV file: counting its rows needs no package, telling them from others does."""
    csv = describe_csv(path, progress)
    fingerprint = _named(fingerprint_of(path), file_name)
    with suppress(NotSetUp):
        fingerprint = replace(fingerprint, table=table_of(path))
    return DatasetContent(fingerprint, csv.sha256, csv.rows, csv.columns)


def _named(fingerprint: Fingerprint, file_name: str) -> Fingerprint:
    """Returns the fingerprint of a single file under the name that it has where it comes from."""
    if not file_name or fingerprint.files != 1:
        return fingerprint
    (only,) = fingerprint.entries
    return Fingerprint.of([only._replace(path=file_name.encode())], fingerprint.algorithm)


def _sha256(path: Path, fingerprint: Fingerprint) -> str:
    if path.is_dir():
        return fingerprint.root.hex()
    only = fingerprint.entries[0]
    if only.kind == "whole":
        return only.digest.hex()
    (found,) = content_hashes(walk(path)).values()
    return found.hex()


def _columns(table: TableFingerprint) -> tuple[tuple[str, str], ...]:
    return tuple((each.name, each.type) for each in table.columns)
