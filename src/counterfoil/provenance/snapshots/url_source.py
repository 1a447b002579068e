"""A file on the web."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from counterfoil.provenance.snapshots.addresses import Reach
from counterfoil.provenance.snapshots.source import Fetched, Limits, Progress, Writer, safe_name
from counterfoil.provenance.snapshots.web import Web, require_web_address, shown_url

__all__ = ["UrlSource"]

_SUFFIXES: Final = {
    "text/csv": ".csv",
    "text/tab-separated-values": ".tsv",
    "application/json": ".json",
    "application/x-ndjson": ".ndjson",
    "application/vnd.apache.parquet": ".parquet",
    "application/vnd.apache.arrow.file": ".arrow",
    "text/html": ".html",
    "text/plain": ".txt",
    "application/pdf": ".pdf",
    "application/zip": ".zip",
}
"""What a file without an ending is called, by its media type."""


@dataclass(frozen=True, slots=True)
class UrlSource:
    """What is at an address on the web.

    Attributes:
        url: http or https; without a name or password.
        secret: Sent to that host; see `credentials.authorization`.
        file_name: What the file is called; by its address when empty.
        reach: Which addresses may be asked.
        is_guarded: Whether somebody afar asks for it.
    """

    url: str = field(repr=False)  # its query may hold a secret
    secret: str = field(default="", repr=False)
    file_name: str = ""
    reach: Reach = field(default_factory=Reach)
    is_guarded: bool = False

    def __post_init__(self) -> None:
        require_web_address(self.url)

    def describe(self) -> dict[str, Any]:
        """Returns what is known of it without asking it."""
        return {"kind": "url", "url": shown_url(self.url)}

    def fetch(self, folder: Path, limits: Limits, progress: Progress | None) -> Fetched:
        """Writes what is at the address now into `folder`; see `Source.fetch`."""
        path = folder / "body"
        web = Web(self.reach, self.secret, is_guarded=self.is_guarded)
        with path.open("xb") as file:
            writer = Writer(file, limits, progress)
            with web.get(self.url, limits, writer.ends_s) as answer:
                writer.total_bytes = answer.size_bytes
                for piece in answer.pieces():
                    writer.write(piece)
        told = self.describe() | {"requestedUrl": shown_url(self.url)} | answer.told
        name = safe_name(self.file_name or unquote(urlsplit(answer.url).path), "body")
        if "." not in name:
            name += _SUFFIXES.get(str(answer.told.get("contentType", "")).partition(";")[0].strip().lower(), "")
        return Fetched(path.rename(folder / name), told)
