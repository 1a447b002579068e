"""Recalls as a searchable table: which are open."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from counterfoil.provenance.recalls.records import RecallRecord
from counterfoil.provenance.recalls.tables import recalls
from counterfoil.store.archive import Archive
from counterfoil.store.record_places import record_places
from counterfoil.store.views import Row

__all__ = ["RecallsView"]


class RecallsView:
    """Keeps one row per recall, and says which have ended."""

    kinds = frozenset({"recall", "recall-end"})

    def __init__(self, archive: Archive) -> None:
        self._archive = archive

    def fold(self, connection: Connection, rows: Sequence[Row]) -> None:
        """Takes records in log order."""
        places = record_places(connection, self._archive, {row.record.builds_on[0] for row in rows})
        for row in rows:
            about = places[row.record.builds_on[0]]
            if row.record.kind == "recall":
                action = RecallRecord.read(row.record).action
                connection.execute(
                    recalls.insert().values(idx=row.index, root_idx=about, action=action, ended_idx=None)
                )
            else:
                is_open = (recalls.c.idx == about) & recalls.c.ended_idx.is_(None)
                connection.execute(recalls.update().where(is_open).values(ended_idx=row.index))
