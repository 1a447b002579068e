"""Calls as JSON: one shape for the command line and the HTTP API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from counterfoil.calls.call import RecordedCall
from counterfoil.errors import NotAllowed, NotFound
from counterfoil.store.streams import time_text

if TYPE_CHECKING:
    from counterfoil.calls.calls import Calls
    from counterfoil.store.archive import Archive

__all__ = ["call_json", "found_json", "recorded_json"]


def found_json(row: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a call as a search finds it."""
    failed = None if row["has_failed"] is None else bool(row["has_failed"])
    names = {name: row[name] for name in ("operation", "model", "tool", "agent", "trace")}
    return {"index": row["idx"], "time": time_text(int(row["time_s"])), "failed": failed} | names


def recorded_json(made: RecordedCall) -> dict[str, Any]:
    """Returns a call just recorded."""
    return {
        "index": made.index,
        "leaf": made.leaf,
        "promise": made.promise.encode().decode() if made.promise else None,
        "seq": made.seq,
        "time": made.time,
    }


def call_json(calls: Calls, archive: Archive, index: int, *, with_values: bool) -> dict[str, Any]:
    """Returns one call, and which records it builds on.

    Raises:
        NotFound: There is no call at that place.
    """
    record = archive.record(index)
    if record.kind != "call":
        raise NotFound(
            f"record {index} is not a call but a {record.kind}", hint=f"counterfoil log show {index} shows it"
        )
    try:
        values = calls.values(index)
    except (NotFound, NotAllowed):
        values = None
    titles = {field.pointer: field.title for field in archive.schema(record.schema or "").fields}
    fields = None
    if values is not None:
        fields = [
            {"pointer": pointer, "title": titles[pointer]} | ({"value": value} if with_values else {})
            for pointer, value in values.items()
        ]
    return {
        "builds_on": [{"index": calls.place_of(leaf), "leaf": leaf} for leaf in record.builds_on],
        "fields": fields,
        "index": index,
        "issuer": record.issuer,
        "leaf": archive.leaf_hex(index),
        "operation": record.about.get("operation"),
        "seq": record.seq,
        "stream": record.stream,
        "time": record.time,
    }
