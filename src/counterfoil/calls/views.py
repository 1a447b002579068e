"""Calls as a searchable table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import BigInteger, Column, Connection, Index, Integer, LargeBinary, String, Table, update

from counterfoil.store.views import Row, metadata

__all__ = ["CallsView", "calls"]

calls: Final = Table(
    "calls",
    metadata,
    Column("idx", Integer, primary_key=True, autoincrement=False),
    Column("time_s", BigInteger, nullable=False),
    Column("operation", String, nullable=False),
    Column("model", String),
    Column("tool", String),
    Column("agent", String),
    Column("trace", String),
    Column("has_failed", Integer),
    Column("subject", LargeBinary(16)),
    Index("calls_by_subject", "subject"),
    Index("calls_by_trace", "trace"),
)

_SHOWN: Final = {
    "/model": "model",
    "/tool": "tool",
    "/agent": "agent",
    "/trace": "trace",
    "/error": "has_failed",
    "/subject": "subject",
}
"""Which column shows something of which private field."""

_MOST_CHARS: Final = 200


class CallsView:
    """Keeps one row per call."""

    kinds = frozenset({"call", "erasure"})

    def fold(self, connection: Connection, rows: Sequence[Row]) -> None:
        """Takes records in log order."""
        pending: list[dict[str, Any]] = []
        for row in rows:
            if row.record.kind == "call":
                pending.append(_call(row))
                continue
            self._flush(connection, pending)
            _erase(connection, row.record.about)
        self._flush(connection, pending)

    @staticmethod
    def _flush(connection: Connection, pending: list[dict[str, Any]]) -> None:
        if pending:
            connection.execute(calls.insert(), pending)
            pending.clear()


def _call(row: Row) -> dict[str, Any]:
    values = row.values
    place = (values or {}).get("/trace")
    names = {column: _name((values or {}).get(f"/{column}")) for column in ("model", "tool", "agent")}
    return names | {
        "idx": row.index,
        "time_s": row.time_s,
        "operation": str(row.record.about.get("operation", "")),
        "trace": _name(place.get("trace")) if isinstance(place, dict) else None,
        "has_failed": None if values is None else int("/error" in values),
        "subject": row.subject,
    }


def _name(value: Any) -> str | None:
    """Returns a name as the table shows it; a value that is no text has none."""
    return value[:_MOST_CHARS] if isinstance(value, str) else None


def _erase(connection: Connection, about: Any) -> None:
    """Empties what the table still says about erased records."""
    fields = about["fields"] if about.get("scope") == "field" else _SHOWN
    gone = {_SHOWN[name]: None for name in fields if name in _SHOWN}
    runs = list(about.get("records", ())) + [(index, index) for index, _ in about.get("restricted", ())]
    for first, last in runs:
        if gone:
            connection.execute(update(calls).where(calls.c.idx.between(first, last)).values(**gone))
