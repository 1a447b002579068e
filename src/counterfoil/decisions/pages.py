"""Decisions in the console: finding them, looking at one, and what a person does about it."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import orjson
from fastapi import APIRouter, Request
from starlette.responses import Response

from counterfoil.core.check_receipt import check_receipt
from counterfoil.core.steps import Report
from counterfoil.decisions.history import FollowUp, History
from counterfoil.decisions.receipt_file import receipt_page
from counterfoil.decisions.records import ARTICLES, FOLLOW_UPS
from counterfoil.decisions.told import added_since, bands_of, inputs_of, place_of, reasons_of, tones_of
from counterfoil.errors import CounterfoilError, InvalidInput, NotAllowed, NotFound, Stale
from counterfoil.provenance import Hold
from counterfoil.store.streams import time_text
from counterfoil.web.answer import as_file
from counterfoil.web.desk import Desk
from counterfoil.web.page_room import PageRoom
from counterfoil.web.pages import Form, Link, Pages
from counterfoil.web.roles import STAFF, Role, principal_of

if TYPE_CHECKING:
    from counterfoil.organisation import Organisation

__all__ = ["DecisionPages"]

ON_A_PAGE: Final = 50
_ASKED: Final = ("subject", "label", "policy", "deployment", "overridden", "since", "until", "before")
_TYPED: Final = ("label", "reason", "text", "outcome", "note")


class DecisionPages:
    """The pages of this room.

    Args:
        org: The organisation.
        desk: The node that serves them.
        pages: Renders them.
    """

    def __init__(self, org: Organisation, desk: Desk, pages: Pages) -> None:
        self._org = org
        self._desk = desk
        self._pages = pages
        pages.add_room("decisions", Path(__file__).parent / "templates", Link("/decisions", "Decisions", STAFF))

    def router(self) -> APIRouter:
        """Returns the table of routes."""
        room, operator, one = PageRoom(self._pages), (Role.OPERATOR,), "/decisions/{index:int}"
        room.shows("/decisions", self.search, STAFF)
        room.does("/decisions", self.search_by_form, STAFF)
        room.shows(one, self.show, STAFF)
        room.shows(f"{one}/receipt", self.receipt, STAFF)
        room.shows(f"{one}/receipt.html", self.receipt_page, STAFF)
        room.shows(f"{one}/replay", self.replay, STAFF)
        room.does(f"{one}/override", self.override, operator)
        room.does(f"{one}/appeal", self.appeal, operator)
        room.does(f"{one}/outcome", self.outcome, operator)
        return room.router

    def search(self, request: Request) -> Response:
        """Shows the decisions that were searched for, newest first. Who searched is recorded."""
        asked = {name: request.query_params.get(name, "") for name in _ASKED}
        if asked["subject"]:
            raise InvalidInput(
                "a person's reference does not belong in an address, which is kept in many places",
                hint="search for it in the form at /decisions",
            )
        return self._found(request, asked)

    def search_by_form(self, request: Request, form: Form) -> Response:
        """As `search`, also for a person: whom it is about stands in no address."""
        return self._found(request, {name: form.text(name) for name in _ASKED})

    def _found(self, request: Request, asked: Mapping[str, str]) -> Response:
        try:
            rows = self._org.decisions.search(**_wanted(asked), limit=ON_A_PAGE + 1)
            problem = ""
        except InvalidInput as error:
            rows, problem = [], f"{error.message}. {error.hint}"
        found = rows[:ON_A_PAGE]
        if found or (any(asked.values()) and not problem):
            self._desk.looked(request, "search", [int(row["idx"]) for row in found])
        known = self._org.decisions.policies()
        titles = {each.index: f"{each.policy.name} {each.policy.version}" for each in known}
        by_deployment = {each.index: titles.get(each.policy_index, "") for each in self._org.decisions.deployments()}
        return self._pages.render(
            request,
            "decisions/search.html",
            422 if problem else 200,
            asked=asked,
            tones=tones_of(each.policy for each in known),
            filters={name: value for name, value in asked.items() if value and name != "before"},
            has_any=bool(found) or bool(self._org.decisions.search(limit=1)),
            labels=sorted({one.label for each in known for one in each.policy.outcomes}),
            next=int(found[-1]["idx"]) if len(rows) > ON_A_PAGE else None,
            policies=titles,
            problem=problem,
            rows=[
                dict(row) | {"time": time_text(int(row["time_s"])), "policy": by_deployment.get(row["deployment_idx"])}
                for row in found
            ],
        )

    def show(self, index: int, request: Request) -> Response:
        """Shows a decision with its private values and all that followed. Who looked is recorded."""
        return self._decision(request, index)

    def receipt(self, index: int, request: Request) -> Response:
        """Sends the person's receipt as a file. Who took it is recorded."""
        made = self._org.decisions.receipt(index)
        self._desk.looked(request, "receipt", [index])
        return Response(made.encode(), media_type="application/json", headers=as_file(f"receipt-{index}.json"))

    def receipt_page(self, index: int, request: Request) -> Response:
        """Sends receipt and checker page as one HTML file, for the person. Who took it is recorded."""
        return receipt_page(self._org, self._desk, request, index, self._org.decisions.receipt(index))

    def replay(self, index: int, request: Request) -> Response:
        """Runs the registered model again and shows each step. Who asked is recorded."""
        self._desk.looked(request, "replay", [index])
        report = self._org.decisions.replay(index)
        return self._pages.render(request, "decisions/replay.html", index=index, report=report)

    def override(self, request: Request, form: Form) -> Response:
        """Records that a person decided otherwise; where something changed since they looked, shows what."""
        told = {name: form.text(name) for name in ("label", "reason", "saw")}
        done = f"Recorded: a person decided “{told['label']}”. The first decision stays on record."
        return self._follow(request, form, "override", told, done)

    def appeal(self, request: Request, form: Form) -> Response:
        """Records what the person says against a decision."""
        told = {name: form.text(name) for name in ("text",)}
        return self._follow(request, form, "appeal", told, "The appeal is on record.")

    def outcome(self, request: Request, form: Form) -> Response:
        """Records what came of a decision."""
        told = {name: form.text(name) for name in ("outcome", "note")}
        return self._follow(request, form, "outcome", told, "The outcome is on record.")

    def _follow(self, request: Request, form: Form, kind: str, told: Mapping[str, str], done: str) -> Response:
        """Records what a form says, once, in the name of whoever is signed in."""
        index, decisions = int(request.path_params["index"]), self._org.decisions
        kinds: dict[str, Callable[..., FollowUp]] = {
            "override": decisions.override,
            "appeal": decisions.appeal,
            "outcome": decisions.outcome,
        }
        named = {} if kind == "outcome" else {"by": _name(request)}
        decisions.history(index)  # that there is one
        try:
            key = form.text("once")
            said = orjson.dumps(told, option=orjson.OPT_SORT_KEYS)
            tag = self._desk.tag(request, said, f"{kind} {key}") if key else None

            def record() -> int:
                self._desk.asked(request, ARTICLES[kind], [index])
                return kinds[kind](index, request=tag, **told, **named).index

            self._desk.once(tag, record)
        except (Stale, InvalidInput, NotAllowed) as error:
            return self._decision(request, index, refused=(kind, told, error))
        return self._pages.see(request, f"/decisions/{index}", done)

    def _decision(
        self,
        request: Request,
        index: int,
        refused: tuple[str, Mapping[str, str], CounterfoilError] | None = None,
    ) -> Response:
        """Shows a decision; after a form was refused, with what was typed and why."""
        history = self._org.decisions.history(index)
        self._desk.looked(request, "decision", [index, *(each.index for each in history.followed)])
        kind, told, error = refused or ("", {}, None)
        added = added_since(history, told["saw"]) if isinstance(error, Stale) else ()
        who = principal_of(request)
        values = history.values or {}
        return self._pages.render(
            request,
            "decisions/decision.html",
            200 if error is None else 409 if isinstance(error, Stale) else 422,
            added=[each.index for each in added or ()],
            tones=tones_of([history.policy] if history.policy else []),
            error=error,
            here_at=place_of(values["/output/score_micro"]) if "/output/score_micro" in values else None,
            history=history,
            hold=self._hold(history.index),
            inputs=inputs_of(values, history.policy, self._erased(history)),
            is_erased=self._org.decisions.is_erased(history),
            is_stale=isinstance(error, Stale),
            bands=bands_of(history.policy),
            may_override=who.may(frozenset((Role.OPERATOR,))),
            name=_name(request),
            once=secrets.token_urlsafe(16),
            proof=self._proof(history),
            reasons=reasons_of(values, history.policy),
            refused=kind,
            typed={each: dict.fromkeys(_TYPED, "") | (dict(told) if each == kind else {}) for each in FOLLOW_UPS},
            values=values,
        )

    def _hold(self, index: int) -> Hold | None:
        """Returns the open recall of what a decision rests on."""
        bar = self._org.provenance.recalls.bar
        return next(filter(None, map(bar.hold_on, self._org.archive.record(index).builds_on)), None)

    def _erased(self, history: History) -> frozenset[str]:
        if history.values is None:
            return frozenset()
        return frozenset(self._org.archive.tree(history.index).erased())

    def _proof(self, history: History) -> Report | None:
        """Checks the receipt as a stranger would who has this node's key; None where nothing can be shown."""
        try:
            receipt = self._org.decisions.receipt(history.index)
        except (NotFound, NotAllowed):
            return None
        return check_receipt(receipt.encode(), issuer=self._org.issuer)


def _name(request: Request) -> str:
    """Returns under which name somebody is signed in."""
    return principal_of(request).id.removeprefix("user:")


def _wanted(asked: Mapping[str, str]) -> dict[str, Any]:
    """Returns what `Decisions.search` takes, from the fields of the search form."""
    form = Form(list(asked.items()))
    overridden = {"": None, "yes": True, "no": False}.get(form.text("overridden"))
    return {
        "subject": form.text("subject") or None,
        "label": form.text("label") or None,
        "since": _day(form.text("since"), "T00:00:00Z"),
        "until": _day(form.text("until"), "T23:59:59Z"),
        "overridden": overridden,
        "policy": form.place("policy"),
        "deployment": form.place("deployment"),
        "before": form.place("before"),
    }


def _day(text: str, time: str) -> str | None:
    return f"{text}{time}" if len(text) == 10 else text or None
