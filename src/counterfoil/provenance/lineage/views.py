"""Lineage as searchable tables: which record came from which."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import product

from sqlalchemy import Connection

from counterfoil.core.statement import Record
from counterfoil.provenance.lineage.records import Rederivation, RunRecord
from counterfoil.provenance.lineage.tables import edges, rederivations, runs
from counterfoil.provenance.records import ModelRecord
from counterfoil.store.archive import Archive
from counterfoil.store.record_places import record_places
from counterfoil.store.view_database import insert_new, table_text
from counterfoil.store.views import Row

__all__ = ["LineageView", "source_text"]


class LineageView:
    """Keeps one row per run, per edge between records, and per rederivation."""

    kinds = frozenset({"deployment", "model", "passport", "rederivation", "run"})

    def __init__(self, archive: Archive) -> None:
        self._archive = archive

    def fold(self, connection: Connection, rows: Sequence[Row]) -> None:
        """Takes records in log order."""
        places = record_places(connection, self._archive, {leaf for row in rows for leaf in _named(row.record)})
        for row in rows:
            kind = row.record.kind
            if kind == "rederivation":
                self._rederivation(connection, row, places)
                continue
            if kind == "run":
                run = RunRecord.read(row.record)
                source = source_text(run.source)
                connection.execute(
                    runs.insert().values(idx=row.index, name=table_text(run.name), kind=run.kind, source=source)
                )
            if kind == "passport":  # it stands in place of the one before
                subject = places[_declared(row.record)[0]]
                connection.execute(
                    edges.delete().where(edges.c.child_idx == subject, edges.c.passport_idx.is_not(None))
                )
            told_by = {"run_idx": row.index if kind == "run" else None}
            told_by["passport_idx"] = row.index if kind == "passport" else None
            for parent, child in _edges(row, places):
                if parent >= 0 and child >= 0 and parent != child:
                    insert_new(connection, edges, {"parent_idx": parent, "child_idx": child, **told_by})

    def _rederivation(self, connection: Connection, row: Row, places: dict[str, int]) -> None:
        found = Rederivation.read(row.record)
        connection.execute(
            rederivations.insert().values(idx=row.index, run_idx=places[found.run], is_same=found.is_same)
        )


def source_text(source: Mapping[str, str]) -> str:
    """Returns where a run was told from as one text, `system:id`; empty for our own."""
    return table_text(f"{source.get('system', '')}:{source.get('id', '')}") or "" if source else ""


def _named(record: Record) -> tuple[str, ...]:
    """Returns the leaf hashes of the records that one builds on."""
    if record.kind == "model":
        training = ModelRecord.read(record).training
        return (training,) if training else ()
    if record.kind == "passport":
        subject, parents = _declared(record)
        return (subject, *parents)
    return record.builds_on


def _declared(record: Record) -> tuple[str, list[str]]:
    """Returns what a passport is about, and what it says that this came from; leaf hashes (hex) of this log."""
    parents = [str(each["leaf"]) for each in record.about.get("parents", ()) if each.get("leaf")]
    return record.builds_on[0], [leaf for leaf in parents if leaf in record.builds_on]


def _edges(row: Row, places: dict[str, int]) -> Iterator[tuple[int, int]]:
    """Yields (parent, child) of what a record says: a run stands between its inputs and its outputs."""
    if row.record.kind == "passport":
        subject, parents = _declared(row.record)
        yield from product((places[leaf] for leaf in parents), (places[subject],))
        return
    if row.record.kind != "run":
        yield from product((places[leaf] for leaf in _named(row.record)), (row.index,))
        return
    run = RunRecord.read(row.record)
    yield from product((places[leaf] for leaf in run.inputs), (row.index,))
    yield from product((row.index,), (places[leaf] for leaf in run.outputs))
