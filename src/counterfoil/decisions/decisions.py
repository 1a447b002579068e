"""Decisions that anyone can check: the capability as its users hold it."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from sqlalchemy import select

from counterfoil.core.check_receipt import check_receipt
from counterfoil.core.receipt import Receipt
from counterfoil.core.steps import Report
from counterfoil.decisions.decision import Decision
from counterfoil.decisions.deployment import Deployed, Deployment, as_score
from counterfoil.decisions.deployments import Deployments
from counterfoil.decisions.history import FollowUp, Histories, History
from counterfoil.decisions.made import Made
from counterfoil.decisions.policies import Policies, RegisteredPolicy
from counterfoil.decisions.policy import Policy
from counterfoil.decisions.records import FOLLOW_UPS
from counterfoil.decisions.replay import Replays
from counterfoil.decisions.search import DecisionCount, count_query, read_count, search_query
from counterfoil.decisions.views import decisions
from counterfoil.errors import InvalidInput, NotFound
from counterfoil.provenance import Dataset, Model, Provenance, to_micro
from counterfoil.store.archive import Archive
from counterfoil.store.objects import Objects
from counterfoil.store.recorder import OnFailure, Recorder
from counterfoil.store.vault import Vault
from counterfoil.store.views import Views

__all__ = ["Decisions", "Open"]

_LOG: Final = logging.getLogger("counterfoil")


class Open:
    """A decision being made inside `with org.decisions.deciding(...)`: set score, or score and label."""

    def __init__(self) -> None:
        self.score: float | None = None
        self.label: str | None = None
        self.decision: Decision | None = None


class Decisions:
    """Wraps models, records what they decide, and everything that follows.

    Args:
        recorder: Writes records.
        archive: Reads them.
        vault: Knows whom records are about.
        views: Finds them.
        objects: Keeps comparison rows.
        provenance: Registers the models.
    """

    def __init__(
        self,
        recorder: Recorder,
        archive: Archive,
        vault: Vault,
        views: Views,
        objects: Objects,
        provenance: Provenance,
    ) -> None:
        self.recorder = recorder
        self.archive = archive
        self._vault = vault
        self._views = views
        self._objects = objects
        self._provenance = provenance
        provenance.lineage.decisions = Made(views)
        self._policies = Policies(recorder, archive, views)
        self._histories = Histories(recorder, archive, views, self._policies, provenance, vault.subject_of)
        self._replays = Replays(archive, views, objects, provenance, self._policies)
        self._deployments = Deployments(self, views, objects, provenance, self._policies, self._replays)

    # Putting models to work

    def wrap(
        self,
        model: Any,
        policy: Policy | Path | str,
        *,
        name: str = "",
        version: str = "",
        training: Dataset | None = None,
        background: Any = None,
        code: Mapping[str, str] | None = None,
        trusted: Sequence[str] = (),
        on_log_failure: OnFailure = "deny",
    ) -> Deployment:
        """Puts a model to work under a policy; from here on every decision is recorded.

        The model is registered (once), and decides through the artefact that was
        registered, so that what is replayed is what decided.

        Args:
            model: A fitted scikit-learn classifier, a model file, or a registered model.
            policy: The policy, or its TOML file.
            name: Name of the model; the policy's name when empty.
            version: Version of the model, in your own numbering.
            training: The dataset it was trained on.
            background: Rows that reasons compare an applicant with (a DataFrame or a
                list, e.g. the training rows; the first 100 are used and committed).
            code: What trained the model, e.g. {"commit": "…"}.
            trusted: Types that a skops file may load.
            on_log_failure: `deny`: no decision without a record. `spool`: a durable
                queue with signed promises.

        Raises:
            InvalidInput: When model and policy do not fit, or the policy is not in force yet.
            Recalled: When the model, the policy or the training data is under recall.
        """
        return self._deployments.wrap(
            model,
            policy,
            name=name,
            version=version,
            training=training,
            background=background,
            code=code,
            trusted=trusted,
            on_log_failure=on_log_failure,
        )

    def decides(
        self, policy: Policy | Path | str, *, name: str = "", on_log_failure: OnFailure = "deny"
    ) -> Callable[[Callable[[Mapping[str, Any]], float]], Callable[..., Decision]]:
        """Decorates a function from an applicant to a score, so that its decisions are recorded.

        A function has no artefact, so its decisions cannot be replayed; its source is
        committed to.
        """

        def decorate(score: Callable[[Mapping[str, Any]], float]) -> Callable[..., Decision]:
            deployment = self._deployments.of_function(
                score, policy, name or getattr(score, "__name__", ""), on_log_failure
            )

            @functools.wraps(score)
            def deciding(applicant: Mapping[str, Any], *, subject: str | None = None) -> Decision:
                return deployment.decide(applicant, subject=subject)

            return deciding

        return decorate

    @contextmanager
    def deciding(
        self,
        applicant: Mapping[str, Any],
        *,
        policy: Policy | Path | str,
        name: str,
        subject: str | None = None,
        on_log_failure: OnFailure = "deny",
    ) -> Iterator[Open]:
        """Records a decision that code inside the block makes by setting `score`.

        The label follows from the policy; set `label` too to have the block checked
        against it. When the block raises, there is no decision and no record.
        """
        deployment = self._deployments.of_function(None, policy, name, on_log_failure)
        checked = deployment.policy.check_applicant(applicant)
        opened = Open()
        yield opened
        if opened.score is None:
            raise InvalidInput("the block ended without setting a score, so there is no decision")
        score = as_score(opened.score)
        micro = to_micro(score)
        label = deployment.policy.label_for(micro)
        if opened.label not in (None, label):
            raise InvalidInput(f"the block decided {opened.label!r}, the policy says {label!r} for this score")
        made = deployment.prepare(checked, score, micro, label, None, subject)
        opened.decision = deployment.record(made)

    def require_usable(self, model: Model, policy: Policy) -> None:
        """Raises Recalled where nothing may be decided with this model, or under this policy."""
        self._deployments.require_usable(model, policy)

    def register_policy(self, policy: Policy | Path | str) -> RegisteredPolicy:
        """Records a policy, once, and returns where it stands."""
        return self._policies.register(policy)

    def deployments(self) -> list[Deployed]:
        """Returns every model put to work under a policy, oldest first."""
        return self._deployments.all()

    def models_at_work(self) -> frozenset[str]:
        """Returns the digests of the files of all models that were put to work."""
        places = {each.model_index for each in self.deployments()}
        return frozenset(self._provenance.model_at(place).record.file_sha256 for place in places)

    def deployment(self, index: int, *, on_log_failure: OnFailure = "deny") -> Deployment:
        """Returns a deployment on record, ready to decide as it did.

        Args:
            index: Place of its record in the log.
            on_log_failure: See `wrap`.

        Raises:
            NotFound: There is none at that place.
            NotAllowed: A function decided, of which only the source is on record; or the reasons it committed to
                cannot be worked out here any more.
            InvalidInput: Its policy is not in force.
        """
        return self._deployments.at(index, on_log_failure)

    def policies(self) -> list[RegisteredPolicy]:
        """Returns all policies on record, oldest first."""
        return self._policies.all()

    def policy_at(self, index: int) -> Policy:
        """Returns the policy whose record stands at `index`.

        Raises:
            NotFound: There is none at that place.
        """
        record = self.archive.record(index)
        if record.kind != "policy":
            raise NotFound(f"record {index} is no policy; its kind is {record.kind}")
        return self._policies.at(index)

    # Looking back

    def history(self, index: int) -> History:
        """Returns a decision and all that followed.

        Raises:
            NotFound: When there is no decision at that place.
        """
        return self._histories.of(index)

    def is_erased(self, history: History) -> bool:
        """Tells whether nobody can read a decision's values any more; those locked away are still there."""
        return self._histories.is_erased(history)

    def search(
        self,
        *,
        subject: str | None = None,
        label: str | None = None,
        since: str | None = None,
        until: str | None = None,
        overridden: bool | None = None,
        policy: int | None = None,
        deployment: int | None = None,
        before: int | None = None,
        limit: int = 50,
    ) -> list[Mapping[str, Any]]:
        """Finds decisions, newest first.

        Args:
            subject: Reference of the person.
            label: The decision as it stands.
            since: Earliest time, UTC text.
            until: Latest time, UTC text.
            overridden: Only those that were (or were not) overridden.
            policy: Only those under the policy whose record stands there.
            deployment: Only those that the deployment made whose record stands there.
            before: Only those at lower places in the log, to go on after a page.
            limit: Most rows.

        Raises:
            InvalidInput: For a time, limit or reference that cannot be.
        """
        tag = None if subject is None else self._vault.subject_tag(subject)
        query = search_query(tag, label, since, until, overridden, limit, before, policy, deployment)
        with self._views.reading() as connection:
            return [dict(row._mapping) for row in connection.execute(query)]

    def places(self, *, before: int) -> list[int]:
        """Returns the places of all decisions below `before`, ascending."""
        with self._views.reading() as connection:
            query = select(decisions.c.idx).where(decisions.c.idx < before).order_by(decisions.c.idx)
            return [int(index) for index in connection.execute(query).scalars()]

    def counts(self, *, since: str | None = None, until: str | None = None) -> list[DecisionCount]:
        """Returns how many decisions stand at each label, by day and policy, oldest first.

        Exact at any time: an overridden decision counts under its new label, an erased one under
        none. Costs the number of days, not of decisions. `since` and `until` name the first and
        the last day by any time of it, UTC text (InvalidInput for what is none).
        """
        with self._views.reading() as connection:
            return [read_count(row) for row in connection.execute(count_query(since, until))]

    def place_of(self, leaf: str) -> int | None:
        """Returns the place of a record by leaf hash (hex), None while it waits in the queue."""
        try:
            return self._views.index_of(leaf)
        except NotFound:
            return None

    def receipt(self, index: int, pointers: Iterable[str] | None = None) -> Receipt:
        """Returns the receipt of a decision, showing `pointers` (all fields when None)."""
        return self.archive.receipt(index, pointers)

    def check(self, decision: Decision, *, replay: bool = False) -> Report:
        """Checks a decision's receipt as an outsider would; with `replay`, runs the model again."""
        report = check_receipt(decision.receipt.encode(), issuer=self.recorder.signer.key)
        place = self.place_of(decision.leaf) if decision.index is None else decision.index
        if not replay or place is None:
            return report
        return Report(report.what, (*report.steps, *self.replay(place).steps), report.facts, report.answer)

    def replay(self, index: int) -> Report:
        """Runs the registered model again on a recorded decision.

        Raises:
            NotFound: When there is no such decision, or its values were erased.
            NotAllowed: When they are locked away.
        """
        return self._replays.replay(index)

    def replay_many(
        self, indices: Sequence[int], progress: Callable[[int, int], None] | None = None
    ) -> Iterator[tuple[int, Report]]:
        """Replays many decisions and yields (place, report); erased ones are passed over."""
        return self._replays.replay_many(indices, progress)

    # What follows a decision

    def override(
        self, index: int, *, label: str, by: str, reason: str, saw: str, request: bytes | None = None
    ) -> FollowUp:
        """Records that a person decided otherwise.

        Args:
            index: Place of the decision.
            label: The new label, one of the policy's.
            by: Who decided.
            reason: Why; it is required.
            saw: `History.state` of what that person had in front of them.
            request: Tag of the request it answers; see `store.requests`.

        Raises:
            Stale: When something was recorded since the reviewer looked.
            InvalidInput: For an empty reason or a label the policy does not have.
            NotAllowed: The decision's values were erased.
        """
        return self._histories.override(index, label=label, by=by, reason=reason, saw=saw, request=request)

    def appeal(self, index: int, *, text: str, by: str, request: bytes | None = None) -> FollowUp:
        """Records what the person says against the decision, and who received it."""
        return self._histories.appeal(index, text=text, by=by, request=request)

    def outcome(self, index: int, *, outcome: str, note: str = "", request: bytes | None = None) -> FollowUp:
        """Records what came of a decision, e.g. "repaid" or "default"."""
        return self._histories.outcome(index, outcome=outcome, note=note, request=request)

    def follow_up(self, index: int) -> FollowUp:
        """Returns an override, appeal or outcome by its place in the log.

        Raises:
            NotFound: When there is none at that place.
        """
        found = self._histories.follow_up(index)
        if found.kind not in FOLLOW_UPS:
            raise NotFound(f"record {index} follows no decision; its kind is {found.kind}")
        return found
