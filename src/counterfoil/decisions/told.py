"""A decision in words for people: inputs with titles and units, reasons as the policy says them, what followed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from counterfoil.decisions.history import FollowUp, History
from counterfoil.decisions.policy import MICRO, Policy
from counterfoil.decisions.records import state_digest

__all__ = ["Input", "Line", "ToldReason", "added_since", "inputs_of", "lines_of", "reasons_of"]

LEFT: Final = 10.0
SCALE: Final = 380.0


@dataclass(frozen=True, slots=True)
class Input:
    """One value that a decision rests on; `is_erased` where only its place is left."""

    title: str
    value: Any
    unit: str
    is_protected: bool
    is_erased: bool


@dataclass(frozen=True, slots=True)
class ToldReason:
    """One reason: its code, the policy's words, the titles of the features behind it."""

    code: str
    text: str
    features: tuple[str, ...]
    is_actionable: bool


@dataclass(frozen=True, slots=True)
class Line:
    """From which score on a label is given, and where that lies on a drawing 400 units wide."""

    label: str
    score_micro: int
    x: float


def inputs_of(values: Mapping[str, Any], policy: Policy | None, erased: frozenset[str]) -> list[Input]:
    """Returns the inputs of a decision, those the model saw first."""
    if policy is None:
        names = [pointer for pointer in values if pointer.startswith("/input/")]
        return [Input(name.removeprefix("/input/"), values[name], "", False, False) for name in names]
    features = sorted(policy.features, key=lambda each: each.protected)
    pointers = [f"/input/{each.name}" for each in features]
    return [
        Input(each.title, values.get(pointer), each.unit, each.protected, pointer in erased)
        for each, pointer in zip(features, pointers, strict=True)
    ]


def reasons_of(values: Mapping[str, Any], policy: Policy | None, language: str = "en") -> list[ToldReason] | None:
    """Returns the reasons in the policy's words; None where none were recorded."""
    found = values.get("/reasons")
    if not isinstance(found, list):
        return None
    return [_reason(each, policy, language) for each in found]


def lines_of(policy: Policy | None) -> list[Line]:
    """Returns where the policy draws its lines, highest first."""
    if policy is None:
        return []
    return [
        Line(each.label, each.at_least_micro, place_of(each.at_least_micro))
        for each in policy.outcomes
        if each.at_least_micro is not None
    ]


def place_of(score_micro: int) -> float:
    """Returns where a score lies on a drawing 400 units wide."""
    return round(LEFT + SCALE * score_micro / MICRO, 1)


def added_since(history: History, saw: str) -> tuple[FollowUp, ...] | None:
    """Returns what followed since somebody saw the state `saw`; None where that never was one."""
    leaves = [each.leaf for each in history.followed]
    for count in range(len(leaves) + 1):
        if state_digest(history.leaf, leaves[:count]) == saw:
            return history.followed[count:]
    return None


def _reason(found: Mapping[str, Any], policy: Policy | None, language: str) -> ToldReason:
    code, names = str(found["code"]), [str(name) for name in found.get("features", ())]
    if policy is None:
        return ToldReason(code, "", tuple(names), False)
    entry = policy.reason(code)
    text = entry.text.get(language) or next(iter(entry.text.values()))
    return ToldReason(code, text, tuple(policy.feature(name).title for name in names), entry.actionable)
