"""What the newest decisions under a policy show when people are looked at by group.

This opens private values, so it is only worked out when somebody asks, who is then on
record. What comes of it are counts; groups of fewer than ten people are not told.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import select

from counterfoil.decisions.policy import Policy
from counterfoil.decisions.policy.features import Feature
from counterfoil.decisions.views import decisions, deployments
from counterfoil.provenance import stability_index
from counterfoil.store.archive import Archive
from counterfoil.store.views import Views

__all__ = [
    "LEAST_PEOPLE",
    "NEWEST",
    "Found",
    "GroupRate",
    "Grouping",
    "InputDrift",
    "PatternBook",
    "Patterns",
    "find_patterns",
]

NEWEST: Final = 2_000
"""Newest decisions that are opened; the older half is what the newer is compared with."""

LEAST_PEOPLE: Final = 10
_BANDS: Final = 4
_LOOKED_THROUGH: Final = 50_000
_KINDS: Final = frozenset({"number", "integer", "category", "boolean"})

Sample = list[tuple[int, dict[str, Any]]]
"""Places and private values of decisions, newest first."""


@dataclass(frozen=True, slots=True)
class GroupRate:
    """How often one group was decided in its favour."""

    group: str
    decisions: int
    favourable: int

    @property
    def share(self) -> float:
        """The approval rate, from 0 to 1."""
        return self.favourable / self.decisions


@dataclass(frozen=True, slots=True)
class Grouping:
    """The groups that one feature makes.

    Attributes:
        title: The feature's title.
        protected: Whether the model is kept from it.
        groups: Those with enough people, in the order of their names or values.
        left_out: Decisions of groups too small to tell.
    """

    title: str
    protected: bool
    groups: tuple[GroupRate, ...]
    left_out: int

    @property
    def ratio(self) -> float:
        """The lowest rate as a share of the highest; 1 where there is nothing to compare."""
        rates = [each.share for each in self.groups]
        return min(rates) / max(rates) if len(rates) > 1 and max(rates) > 0 else 1.0


@dataclass(frozen=True, slots=True)
class InputDrift:
    """How far one input moved between the older and the newer half: population stability index."""

    title: str
    index: float


@dataclass(frozen=True, slots=True)
class Patterns:
    """What was found.

    Attributes:
        decisions: How many were opened.
        groupings: By protected features first.
        drifts: Of every input, the furthest first; empty where there are too few decisions.
    """

    decisions: int
    groupings: tuple[Grouping, ...]
    drifts: tuple[InputDrift, ...]


@dataclass(frozen=True, slots=True)
class Found:
    """Patterns that somebody had worked out: whose policy, when (UTC text), and for whom."""

    policy: Policy
    patterns: Patterns
    time: str
    by: str


class PatternBook:
    """Keeps what was worked out last for each policy, in memory only. Safe to use from many threads.

    Args:
        views: Finds the decisions.
        archive: Opens them.
    """

    def __init__(self, views: Views, archive: Archive) -> None:
        self._views = views
        self._archive = archive
        self._found: dict[int, Found] = {}

    def known(self, policy_index: int) -> Found | None:
        """Returns what was worked out last; None where nobody has asked."""
        return self._found.get(policy_index)

    def newest(self, policies: Iterable[int]) -> Found | None:
        """Returns what was worked out for the last of these policies that anybody asked about."""
        return next((found for index in reversed(list(policies)) if (found := self.known(index))), None)

    def work_out(
        self, policy_index: int, policy: Policy, looked: Callable[[Sequence[int]], None], time: str, by: str
    ) -> Found:
        """Opens the newest decisions under a policy; `looked` is told of their places before."""
        places = newest_places(self._views, policy_index)
        looked(places)
        found = Found(policy, find_patterns(policy, opened(self._archive, places)), time, by)
        self._found[policy_index] = found
        return found


def newest_places(views: Views, policy_index: int, most: int = NEWEST) -> list[int]:
    """Returns the places of the newest decisions under a policy, newest first."""
    with views.reading() as connection:
        under = select(deployments.c.idx).where(deployments.c.policy_idx == policy_index)
        known = set(connection.execute(under).scalars())
        latest = select(decisions.c.idx, decisions.c.deployment_idx).order_by(decisions.c.idx.desc())
        rows = connection.execute(latest.limit(_LOOKED_THROUGH))
        return [int(row.idx) for row in rows if row.deployment_idx in known][:most]


def opened(archive: Archive, places: Sequence[int]) -> Sample:
    """Opens decisions; erased and locked ones are passed over."""
    found = archive.values_many((place, archive.record(place)) for place in places)
    return [(place, found[place][0]) for place in places if place in found]


def find_patterns(policy: Policy, sample: Sample) -> Patterns:
    """Returns what the values of decisions under a policy show, newest first."""
    good = {each.label for each in policy.outcomes if not each.adverse}
    rows = [values for _, values in sample if isinstance(values.get("/output/label"), str)]
    features = sorted(policy.features, key=lambda each: not each.protected)
    groupings = [
        found
        for feature in features
        if feature.kind in _KINDS and (found := _grouping(feature, rows, good)) is not None
    ]
    half = len(rows) // 2
    drifts = [
        InputDrift(feature.title, _drift(feature, rows[half:], rows[:half]))
        for feature in policy.features
        if feature.kind in _KINDS and half >= 5 * LEAST_PEOPLE
    ]
    drifts.sort(key=lambda each: -each.index)
    return Patterns(len(rows), tuple(groupings), tuple(drifts))


def _grouping(feature: Feature, rows: Sequence[Mapping[str, Any]], good: set[str]) -> Grouping | None:
    total: Counter[tuple[int, str]] = Counter()
    for_them: Counter[tuple[int, str]] = Counter()
    cuts = _cuts(feature, rows)
    for values in rows:
        group = _group(feature, values.get(f"/input/{feature.name}"), cuts)
        total[group] += 1
        for_them[group] += values["/output/label"] in good
    told = tuple(GroupRate(key[1], total[key], for_them[key]) for key in sorted(total) if total[key] >= LEAST_PEOPLE)
    left_out = sum(count for count in total.values() if count < LEAST_PEOPLE)
    return Grouping(feature.title, feature.protected, told, left_out) if told else None


def _drift(feature: Feature, before: Sequence[Mapping[str, Any]], now: Sequence[Mapping[str, Any]]) -> float:
    cuts = _cuts(feature, before, 10)
    pointer = f"/input/{feature.name}"
    counts = [Counter(_group(feature, values.get(pointer), cuts) for values in rows) for rows in (before, now)]
    keys = sorted({*counts[0], *counts[1]})
    return stability_index([counts[0][key] for key in keys], [counts[1][key] for key in keys])


def _cuts(feature: Feature, rows: Sequence[Mapping[str, Any]], bands: int = _BANDS) -> list[float]:
    """Returns where the values of a number are cut into bands of equally many people."""
    if feature.kind not in ("number", "integer"):
        return []
    found = sorted(v for values in rows if isinstance(v := values.get(f"/input/{feature.name}"), int | float))
    return sorted({found[len(found) * band // bands] for band in range(1, bands)}) if found else []


def _group(feature: Feature, value: Any, cuts: Sequence[float]) -> tuple[int, str]:
    """Returns the group that a value belongs to, with a number to sort by."""
    if value is None:
        return (1_000_000, "not given")
    if feature.kind == "category":
        known = feature.categories
        return (known.index(value) if value in known else len(known), str(value))
    if feature.kind == "boolean":
        return (int(value), "yes" if value else "no")
    band = sum(value >= cut for cut in cuts)
    unit = f" {feature.unit}" if feature.unit and "," not in feature.unit else ""
    if not cuts:
        return (0, f"all{unit}")
    if band == 0:
        return (0, f"below {cuts[0]:,g}{unit}")
    if band == len(cuts):
        return (band, f"{cuts[-1]:,g}{unit} and more")
    return (band, f"{cuts[band - 1]:,g} to below {cuts[band]:,g}{unit}")
