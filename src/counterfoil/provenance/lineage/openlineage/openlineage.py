"""Takes the events of other systems as runs, and tells our runs as events.

A run is recorded once, when it ends: with what all its events said together. What follows is passed over.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from counterfoil.provenance.datasets import Dataset
from counterfoil.provenance.lineage.openlineage.event import ENDS, Event, Named
from counterfoil.provenance.lineage.openlineage.export import events_of
from counterfoil.provenance.lineage.openlineage.mapping import namespace_of, on_record
from counterfoil.provenance.lineage.openlineage.waiting import WaitingRuns
from counterfoil.provenance.lineage.records import MOST_LINKS, OPENLINEAGE, Code, RunRecord
from counterfoil.provenance.lineage.telling import few_names, plain_name
from counterfoil.provenance.model_register import Model
from counterfoil.store.archive import Archive

if TYPE_CHECKING:
    from counterfoil.provenance.provenance import Provenance

__all__ = ["OpenLineage", "Taken"]

Outcome: TypeAlias = Literal["waiting", "recorded", "passed over"]


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of an event.

    Attributes:
        run_id: Its run; empty for an event that tells of none.
        outcome: The run waits for its end; is on record; or the event says nothing that is recorded.
        index: Place of the run's record; None while there is none.
        unmapped: Names of inputs and outputs that are not on record.
    """

    run_id: str
    outcome: Outcome
    index: int | None = None
    unmapped: Mapping[str, Sequence[str]] | None = None


class OpenLineage:
    """The events of one home. Safe to use from many threads.

    Args:
        provenance: What is on record.
        archive: Reads records.
        origin: Of the home; names its own jobs and datasets.
        folder: Where runs that have not ended are kept.
    """

    def __init__(self, provenance: Provenance, archive: Archive, origin: str, folder: Path) -> None:
        self._provenance = provenance
        self._archive = archive
        self._namespace = namespace_of(origin)
        self._waiting = WaitingRuns(folder)
        self._taking = Lock()  # between reading what is known of a run and writing what is known now

    def take(self, event: Event | None) -> Taken:
        """Takes one event; events may come in any order, and more than once.

        Raises:
            InvalidInput: When a run says more than a record can hold.
            NotAllowed: When too many runs are under way.
            LogUnavailable: When it could not be made durable.
        """
        if event is None or event.namespace == self._namespace:  # our own events tell us nothing
            return Taken("" if event is None else event.run_id, "passed over")
        runs = self._provenance.runs
        with self._taking:
            known = runs.told_from({"system": OPENLINEAGE, "id": event.run_id})
            if known is None:
                whole = self._waiting.joined(self._kept(event))
                if event.state not in ENDS:
                    self._waiting.keep(whole)
                    return Taken(event.run_id, "waiting")
                known = runs.happened(self._run_of(whole, event))
            self._waiting.forget(event.run_id)
        return Taken(event.run_id, "recorded", known.index, known.record.unmapped)

    def ends(self, event: Event | None) -> bool:
        """Whether taking this event would write a record."""
        if event is None or event.state not in ENDS or event.namespace == self._namespace:
            return False
        return self._provenance.runs.told_from({"system": OPENLINEAGE, "id": event.run_id}) is None

    def events(self) -> Iterator[dict[str, Any]]:
        """Yields all runs of this home as events, oldest first, two of each."""
        runs = self._provenance.runs
        for run in runs.all():
            yield from events_of(
                run,
                [self._provenance.with_leaf(leaf) for leaf in run.record.inputs],
                [self._provenance.with_leaf(leaf) for leaf in run.record.outputs],
                namespace=self._namespace,
                time=self._archive.record(run.index).time,
                standing=runs.standing(run),
            )

    def _kept(self, event: Event) -> Event:
        """Keeps the source of a job, sealed, and returns the event with its digest instead."""
        if not event.code:
            return event
        return replace(event, code="", code_sha256=self._provenance.runs.keep(event.code.encode(errors="replace")))

    def _run_of(self, whole: Event, last: Event) -> RunRecord:
        """Returns the record of a run that has ended; what cannot have come from its inputs is told by name only."""
        inputs, other_inputs = self._mapped(whole.inputs, frozenset())
        places = {each.index for each in inputs}
        outputs, other_outputs = self._mapped(whole.outputs, places | self._provenance.lineage.ancestors(places))
        code = Code(plain_name(whole.job), whole.code_sha256) if whole.code_sha256 else None
        location = {name: plain_name(value) for name, value in whole.location.items()}
        return RunRecord(
            plain_name(whole.job) or "unnamed",
            whole.kind or "transformation",
            tuple(each.leaf for each in inputs),
            tuple(each.leaf for each in outputs),
            code,
            {"namespace": plain_name(whole.namespace)} | ({"sourceCodeLocation": location} if location else {}),
            {},
            None,
            whole.time,
            last.time,
            "succeeded" if last.state == "COMPLETE" else "failed",
            {"system": OPENLINEAGE, "id": whole.run_id},
            {},
            {"inputs": few_names(other_inputs), "outputs": few_names(other_outputs), "parameters": ()},
        )

    def _mapped(
        self, told: Sequence[Named], before: frozenset[int] | set[int]
    ) -> tuple[list[Dataset | Model], list[str]]:
        """Returns what is on record, each once, and the names of everything else.

        Args:
            told: Datasets as events name them.
            before: Places of records that these cannot have come after.
        """
        found: dict[int, Dataset | Model] = {}
        others: list[str] = []
        for each in told:
            meant = on_record(self._provenance, each, self._namespace)
            if meant is None or meant.index in before or (len(found) == MOST_LINKS and meant.index not in found):
                others.append(each.whole)
            else:
                found[meant.index] = meant
        return list(found.values()), others
