"""Witnesses in the console: who signs this log's heads, and whose heads this node signs.

Adding a witness goes in two steps, as an erasure does: first how the policy would read, then the word to do it.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from counterfoil.core.witness_policy import WitnessPolicy
from counterfoil.core.wording import counted
from counterfoil.errors import CallerError, CounterfoilError, NotFound, NotSetUp
from counterfoil.web.desk import Desk
from counterfoil.web.page_room import PageRoom
from counterfoil.web.pages import SET_UP, Form, Link, Pages
from counterfoil.web.roles import STAFF, principal_of
from counterfoil.witness.changes import WitnessChanges
from counterfoil.witness.collecting import Collected

if TYPE_CHECKING:
    from counterfoil.organisation import Organisation

__all__ = ["WitnessPages"]

PLACE: Final = "/witnesses"
FIELDS: Final = ("name", "key", "url", "quorum")


class WitnessPages:
    """The pages of this room: staff reads them, admins change what they show.

    Args:
        org: The organisation.
        desk: The node that serves them.
        pages: Renders them.
    """

    def __init__(self, org: Organisation, desk: Desk, pages: Pages) -> None:
        self._org = org
        self._witness = org.witness
        self._changes = WitnessChanges(org.witness, desk)
        self._pages = pages
        pages.add_room("witness", Path(__file__).parent / "templates", Link(PLACE, "Witnesses", STAFF, SET_UP))

    def router(self) -> APIRouter:
        """Returns the table of routes."""
        room = PageRoom(self._pages)
        room.shows(PLACE, self.show, STAFF)
        room.does(PLACE, self.plan, ())
        room.does(f"{PLACE}/add", self.add, ())
        room.does(f"{PLACE}/remove", self.remove, ())
        room.does(f"{PLACE}/collect", self.collect, ())
        room.does(f"{PLACE}/logs", self.add_log, ())
        room.does(f"{PLACE}/logs/remove", self.remove_log, ())
        return room.router

    def show(self, request: Request) -> Response:
        """Shows who has signed what, and what stands in the way; asks nobody."""
        return self._show(request)

    def plan(self, request: Request, form: Form) -> Response:
        """Shows how the policy would read with one witness more; changes nothing."""
        asked = {name: form.text(name) for name in FIELDS}
        try:
            plan = self._plan(asked)
        except CallerError as error:
            return self._show(request, asked=asked, error=error)
        return self._show(request, asked=asked, plan=plan)

    def add(self, request: Request, form: Form) -> Response:
        """Has the witness asked, when the policy would still read as was shown."""
        asked = {name: form.text(name) for name in FIELDS}
        try:
            plan = self._plan(asked)
            if form.text("seen") != _seen(plan):
                return self._show(request, asked=asked, plan=plan, is_changed=True)
            self._changes.add_witness(request, asked["name"], asked["key"], asked["url"], asked["quorum"] or None)
        except CallerError as error:
            return self._show(request, asked=asked, error=error)
        told = f"{asked['name']} counts from now on. It signs once its operator has added the key of this log."
        return self._pages.see(request, PLACE, told)

    def remove(self, request: Request, form: Form) -> Response:
        """Asks a witness no longer."""
        name = form.text("name")
        told = f"{name} is asked no more, and its signatures count no more."
        return self._removed(request, lambda: self._changes.remove_witness(request, name), told)

    def collect(self, request: Request, form: Form) -> Response:
        """Asks the witnesses now to sign the newest head; takes as long as they do."""
        try:
            found = self._witness.collect()
        except NotSetUp as error:
            return self._show(request, error=error)
        return self._pages.see(request, PLACE, _collected_words(found), is_warning=not found.is_enough)

    def add_log(self, request: Request, form: Form) -> Response:
        """Watches another organisation's log from now on."""
        vkey = form.text("log")
        try:
            added = self._changes.add_log(request, vkey)
        except CallerError as error:
            return self._show(request, log=vkey, error=error)
        return self._pages.see(request, PLACE, f"This node signs the heads of {added.name} from now on, when asked.")

    def remove_log(self, request: Request, form: Form) -> Response:
        """Watches a log no longer."""
        name = form.text("log")
        told = f"Heads signed with {'+'.join(name.split('+')[:2])} are turned away from now on."
        return self._removed(request, lambda: self._changes.remove_log(request, name), told)

    def _removed(self, request: Request, remove: Callable[[], object], told: str) -> Response:
        try:
            remove()
        except NotFound:
            return self._pages.see(request, PLACE, "It was removed already.")
        except CallerError as error:
            return self._show(request, error=error)
        return self._pages.see(request, PLACE, told)

    def _plan(self, asked: dict[str, str]) -> WitnessPolicy:
        rule = asked["quorum"] or None
        return self._witness.add_witness(asked["name"], asked["key"], asked["url"], rule=rule, dry_run=True)

    def _without(self, name: str) -> dict[str, str]:
        """Returns who would be enough without a witness, or why it cannot go."""
        try:
            return {"wanted": self._witness.remove_witness(name, dry_run=True).wanted(), "fault": ""}
        except CallerError as error:
            return {"wanted": "", "fault": f"{error.message}. {error.hint}".rstrip(". ") + "."}

    def _show(
        self,
        request: Request,
        *,
        asked: dict[str, str] | None = None,
        plan: WitnessPolicy | None = None,
        log: str = "",
        error: CounterfoilError | None = None,
        is_changed: bool = False,
    ) -> Response:
        policy = self._witness.policy
        may_change = principal_of(request).may(frozenset())
        values: dict[str, Any] = {
            "asked": asked or dict.fromkeys(FIELDS, ""),
            "error": error,
            "is_changed": is_changed,
            "is_refused": error is not None and asked is not None,
            "issuer": str(self._org.issuer),
            "log": log,
            "may_change": may_change,
            "plan": plan,
            "policy": policy,
            "public_url": self._org.home.settings.public_url,
            "seen": _seen(plan) if plan else "",
            "stands": self._witness.status(),
            "without": self._without if may_change else None,
        }
        return self._pages.render(request, "witness/witnesses.html", 422 if error else 200, **values)


def _seen(policy: WitnessPolicy) -> str:
    """Returns what stands for a policy in the form: another change since then makes another."""
    return sha256(policy.text().encode()).hexdigest()


def _collected_words(found: Collected) -> str:
    """Returns in a sentence or two what came of asking."""
    head = f"the head over {counted(found.size, 'record')}"
    if found.is_enough:
        return f"Enough have signed {head}: {', '.join(found.signed)}."
    return f"Not enough have signed {head}: {found.faults()}."
