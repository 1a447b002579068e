"""How decisions are searched for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Row, ScalarSelect, Select, func, select

from counterfoil.decisions.fold import DAY_S
from counterfoil.decisions.tables import decision_counts, decisions, deployments, policies
from counterfoil.errors import InvalidInput
from counterfoil.store.streams import read_moment, time_text
from counterfoil.store.view_database import table_text

__all__ = ["MOST_ROWS", "DecisionCount", "count_query", "read_count", "search_query"]

MOST_ROWS: Final = 1_000_000
"""Most decisions that one search returns."""


@dataclass(frozen=True, slots=True)
class DecisionCount:
    """How many decisions of one day stand at a label.

    Attributes:
        day: `2026-11-23`, in UTC.
        policy: Its name; empty when the deployment is not on record.
        version: The policy's version.
        label: What was decided, as it stands now; None where that was erased.
        decisions: Their number.
    """

    day: str
    policy: str
    version: str
    label: str | None
    decisions: int


def read_count(row: Row[Any]) -> DecisionCount:
    """Returns what one row of `count_query` says."""
    found = row._mapping
    day, number = time_text(found["day"] * DAY_S)[:10], int(found["decisions"])
    return DecisionCount(day, found["name"] or "", found["version"] or "", found["label"] or None, number)


def search_query(
    subject_tag: bytes | None,
    label: str | None,
    since: str | None,
    until: str | None,
    overridden: bool | None,
    limit: int,
    before: int | None = None,
    policy: int | None = None,
    deployment: int | None = None,
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
        query = query.where(decisions.c.label_now == table_text(label))
    if since is not None:
        query = query.where(decisions.c.idx >= _first_since(read_moment(since)))
    if until is not None:
        query = query.where(decisions.c.idx <= _last_until(read_moment(until)))
    if policy is not None:
        under = select(deployments.c.idx).where(deployments.c.policy_idx == policy)
        query = query.where(decisions.c.deployment_idx.in_(under))
    if deployment is not None:
        query = query.where(decisions.c.deployment_idx == deployment)
    if overridden is not None:
        query = query.where(decisions.c.is_overridden.is_(overridden))
    return query


def count_query(since: str | None, until: str | None) -> Select[Any]:
    """Returns the query for decisions by day, policy and label; see `Decisions.counts`.

    Raises:
        InvalidInput: For a time that cannot be.
    """
    keys = (decision_counts.c.day, policies.c.name, policies.c.version, decision_counts.c.label)
    query = (
        select(*keys, func.sum(decision_counts.c.decisions).label("decisions"))
        .outerjoin(deployments, deployments.c.idx == decision_counts.c.deployment_idx)
        .outerjoin(policies, policies.c.idx == deployments.c.policy_idx)
        .group_by(*keys)
        .order_by(*keys)
    )
    if since is not None:
        query = query.where(decision_counts.c.day >= read_moment(since) // DAY_S)
    if until is not None:
        query = query.where(decision_counts.c.day <= read_moment(until) // DAY_S)
    return query


# Time never goes back in a log, so a moment is a place; finding it takes one look into an index.


def _first_since(time_s: int) -> ScalarSelect[Any]:
    alike = decisions.alias("later")
    return (
        select(alike.c.idx).where(alike.c.time_s >= time_s).order_by(alike.c.time_s, alike.c.idx).limit(1)
    ).scalar_subquery()


def _last_until(time_s: int) -> ScalarSelect[Any]:
    alike = decisions.alias("earlier")
    return (
        select(alike.c.idx).where(alike.c.time_s <= time_s).order_by(alike.c.time_s.desc(), alike.c.idx.desc()).limit(1)
    ).scalar_subquery()
