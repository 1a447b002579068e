"""How decisions are searched for."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import Select, select

from counterfoil.decisions.views import decisions, follow_ups
from counterfoil.errors import InvalidInput
from counterfoil.store.streams import parse_time

__all__ = ["MOST_ROWS", "search_query"]

MOST_ROWS: Final = 1_000_000
"""Most decisions that one search returns."""


def search_query(
    subject_tag: bytes | None,
    label: str | None,
    since: str | None,
    until: str | None,
    overridden: bool | None,
    limit: int,
    before: int | None = None,
) -> Select[Any]:
    """Returns the query for decisions, newest first; see `Decisions.search`.

    Raises:
        InvalidInput: For a time or a limit that cannot be.
    """
    if not 0 < limit <= MOST_ROWS:
        raise InvalidInput(f"a search returns 1 to {MOST_ROWS} decisions, not {limit}")
    query = select(decisions).order_by(decisions.c.idx.desc()).limit(limit)
    if before is not None:
        query = query.where(decisions.c.idx < before)
    if subject_tag is not None:
        query = query.where(decisions.c.subject == subject_tag)
    if label is not None:
        query = query.where(decisions.c.label_now == label.encode("utf-8", "replace").decode())
    if since is not None:
        query = query.where(decisions.c.time_s >= _moment(since))
    if until is not None:
        query = query.where(decisions.c.time_s <= _moment(until))
    if overridden is not None:
        changed = decisions.c.idx.in_(select(follow_ups.c.decision_idx).where(follow_ups.c.kind == "override"))
        query = query.where(changed if overridden else ~changed)
    return query


def _moment(text: str) -> int:
    try:
        return parse_time(text)
    except ValueError as error:
        raise InvalidInput(f"{text[:40]!r} is not a time", hint="it looks like 2026-11-23T19:00:00Z, in UTC") from error
