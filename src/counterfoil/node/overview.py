"""The first page: what needs a person, what waits, and how decisions go."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from counterfoil.core.wording import counted
from counterfoil.decisions.patterns import PatternBook
from counterfoil.decisions.policies import RegisteredPolicy
from counterfoil.decisions.policy_pages import STRONG, drift_words
from counterfoil.decisions.search import DecisionCount
from counterfoil.decisions.summary import BINS, ScoreDrift, Scores, Summary, VersionRate, favourable
from counterfoil.store.streams import time_text
from counterfoil.web.charts import Chart, Series, columns, lines
from counterfoil.web.formats import day_text, number, percent
from counterfoil.web.page_room import PageRoom
from counterfoil.web.pages import Link, Pages
from counterfoil.web.roles import STAFF

if TYPE_CHECKING:
    from counterfoil.node.node import Node

__all__ = ["OverviewPages"]

DAYS: Final = 30
MOST_LABELS: Final = 5
MOST_VERSIONS: Final = 4
OTHER: Final = "other"
ERASED: Final = "erased"
PLACES: Final = {
    "chore": "/work",
    "drift": "/policies",
    "ledger": "/ledger",
    "recall": "/recalls",
    "webhook": "/webhooks",
    "witness": "/witnesses",
}
"""Where an alarm is looked into, by the first word of its id."""


class OverviewPages:
    """The overview.

    Args:
        node: What it is about.
        pages: Renders it.
        summary: Counts decisions.
        patterns: What was worked out by group.
    """

    def __init__(self, node: Node, pages: Pages, summary: Summary, patterns: PatternBook) -> None:
        self._node = node
        self._pages = pages
        self._summary = summary
        self._patterns = patterns
        pages.add_room("node", Path(__file__).parent / "templates", Link("/", "Overview", STAFF))

    def router(self) -> APIRouter:
        """Returns the table of routes."""
        room = PageRoom(self._pages)
        room.shows("/", self.show, STAFF)
        return room.router

    def show(self, request: Request) -> Response:
        """Shows the overview."""
        org = self._node.org
        counts, known = self._summary.days(), org.decisions.policies()
        today = time_text(org.recorder.now_s())[:10]
        drifts = self._summary.drifts()
        rates = favourable(counts, known)
        return self._pages.render(
            request,
            "node/overview.html",
            alarms=[(each.id, each.found, each.todo) for each in self._node.alarms.open()] + _drift_alarms(drifts),
            place_of=lambda alarm_id: PLACES.get(alarm_id.partition(":")[0], ""),
            anchored=org.ledger.newest(org.archive.size) if org.ledger.is_connected else None,
            drift_words=drift_words,
            drifts=drifts,
            due=org.ledger.due(),
            found=self._patterns.newest(each.index for each in known),
            has_decisions=bool(counts),
            has_models=bool(org.provenance.models()),
            is_connected=org.ledger.is_connected,
            jobs_open=sum(not each.state.is_over for each in self._node.jobs.list()),
            newest_policy=known[-1].index if known else None,
            queue=org.recorder.spool.count,
            rates=rates,
            scores=_scores_chart(self._summary.scores()),
            size=org.archive.size,
            today=sum(each.decisions for each in counts if each.day == today),
            total=sum(each.decisions for each in counts),
            volume=_volume_chart(counts, known, today),
            approval=_approval_chart(counts, known, rates, today),
        )


def _days(last: str) -> list[str]:
    """Returns the last days up to one, oldest first."""
    end = date.fromisoformat(last)
    return [(end - timedelta(days=back)).isoformat() for back in reversed(range(DAYS))]


def _volume_chart(counts: Sequence[DecisionCount], known: Sequence[RegisteredPolicy], last: str) -> Chart:
    """Returns decisions a day, stacked by the label at which they stand.

    Labels come in the order of the newest policy's outcomes, seen or not, so each keeps its colour from day to day.
    """
    days = _days(last)
    by_label: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    totals: dict[str, int] = defaultdict(int)
    for each in counts:
        if each.day >= days[0]:
            totals[each.label or ERASED] += each.decisions
    order = dict.fromkeys(one.label for each in reversed(known) for one in each.policy.outcomes)
    order |= dict.fromkeys(sorted(totals.keys() - order.keys() - {ERASED}))
    most = sorted(order, key=lambda label: -totals[label])[: MOST_LABELS - (ERASED in totals)]
    told = [label for label in order if label in most] + [ERASED] * (ERASED in totals)
    for each in counts:
        label = each.label or ERASED
        by_label[label if label in told else OTHER][each.day] += each.decisions
    names = [*told, OTHER] if any(label not in told for label in totals) else told
    series = [Series(name, [by_label[name][day] for day in days]) for name in names]
    total = sum(totals.values())
    said = ", ".join(f"{number(totals[name])} {name}" for name in told if totals[name]) or "none"
    description = f"{counted(total, 'decision')} in the last {DAYS} days: {said}."
    return columns("volume", "Decisions a day", description, [day_text(day) for day in days], series, what="Day")


def _approval_chart(
    counts: Sequence[DecisionCount], known: Sequence[RegisteredPolicy], rates: Sequence[VersionRate], last: str
) -> Chart | None:
    """Returns the approval rate a day, a line for each of the newest policy versions that decided lately."""
    days = _days(last)
    recent = [each for each in counts if each.day >= days[0]]
    shown = [(each.policy, each.version) for each in favourable(recent, known)][:MOST_VERSIONS]
    if not shown:
        return None
    series = []
    for policy, version in shown:
        values: list[float | None] = []
        for day in days:
            of_day = [each for each in recent if each.day == day and (each.policy, each.version) == (policy, version)]
            found = favourable(of_day, known)
            values.append(found[0].share if found else None)
        series.append(Series(f"{policy} {version}", values))
    total = {(each.policy, each.version): each.share for each in rates}
    said = "; ".join(f"{policy} {version}: {percent(total[policy, version])}" for policy, version in shown)
    description = f"How many of a day's decisions stand in favour of the person. Over all time: {said}."
    places = [day_text(day) for day in days]
    title = "Approval rate by policy version"
    return lines("approval", title, description, places, series, what="Day", highest=1.0, shown=_share)


def _scores_chart(scores: Scores) -> Chart | None:
    """Returns how the newest scores lie between 0 and 1."""
    if not scores.decisions:
        return None
    places = [f"{part / BINS:.2f}" for part in range(BINS)]
    most = max(range(BINS), key=lambda part: scores.counts[part])
    description = (
        f"The newest {counted(scores.decisions, 'score')}; most lie from {most / BINS:.2f} to {(most + 1) / BINS:.2f}."
    )
    series = [Series("decisions", scores.counts)]
    return columns("scores", "How scores lie", description, places, series, what="Score from", gap=0.08)


def _drift_alarms(drifts: Sequence[ScoreDrift]) -> list[tuple[str, str, str]]:
    return [
        (
            f"drift:{each.policy} {each.version}",
            f"scores under {each.policy} {each.version} have moved far (index {each.index:.2f})",
            "look at the drift of its inputs on the policy's page, and whether the model still fits",
        )
        for each in drifts
        if each.index >= STRONG
    ]


def _share(value: float) -> str:
    return f"{value * 100:.0f} %"
