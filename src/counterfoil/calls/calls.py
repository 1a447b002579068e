"""Calls on record: the capability as its users hold it."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import select

from counterfoil.calls.call import Call, RecordedCall
from counterfoil.calls.parts import MOST_PIECES, joined, large_values, marked
from counterfoil.calls.records import CALL, PART, STREAM, call_draft, call_values, part_draft
from counterfoil.calls.views import calls
from counterfoil.core.receipt import Promise, Receipt, Shown
from counterfoil.core.schema import Schema
from counterfoil.errors import InvalidInput, LogUnavailable, NotFound
from counterfoil.store.archive import Archive
from counterfoil.store.prepared import Prepared, Private
from counterfoil.store.recorder import OnFailure, Recorded, Recorder
from counterfoil.store.schemas import keep_schema
from counterfoil.store.streams import read_moment
from counterfoil.store.vault import Vault
from counterfoil.store.views import Views

__all__ = ["MOST_ROWS", "Calls"]

MOST_ROWS: Final = 1_000_000
"""Most calls that one search returns."""


class Calls:
    """Records calls of models, tools and agents, and finds them again. Safe to call from many threads.

    Args:
        recorder: Writes records.
        archive: Reads them.
        vault: Knows whom records are about.
        views: Finds them.
    """

    def __init__(self, recorder: Recorder, archive: Archive, vault: Vault, views: Views) -> None:
        self._recorder = recorder
        self._archive = archive
        self._vault = vault
        self._views = views
        self._schemas_lock = threading.Lock()
        self._kept: set[str] = set()  # schemas on record; guarded by the lock above

    def record(
        self,
        call: Call,
        *,
        subject: str | None = None,
        builds_on: Sequence[str] = (),
        stream: str = STREAM,
        retain_until_s: int = 0,
        on_log_failure: OnFailure = "deny",
        request: bytes | None = None,
    ) -> RecordedCall:
        """Records a call and returns when it is durable.

        Args:
            call: What was asked and what came back, private but for the operation.
            subject: Your reference of the person; needed to erase the person later.
            builds_on: Leaf hashes (hex) of earlier records, e.g. of the same trace.
            stream: The gapless sequence it belongs to.
            retain_until_s: End of a retention lock, Unix seconds, 0 without one.
            on_log_failure: `deny` raises; `spool` uses a durable queue with a signed promise.
            request: Tag of the request it answers; see `store.requests`.

        Raises:
            InvalidInput: For a stream, reference or leaf hash that cannot be. The call was not recorded.
            LogUnavailable: When the record could not be saved (`deny`), or not even
                queued (`spool`).
        """
        self._keep(CALL, on_log_failure)
        values = call_values(call, subject)
        parts = self._record_parts(values, subject, stream, retain_until_s, on_log_failure)
        draft = call_draft(call.operation, stream, (*builds_on, *parts), request)
        prepared = self._recorder.prepare(draft, Private(CALL, values, subject, retain_until_s))
        return self._recorded(prepared, self._recorder.record([prepared], on_log_failure)[0])

    def values(self, index: int) -> Mapping[str, Any]:
        """Returns a call's private values by pointer, large ones put together again.

        Raises:
            NotFound: When there is no call at that place, or its values were erased.
            NotAllowed: When they are locked away until their retention ends.
        """
        record = self._archive.record(index)
        if record.kind != "call":
            raise NotFound(f"record {index} is not a call but a {record.kind}")
        values = self._archive.values(index, record)
        return {pointer: joined(value, self._piece) for pointer, value in values.items()}

    def search(
        self,
        *,
        subject: str | None = None,
        operation: str | None = None,
        trace: str | None = None,
        failed: bool | None = None,
        since: str | None = None,
        until: str | None = None,
        before: int | None = None,
        limit: int = 50,
    ) -> list[Mapping[str, Any]]:
        """Finds calls, newest first.

        Args:
            subject: Reference of the person.
            operation: What was done, as the record says in public.
            trace: Id of the trace.
            failed: Only those that did, or did not, go wrong.
            since: Earliest time, UTC text.
            until: Latest time, UTC text.
            before: Only those at lower places in the log, to go on after a page.
            limit: Most rows.

        Raises:
            InvalidInput: For a time, limit or reference that cannot be.
        """
        if not 0 < limit <= MOST_ROWS:
            raise InvalidInput(f"a search returns 1 to {MOST_ROWS} calls, not {limit}")
        query = select(calls).order_by(calls.c.idx.desc()).limit(limit)
        if before is not None:
            query = query.where(calls.c.idx < before)
        if subject is not None:
            query = query.where(calls.c.subject == self._vault.subject_tag(subject))
        for column, wanted in ((calls.c.operation, operation), (calls.c.trace, trace)):
            if wanted is not None:
                query = query.where(column == wanted.encode("utf-8", "replace").decode())
        if failed is not None:
            query = query.where(calls.c.has_failed == int(failed))
        if since is not None:
            query = query.where(calls.c.time_s >= read_moment(since))
        if until is not None:
            query = query.where(calls.c.time_s <= read_moment(until))
        with self._views.reading() as connection:
            return [dict(row._mapping) for row in connection.execute(query)]

    def place_of(self, leaf: str) -> int | None:
        """Returns the place of a record by leaf hash (hex), None while it waits in the queue."""
        try:
            return self._views.index_of(leaf)
        except NotFound:
            return None

    def receipt(self, index: int, pointers: Iterable[str] | None = None) -> Receipt:
        """Returns the receipt of a call, showing `pointers` (all fields when None)."""
        return self._archive.receipt(index, pointers)

    def _record_parts(
        self, values: dict[str, Any], subject: str | None, stream: str, retain_until_s: int, on_failure: OnFailure
    ) -> list[str]:
        """Records what does not fit into its field; returns the leaves of the pieces."""
        leaves: list[str] = []
        for large in large_values(values):
            pieces = large.pieces
            if len(leaves) + len(pieces) > MOST_PIECES:
                values[large.pointer] = marked(large, None)
                continue
            self._keep(PART, on_failure)
            prepared = [
                self._recorder.prepare(part_draft(stream), Private(PART, {"/text": text}, subject, retain_until_s))
                for text in pieces
            ]
            recorded = [each.leaf.hex() for each in self._recorder.record(prepared, on_failure)]
            values[large.pointer] = marked(large, recorded)
            leaves += recorded
        return list(dict.fromkeys(leaves))

    def _piece(self, leaf: str) -> str:
        return str(self._archive.tree(self._views.index_of(leaf)).value("/text"))

    def _keep(self, schema: Schema, on_failure: OnFailure) -> None:
        """Puts a schema on record, once."""
        if schema.digest in self._kept:
            return
        with self._schemas_lock:
            if schema.digest in self._kept:
                return
            size = self._archive.size
            try:
                keep_schema(self._recorder, self._archive, schema, on_failure)
            except LogUnavailable:
                is_waiting = on_failure == "spool" and self._recorder.spool.count and self._archive.size == size
                if not is_waiting:
                    raise
                # its record is durable in the queue; the file is derived, and made when it is needed
            self._kept.add(schema.digest)

    def _recorded(self, prepared: Prepared, recorded: Recorded) -> RecordedCall:
        leaf = recorded.leaf.hex()
        if not recorded.promise or prepared.tree is None:
            return RecordedCall(recorded.index, recorded.seq, recorded.time, leaf)
        archive = self._archive
        shown = Shown(archive.origin, recorded.entry, CALL, prepared.tree.disclose(), archive.handovers)
        return RecordedCall.waiting(recorded.seq, recorded.time, leaf, Promise(shown, recorded.promise))
