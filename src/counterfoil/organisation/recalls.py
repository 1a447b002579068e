"""Recalls as an organisation opens them: what is reached is counted first, then the record is written."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy import select

from counterfoil.core.wording import counted
from counterfoil.decisions.tables import policies
from counterfoil.errors import InvalidInput, NotFound
from counterfoil.organisation.looks import Looks
from counterfoil.organisation.notices import Notices, Progress, Written
from counterfoil.organisation.reach import Reach, ReachFinder
from counterfoil.provenance import Dataset, Model, Provenance, Recall
from counterfoil.provenance.lineage.graph import Node
from counterfoil.provenance.naming import is_place, split_version
from counterfoil.provenance.recalls.records import Action, require_action
from counterfoil.provenance.views import datasets
from counterfoil.store.archive import Archive
from counterfoil.store.views import Views

__all__ = ["Opened", "Recalls"]

_TOLD: Final = 8
"""So many things of one name are told, with whom each reached."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A recall that was opened, and what it reached."""

    recall: Recall
    reach: Reach


class Recalls:
    """Recalls data, models and rules of one home.

    Args:
        archive: Reads records.
        views: The searchable tables.
        provenance: Knows what came from what, and keeps the recalls.
        looks: Records who makes a list of people.
        public_url: Where the node is reached; may be empty.
    """

    def __init__(
        self, archive: Archive, views: Views, provenance: Provenance, looks: Looks, public_url: str = ""
    ) -> None:
        self._archive = archive
        self._views = views
        self._provenance = provenance
        self._register = provenance.recalls
        self._finder = ReachFinder(archive, views, provenance.lineage)
        self._notices = Notices(archive, views, looks, public_url)

    def find(self, wanted: Dataset | Model | str | int) -> int:
        """Returns the place of what is to be recalled: by a name that one thing has, as NAME@VERSION, or by place.

        Versions of a dataset with the same content are one thing.

        Raises:
            NotFound: When there is nothing of that name, or another kind of record at that place.
            InvalidInput: When several things have that name; says whom each reached.
        """
        if isinstance(wanted, Dataset | Model):
            return wanted.index
        text = str(wanted)
        found = self._called(text)
        if len({self._content(place) for place in found}) > 1:
            told = "; ".join(self._told(place) for place in found[-_TOLD:])
            raise InvalidInput(
                f"{len(found):,} records are called {text!r}: {'the newest are ' if len(found) > _TOLD else ''}{told}",
                hint="say which one is wrong: NAME@VERSION, or the place of its record",
            )
        if found:
            return found[-1]
        if is_place(text):
            self._register.recallable(int(text))
            return int(text)
        raise NotFound(
            f"no dataset, model or policy on record is called {text!r}",
            hint="see which there are: counterfoil dataset list, counterfoil model list, counterfoil policy list",
        )

    def preview(self, wanted: Dataset | Model | str | int) -> Reach:
        """Returns what a recall would reach; records nothing (errors as `find`)."""
        return self._finder.of(self.find(wanted))

    def reach(self, recall: Recall) -> Reach:
        """Returns what a recall reaches now: everything that came from what was recalled, also since then."""
        return self._finder.of(recall.root)

    def open(
        self,
        wanted: Dataset | Model | str | int,
        *,
        reason: str,
        by: str,
        action: Action = "block",
        request: bytes | None = None,
    ) -> Opened:
        """Recalls a dataset, a model, a policy, a run or a deployment.

        With `block`, no decision that rests on it is recorded from the moment that counting begins, by
        nobody; when this returns, the recall is on record with what it had reached. Where it cannot be
        recorded, nothing is held back.

        Args:
            wanted: What turned out to be wrong; see `find`.
            reason: Why, in plain words. It is public: name nobody.
            by: Who recalls it; private.
            action: `block`, or `warn` to say so only.
            request: Tag of the request it answers; see `store.requests`.

        Raises:
            NotFound: There is no such thing.
            InvalidInput: The name is that of several things, or a text cannot stand in a record.
            Stale: The same recall is open.
            LogUnavailable: It could not be made durable.
        """
        root, action = self.find(wanted), require_action(action)
        with self._register.opening(root, action, reason=reason, by=by) as opening:
            looks = opening.bar.looks
            reach = self._finder.of(root)
            with opening.recorder.exclusive():  # a run that was recorded meanwhile may have brought more
                if not opening.bar.is_as_at(looks):
                    reach = self._finder.of(root)
                index = opening.record(reach.numbers(), request)
        return Opened(self._register.at(index), reach)

    def end(self, index: int, *, reason: str, by: str, request: bytes | None = None) -> Recall:
        """Ends a recall, with a reason, in public; what it held back goes on.

        Raises:
            NotFound: There is no such recall.
            InvalidInput: A text cannot stand in a record.
            Stale: It has ended before.
        """
        return self._register.end(index, reason=reason, by=by, request=request)

    def notices(self, recall: Recall, path: Path | str, *, by: str, progress: Progress | None = None) -> Written:
        """Writes the list of the people whom a recall affects, now, to a new file; see `Notices.write`."""
        return self._notices.write(path, recall, self.reach(recall), by=by, progress=progress)

    def all(self) -> list[Recall]:
        """Returns all recalls, oldest first."""
        return self._register.all()

    def open_ones(self) -> list[Recall]:
        """Returns the recalls that have not ended, oldest first."""
        return self._register.open_ones()

    def at(self, index: int) -> Recall:
        """Returns the recall whose record stands at `index` (NotFound when there is another kind of record)."""
        return self._register.at(index)

    def not_reached(self, reach: Reach) -> Sequence[Node]:
        """Returns what is easily overlooked: other versions of a dataset's name, with other content.

        A recall does not reach them: nothing says that they are wrong, too.
        """
        if reach.root.kind != "dataset":
            return ()
        root = self._provenance.dataset_at(reach.root.index)
        query = select(datasets.c.idx).where(datasets.c.name == root.record.name).order_by(datasets.c.idx)
        with self._views.reading() as connection:
            found = connection.execute(query).scalars().all()
        within = {root.index, *(node.index for node in reach.nodes)}
        return [Node(place, "dataset", self._archive.record(place).name) for place in found if place not in within]

    def _called(self, text: str) -> list[int]:
        """Returns the places of all that is called so, ascending: every version of a name, or one NAME@VERSION."""
        name, version = split_version(text)
        kinds: tuple[Callable[[str], Sequence[Dataset | Model]], ...] = (
            self._provenance.datasets,
            self._provenance.models,
        )
        found = self._policies_called(text)
        for all_of in kinds:
            of_name = all_of(text) or [each for each in all_of(name) if each.record.version == version][-1:]
            found += [each.index for each in of_name]
        return sorted(found)

    def _policies_called(self, text: str) -> list[int]:
        name, version = split_version(text)
        query = select(policies.c.idx).order_by(policies.c.idx)
        with self._views.reading() as connection:
            of_name = connection.execute(query.where(policies.c.name == text)).scalars().all()
            one = (policies.c.name == name) & (policies.c.version == version)
            return [int(each) for each in of_name or connection.execute(query.where(one)).scalars().all()[-1:]]

    def _content(self, place: int) -> str:
        """Returns what is the same for datasets with the same content, and differs for everything else."""
        is_dataset = self._archive.record(place).kind == "dataset"
        return self._provenance.dataset_at(place).record.sha256 if is_dataset else str(place)

    def _told(self, place: int) -> str:
        """Returns kind, name and place of a record in words, and whom it reached."""
        reach = self._finder.of(place)
        people = counted(reach.people, "person", "people")
        whom = f"{counted(reach.decisions, 'decision')} about {people}" if reach.decisions else "no decisions"
        return f"{reach.root.kind} {reach.root.name} (record {place}, {whom})"
