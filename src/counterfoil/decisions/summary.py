"""Decisions counted: by day, policy version and label, and how scores lie and move.

Counts are kept with the searchable tables; scores are read of the newest decisions only,
so the price does not grow with the log. What scores show is kept for a few seconds, for
overviews that several people have open.
"""

from __future__ import annotations

import threading
import time as clock
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import select

from counterfoil.decisions.policies import RegisteredPolicy
from counterfoil.decisions.search import DecisionCount, count_query, read_count
from counterfoil.decisions.views import decisions, deployments, policies
from counterfoil.provenance import stability_index
from counterfoil.store.views import Views

__all__ = ["BINS", "ScoreDrift", "Scores", "Summary", "VersionRate", "favourable"]

KEPT_S: Final = 5.0
BINS: Final = 20
"""Equal parts of the score's scale from 0 to 1."""

NEWEST: Final = 20_000
"""Decisions whose scores are looked at."""

WINDOW: Final = 5_000
"""Decisions in each of the two windows that are compared."""

LEAST: Final = 100
"""With fewer decisions in a window, no drift is told."""


@dataclass(frozen=True, slots=True)
class VersionRate:
    """How many decisions under one version of a policy stand in the person's favour."""

    policy: str
    version: str
    decisions: int
    favourable: int

    @property
    def share(self) -> float:
        """The approval rate, from 0 to 1."""
        return self.favourable / self.decisions if self.decisions else 0.0


@dataclass(frozen=True, slots=True)
class Scores:
    """How the scores of the newest decisions lie: counts in `BINS` equal parts from 0 to 1."""

    decisions: int
    counts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ScoreDrift:
    """How far the scores of one policy version moved: the first decisions under it against the newest.

    Attributes:
        policy: Its name.
        version: Its version.
        decisions: How many are in each of the two windows.
        index: Population stability index; 0 means no difference.
        before: Counts in the first window, in `BINS` parts.
        now: Counts in the newest window.
    """

    policy: str
    version: str
    decisions: int
    index: float
    before: tuple[int, ...]
    now: tuple[int, ...]


class Summary:
    """Counts the decisions of one home. Safe to use from many threads.

    Args:
        views: The searchable tables.
        now: Returns seconds that never go back.
    """

    def __init__(self, views: Views, now: Callable[[], float] = clock.monotonic) -> None:
        self._views = views
        self._now = now
        self._lock = threading.Lock()  # owns _kept; held while counting, so that two never count the same
        self._kept: dict[str, tuple[float, Any]] = {}

    def days(self) -> list[DecisionCount]:
        """Returns the counts of all days, oldest first; always as they are now."""
        with self._views.reading() as connection:
            return [read_count(row) for row in connection.execute(count_query(None, None))]

    def scores(self) -> Scores:
        """Returns how the newest scores lie."""
        found: Scores = self._fresh("scores", self._count_scores)
        return found

    def drifts(self) -> list[ScoreDrift]:
        """Returns how far scores moved, for each policy version with enough decisions."""
        found: list[ScoreDrift] = self._fresh("drifts", self._find_drifts)
        return found

    def _fresh(self, name: str, count: Callable[[], Any]) -> Any:
        with self._lock:
            kept = self._kept.get(name)
            if kept is None or self._now() - kept[0] >= KEPT_S:
                found = count()
                kept = self._kept[name] = (self._now(), found)
            return kept[1]

    def _count_scores(self) -> Scores:
        newest = select(decisions.c.score_micro).order_by(decisions.c.idx.desc()).limit(NEWEST)
        with self._views.reading() as connection:
            found = [score for score in connection.execute(newest).scalars() if score is not None]
        return Scores(len(found), _binned(found))

    def _find_drifts(self) -> list[ScoreDrift]:
        names = select(deployments.c.idx, policies.c.name, policies.c.version).join(
            policies, policies.c.idx == deployments.c.policy_idx
        )
        found = []
        with self._views.reading() as connection:
            for place, name, version in connection.execute(names.order_by(deployments.c.idx.desc())).all():
                first, newest = self._windows(connection, int(place))
                if first:
                    before, now = _binned(first), _binned(newest)
                    index = stability_index(before, now)
                    found.append(ScoreDrift(name, version, len(first), index, before, now))
        return found

    def _windows(self, connection: Any, place: int) -> tuple[list[int], list[int]]:
        """Returns the first and the newest scores of a deployment, equally many, none twice; looks at few rows."""
        scores = select(decisions.c.idx, decisions.c.deployment_idx, decisions.c.score_micro)
        order = decisions.c.idx
        after = scores.where(order > place).order_by(order).limit(4 * WINDOW)
        latest = scores.where(order > place).order_by(order.desc()).limit(4 * WINDOW)
        first, newest = (
            [
                (int(row.idx), int(row.score_micro))
                for row in connection.execute(query)
                if row.deployment_idx == place and row.score_micro is not None
            ]
            for query in (after, latest)
        )
        known = len({idx for idx, _ in (*first, *newest)})
        size = min(WINDOW, known // 2, len(first), len(newest))
        if size < LEAST:
            return [], []
        return [score for _, score in first[:size]], [score for _, score in newest[:size]]


def favourable(counts: Sequence[DecisionCount], known: Sequence[RegisteredPolicy]) -> list[VersionRate]:
    """Returns the approval rate of each policy version, newest version first; erased labels are left out."""
    good = {
        (each.policy.name, each.policy.version): {one.label for one in each.policy.outcomes if not one.adverse}
        for each in known
    }
    total: Counter[tuple[str, str]] = Counter()
    for_them: Counter[tuple[str, str]] = Counter()
    for count in counts:
        key = (count.policy, count.version)
        if count.label is not None and key in good:
            total[key] += count.decisions
            for_them[key] += count.decisions if count.label in good[key] else 0
    return [VersionRate(*key, total[key], for_them[key]) for key in reversed(good) if total[key]]


def _binned(scores: Sequence[int]) -> tuple[int, ...]:
    counted: Mapping[int, int] = Counter(min(BINS - 1, score * BINS // 1_000_000) for score in scores)
    return tuple(counted.get(number, 0) for number in range(BINS))
