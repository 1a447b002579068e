"""Recalls on record: opened, listed, ended."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from sqlalchemy import ColumnElement, select, true

from counterfoil.core.statement import parse_record
from counterfoil.errors import InvalidInput, NotFound, Stale
from counterfoil.provenance.lineage.lineage import Lineage
from counterfoil.provenance.recalls.bar import Bar, Hold
from counterfoil.provenance.recalls.records import (
    RECALL,
    RECALL_END,
    RECALLABLE,
    Action,
    Reached,
    RecallEndRecord,
    RecallRecord,
    require_reason,
)
from counterfoil.provenance.recalls.tables import recalls
from counterfoil.store.archive import Archive
from counterfoil.store.prepared import Private
from counterfoil.store.recorder import Recorder
from counterfoil.store.requests import tag_of
from counterfoil.store.schemas import keep_schema
from counterfoil.store.views import Views

__all__ = ["Ending", "Opening", "Recall", "RecallRegister"]

MOST_NAME_CHARS: Final = 200


@dataclass(frozen=True, slots=True)
class Ending:
    """The end of a recall: place of its record, UTC time, and why."""

    index: int
    time: str
    reason: str


@dataclass(frozen=True, slots=True)
class Recall:
    """A recall on record: its place and leaf hash, the place of what was recalled, when, and its end, if it has one."""

    index: int
    leaf: str
    root: int
    opened: str
    record: RecallRecord
    ended: Ending | None


class RecallRegister:
    """The recalls of one home.

    Args:
        recorder: Writes records.
        archive: Reads them.
        views: Finds them.
        lineage: Knows what came from what.

    Attributes:
        bar: What must not go on because of an open recall.
    """

    def __init__(self, recorder: Recorder, archive: Archive, views: Views, lineage: Lineage) -> None:
        self._recorder = recorder
        self._archive = archive
        self._views = views
        self._changes = threading.Lock()  # one recall is opened or ended at a time
        self.bar = Bar(recorder, archive, views, lineage, self._holds)

    def all(self) -> list[Recall]:
        """Returns all recalls, oldest first."""
        return self._where(true())

    def open_ones(self) -> list[Recall]:
        """Returns the recalls that have not ended, oldest first."""
        return self._where(recalls.c.ended_idx.is_(None))

    def at(self, index: int) -> Recall:
        """Returns the recall whose record stands at `index` (NotFound when there is none, or another kind)."""
        found = self._where(recalls.c.idx == index) if self._archive.record(index).kind == "recall" else []
        if not found:
            raise NotFound(f"record {index} is no recall", hint="see which there are: counterfoil recall list")
        return found[0]

    def recallable(self, place: int) -> tuple[str, str]:
        """Returns kind and name of what stands at a place (NotFound where nothing can be recalled)."""
        record = self._archive.record(place)
        if record.kind not in RECALLABLE:
            listed = ", ".join(RECALLABLE)
            raise NotFound(f"record {place} is of kind {record.kind}", hint=f"what can be recalled: {listed}")
        return record.kind, record.name

    def held(self, places: Iterable[int]) -> frozenset[int]:
        """Returns which of these records are under recall: recalled themselves, or come from what is."""
        if not self.bar.holds():
            return frozenset()
        return frozenset(place for place in places if self.bar.hold_on(self._archive.leaf_hex(place)) is not None)

    @contextmanager
    def opening(self, root: int, action: Action, *, reason: str, by: str) -> Iterator[Opening]:
        """Opens a recall: nothing that it holds back is recorded from here on; `record` on what is given writes it.

        Where the block ends without that, nothing is held back any more.

        Raises:
            NotFound: Nothing that can be recalled stands at `root`.
            InvalidInput: The reason or the name of who opens it cannot stand in a record.
            Stale: The same recall is open.
            LogUnavailable: The log takes no records.
        """
        kind, name = self.recallable(root)
        reason, by = require_reason(reason, "a recall"), _require_by(by)
        self._recorder.drain()  # at once, where a record would wait for the log to be tried again
        keep_schema(self._recorder, self._archive, RECALL)
        with self._changes:
            self._require_new(root, action)
            hold = Hold(None, root, f"{kind} {name}", reason, action == "block")
            try:
                if hold.is_block:
                    self.bar.hold_back(hold)
                self._recorder.drain()  # what waits in the queue was decided before, and counts
                yield Opening(self._recorder, self.bar, kind, name, self._archive.leaf_hex(root), action, reason, by)
            finally:
                self.bar.look_again()

    def end(self, index: int, *, reason: str, by: str, request: bytes | None = None) -> Recall:
        """Ends a recall: what it held back goes on, unless another recall holds it back, too.

        Raises:
            NotFound: There is no such recall.
            InvalidInput: The reason or the name cannot stand in a record.
            Stale: It has ended before.
        """
        reason, by = require_reason(reason, "the end of a recall"), _require_by(by)
        self.at(index)
        keep_schema(self._recorder, self._archive, RECALL_END)
        with self._changes:
            found = self.at(index)
            if found.ended is not None:
                raise Stale(f"recall {index} ended at {found.ended.time} (record {found.ended.index})")
            draft = RecallEndRecord(found.leaf, reason).draft(found.record.name, tag_of(request))
            self._recorder.write(draft, Private(RECALL_END, {"/by": by}))
            self.bar.look_again()
        return self.at(index)

    def _require_new(self, root: int, action: Action) -> None:
        same = [each for each in self.open_ones() if each.root == root and each.record.action == action]
        if same:
            raise Stale(
                f"record {root} is under recall already (record {same[0].index}, since {same[0].opened})",
                hint=f"end that one first: counterfoil recall end {same[0].index}",
            )

    def _where(self, condition: ColumnElement[bool]) -> list[Recall]:
        with self._views.reading() as connection:
            rows = connection.execute(select(recalls).where(condition).order_by(recalls.c.idx)).all()
        return [self._read(int(row.idx), int(row.root_idx), row.ended_idx) for row in rows]

    def _read(self, index: int, root: int, ended: int | None) -> Recall:
        record = parse_record(self._archive.entry(index))
        ending = None
        if ended is not None:
            last = parse_record(self._archive.entry(ended))
            ending = Ending(int(ended), last.time, RecallEndRecord.read(last).reason)
        leaf = self._archive.leaf_hex(index)
        return Recall(index, leaf, root, record.time, RecallRecord.read(record), ending)

    def _holds(self) -> Iterator[Hold]:
        for each in self.open_ones():
            told = each.record
            yield Hold(each.index, each.root, f"{told.kind} {told.name}", told.reason, told.action == "block")


@dataclass(frozen=True, slots=True)
class Opening:
    """A recall that is being opened. Made by `RecallRegister.opening`."""

    recorder: Recorder
    bar: Bar
    kind: str
    name: str
    leaf: str
    action: Action
    reason: str
    by: str

    def record(self, reached: Reached, request: bytes | None = None) -> int:
        """Writes the recall and returns its place, when it is durable.

        Raises:
            LogUnavailable: It could not be made durable.
        """
        record = RecallRecord(self.kind, self.name, self.leaf, self.action, self.reason, reached)
        written = self.recorder.write(record.draft(tag_of(request)), Private(RECALL, {"/by": self.by}))
        assert written.index is not None
        return written.index


def _require_by(by: str) -> str:
    name = by.strip()
    if not name or not name.isprintable() or len(name) > MOST_NAME_CHARS:
        raise InvalidInput(
            "a recall names who opens or ends it", hint=f"give a name, in up to {MOST_NAME_CHARS} characters"
        )
    return name
