"""The one way into the log: many threads prepare records, one commits for all.

A caller prepares a record in its own thread (field tree, encryption). Whoever leads
the group commit takes along everything that waits:

1. advance the clock, end epochs that are over, give every record its number;
2. make the private values durable in the vault;
3. make the entries durable in the log: one fsync for the whole batch;
4. only then hand out the results.

When step 2 or 3 fails, nothing of the batch is in the log. Callers who chose `deny`
get the error; records of callers who chose `spool` go to the durable queue with a
signed promise, and from there to the log, in order, as soon as it is back.
"""

from __future__ import annotations

import os
import time as clock
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import Final

from counterfoil.core.merkle import leaf_hash
from counterfoil.core.note import Signer
from counterfoil.core.receipt import promise_text
from counterfoil.core.statement import Draft, read_record
from counterfoil.errors import CounterfoilError, HomeBusy, LogUnavailable
from counterfoil.store.group_commit import GroupCommit
from counterfoil.store.log import Log
from counterfoil.store.prepared import Prepared, Private, prepare
from counterfoil.store.spool import Spool, SpooledEntry
from counterfoil.store.streams import LAST_SECOND, Streams, logged_streams, time_text
from counterfoil.store.vault import Vault, VaultRow
from counterfoil.store.waiting import Guard, OnFailure, Recorded, Waiting, admitted, share

__all__ = ["MAX_BATCH", "OnFailure", "Recorded", "Recorder"]

MAX_BATCH: Final = 10_000
"""Records in one commit; larger calls are cut."""

_RETRY_S: Final = 1.0


