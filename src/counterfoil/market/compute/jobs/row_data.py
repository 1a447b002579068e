"""The data of a job as columns, so that outputs can be held against its rows; None for what is no table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from counterfoil.errors import INSTALL_FINGERPRINT, InvalidInput, NotSetUp

__all__ = ["columns_of"]

_MOST_BYTES: Final = 512 * 2**20
"""Larger tables are not held against outputs: the decision says so, and the owner can ask to release by hand."""


def columns_of(path: Path, media_type: str) -> dict[str, Sequence[Any]] | None:
    """Returns the columns of a CSV or Parquet file.

    Args:
        path: The file.
        media_type: As the offer sheet has it.

    Returns:
        None for a folder, another type, or a file above 512 MiB.

    Raises:
        NotSetUp: pyarrow is not installed.
        InvalidInput: The file is not of its type.
    """
    is_table = media_type in ("text/csv", "application/vnd.apache.parquet")
    if not is_table or path.is_dir() or path.stat().st_size > _MOST_BYTES:
        return None
    try:
        import pyarrow as pa
        from pyarrow import csv, parquet
    except ImportError as error:
        raise NotSetUp(
            "holding outputs against a table needs pyarrow, which is missing", hint=INSTALL_FINGERPRINT
        ) from error
    try:
        table = csv.read_csv(path) if media_type == "text/csv" else parquet.read_table(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise InvalidInput(f"the data cannot be read as a table: {str(error)[:200]}") from error
    return {name: table.column(name).to_pylist() for name in dict.fromkeys(table.column_names)}
