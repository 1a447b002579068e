"""Takes a batch of records about decisions into the tables: gathered first, then written together.

Within a batch a follow-up often concerns a decision of the same batch, whose row is then
changed before it is written. What the counts gain and lose is gathered likewise.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, bindparam, func, literal_column, select, update

from counterfoil.decisions.tables import NO_DEPLOYMENT, NO_LABEL, decision_counts, decisions, follow_ups
from counterfoil.store.record_places import portions
from counterfoil.store.view_database import add_to_counts, insert_rows

__all__ = ["DAY_S", "DecisionBatch"]

DAY_S: Final = 86_400

_DAY: Final = decisions.c.time_s.op("/")(literal_column(str(DAY_S)))  # a parameter could not be grouped by

_COLUMNS: Final = tuple(column.name for column in decisions.columns)


class DecisionBatch:
    """What one batch adds and changes; `flush` writes it."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._new: dict[int, dict[str, Any]] = {}
        self._follow_ups: list[tuple[int, int, str]] = []
        self._changes: dict[int, dict[str, Any]] = {}
        self._deltas: Counter[tuple[int, int, str]] = Counter()

    def add(self, row: dict[str, Any]) -> None:
        """Takes a new decision: a value for each column."""
        self._new[row["idx"]] = row

    def follow(self, index: int, decision: int, kind: str, changes: dict[str, Any]) -> None:
        """Takes a follow-up and what it changes of the decision's row."""
        self._follow_ups.append((index, decision, kind))
        if not changes:
            return
        if decision in self._new:
            self._new[decision].update(changes)
        else:
            self._changes.setdefault(decision, {}).update(changes)

    def flush(self) -> None:
        """Writes what was gathered."""
        insert_rows(self._connection, decisions, [tuple(row[name] for name in _COLUMNS) for row in self._new.values()])
        insert_rows(self._connection, follow_ups, self._follow_ups)
        for row in self._new.values():
            self._deltas[_place(row["time_s"], row["deployment_idx"], row["label_now"])] += 1
        self._change_stored()
        self._new.clear()
        self._follow_ups.clear()

    def change_where(self, wanted: ColumnElement[bool], values: dict[str, Any]) -> None:
        """Changes stored decisions; what was gathered must have been written."""
        if "label_now" in values:
            columns = (_DAY, decisions.c.deployment_idx, decisions.c.label_now)
            query = select(*columns, func.count()).where(wanted).group_by(*columns)
            for day_number, deployment, label, number in self._connection.execute(query):
                self._deltas[_key(day_number, deployment, label)] -= number
                self._deltas[_key(day_number, deployment, values["label_now"])] += number
        self._connection.execute(update(decisions).where(wanted).values(values))

    def close(self) -> None:
        """Writes everything, the counts last."""
        self.flush()
        rows = [
            {"day": day, "deployment_idx": deployment, "label": label, "decisions": number}
            for (day, deployment, label), number in sorted(self._deltas.items())
            if number
        ]
        add_to_counts(self._connection, decision_counts, rows, "decisions")
        if any(number < 0 for number in self._deltas.values()):
            self._connection.execute(decision_counts.delete().where(decision_counts.c.decisions == 0))
        self._deltas.clear()

    def _change_stored(self) -> None:
        """Applies what follow-ups change of decisions that an earlier batch has written."""
        for places in portions(self._changes):
            self._change_some(places)
        self._changes.clear()

    def _change_some(self, places: Sequence[int]) -> None:
        query = select(decisions).where(decisions.c.idx.in_(places))
        rows = []
        for found in self._connection.execute(query).mappings():
            changed = {**found, **self._changes[found["idx"]]}
            rows.append({f"new_{name}": changed[name] for name in ("idx", *_CHANGED)})
            for row, number in ((found, -1), (changed, 1)):
                self._deltas[_place(row["time_s"], row["deployment_idx"], row["label_now"])] += number
        if rows:
            self._connection.execute(_CHANGE, rows)


_CHANGED: Final = ("label_now", "outcome", "is_overridden")
_CHANGE: Final = (
    update(decisions)
    .where(decisions.c.idx == bindparam("new_idx"))
    .values({name: bindparam(f"new_{name}") for name in _CHANGED})
)


def _place(time_s: int, deployment: int | None, label: str | None) -> tuple[int, int, str]:
    return _key(time_s // DAY_S, deployment, label)


def _key(day: int, deployment: int | None, label: str | None) -> tuple[int, int, str]:
    return int(day), NO_DEPLOYMENT if deployment is None else deployment, NO_LABEL if label is None else label
