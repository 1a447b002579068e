"""Policies in the console: the rules in force, and what decisions under them show by group."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from counterfoil.decisions.patterns import NEWEST, PatternBook
from counterfoil.decisions.policies import RegisteredPolicy
from counterfoil.decisions.summary import Summary, favourable
from counterfoil.decisions.told import tones_of
from counterfoil.errors import NotFound
from counterfoil.store.streams import time_text
from counterfoil.web.desk import Desk
from counterfoil.web.page_room import PageRoom
from counterfoil.web.pages import Form, Link, Pages
from counterfoil.web.roles import STAFF, principal_of

if TYPE_CHECKING:
    from counterfoil.organisation import Organisation

__all__ = ["MODERATE", "STRONG", "PolicyPages", "drift_words"]

MODERATE: Final = 0.1
STRONG: Final = 0.25
"""Stability indices from which a shift is called noticeable and strong, by common rule of thumb."""


class PolicyPages:
    """The pages of this room.

    Args:
        org: The organisation.
        desk: The node that serves them.
        pages: Renders them.
        summary: Counts decisions.
        patterns: What was worked out by group.
    """

    def __init__(self, org: Organisation, desk: Desk, pages: Pages, summary: Summary, patterns: PatternBook) -> None:
        self._org = org
        self._desk = desk
        self._pages = pages
        self._summary = summary
        self._patterns = patterns
        pages.add_room("decisions", Path(__file__).parent / "templates", Link("/policies", "Policies", STAFF))

    def router(self) -> APIRouter:
        """Returns the table of routes."""
        room = PageRoom(self._pages)
        room.shows("/policies", self.list_policies, STAFF)
        room.shows("/policies/{index:int}", self.show, STAFF)
        room.does("/policies/{index:int}/patterns", self.work_out, STAFF)
        return room.router

    def list_policies(self, request: Request) -> Response:
        """Shows all policies, each with its versions, newest first."""
        known = self._org.decisions.policies()
        rates = {(each.policy, each.version): each for each in favourable(self._summary.days(), known)}
        by_name: dict[str, list[RegisteredPolicy]] = {}
        for each in reversed(known):
            by_name.setdefault(each.policy.name, []).append(each)
        return self._pages.render(request, "decisions/policies.html", by_name=by_name, rates=rates)

    def show(self, index: int, request: Request) -> Response:
        """Shows a policy, and what is known by group."""
        policy = self._org.decisions.policy_at(index)
        known = [each for each in self._org.decisions.policies() if each.policy.name == policy.name]
        here = next((each for each in known if each.index == index), None)
        if here is None:
            raise NotFound(f"record {index} is not on the list of policies")
        under = [each for each in self._org.decisions.deployments() if each.policy_index == index]
        return self._pages.render(
            request,
            "decisions/policy.html",
            deployed=[(each, self._org.provenance.model_at(each.model_index)) for each in under],
            drift_words=drift_words,
            found=self._patterns.known(index),
            gaps=policy.gaps(),
            here=here,
            most=NEWEST,
            policy=policy,
            tones=tones_of([policy]),
            versions=[each for each in reversed(known) if each.index != index],
        )

    def work_out(self, request: Request, form: Form) -> Response:
        """Opens the newest decisions and looks at them by group. Who asked is recorded."""
        index = int(request.path_params["index"])
        policy = self._org.decisions.policy_at(index)

        def looked(places: Sequence[int]) -> None:
            self._desk.looked(request, "approval by group", places)

        now = time_text(self._org.recorder.now_s())
        self._patterns.work_out(index, policy, looked, now, principal_of(request).id)
        return self._pages.see(request, f"/policies/{index}#patterns", "")


def drift_words(index: float) -> str:
    """Returns a stability index in words."""
    return "about the same" if index < MODERATE else "noticeably different" if index < STRONG else "strongly different"
