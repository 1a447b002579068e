"""The node's own pages: signing in, long work, settings, and what each error means."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from counterfoil.errors import (
    ERROR_TABLE,
    CallerError,
    CounterfoilError,
    ErrorRow,
    InvalidInput,
    LedgerError,
    NodeError,
    NotAllowed,
    NotFound,
    NotSignedIn,
    OtherPartyError,
    Stale,
    TooManyRequests,
)
from counterfoil.node.jobs.job import JobState, JobView
from counterfoil.web.page_room import PageRoom
from counterfoil.web.pages import HEADERS, SET_UP, Form, Link, Pages, local_path
from counterfoil.web.problem import problem
from counterfoil.web.roles import JOBS, STAFF, Role, principal_of
from counterfoil.web.room import PUBLIC

if TYPE_CHECKING:
    from counterfoil.node.node import Node

__all__ = ["NodePages", "WorkPages"]

WORDS: Final = {
    "anchor": "Anchor the newest head",
    "bundle": "Write a bundle for an auditor",
    "push": "Copy finished parts to the depot",
    "rebuild": "Remake the searchable tables",
    "replay": "Replay decisions",
    "fetch": "Fetch what was bought",
    "snapshot": "Take a snapshot",
    "trade": "Trade on the ledger\u2019s market",
}
_BEGUN_ELSEWHERE: Final = ("fetch", "trade")
"""What needs a page of its own to begin it."""

_WHO_ACTS: Final[tuple[tuple[type[CounterfoilError], str], ...]] = (
    (CallerError, "Whoever asked can put it right."),
    (OtherPartyError, "Whoever handed the file over, or runs the other node, must put it right."),
    (LedgerError, "The shared ledger, or the way to it, is at fault. What waits to be sent stays in the outbox."),
    (NodeError, "Whoever runs this node must put it right."),
)


class NodePages:
    """Signing in and out, files, settings, errors.

    Args:
        node: What is shown.
        pages: Renders it.
    """

    def __init__(self, node: Node, pages: Pages) -> None:
        self._node = node
        self._pages = pages
        pages.add_links(Link("/settings", "Settings", (Role.AUDITOR,), SET_UP))

    def router(self) -> APIRouter:
        """Returns the table of routes."""
        room = PageRoom(self._pages)
        room.shows("/static/{name}", self.file, PUBLIC)
        room.shows("/login", self.ask, PUBLIC)
        room.does("/login", self.login, PUBLIC)
        room.does("/logout", self.logout, PUBLIC)
        room.shows("/settings", self.settings, (Role.AUDITOR,))
        room.shows("/errors", self.errors, PUBLIC)
        room.shows("/errors/{code}", self.error, PUBLIC)
        return room.router

    def file(self, name: str) -> Response:
        """Sends one of the console's own files."""
        return self._pages.assets.response(name)

    def ask(self, request: Request) -> Response:
        """Asks who it is."""
        return self._login(request, local_path(request.query_params.get("next", "/")))

    def login(self, request: Request, form: Form) -> Response:
        """Signs somebody in."""
        path = local_path(form.text("next") or "/")
        address = request.client.host if request.client else ""
        try:
            made = self._pages.sessions.login(form.text("name"), form.secret("password"), address)
        except (NotSignedIn, TooManyRequests, NotAllowed) as error:
            return self._login(request, path, form.text("name"), error)
        response = self._pages.see(request, path)
        response.headers.append("set-cookie", self._pages.sessions.cookie(made.token))
        return response

    def logout(self, request: Request, form: Form) -> Response:
        """Ends the session."""
        token = self._pages.sessions.token_in(request.scope)
        if token is not None:
            self._pages.sessions.logout(token)
        response = self._pages.see(request, "/login", "You are signed out.")
        response.headers.append("set-cookie", self._pages.sessions.no_cookie())
        return response

    def settings(self, request: Request) -> Response:
        """Shows how the node is set up, without what would let somebody into a database or a store."""
        org, settings = self._node.org, self._node.settings
        served = [(each.name, _shown(getattr(settings, each.name)), each.default) for each in fields(settings)]
        home = org.home.settings
        kept = [(each.name, _shown(getattr(home, each.name)), each.default) for each in fields(home)]
        return self._pages.render(request, "node/settings.html", served=served, kept=kept)

    def errors(self, request: Request) -> Response:
        """Lists the errors."""
        return self._pages.render(request, "node/errors.html", rows=list(ERROR_TABLE.values()))

    def error(self, code: str, request: Request) -> Response:
        """Says what an error means, who can put it right, and how programs see it."""
        kind, row = _error_named(code)
        return self._pages.render(request, "node/error.html", row=row, says=_first_words(kind), who=_who_acts(kind))

    def _login(self, request: Request, path: str, name: str = "", error: CounterfoilError | None = None) -> Response:
        if error is None and request.scope["state"].get("principal") is not None:
            return RedirectResponse(path, 303, headers=HEADERS)
        members = problem(error) if error else None
        response = self._pages.render(
            request,
            "node/login.html",
            members["status"] if members else 200,
            is_nobody=not self._node.access.users.all(),
            name=name,
            next=path,
            problem=members,
        )
        if isinstance(error, TooManyRequests):
            response.headers["retry-after"] = str(error.retry_after_s)
        return response


