"""Decisions and what followed them, as searchable tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    func,
    select,
    update,
)

from counterfoil.core.merkle import leaf_hash
from counterfoil.decisions.records import DeploymentRecord
from counterfoil.store.archive import Archive
from counterfoil.store.views import Row, leaf8, metadata, records

__all__ = ["DecisionsView", "decisions", "deployments", "follow_ups", "policies"]

policies: Final = Table(
    "policies",
    metadata,
    Column("idx", Integer, primary_key=True, autoincrement=False),
    Column("name", String, nullable=False),
    Column("version", String, nullable=False),
    Column("sha256", String, nullable=False, unique=True),
)
deployments: Final = Table(
    "deployments",
    metadata,
    Column("idx", Integer, primary_key=True, autoincrement=False),
    Column("leaf", String, nullable=False, unique=True),
    Column("model_idx", Integer, nullable=False),
    Column("policy_idx", Integer, nullable=False),
)
decisions: Final = Table(
    "decisions",
    metadata,
    Column("idx", Integer, primary_key=True, autoincrement=False),
    Column("deployment_idx", Integer),
    Column("time_s", BigInteger, nullable=False),
    Column("label", String),
    Column("label_now", String),
    Column("score_micro", Integer),
    Column("outcome", String),
    Column("subject", LargeBinary(16)),
    Index("decisions_by_subject", "subject"),
)
follow_ups: Final = Table(
    "follow_ups",
    metadata,
    Column("idx", Integer, primary_key=True, autoincrement=False),
    Column("decision_idx", Integer, nullable=False),
    Column("kind", String, nullable=False),
    Index("follow_ups_by_decision", "decision_idx"),
)


_SHOWN: Final = {"override": ("label_now", "/label"), "outcome": ("outcome", "/outcome")}
"""What a decision's row shows of its newest follow-up of a kind: column, and the field it comes from."""


class DecisionsView:
    """Keeps one row per policy, deployment, decision and follow-up."""

    kinds = frozenset({"policy", "deployment", "decision", "override", "appeal", "outcome", "erasure"})

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._deployments: dict[str, int] = {}  # places of records never change

    def fold(self, connection: Connection, rows: Sequence[Row]) -> None:
        """Takes records in log order."""
        pending: list[dict[str, Any]] = []
        for row in rows:
            if row.record.kind == "decision":
                pending.append(self._decision(connection, row))
                continue
            self._flush(connection, pending)
            self._other(connection, row)
        self._flush(connection, pending)

    def _flush(self, connection: Connection, pending: list[dict[str, Any]]) -> None:
        if pending:
            connection.execute(decisions.insert(), pending)
            pending.clear()

    def _decision(self, connection: Connection, row: Row) -> dict[str, Any]:
        values = row.values or {}
        label = values.get("/output/label")
        builds_on = row.record.builds_on
        return {
            "idx": row.index,
            "deployment_idx": self._deployment(connection, builds_on[0]) if builds_on else None,
            "time_s": row.time_s,
            "label": label,
            "label_now": label,
            "score_micro": values.get("/output/score_micro"),
            "outcome": None,
            "subject": row.subject,
        }

    def _deployment(self, connection: Connection, leaf: str) -> int | None:
        if leaf not in self._deployments:
            found = connection.execute(select(deployments.c.idx).where(deployments.c.leaf == leaf)).scalar()
            if found is None:
                return None
            self._deployments[leaf] = int(found)
        return self._deployments[leaf]

    def _other(self, connection: Connection, row: Row) -> None:
        record = row.record
        if record.kind == "policy":
            about = record.about
            connection.execute(
                policies.insert().prefix_with("OR IGNORE"),
                {"idx": row.index, "name": about["name"], "version": about["version"], "sha256": about["policySha256"]},
            )
        elif record.kind == "deployment":
            deployment = DeploymentRecord.read(record)
            connection.execute(
                deployments.insert(),
                {
                    "idx": row.index,
                    "leaf": row.leaf.hex(),
                    "model_idx": self._place(connection, deployment.model),
                    "policy_idx": self._place(connection, deployment.policy),
                },
            )
        elif record.kind == "erasure":
            self._erase(connection, record.about)
        else:
            self._follow_up(connection, row)

    def _follow_up(self, connection: Connection, row: Row) -> None:
        target = self._place(connection, row.record.builds_on[0])
        connection.execute(follow_ups.insert(), {"idx": row.index, "decision_idx": target, "kind": row.record.kind})
        values = row.values or {}  # erased since: then the table says None, as it would had it seen the erasure
        if row.record.kind in _SHOWN:
            column, pointer = _SHOWN[row.record.kind]
            changes = {column: values.get(pointer)}
            connection.execute(update(decisions).where(decisions.c.idx == target).values(**changes))

    def _erase(self, connection: Connection, about: Any) -> None:
        """Empties what the tables still say about erased records."""
        gone = {"label": None, "label_now": None, "score_micro": None, "outcome": None, "subject": None}
        fields = about["fields"] if about.get("scope") == "field" else None
        if fields is not None:
            names = {"/output/label": "label", "/output/score_micro": "score_micro", "/subject": "subject"}
            gone = {names[name]: None for name in fields if name in names}
        runs = list(about.get("records", ())) + [(index, index) for index, _ in about.get("restricted", ())]
        for first, last in runs:
            if gone:
                connection.execute(update(decisions).where(decisions.c.idx.between(first, last)).values(**gone))
            if fields is not None and "/output/label" in fields:
                overridden = select(follow_ups.c.idx).where(
                    follow_ups.c.decision_idx == decisions.c.idx, follow_ups.c.kind == "override"
                )
                connection.execute(
                    update(decisions)
                    .where(decisions.c.idx.between(first, last), ~overridden.exists())
                    .values(label_now=None)
                )
            for kind, (column, pointer) in _SHOWN.items():
                if fields is None or pointer in fields:
                    self._erase_shown(connection, kind, column, first, last)

    def _erase_shown(self, connection: Connection, kind: str, column: str, first: int, last: int) -> None:
        """Empties what a decision's row shows of its newest follow-up, where that one is erased."""
        touched = select(follow_ups.c.decision_idx).where(
            follow_ups.c.idx.between(first, last), follow_ups.c.kind == kind
        )
        shown = (
            select(follow_ups.c.decision_idx)
            .where(follow_ups.c.decision_idx.in_(touched), follow_ups.c.kind == kind)
            .group_by(follow_ups.c.decision_idx)
            .having(func.max(follow_ups.c.idx).between(first, last))
        )
        connection.execute(update(decisions).where(decisions.c.idx.in_(shown)).values({column: None}))

    def _place(self, connection: Connection, leaf_hex: str) -> int:
        """Returns the place of a record that the tables have already seen."""
        leaf = bytes.fromhex(leaf_hex)
        found = connection.execute(select(records.c.idx).where(records.c.leaf8 == leaf8(leaf))).scalars().all()
        if len(found) == 1:  # the log's lock is not waited for while the database is locked
            return int(found[0])
        return next((int(index) for index in found if leaf_hash(self._archive.entry(index)) == leaf), -1)
