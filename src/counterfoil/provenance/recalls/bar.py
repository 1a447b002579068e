"""What must not go on because of an open recall: kept in memory, asked at every record that is written.

The answer lies in the log: what was recalled, and what came from it. It is worked out from the
searchable tables when it is first needed, and again when a recall opens or ends, a record brings
something new that came from what was recalled, or a dataset is registered, which may be the same
content once more. In between, asking costs a look into a table in memory.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from counterfoil.errors import CounterfoilError, Recalled
from counterfoil.provenance.lineage.lineage import Lineage
from counterfoil.store.archive import Archive
from counterfoil.store.prepared import Prepared
from counterfoil.store.recorder import Recorder
from counterfoil.store.views import Views

__all__ = ["Bar", "Hold"]

_LOG: Final = logging.getLogger("counterfoil")

_BARRED_KINDS: Final = frozenset({"decision", "deployment", "model"})
"""Kinds of records that may not build on what was recalled.

A run may: it happened, and what came of it must be known."""


_BRINGS_NEW: Final = frozenset({"deployment", "model", "passport", "run"})
"""Kinds of records that may bring something new that came from what was recalled."""


@dataclass(frozen=True, slots=True)
class Hold:
    """What holds something back: an open recall of what it came from.

    Attributes:
        recall: Place of the recall's record; None while it is being opened.
        root: Place of what was recalled.
        what: Kind, name and version of it.
        reason: Why it was recalled.
        is_block: Whether nothing may go on; else it is only said.
    """

    recall: int | None
    root: int
    what: str
    reason: str
    is_block: bool

    def words(self) -> str:
        """Returns the recall in words, to stand behind what it holds back."""
        said = f"which is under recall (record {self.recall})" if self.recall is not None else "which is being recalled"
        return f"{self.what}, {said}: {self.reason}"


class Bar:
    """Which records rest on something that is under recall. Safe to use from many threads.

    Args:
        recorder: Asks about every record to be written.
        archive: Knows the leaf hashes.
        views: The searchable tables.
        lineage: Knows what came from what.
        open_recalls: Returns the open recalls, oldest first; what blocks is told before what warns.

    Attributes:
        looks: How often it was worked out what is held back.
    """

    def __init__(
        self,
        recorder: Recorder,
        archive: Archive,
        views: Views,
        lineage: Lineage,
        open_recalls: Callable[[], Iterable[Hold]],
    ) -> None:
        self._recorder = recorder
        self._archive = archive
        self._views = views
        self._lineage = lineage
        self._open_recalls = open_recalls
        self._held: Mapping[str, Hold] | None = None  # by leaf hash (hex); replaced, never altered, under the lock
        self._holds: tuple[Hold, ...] = ()
        self._opening: Hold | None = None  # owned by the recorder's lock, as the next
        self.looks = 0
        self._stale_at: int | None = None  # size of the log when something new came; -1: look anew in any case

    def refresh(self) -> None:
        """Works out anew what is held back.

        Raises:
            LogUnavailable: The searchable tables are away. What was held back still is.
        """
        self._views.catch_up()  # where that takes long, nobody who records waits for it
        with self._recorder.lock:
            self._look()

    def hold_back(self, hold: Hold) -> None:
        """Holds back at once what came from something whose recall is not on record yet; until `look_again`."""
        self._views.catch_up()
        with self._recorder.lock:
            self._opening = hold
            self._look()

    def look_again(self) -> None:
        """Goes by what is on record; where that cannot be looked up now, at the next question."""
        with self._recorder.lock:
            self._opening = None
            self._stale_at = -1
        with suppress(CounterfoilError):
            self.refresh()

    def is_as_at(self, looks: int) -> bool:
        """Whether nothing that came from what is held back was put on record since it was worked out that often."""
        return self.looks == looks and not self._is_stale()

    def hold_on(self, leaf: str) -> Hold | None:
        """Returns what holds back whatever builds on a record (leaf hash, hex), or would be said about it."""
        if self._held is None or self._is_stale():
            self.refresh()
        return (self._held or {}).get(leaf)

    def holds(self) -> Sequence[Hold]:
        """Returns the open recalls; what blocks comes first. Looks nothing up where that was done before."""
        if self._held is None:
            self.refresh()
        return self._holds

    def require(self, leaf: str, what: str) -> None:
        """Raises Recalled where nothing may build on a record (leaf hash, hex); `what` names what would."""
        hold = self.hold_on(leaf)
        if hold is not None and hold.is_block:
            raise refusal(hold, what)

    def admit(self, leaf: str, what: str) -> None:
        """As `require`, for what is about to be made or put to work: where a recall only warns, it says so."""
        self.require(leaf, what)
        hold = self.hold_on(leaf)
        if hold is not None:
            _LOG.warning("%s rests on the %s", what, hold.words())

    def _look(self) -> None:
        held: dict[str, Hold] = {}
        opening = [self._opening] if self._opening else []
        holds = sorted([*self._open_recalls(), *opening], key=lambda hold: not hold.is_block)
        for each in holds:
            for place in (each.root, *sorted(self._lineage.concerned([each.root]))):
                held.setdefault(self._archive.leaf_hex(place), each)
        self._held, self._holds = held, tuple(holds)
        self._stale_at = None
        self.looks += 1
        self._recorder.guard = self._guard if held else None

    def _is_stale(self) -> bool:
        stale_at = self._stale_at
        return stale_at is not None and self._archive.size > stale_at

    def _guard(self, prepared: Prepared) -> CounterfoilError | None:
        """Says why a record may not be written; the recorder's lock is held."""
        if prepared.kind in _BARRED_KINDS:
            try:
                if self._is_stale():
                    self._look()
            except CounterfoilError as error:  # nobody knows what is held back, so nothing goes on
                return error
            held = self._held or {}
            for leaf in prepared.builds_on:
                hold = held.get(leaf)
                if hold is not None and hold.is_block:
                    return refusal(hold, f"the {prepared.kind}")
        if self._held and self._may_bring(prepared, self._held):
            self._stale_at = self._archive.size  # also under a recall that only warns
        return None

    @staticmethod
    def _may_bring(prepared: Prepared, held: Mapping[str, Hold]) -> bool:
        """Whether more may be held back when this is on record: what a run made, or the same content once more."""
        return prepared.kind == "dataset" or (
            prepared.kind in _BRINGS_NEW and any(leaf in held for leaf in prepared.builds_on)
        )


def refusal(hold: Hold, what: str) -> Recalled:
    """Returns the error for what may not go on."""
    where = f"see counterfoil recall show {hold.recall}" if hold.recall is not None else "wait until it is on record"
    return Recalled(
        f"{what} would rest on the {hold.words()}", hint=f"use another version, or let a person decide; {where}"
    )
