"""Erasing what is private while every proof goes on to hold.

1. decide what may be shredded now and what a retention lock keeps;
2. write an `erasure` record that says why and which, in places of the log;
3. destroy the keys in the vault; note how far logged erasures were applied;
4. empty what the searchable tables say, and delete other copies that the home holds.

A crash between 2 and 3, or a vault restored from an older backup, is mended at the
next open: logged erasures are applied again before anything is read. One that failed
is made up for by the next. Fields of values in a depot that is away cannot be erased yet:
until they can, nobody is given anything of that record.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, Final

from counterfoil.core.fields import RECORD_KEY_BYTES, FieldTree
from counterfoil.core.statement import Draft, Record, read_record
from counterfoil.errors import InvalidInput, LogUnavailable, NotAllowed, NotFound
from counterfoil.store.archive import Archive
from counterfoil.store.recorder import Recorder
from counterfoil.store.streams import time_text
from counterfoil.store.vault import Vault, seal_body
from counterfoil.store.vault_erasure import Erasure
from counterfoil.store.views import Views

__all__ = ["STREAM", "Erasures"]

STREAM: Final = "organisation"
RUNS_PER_RECORD: Final = 1_000
MAX_BASIS_CHARS: Final = 300


class Erasures:
    """Erases fields, records and people of one home.

    Args:
        recorder: Writes the erasure records.
        archive: Reads the log.
        vault: Holds what is erased.
        views: Tables derived from it.

    Attributes:
        copies: Called after every erasure: each deletes what else holds private values, and returns whether it could.
    """

    def __init__(self, recorder: Recorder, archive: Archive, vault: Vault, views: Views) -> None:
        self._recorder = recorder
        self._archive = archive
        self._vault = vault
        self._views = views
        self.copies: list[Callable[[], bool]] = []
        self._applied_below = sys.maxsize  # place of the first logged erasure that waits for a depot
        self._is_behind = False  # whether an erasure may be in the log and not yet carried out

    def plan(
        self, *, person: str | None = None, record: int | None = None, fields: Sequence[str] = (), basis: str = ""
    ) -> tuple[Erasure, Callable[[], object]]:
        """Returns what an erasure would do, and what does it; nothing is changed yet.

        Args:
            person: Everything about this person; or
            record: one record; or, without both, what was locked away and whose retention has ended.
            fields: Only these fields of the record.
            basis: Why; needed by all but what is due.

        Raises:
            NotFound: There is no such record or person.
            InvalidInput: For a field the record does not have.
        """
        if person is not None:
            return self.plan_person(person), lambda: self.erase_person(person, basis=basis)
        if record is None:
            return Erasure(tuple(self.due())), self.shred_due
        if not fields:
            return self.plan_record(record), lambda: self.erase_record(record, basis=basis)
        self._archive.tree(record).without(fields)  # names a wrong field now
        locked = self.plan_record(record).restricted
        return Erasure((), locked), lambda: self.erase_fields(record, fields, basis=basis)

    def plan_person(self, subject: str) -> Erasure:
        """Returns what `erase_person` would do, and changes nothing.

        Raises:
            NotFound: When no record is about that person.
        """
        indices = self._vault.indices_of(subject)
        if not indices:
            raise NotFound("no record is about that person", hint="use the reference the decision was made with")
        return self._vault.plan_erasure(indices, self._recorder.now_s())

    def erase_person(self, subject: str, *, basis: str) -> Erasure:
        """Erases everything private about a person.

        Records under a retention lock become unreadable at once and are shredded
        when the lock has ended (`shred_due`).

        Args:
            subject: The reference the records were made with.
            basis: Why, e.g. "GDPR Art. 17(1)(b)". It is public: name nobody in it.
        """
        with self._recorder.exclusive():
            self._recorder.drain()
            return self._carry_out("person", self.plan_person(subject), basis)

    def plan_record(self, index: int) -> Erasure:
        """Returns what `erase_record` would do, and changes nothing.

        Raises:
            NotFound: When there is no such record.
            InvalidInput: When the record holds nothing about a person.
            LogUnavailable: When it is in a depot that is away, and is about nobody as far as the vault knows.
        """
        self._require_erasable(index)
        return self._vault.plan_erasure([index], self._recorder.now_s())

    def _require_erasable(self, index: int) -> None:
        try:
            record = self._archive.record(index)
        except LogUnavailable:
            if self._vault.subject_of(index) is None:
                raise  # it may be a policy
            return  # about a person, so it is no policy; what is destroyed is here
        if not record.has_fields:
            raise InvalidInput(f"record {index} holds nothing private; the log itself never changes")
        if record.kind == "policy":
            raise InvalidInput(f"record {index} is a policy: it is about nobody, and decisions rest on it")

    def erase_record(self, index: int, *, basis: str) -> Erasure:
        """Erases the private fields of one record; its place and proofs stay. Raises as `plan_record`."""
        self._require_erasable(index)  # now, where a depot has it: then nobody who records waits for that
        with self._recorder.exclusive():
            return self._carry_out("record", self._vault.plan_erasure([index], self._recorder.now_s()), basis)

    def erase_fields(self, index: int, pointers: Sequence[str], *, basis: str) -> None:
        """Erases some private fields of one record; the others can still be shown.

        Raises:
            InvalidInput: For a field the record does not have.
            NotAllowed: While the record is under a retention lock.
            NotFound: When the record was erased before.
        """
        if not pointers:
            raise InvalidInput("no field to erase was named")
        _require_basis(basis)
        with self._archive.holding():
            self._require_erasable(index)
            self._archive.tree(index).without(pointers)  # names a wrong field, and fetches, before anybody waits
            with self._recorder.exclusive():
                self._erase_fields(index, pointers, basis)

    def _erase_fields(self, index: int, pointers: Sequence[str], basis: str) -> None:
        locked = self._vault.plan_erasure([index], self._recorder.now_s()).restricted
        if locked:
            raise NotAllowed(
                f"record {index} must be kept until {time_text(locked[0][1])}",
                hint="single fields can be erased after that; erase the whole record to restrict it now",
            )
        self._archive.tree(index)  # nothing is written about values that went in between
        about = {"basis": basis, "fields": sorted(set(pointers)), "records": [[index, index]], "scope": "field"}
        self._write_and_apply([about])

    def due(self) -> list[int]:
        """Returns the restricted records whose retention lock has ended."""
        return self._vault.due(self._recorder.now_s())

    def shred_due(self) -> Erasure:
        """Shreds the restricted records whose lock has ended."""
        with self._recorder.exclusive():
            indices = tuple(self.due())
            return self._carry_out("due", Erasure(indices), "the retention period has ended")

    def reapply(self) -> int:
        """Applies logged erasures that the vault has not seen; returns how many.

        Raises:
            LogUnavailable: Those records are in a depot that is away, so nobody knows what they erase.
        """
        start, size = self._vault.erasures_applied, self._archive.size
        if start >= size:
            return 0
        applied, waiting = 0, dict[int, int]()
        for place, entry in enumerate(self._logged(start, size), start):
            if b"/erasure/v1" in entry and (record := read_record(entry)).kind == "erasure":
                try:
                    self._apply(record)
                    applied += 1
                except LogUnavailable:
                    if record.about.get("scope") != "field":
                        raise
                    waiting[place] = int(record.about["records"][0][0])
                    self._vault.withheld.add(waiting[place])
        self._applied_below = min(waiting, default=sys.maxsize)
        self._vault.withheld.intersection_update(waiting.values())
        self._mark_applied(size)
        self._is_behind = False
        if applied:
            self._forget_copies()
        return applied

    def apply_waiting(self) -> int:
        """Erases the fields that wait for a depot, once it answers; returns how many erasures were applied.

        Raises:
            LogUnavailable: It is still away.
        """
        if not self._vault.withheld:
            return 0
        with self._archive.holding():
            for index in sorted(self._vault.withheld):  # fetched now: then nobody who records waits for that
                with suppress(NotFound, NotAllowed):
                    self._archive.tree(index, even_withheld=True)
            for _ in self._logged(self._vault.erasures_applied, self._archive.size):
                pass  # nor for what says which fields
            with self._recorder.exclusive():
                return self.reapply()

    def _logged(self, start: int, end: int) -> Iterator[bytes]:
        try:
            yield from self._archive.entries(start, end)
        except LogUnavailable as error:
            raise LogUnavailable(
                f"the vault is older than the log, and what was erased since is not known: {error.message}",
                hint="make the depot answer, or restore a newer vault.db, then open the home again",
            ) from error

    def _mark_applied(self, size: int) -> None:
        self._vault.mark_erasures_applied(min(size, self._applied_below))

    def _carry_out(self, scope: str, erasure: Erasure, basis: str) -> Erasure:
        """Steps 2 and 3 for whole records."""
        _require_basis(basis)
        abouts = [
            {"basis": basis, "records": runs, "scope": scope} for runs in _chunks(list(_runs(erasure.erased)))
        ] + [
            {"basis": basis, "restricted": [list(row) for row in rows], "scope": scope}
            for rows in _chunks(list(erasure.restricted))
        ]
        return replace(erasure, is_scrubbed=self._write_and_apply(abouts))

    def _write_and_apply(self, abouts: Sequence[dict[str, Any]]) -> bool:
        """Steps 2 to 4; returns whether no copy of a key is left in a side file."""
        drafts = [self._recorder.prepare(Draft("erasure", STREAM, "erasure", about=about)) for about in abouts]
        if self._is_behind:
            self.reapply()
        self._is_behind = True  # before, for an interrupt may come when the log has them already
        written = self._recorder.record(drafts)
        scrubbed = [self._apply(read_record(result.entry)) for result in written]
        self._mark_applied(self._archive.size)
        self._is_behind = False
        return self._forget_copies() and all(scrubbed)

    def _forget_copies(self) -> bool:
        """Step 4; returns whether nothing is left of them."""
        gone = [forget() for forget in (*self.copies, self._views.forget_erased)]  # all, also where one cannot
        return all(gone)

    def _apply(self, record: Record) -> bool:
        """Step 3 for one erasure record; doing it twice changes nothing."""
        about = record.about
        if about.get("scope") == "field":
            return self._apply_fields(int(about["records"][0][0]), [str(name) for name in about["fields"]])
        indices = [index for first, last in about.get("records", ()) for index in range(first, last + 1)]
        restricted = [(int(index), int(until_s)) for index, until_s in about.get("restricted", ())]
        return self._vault.apply_erasure(indices, restricted).is_scrubbed

    def _apply_fields(self, index: int, pointers: Sequence[str]) -> bool:
        try:
            tree = self._archive.tree(index, even_withheld=True)
        except (NotFound, NotAllowed):
            return True  # the whole record is gone already
        if set(pointers) <= set(tree.erased()):
            return True
        return self._vault.replace(index, *_resealed(tree, pointers))


def _resealed(tree: FieldTree, pointers: Sequence[str]) -> tuple[bytes, bytes]:
    """Returns a new record key and the remaining values sealed under it."""
    record_key = os.urandom(RECORD_KEY_BYTES)
    return record_key, seal_body(record_key, tree.root, tree.without(pointers))


def _runs(indices: Sequence[int]) -> Iterator[list[int]]:
    """Yields [first, last] of every run of consecutive places."""
    first = last = -2
    for index in indices:
        if index != last + 1:
            if first >= 0:
                yield [first, last]
            first = index
        last = index
    if first >= 0:
        yield [first, last]


def _chunks(rows: list[Any]) -> Iterator[list[Any]]:
    for start in range(0, len(rows), RUNS_PER_RECORD):
        yield rows[start : start + RUNS_PER_RECORD]


def _require_basis(basis: str) -> None:
    if not basis.strip() or len(basis) > MAX_BASIS_CHARS:
        raise InvalidInput(
            f"an erasure says why, in 1 to {MAX_BASIS_CHARS} characters", hint='for example "GDPR Art. 17(1)(b)"'
        )