class WorkPages:
    """Long work: what runs, how far it is, what came of it.

    Args:
        node: Does the work.
        pages: Renders it.
    """

    def __init__(self, node: Node, pages: Pages) -> None:
        self._node = node
        self._pages = pages
        pages.add_links(Link("/work", "Work", STAFF))

    def router(self) -> APIRouter:
        """Returns the table of routes."""
        room, operator = PageRoom(self._pages), (Role.OPERATOR,)
        room.shows("/work", self.list_work, STAFF)
        room.does("/work", self.start, STAFF)
        room.does("/work/{job_id}/cancel", self.cancel, operator)
        return room.router

    def list_work(self, request: Request) -> Response:
        """Shows what runs and what ran, newest first."""
        return self._show(request)

    def start(self, request: Request, form: Form) -> Response:
        """Starts work in the background."""
        try:
            kind = form.text("kind")
            if kind not in WORDS or kind in _BEGUN_ELSEWHERE:
                raise InvalidInput("choose what is to be done")
            self._node.start_job(request, kind, _arguments(kind, form))
        except InvalidInput as error:
            return self._show(request, error)
        return self._pages.see(request, "/work", f"Begun: {WORDS[kind][:1].lower()}{WORDS[kind][1:]}.")

    def cancel(self, request: Request, form: Form) -> Response:
        """Stops work at its next step."""
        try:
            self._node.jobs.cancel(str(request.path_params["job_id"]))
        except Stale:
            return self._pages.see(request, "/work", "It was over already.")
        return self._pages.see(request, "/work", "It stops at its next step.")

    def _who(self) -> Callable[[str], str]:
        names = {key.id: key.name for key in self._node.access.keys.all()}
        return lambda by: _who(by, names)

    def _show(self, request: Request, error: CounterfoilError | None = None) -> Response:
        jobs, who = self._node.jobs.list(), principal_of(request)
        return self._pages.render(
            request,
            "node/work.html",
            422 if error else 200,
            chores=self._node.chores.list(),
            error=error,
            found=_found_words,
            is_connected=self._node.org.ledger.is_connected,
            jobs=jobs,
            may_cancel=who.may(frozenset((Role.OPERATOR,))),
            may_start=[kind for kind, roles in JOBS.items() if who.may(frozenset(roles))],
            open=[each for each in jobs if not each.state.is_over],
            running=JobState.RUNNING,
            size=self._node.org.archive.size,
            who=self._who(),
            words=WORDS,
        )


def _who(by: str, keys: Mapping[str, str]) -> str:
    """Returns who did something, by name: of a person, or of a key."""
    kind, _, name = by.partition(":")
    if kind == "key" and name in keys:
        return f"the key \N{LEFT DOUBLE QUOTATION MARK}{keys[name]}\N{RIGHT DOUBLE QUOTATION MARK}"
    return name if kind == "user" else by


def _shown(value: Any) -> Any:
    """Returns a setting as it may be shown: of an address, nothing but scheme, host and path."""
    if not isinstance(value, str) or "://" not in value:
        return value
    found = urlsplit(value)
    return f"{found.scheme}://{found.netloc.rpartition('@')[2]}{found.path}"


def _arguments(kind: str, form: Form) -> dict[str, Any]:
    if kind == "bundle":
        show = form.text("show")
        given = {"first": form.place("first"), "last": form.place("last"), "show": [show] if show else None}
    elif kind == "replay":
        given = {"sample": form.place("sample")}
    else:
        given = {}
    return {name: value for name, value in given.items() if value is not None}


def _found_words(job: JobView) -> str:
    """Returns in a sentence what work found, or why it failed."""
    if job.error:
        return f"{job.error.get('detail', '')}. {job.error.get('hint', '')}".rstrip(". ") + "."
    told = dict(job.told)
    if job.kind == "replay" and "counts" in told:
        return ", ".join(f"{count:,} {word}" for word, count in sorted(told["counts"].items())) + "."
    if job.kind == "bundle" and "records" in told:
        gone = f" The file is gone: {told['file_gone']}." if "file_gone" in told else ""
        return (
            f"{told['records']:,} records, {told['shown']:,} of them with values, {told['withheld']:,} withheld.{gone}"
        )
    if job.kind == "rebuild" and "records" in told:
        return f"{told['records']:,} records were read."
    if job.kind == "push" and "parts" in told:
        return f"{told['parts']:,} parts were copied and read back, {told['freed_bytes'] / 1e6:,.1f} MB freed here."
    if job.kind == "snapshot" and "sha256" in told:
        which = f"{told['name']} {told['version']}"
        return f"{which}: {told['size_bytes']:,} bytes." if told["new"] else f"Unchanged since {which}."
    if job.kind in ("fetch", "trade") and "words" in told:
        return str(told["words"])
    if job.kind == "anchor" and "final_size" in told:
        return f"{told['final_size']:,} records are under a final head."
    return ""


def _error_named(code: str) -> tuple[type[CounterfoilError], ErrorRow]:
    for kind, row in ERROR_TABLE.items():
        if row.code == code:
            return kind, row
    if code == "failed":
        return CounterfoilError, ErrorRow("failed", 1, 500, "Something was not foreseen")
    raise NotFound(f"there is no error called {code[:40]!r}", hint="all are listed at /errors")


def _first_words(kind: type[CounterfoilError]) -> str:
    if kind is CounterfoilError:
        return "Something went wrong that nobody foresaw. The server's log says more; please report it."
    return " ".join((kind.__doc__ or "").split("\n\n")[0].split())


def _who_acts(kind: type[CounterfoilError]) -> str:
    return next((words for family, words in _WHO_ACTS if issubclass(kind, family)), "Whoever runs this node.")
