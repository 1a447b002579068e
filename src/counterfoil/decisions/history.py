"""What became of a decision: overrides, appeals and outcomes, linked and never edits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from counterfoil.core.statement import Draft
from counterfoil.decisions.policies import Policies
from counterfoil.decisions.policy import Policy
from counterfoil.decisions.records import FOLLOW_UPS, state_digest
from counterfoil.decisions.views import decisions, deployments, follow_ups
from counterfoil.errors import InvalidInput, NotAllowed, NotFound, Stale
from counterfoil.provenance import Model, Provenance
from counterfoil.store.archive import Archive
from counterfoil.store.prepared import Private
from counterfoil.store.recorder import Recorder
from counterfoil.store.requests import tag_of
from counterfoil.store.schemas import keep_schema
from counterfoil.store.views import Views

__all__ = ["FollowUp", "Histories", "History"]


@dataclass(frozen=True, slots=True)
class FollowUp:
    """An override, appeal or outcome of a decision; `values` is None once erased."""

    index: int
    leaf: str
    kind: str
    time: str
    values: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class History:
    """A decision and everything that followed it.

    Attributes:
        index: Place of the decision in the log.
        leaf: Leaf hash (hex) of its record.
        seq: Number in its stream.
        time: UTC text.
        stream: Its stream.
        values: Private values by pointer, None when erased or locked away.
        model: The model that decided.
        policy: The policy it decided under.
        followed: Overrides, appeals and outcomes, in order.
        state: Digest (hex) of all that, for reviewers to say what they saw.
    """

    index: int
    leaf: str
    seq: int
    time: str
    stream: str
    values: Mapping[str, Any] | None
    model: Model | None
    policy: Policy | None
    followed: tuple[FollowUp, ...]
    state: str

    @property
    def label_now(self) -> str | None:
        """The decision as it stands: the newest override, else the model's; None where that was erased."""
        for follow_up in reversed(self.followed):
            if follow_up.kind == "override":
                return (follow_up.values or {}).get("/label")
        return None if self.values is None else self.values.get("/output/label")


class Histories:
    """Reads and continues the histories of one home's decisions."""

    def __init__(
        self,
        recorder: Recorder,
        archive: Archive,
        views: Views,
        policies: Policies,
        provenance: Provenance,
        subject_of: Callable[[int], bytes | None],
    ) -> None:
        self._subject_of = subject_of
        self._recorder = recorder
        self._archive = archive
        self._views = views
        self._policies = policies
        self._provenance = provenance

    def of(self, index: int) -> History:
        """Returns a decision and all that followed.

        Raises:
            NotFound: When there is no decision at that place.
        """
        record = self._archive.record(index)
        if record.kind != "decision":
            raise NotFound(f"record {index} is no decision; its kind is {record.kind}")
        with self._views.reading() as connection:
            row = connection.execute(
                select(deployments.c.model_idx, deployments.c.policy_idx)
                .join(decisions, decisions.c.deployment_idx == deployments.c.idx)
                .where(decisions.c.idx == index)
            ).first()
            query = select(follow_ups.c.idx).where(follow_ups.c.decision_idx == index).order_by(follow_ups.c.idx)
            places = connection.execute(query).scalars().all()
        followed = tuple(self.follow_up(place) for place in places)
        leaf = self._archive.leaf_hex(index)
        return History(
            index,
            leaf,
            record.seq,
            record.time,
            record.stream,
            self._views.values_of(index),
            self._provenance.model_at(row[0]) if row else None,
            self._policies.at(row[1]) if row else None,
            followed,
            state_digest(leaf, [follow_up.leaf for follow_up in followed]),
        )

    def override(
        self, index: int, *, label: str, by: str, reason: str, saw: str, request: bytes | None = None
    ) -> FollowUp:
        """Records that a person decided otherwise; see `Decisions.override`."""
        if not reason.strip() or not by.strip():
            raise InvalidInput("an override needs a name and a reason")
        self._views.catch_up()  # where that takes long, nobody who records waits for it
        with self._archive.holding():
            self.is_erased(self.of(index))  # nor for a depot that has some of it
            with self._recorder.exclusive():  # nothing may slip in between the look and the record
                history = self._as_seen(index, saw)
                if history.policy is not None:
                    history.policy.is_adverse(label)  # refuses labels the policy does not have
                return self._follow(
                    history, "override", {"/by": by, "/label": label, "/reason": reason, "/saw": saw}, request
                )

    def _as_seen(self, index: int, saw: str) -> History:
        """Returns the history as it is now, which must be the one that a reviewer saw."""
        history = self.of(index)
        if saw != history.state:
            _require_former_state(history, saw)
            raise Stale(
                "something was added to this decision since the reviewer looked",
                hint="show it again and repeat with the new state",
            )
        self._require_values(history)
        return history

    def appeal(self, index: int, *, text: str, by: str, request: bytes | None = None) -> FollowUp:
        """Records what the person says against the decision, and who received it."""
        if not text.strip():
            raise InvalidInput("an appeal needs a text")
        history = self.of(index)
        self._require_values(history)
        return self._follow(history, "appeal", {"/by": by, "/text": text}, request)

    def outcome(self, index: int, *, outcome: str, note: str = "", request: bytes | None = None) -> FollowUp:
        """Records what came of a decision, e.g. "repaid" or "default"."""
        if not outcome.strip():
            raise InvalidInput("an outcome needs a word for what came of the decision")
        return self._follow(self.of(index), "outcome", {"/note": note, "/outcome": outcome}, request)

    def is_erased(self, history: History) -> bool:
        """Tells whether nobody can read the decision's values any more; those locked away are still there."""
        if history.values is not None:
            return False
        try:
            self._archive.tree(history.index)
        except NotFound:
            return True
        except NotAllowed:
            pass
        return False

    def _require_values(self, history: History) -> None:
        """Refuses what would be said about values that nobody can read any more."""
        if self.is_erased(history):
            raise NotAllowed(
                f"the values of decision {history.index} were erased",
                hint="nobody can look at it again; a new decision can be made",
            )

    def _follow(self, history: History, kind: str, values: dict[str, Any], request: bytes | None) -> FollowUp:
        """Records a follow-up about the same person, under the same retention lock."""
        schema = FOLLOW_UPS[kind]
        keep_schema(self._recorder, self._archive, schema)
        subject = self._subject_of(history.index)  # also where the decision is locked away
        retain_until_s = history.policy.retain_until_s(self._recorder.now_s()) if history.policy else 0
        draft = Draft(kind, history.stream, kind, (history.leaf,), tag_of(request))
        written = self._recorder.write(draft, Private(schema, values, subject, retain_until_s))
        return FollowUp(written.index or 0, written.leaf.hex(), kind, written.time, values)

    def follow_up(self, index: int) -> FollowUp:
        """Returns an override, appeal or outcome by its place in the log."""
        record = self._archive.record(index)
        return FollowUp(index, self._archive.leaf_hex(index), record.kind, record.time, self._views.values_of(index))


def _require_former_state(history: History, saw: str) -> None:
    """Refuses what never was a state of this decision; such a reviewer saw something else."""
    leaves = [follow_up.leaf for follow_up in history.followed]
    if saw not in {state_digest(history.leaf, leaves[:count]) for count in range(len(leaves))}:
        raise InvalidInput(
            "what the reviewer saw is no state of this decision", hint="take the state from its history, 64 hex digits"
        )
