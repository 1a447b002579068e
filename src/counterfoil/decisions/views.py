"""Decisions and what followed them, as searchable tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Connection, func, select

from counterfoil.decisions.fold import DecisionBatch
from counterfoil.decisions.records import DeploymentRecord
from counterfoil.decisions.tables import decision_counts, decisions, deployments, follow_ups, policies
from counterfoil.store.archive import Archive
from counterfoil.store.record_places import record_places
from counterfoil.store.view_database import insert_new, table_text
from counterfoil.store.views import Row

__all__ = ["DecisionsView", "decision_counts", "decisions", "deployments", "follow_ups", "policies"]

_SHOWN: Final = {"override": ("label_now", "/label"), "outcome": ("outcome", "/outcome")}
"""What a decision's row shows of its newest follow-up of a kind: column, and the field it comes from."""

_FOLLOW_UPS: Final = frozenset({"override", "appeal", "outcome"})


class DecisionsView:
    """Keeps one row per policy, deployment, decision and follow-up, and counts of decisions."""

    kinds = frozenset({"policy", "deployment", "decision", "erasure"}) | _FOLLOW_UPS

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._deployments: dict[str, int] = {}  # places of records never change

    def fold(self, connection: Connection, rows: Sequence[Row]) -> None:
        """Takes records in log order."""
        batch = DecisionBatch(connection)
        targets = {row.record.builds_on[0] for row in rows if row.record.kind in _FOLLOW_UPS}
        places = record_places(connection, self._archive, targets)
        for row in rows:
            kind = row.record.kind
            if kind == "decision":
                batch.add(self._decision(connection, row))
            elif kind in _FOLLOW_UPS:
                self._follow_up(batch, row, places[row.record.builds_on[0]])
            elif kind == "erasure":
                batch.flush()
                self._erase(batch, row.record.about)
            else:
                self._rules(connection, row)
        batch.close()

    def _decision(self, connection: Connection, row: Row) -> dict[str, Any]:
        values = row.values or {}
        label = table_text(values.get("/output/label"))
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
            "is_overridden": False,
        }

    def _deployment(self, connection: Connection, leaf: str) -> int | None:
        if leaf not in self._deployments:
            found = connection.execute(select(deployments.c.idx).where(deployments.c.leaf == leaf)).scalar()
            if found is None:
                return None
            self._deployments[leaf] = int(found)
        return self._deployments[leaf]

    def _rules(self, connection: Connection, row: Row) -> None:
        """Takes a policy or a deployment."""
        about = row.record.about
        if row.record.kind == "policy":
            name, version = table_text(about["name"]), table_text(about["version"])
            policy = {"idx": row.index, "name": name, "version": version, "sha256": about["policySha256"]}
            insert_new(connection, policies, policy)
            return
        deployment = DeploymentRecord.read(row.record)
        places = record_places(connection, self._archive, {deployment.model, deployment.policy})
        connection.execute(
            deployments.insert(),
            {
                "idx": row.index,
                "leaf": row.leaf.hex(),
                "model_idx": places[deployment.model],
                "policy_idx": places[deployment.policy],
            },
        )

    def _follow_up(self, batch: DecisionBatch, row: Row, target: int) -> None:
        kind = row.record.kind
        values = row.values or {}  # erased since: then the table says None, as it would had it seen the erasure
        changes: dict[str, Any] = {}
        if kind in _SHOWN:
            column, pointer = _SHOWN[kind]
            changes[column] = table_text(values.get(pointer))
        if kind == "override":
            changes["is_overridden"] = True
        batch.follow(row.index, target, kind, changes)

    def _erase(self, batch: DecisionBatch, about: Any) -> None:
        """Empties what the tables still say about erased records."""
        gone = {"label": None, "label_now": None, "score_micro": None, "outcome": None, "subject": None}
        fields = about["fields"] if about.get("scope") == "field" else None
        if fields is not None:
            names = {"/output/label": "label", "/output/score_micro": "score_micro", "/subject": "subject"}
            gone = {names[name]: None for name in fields if name in names}
        runs = list(about.get("records", ())) + [(index, index) for index, _ in about.get("restricted", ())]
        for first, last in runs:
            within = decisions.c.idx.between(first, last)
            if gone:
                batch.change_where(within, gone)
            if fields is not None and "/output/label" in fields:
                batch.change_where(within & decisions.c.is_overridden.is_(False), {"label_now": None})
            for kind, (column, pointer) in _SHOWN.items():
                if fields is None or pointer in fields:
                    self._erase_shown(batch, kind, column, first, last)

    def _erase_shown(self, batch: DecisionBatch, kind: str, column: str, first: int, last: int) -> None:
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
        batch.change_where(decisions.c.idx.in_(shown), {column: None})
