"""A decision in words for people: inputs with titles and units, reasons as the policy says them, what followed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from counterfoil.decisions.history import FollowUp, History
from counterfoil.decisions.policy import MICRO, Policy
from counterfoil.decisions.records import state_digest

__all__ = ["Band", "Input", "ToldReason", "added_since", "bands_of", "inputs_of", "place_of", "reasons_of", "tones_of"]

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
class Band:
    """The scores that get one label, and where they lie on a drawing 400 units wide.

    Attributes:
        label: The label.
        place: Its place among the policy's outcomes, from 1; names its colour.
        from_micro: Lowest score, None for whatever no other label takes.
        below_micro: First score that is too high, None for the highest label.
        left: Where it begins on the drawing.
        right: Where it ends.
    """

    label: str
    place: int
    from_micro: int | None
    below_micro: int | None
    left: float
    right: float


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


def bands_of(policy: Policy | None) -> list[Band]:
    """Returns which scores get which label, highest first."""
    bands: list[Band] = []
    below: int | None = None
    for place, each in enumerate(policy.outcomes if policy else (), 1):
        start, end = each.at_least_micro or 0, MICRO if below is None else below
        bands.append(Band(each.label, place, each.at_least_micro, below, place_of(start), place_of(end)))
        below = each.at_least_micro
    return bands


def tones_of(policies: Iterable[Policy]) -> dict[str, str]:
    """Returns for each label that goes against the person how far: "adverse", or "between" where a worse one exists.

    A label that some policy has in the person's favour has no tone.
    """
    tones: dict[str, str] = {}
    good: set[str] = set()
    for policy in policies:
        against = [each.label for each in policy.outcomes if each.adverse]
        good |= {each.label for each in policy.outcomes if not each.adverse}
        is_last_worst = policy.outcomes[-1].adverse
        worst = against[-1 if is_last_worst else 0] if against else ""
        tones |= {label: "adverse" if label == worst else "between" for label in against}
    return {label: tone for label, tone in tones.items() if label not in good}


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
