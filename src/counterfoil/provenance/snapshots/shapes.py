"""What is told about snapshots as text: one shape for the command line and the HTTP API."""

from __future__ import annotations

from typing import Any

from counterfoil.core.wording import counted
from counterfoil.provenance.snapshots.snapshots import Snapshot, Taken

__all__ = ["size_words", "snapshot_json", "source_words", "taken_json"]

_UNITS = (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10))


def snapshot_json(found: Snapshot) -> dict[str, Any]:
    """Returns a snapshot as JSON values."""
    record, last = found.dataset.record, found.fetches[-1]
    return {
        "index": found.dataset.index,
        "last_fetch": last.ended,
        "fetches": len(found.fetches),
        "name": record.name,
        "rows": record.rows,
        "sha256": record.sha256,
        "size_bytes": record.size_bytes,
        "source": last.source,
        "state": found.state,
        "version": record.version,
    }


def taken_json(taken: Taken) -> dict[str, Any]:
    """Returns what taking a snapshot came to, as JSON values."""
    record = taken.dataset.record
    return {
        "index": taken.dataset.index,
        "name": record.name,
        "new": taken.is_new,
        "rows": record.rows,
        "run": taken.run.index,
        "sha256": record.sha256,
        "size_bytes": record.size_bytes,
        "source": taken.run.record.parameters["source"],
        "version": record.version,
    }


def source_words(source: dict[str, Any]) -> str:
    """Returns in a few words where a snapshot came from."""
    if source.get("kind") == "sql":
        return f"{source.get('dialect', '')} {source.get('database', '')} at {source.get('host', 'this machine')}"
    return str(source.get("requestedUrl") or source.get("url", ""))


def size_words(size_bytes: int) -> str:
    """Returns a size for people: `3.2 MiB`."""
    for unit, least in _UNITS:
        if size_bytes >= least:
            return f"{size_bytes / least:.1f} {unit}"
    return counted(size_bytes, "byte")
