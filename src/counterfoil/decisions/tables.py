"""The searchable tables of decisions, and what they are indexed for.

Time never goes back in a log, so decisions in order of their places are in order of time:
a window of time is a range of places, and every index ends in the place.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, LargeBinary, String, Table

from counterfoil.store.views import Place, metadata

__all__ = ["NO_DEPLOYMENT", "NO_LABEL", "decision_counts", "decisions", "deployments", "follow_ups", "policies"]

NO_DEPLOYMENT: Final = -1
"""Stands in `decision_counts` for decisions whose deployment is not on record."""

NO_LABEL: Final = ""
"""Stands in `decision_counts` for decisions whose label was erased."""

policies: Final = Table(
    "policies",
    metadata,
    Column("idx", Place, primary_key=True, autoincrement=False),
    Column("name", String, nullable=False),
    Column("version", String, nullable=False),
    Column("sha256", String, nullable=False, unique=True),
)
deployments: Final = Table(
    "deployments",
    metadata,
    Column("idx", Place, primary_key=True, autoincrement=False),
    Column("leaf", String, nullable=False, unique=True),
    Column("model_idx", Place, nullable=False),
    Column("policy_idx", Place, nullable=False),
)
decisions: Final = Table(
    "decisions",
    metadata,
    Column("idx", Place, primary_key=True, autoincrement=False),
    Column("deployment_idx", Place),
    Column("time_s", BigInteger, nullable=False),
    Column("label", String),
    Column("label_now", String),
    Column("score_micro", Integer),
    Column("outcome", String),
    Column("subject", LargeBinary(16)),
    Column("is_overridden", Boolean, nullable=False),
)
# SQLite ends every index in the place by itself, and PostgreSQL is told to.
Index("decisions_by_subject", decisions.c.subject, decisions.c.idx)
Index("decisions_by_label", decisions.c.label_now, decisions.c.idx)
Index("decisions_by_time", decisions.c.time_s, decisions.c.idx)
Index(
    "decisions_overridden",
    decisions.c.idx,
    sqlite_where=decisions.c.is_overridden.is_(True),
    postgresql_where=decisions.c.is_overridden.is_(True),
)

follow_ups: Final = Table(
    "follow_ups",
    metadata,
    Column("idx", Place, primary_key=True, autoincrement=False),
    Column("decision_idx", Place, nullable=False),
    Column("kind", String, nullable=False),
    Index("follow_ups_by_decision", "decision_idx"),
)
decision_counts: Final = Table(
    "decision_counts",
    metadata,
    Column("day", Integer, primary_key=True, autoincrement=False),
    Column("deployment_idx", Place, primary_key=True, autoincrement=False),
    Column("label", String, primary_key=True),
    Column("decisions", BigInteger, nullable=False),
)
"""How many decisions of a day (since 1970, UTC) and a deployment stand at a label now."""
