"""The media types of what is sold, by the end of its name."""

from __future__ import annotations

from pathlib import PurePath
from typing import Final

__all__ = ["ANY_BYTES", "media_type"]

ANY_BYTES: Final = "application/octet-stream"

_BY_END: Final = {
    ".csv": "text/csv",
    ".json": "application/json",
    ".jsonl": "application/x-ndjson",
    ".parquet": "application/vnd.apache.parquet",
    ".zip": "application/zip",
}


def media_type(name: str) -> str:
    """Returns the media type of a file with this name."""
    return _BY_END.get(PurePath(name).suffix.lower(), ANY_BYTES)
