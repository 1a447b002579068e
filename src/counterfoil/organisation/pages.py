"""Erasing in the console: first what would happen, then, on the same page, the word to do it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from counterfoil.core.wording import counted
from counterfoil.errors import CallerError, InvalidInput
from counterfoil.store.streams import time_text
from counterfoil.store.vault_erasure import Erasure
from counterfoil.web.desk import Desk
from counterfoil.web.page_room import PageRoom
from counterfoil.web.pages import Form, Link, Pages

if TYPE_CHECKING:
    from counterfoil.organisation import Organisation

__all__ = ["ErasurePages"]


class ErasurePages:
    """The pages of this room; admins only.

    Args:
        org: The organisation.
        desk: The node that serves them.
        pages: Renders them.
    """

    def __init__(self, org: Organisation, desk: Desk, pages: Pages) -> None:
        self._org = org
        self._desk = desk
        self._pages = pages
        pages.add_room("organisation", Path(__file__).parent / "templates", Link("/erase", "Erase", ()))

    def router(self) -> APIRouter:
        """Returns the table of routes."""
        room = PageRoom(self._pages)
        room.shows("/erase", self.ask, ())
        room.does("/erase", self.plan, ())
        room.does("/erase/carry-out", self.carry_out, ())
        return room.router

    def ask(self, request: Request) -> Response:
        """Asks what to erase."""
        return self._show(request)

    def plan(self, request: Request, form: Form) -> Response:
        """Shows what an erasure would do; changes nothing."""
        asked = _asked(form)
        try:
            plan = self._plan(asked)
        except CallerError as error:
            return self._show(request, asked, error=error)
        self._desk.looked(request, "what an erasure would do", _places(plan))
        return self._show(request, asked, plan)

    def carry_out(self, request: Request, form: Form) -> Response:
        """Erases for good, when what would happen is still what was shown."""
        asked = _asked(form)
        try:
            plan = self._plan(asked)
            if form.text("seen") != _seen(plan):
                return self._show(request, asked, plan, is_changed=True)
            self._desk.asked(request, "an erasure", _places(plan))
            done = self._erase(asked)
        except CallerError as error:
            return self._show(request, asked, error=error)
        told = f"Erased for good: the private values of {counted(len(done.erased), 'record')}."
        if done.restricted:
            told += (
                f" Unreadable at once, and erased when their retention ends: {counted(len(done.restricted), 'record')}."
            )
        return self._pages.see(request, "/erase", told)

    def _plan(self, asked: dict[str, str]) -> Erasure:
        if not asked["what"]:
            raise InvalidInput("nothing to erase was named", hint="give a person's reference, or a place in the log")
        if asked["scope"] == "record":
            return self._org.erasures.plan_record(_place(asked["what"]))
        return self._org.erasures.plan_person(asked["what"])

    def _erase(self, asked: dict[str, str]) -> Erasure:
        if asked["scope"] == "record":
            return self._org.erasures.erase_record(_place(asked["what"]), basis=asked["basis"])
        return self._org.erasures.erase_person(asked["what"], basis=asked["basis"])

    def _show(
        self,
        request: Request,
        asked: dict[str, str] | None = None,
        plan: Erasure | None = None,
        error: CallerError | None = None,
        *,
        is_changed: bool = False,
    ) -> Response:
        values: dict[str, Any] = {
            "asked": asked or {"scope": "person", "what": "", "basis": ""},
            "due": len(self._org.erasures.due()),
            "error": error,
            "is_changed": is_changed,
            "plan": plan,
            "seen": _seen(plan) if plan else "",
            "stats": self._org.vault.stats(),
            "until": time_text(max(until_s for _, until_s in plan.restricted)) if plan and plan.restricted else "",
        }
        return self._pages.render(request, "organisation/erase.html", 422 if error else 200, **values)


def _asked(form: Form) -> dict[str, str]:
    asked = {name: form.text(name) for name in ("scope", "what", "basis")}
    return asked | {"scope": "record" if asked["scope"] == "record" else "person"}


def _place(text: str) -> int:
    place = Form([("what", text)]).place("what")
    if place is None:
        raise InvalidInput("no record was named")
    return place


def _seen(plan: Erasure) -> str:
    """Returns what stands for a plan in the form: other records since then make another."""
    return f"{len(plan.erased)}-{len(plan.restricted)}-{max(_places(plan), default=-1)}"


def _places(plan: Erasure) -> list[int]:
    return [*plan.erased, *(index for index, _ in plan.restricted)]
