"""Runs a recorded decision again, from what is on record alone.

1. artefact   the model's bytes are the ones that were registered
2. output     on the recorded inputs it gives the recorded score and label, compared
              as its determinism certificate says
3. reasons    the recorded reasons follow again from the committed method
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from counterfoil.core.steps import Report, Step, failed, not_checked, passed
from counterfoil.decisions.policy import Policy
from counterfoil.decisions.reasons import Explainer, Reason, explain
from counterfoil.errors import CounterfoilError
from counterfoil.provenance import Model, Scorer

__all__ = ["Recorded", "replay", "replay_steps"]

_TITLES: Final = {
    "artefact": "Is the model the one on record?",
    "output": "Does it decide the same again?",
    "reasons": "Do the reasons follow again?",
}


@dataclass(frozen=True, slots=True)
class Recorded:
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
    def from_values(cls, values: Mapping[str, Any]) -> Recorded | None:
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


def replay(recorded: Recorded, policy: Policy, model: Model, scorer: Scorer, explainer: Explainer | None) -> Report:
    """Replays one decision and reports, step by step."""
    return Report("replay", tuple(replay_steps(recorded, policy, model, scorer, explainer)))


def replay_steps(
    recorded: Recorded, policy: Policy, model: Model, scorer: Scorer, explainer: Explainer | None
) -> list[Step]:
    """Returns the steps of a replay."""
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


def _output_step(recorded: Recorded, policy: Policy, model: Model, score_micro: int, label: str) -> Step:
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


def _reasons_step(recorded: Recorded, policy: Policy, checked: Mapping[str, Any], explainer: Explainer | None) -> Step:
    title = _TITLES["reasons"]
    if explainer is None:
        return not_checked("reasons", title, "no method for reasons was committed for this model")
    try:
        again: tuple[Reason, ...] = explain(explainer, checked, policy, recorded.label)
    except CounterfoilError as error:
        return failed("reasons", title, error.message)
    codes = tuple(reason.code for reason in again)
    shown = ", ".join(codes) or "none"
    if recorded.reasons is None:
        return passed("reasons", title, f"left for replay; by {explainer.config.method} they are: {shown}")
    if codes != recorded.reasons:
        return failed("reasons", title, f"recorded {', '.join(recorded.reasons) or 'none'}, replayed {shown}")
    return passed("reasons", title, f"{shown}, by {explainer.config.method}", "that a person finds them convincing")