class Recorder:
    """Writes records. Safe to call from many threads.

    Args:
        log: The opened log; the recorder is its only writer.
        vault: The opened vault.
        spool: The queue for when the log is away.
        streams: Counters of everything in the log.
        signer: The log's signing key.
        promise_within_s: How soon a spooled record is promised to be in the log.
        now: Returns Unix seconds.
    """

    def __init__(
        self,
        log: Log,
        vault: Vault,
        spool: Spool,
        streams: Streams,
        signer: Signer,
        *,
        promise_within_s: int,
        now: Callable[[], float] = clock.time,
    ) -> None:
        self._group = GroupCommit(self._commit_waiting)
        self.lock = self._group.lock  # owns log, vault rows, streams and spool
        self.exclusive = self._group.exclusive
        self.log = log
        self.vault = vault
        self.spool = spool
        self.streams = streams
        self.sign_with(signer)
        self.promise_within_s = promise_within_s
        self.listeners: set[Callable[[], None]] = set()  # told of every batch, under the lock; must return at once
        self.guard: Guard | None = None  # asked about every record under the lock, right before it is written
        self._now = now
        self._vault_doubtful = False
        self._is_in_doubt = False
        self._is_closed = False
        self._pid = os.getpid()
        self._retry_drain_s = 0.0

    def sign_with(self, signer: Signer) -> None:
        """Takes a signing key; records name it from here on."""
        self.signer = signer
        self._issuer = signer.key.fingerprint

    @property
    def issuer(self) -> str:
        """Origin and key id, as records name their issuer."""
        return self._issuer

    def now_s(self) -> int:
        """Returns the writer's clock in Unix seconds.

        Raises:
            LogUnavailable: When the clock stands where no record could name its time.
        """
        now = self._now()
        if not 0 <= now <= LAST_SECOND:
            raise LogUnavailable("this machine's clock is not between the years 1970 and 9999", hint="set the clock")
        return int(now)

    @property
    def is_sound(self) -> bool:
        """Whether it is open, in this very process, and no commit was interrupted halfway."""
        return not self._is_in_doubt and not self._is_closed and os.getpid() == self._pid

    def require_sound(self) -> None:
        """Refuses to go on after an interrupted commit: only the files say what it recorded.

        A forked process is refused too: it would write where its parent writes.

        Raises:
            LogUnavailable: Until the home is opened again.
        """
        if os.getpid() != self._pid:
            raise LogUnavailable(
                "this home was opened by another process, of which this one is a copy",
                hint="let one process open the home, after it was forked, and do all the recording",
            )
        if self._is_closed:
            raise LogUnavailable("this home was closed", hint="open it again")
        if self._is_in_doubt:
            raise LogUnavailable(
                "a commit was interrupted halfway", hint="close the home and open it again; nothing recorded is lost"
            )

    def prepare(self, draft: Draft, private: Private | None = None) -> Prepared:
        """Does all the work on a record that needs no lock.

        Raises:
            InvalidInput: When a value cannot be recorded. Nothing was written.
        """
        return prepare(draft, private, self.issuer)

    def record(self, records: Sequence[Prepared], on_failure: OnFailure = "deny") -> list[Recorded]:
        """Makes records durable, in order, and returns them with their places.

        Raises:
            LogUnavailable: When they could not be made durable; none of them is
                in the log then (of the last 10,000, in longer calls).
        """
        done: list[Recorded] = []
        for start in range(0, len(records), MAX_BATCH):
            waiting = Waiting(records[start : start + MAX_BATCH], on_failure)
            self._group.submit(waiting)
            if waiting.error is not None:
                raise waiting.error
            if waiting.results is None:
                raise LogUnavailable("the commit was interrupted; look in the log before trying again")
            done += waiting.results
        return done

    def refusal(self, record: Prepared) -> CounterfoilError | None:
        """Returns why a record may not be written now, None where it may; the commit asks again."""
        with self.lock:
            return self.guard(record) if self.guard is not None else None

    def write(self, draft: Draft, private: Private | None = None) -> Recorded:
        """Prepares and records one record."""
        return self.record([self.prepare(draft, private)])[0]

    def close_epochs(self, *, up_to_now: bool = False) -> list[Recorded]:
        """Writes the epoch records that are due; with `up_to_now` also for running epochs.

        Raises:
            LogUnavailable: When they could not be made durable.
        """
        with self.lock:
            self._drain()  # an epoch counts what is in the log before it, not what waits
            trial = self.streams.copy()
            trial.advance(self.now_s())
            return self._append([], trial, up_to_now=up_to_now)

    def drain(self) -> int:
        """Moves what waits in the queue to the log; returns how many records.

        Raises:
            LogUnavailable: When the log is still away. The queue is unchanged.
        """
        with self.lock:
            return self._drain()

    def close(self) -> None:
        """Saves the log's state and lets go of its files."""
        with self.lock:
            if self._is_closed:
                return
            self._is_closed = True  # another process may be the writer from here on
            if self._is_in_doubt or os.getpid() != self._pid:
                self.log.release()  # the next open derives everything from the segments
                return
            waiting = bool(self.spool.count)  # the state counts what is in the log, not what waits
            streams = logged_streams(self.log, self.streams.epoch_s) if waiting else self.streams
            self.log.close(streams.to_json())

    def clock_behind_s(self) -> int:
        """Returns by how many seconds the clock is behind the newest record."""
        return max(0, self.streams.last_time_s - self.now_s())

    # Below here the commit lock is held.

    def _commit_waiting(self, queue: list[Waiting]) -> None:
        """Commits all that waits, at most `MAX_BATCH` records at a time.

        What says where things came from ends a batch: the guard then judges what follows with it on record.
        """
        batch: list[Waiting] = []
        count = 0
        for waiting in queue:
            if batch and (count + len(waiting.records) > MAX_BATCH or batch[-1].tells_origins):
                self._commit(batch)
                batch, count = [], 0
            batch.append(waiting)
            count += len(waiting.records)
        self._commit(batch)

    def _commit(self, batch: list[Waiting]) -> None:
        """Makes one batch durable and hands out results or errors."""
        batch = admitted(batch, self.guard)
        if not batch:
            return
        try:
            self._require_log()
            trial = self.streams.copy()
            trial.advance(self.now_s())
            results = self._append([record for waiting in batch for record in waiting.records], trial)
        except Exception as error:  # noqa: BLE001 - every caller in the batch must be told
            patient = [waiting for waiting in batch if waiting.on_failure == "spool"]
            for waiting in batch:
                waiting.error = error
            if patient and isinstance(error, LogUnavailable | HomeBusy):
                self._spool(patient)
            return
        share(results, batch)

    def _require_log(self) -> None:
        """Empties the queue first, trying at most once a second while the log is away."""
        if not self.spool.count:
            return
        if clock.monotonic() < self._retry_drain_s:
            raise LogUnavailable("the log is away; decisions are waiting in the queue")
        self._retry_drain_s = clock.monotonic() + _RETRY_S
        self._drain()

    def _append(self, records: Sequence[Prepared], trial: Streams, *, up_to_now: bool = False) -> list[Recorded]:
        """Steps 1 to 3; on failure nothing has changed. Returns results for `records`."""
        pairs: list[tuple[Prepared, int]] = []
        if up_to_now or trial.has_ended_epochs():
            for epoch in trial.ended_epochs(up_to_now=up_to_now):
                draft = epoch.draft()
                pairs.append((self.prepare(draft), trial.take(draft.stream)))
        epochs = len(pairs)
        pairs += [(record, trial.take(record.stream)) for record in records]
        time = time_text(trial.last_time_s)
        first = self.log.size
        results = [_recorded(record, seq, time, first + place) for place, (record, seq) in enumerate(pairs)]
        rows = [
            VaultRow(result.index or 0, record.subject, record.record_key, record.sealed, record.retain_until_s)
            for result, (record, _) in zip(results, pairs, strict=True)
            if record.sealed
        ]
        with self._all_or_nothing():
            self._write(rows, [result.entry for result in results], [result.leaf for result in results])
            self.streams = trial
        if self.log.state_due:
            self._save_state()
        if results:
            for listener in tuple(self.listeners):
                listener()
        return results[epochs:] if records else results

    @contextmanager
    def _all_or_nothing(self) -> Iterator[None]:
        """Covers what must change together; an interrupt in between leaves the recorder in doubt."""
        self.require_sound()
        self._is_in_doubt = True
        try:
            yield
        except CounterfoilError:
            self._is_in_doubt = False
            raise
        self._is_in_doubt = False

    def _write(self, rows: Sequence[VaultRow], entries: Sequence[bytes], leaves: Sequence[bytes]) -> None:
        """Steps 2 and 3: the vault, then the log; leftovers of a failure are removed."""
        first = self.log.size
        if self._vault_doubtful:
            self.vault.truncate(first)
            self._vault_doubtful = False
        if rows:
            self.vault.put_many(rows)
        try:
            self.log.append(entries, leaves)
        except Exception:
            self._vault_doubtful = bool(rows)
            raise

    def _save_state(self) -> None:
        """Saves the log's state; a failure costs time at the next open, nothing else."""
        try:
            self.log.save_state(self.streams.to_json())
        except LogUnavailable:
            return

    def _spool(self, patient: Sequence[Waiting]) -> None:
        """Puts the records of patient callers into the queue, each with a promise."""
        trial = self.streams.copy()
        time_s = trial.advance(self.now_s())
        pairs = [(record, trial.take(record.stream)) for waiting in patient for record in waiting.records]
        results = [_recorded(record, seq, time_text(time_s), None) for record, seq in pairs]
        items = [
            SpooledEntry(result.entry, record.subject, record.record_key, record.sealed, record.retain_until_s)
            for result, (record, _) in zip(results, pairs, strict=True)
        ]
        try:
            with self._all_or_nothing():
                self.spool.append(items)
                self.streams = trial
        except LogUnavailable as error:
            for waiting in patient:
                waiting.error = error
            return
        append_by = time_text(time_s + self.promise_within_s)
        share([self._promised(result, append_by) for result in results], patient)

    def _promised(self, result: Recorded, append_by: str) -> Recorded:
        promise = self.signer.sign(promise_text(self.signer.key.name, result.leaf, append_by))
        return Recorded(None, result.seq, result.time, result.entry, result.leaf, promise)

    def _drain(self) -> int:
        """Moves the queue to the log. Entries that a crash left in both are skipped."""
        if not self.spool.count:
            return 0
        self.require_sound()
        logged = logged_streams(self.log, self.streams.epoch_s)
        pending = (
            item for item in self.spool.entries() if (r := read_record(item.entry)).seq >= logged.next_of(r.stream)
        )
        moved = 0
        while chunk := list(islice(pending, MAX_BATCH)):
            first = self.log.size
            rows = [
                VaultRow(first + place, item.subject, item.record_key, item.sealed, item.retain_until_s)
                for place, item in enumerate(chunk)
                if item.sealed
            ]
            with self._all_or_nothing():
                self._write(rows, [item.entry for item in chunk], [leaf_hash(item.entry) for item in chunk])
            moved += len(chunk)
        self.spool.clear()
        return moved


def _recorded(record: Prepared, seq: int, time: str, index: int | None) -> Recorded:
    entry = record.template.entry(seq, time)
    return Recorded(index, seq, time, entry, leaf_hash(entry))
