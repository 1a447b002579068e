"""Runs a recorded decision again, from what is on record alone.

1. artefact   the model's bytes are the ones that were registered
2. output     on the recorded inputs it gives the recorded score and label, compared
              as its determinism certificate says
3. reasons    the recorded reasons follow again from the committed method
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from counterfoil.core import canonical
from counterfoil.core.fields import FieldTree
from counterfoil.core.steps import Report, Step, failed, not_checked, passed
from counterfoil.decisions.policies import Policies
from counterfoil.decisions.policy import Policy
from counterfoil.decisions.reasons import Explainer, Reason, explain, explainer_for
from counterfoil.decisions.records import DeploymentRecord
from counterfoil.errors import CounterfoilError, NotAllowed, NotFound
from counterfoil.provenance import Model, Provenance, Scorer
from counterfoil.store.archive import Archive
from counterfoil.store.objects import Objects
from counterfoil.store.views import Views

__all__ = ["RecordedDecision", "Replays", "replay"]

Progress = Callable[[int, int], None]
_Loaded = tuple[Policy, Model, Scorer | None, Explainer | None]
"""The scorer is None where a function decided, which has no artefact."""

_TITLES: Final = {
    "artefact": "Is the model the one on record?",
    "output": "Does it decide the same again?",
    "reasons": "Do the reasons follow again?",
}


@dataclass(frozen=True, slots=True)
class RecordedDecision:
    """What a decision's record says.

    Attributes:
        inputs: Feature values by name.
        score_micro: The score in micro-units.
        label: The decision.
        reasons: Codes as recorded, None when they were left for replay.
    """

    inputs: Mapping[str, Any]
    score_micro: int
    label: str
    reasons: tuple[str, ...] | None

    @classmethod
    def from_values(cls, values: Mapping[str, Any]) -> RecordedDecision | None:
        """Reads a decision's private values; None when a needed one was erased."""
        if not {"/output/label", "/output/score_micro"} <= set(values):
            return None
        prefix = "/input/"
        reasons = values.get("/reasons")
        return cls(
            {name[len(prefix) :]: value for name, value in values.items() if name.startswith(prefix)},
            int(values["/output/score_micro"]),
            str(values["/output/label"]),
            None if reasons is None else tuple(str(reason["code"]) for reason in reasons),
        )


class Replays:
    """Replays decisions of one home, loading each model once.

    Args:
        archive: Reads records and private values.
        views: Finds the records they build on.
        objects: Keeps comparison rows.
        provenance: Loads registered models.
        policies: Reads registered policies.
    """

    def __init__(
        self, archive: Archive, views: Views, objects: Objects, provenance: Provenance, policies: Policies
    ) -> None:
        self._archive = archive
        self._views = views
        self._objects = objects
        self._provenance = provenance
        self._policies = policies
        self._loaded: dict[str, _Loaded] = {}

    def replay(self, index: int) -> Report:
        """Runs the registered model again on a recorded decision.

        Raises:
            NotFound: When there is no such decision, or its values were erased.
            NotAllowed: When they are locked away.
        """
        loaded = self._of_decision(index)
        recorded = _recorded(self._archive.tree(index), loaded[0])
        if recorded is None:
            raise NotFound(f"values of decision {index} that a replay needs were erased")
        return Report("replay", tuple(replay(recorded, *loaded)))

    def replay_many(self, indices: Sequence[int], progress: Progress | None = None) -> Iterator[tuple[int, Report]]:
        """Replays many decisions and yields (place, report); erased ones are passed over."""
        for done, index in enumerate(indices, 1):
            loaded = self._of_decision(index)
            try:
                recorded = _recorded(self._archive.tree(index), loaded[0])
            except (NotFound, NotAllowed):
                recorded = None
            if recorded is not None:
                yield index, Report("replay", tuple(replay(recorded, *loaded)))
            if progress is not None:
                progress(done, len(indices))

    def _of_decision(self, index: int) -> _Loaded:
        """Returns what a decision was made with, read from its records."""
        record = self._archive.record(index)
        if record.kind != "decision" or not record.builds_on:
            raise NotFound(f"record {index} is not a decision")
        return self.loaded(record.builds_on[0])

    def loaded(self, leaf: str) -> _Loaded:
        """Returns what a deployment decides with, by the leaf hash (hex) of its record: loaded once.

        Policy, model, scorer (None for a function) and explainer (None where its method cannot be run here).
        """
        if leaf not in self._loaded:
            deployment = DeploymentRecord.read(self._archive.record(self._views.index_of(leaf)))
            model = self._provenance.model_at(self._views.index_of(deployment.model))
            policy = self._policies.at(self._views.index_of(deployment.policy))
            if model.record.form == "function":
                self._loaded[leaf] = (policy, model, None, None)
            else:
                scorer = self._provenance.scorer(model)
                self._loaded[leaf] = (policy, model, scorer, self._explainer(deployment, scorer, policy))
        return self._loaded[leaf]

    def _explainer(self, deployment: DeploymentRecord, scorer: Scorer, policy: Policy) -> Explainer | None:
        """Returns the explainer that a deployment committed to, from the rows this home kept."""
        config = deployment.reasons
        if config is None:
            return None
        rows = canonical.loads(self._objects.get_sealed(config.background_sha256)) if config.background_sha256 else []
        explainer = explainer_for(scorer, policy, rows)
        return explainer if explainer.config == config else None


def _recorded(tree: FieldTree, policy: Policy) -> RecordedDecision | None:
    """Returns what a decision's record says; None when something that the replay needs was erased."""
    needed = {f"/input/{each.name}" for each in policy.features if each.required or not each.protected}
    if needed & set(tree.erased()):
        return None
    return RecordedDecision.from_values(tree.values())


def replay(
    recorded: RecordedDecision, policy: Policy, model: Model, scorer: Scorer | None, explainer: Explainer | None
) -> list[Step]:
    """Runs one decision again and returns the steps."""
    if scorer is None:
        detail = "a function decided; only its source is on record, and code on record is never run"
        return [not_checked(step, title, detail) for step, title in _TITLES.items()]
    steps = [
        passed(
            "artefact",
            _TITLES["artefact"],
            f"{model.record.name} {model.record.version}, {model.record.form}, "
            f"digest {model.record.semantic_sha256[:12]}…",
        )
    ]
    try:
        checked = policy.check_applicant(recorded.inputs)
        score_micro = scorer.score_micro(policy.for_model(checked))
        label = policy.label_for(score_micro)
    except CounterfoilError as error:
        return [*steps, failed("output", _TITLES["output"], f"the recorded inputs cannot be scored: {error.message}")]
    steps.append(_output_step(recorded, policy, model, score_micro, label))
    steps.append(_reasons_step(recorded, policy, checked, explainer))
    return steps


def _output_step(recorded: RecordedDecision, policy: Policy, model: Model, score_micro: int, label: str) -> Step:
    title, certificate = _TITLES["output"], model.record.certificate
    if certificate.kind == "none":
        return not_checked(
            "output", title, "this model does not answer the same twice, so a replay proves nothing about it"
        )
    told = f"recorded {recorded.label} at {recorded.score_micro}, replayed {label} at {score_micro} millionths"
    if not certificate.agrees(recorded.score_micro, score_micro):
        return failed("output", title, f"the model answers differently: {told}")
    if policy.label_for(recorded.score_micro) != recorded.label:
        return failed("output", title, f"the policy gives another label to the recorded score: {told}")
    if label != recorded.label:
        return passed("output", title, f"within the certified tolerance, on the line between two labels: {told}")
    how = "bit for bit" if certificate.kind == "exact" else f"within {certificate.tolerance_micro} millionths"
    return passed("output", title, f"{how}: {told}", "that the recorded inputs were true")


def _reasons_step(
    recorded: RecordedDecision, policy: Policy, checked: Mapping[str, Any], explainer: Explainer | None
) -> Step:
    title = _TITLES["reasons"]
    if explainer is None:
        detail = "no method for reasons was committed, or it needs another library version than is installed here"
        return not_checked("reasons", title, detail)
    try:
        again: tuple[Reason, ...] = explain(explainer, checked, policy, recorded.label)
    except CounterfoilError as error:
        make = not_checked if recorded.reasons is None else failed  # what was left for replay contradicts nothing
        return make("reasons", title, error.message)
    codes = tuple(reason.code for reason in again)
    shown = ", ".join(codes) or "none"
    if recorded.reasons is None:
        return passed("reasons", title, f"left for replay; by {explainer.config.method} they are: {shown}")
    if codes != recorded.reasons:
        return failed("reasons", title, f"recorded {', '.join(recorded.reasons) or 'none'}, replayed {shown}")
    return passed("reasons", title, f"{shown}, by {explainer.config.method}", "that a person finds them convincing")
