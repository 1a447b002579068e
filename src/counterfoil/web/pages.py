"""Pages: one Jinja environment for all rooms, the frame around each page, and what a redirect tells."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, unquote, urlencode

from fastapi import Request
from jinja2 import Environment, FileSystemLoader, PrefixLoader, StrictUndefined
from starlette.responses import Response

from counterfoil.errors import InvalidInput, NotSignedIn, TooManyRequests
from counterfoil.web import formats
from counterfoil.web.assets import Assets
from counterfoil.web.problem import problem
from counterfoil.web.roles import Principal, Role
from counterfoil.web.session import Sessions

__all__ = ["CSRF_FIELD", "HEADERS", "SET_UP", "Form", "Link", "Pages", "local_path", "with_query"]

CSRF_FIELD: Final = "csrf"
LOGIN: Final = "/login"
TOLD_COOKIE: Final = "counterfoil_told"
TOLD_S: Final = 60
MOST_TOLD_CHARS: Final = 400
WARNS: Final = "!"
"""Begins what a redirect tells where that is a warning."""
MOST_FIELDS: Final = 100

POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "style-src 'self'",
        "script-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
"""What a page may load: nothing but this node's own files, and no script or style inside the page."""

HEADERS: Final = {
    "cache-control": "no-store",
    "content-security-policy": POLICY,
    "referrer-policy": "same-origin",  # with less, browsers do not say of a form that it comes from here
}

SET_UP: Final = "Set-up"
"""Heading in the menu above the pages on which the node is set up."""

_LOCAL: Final = re.compile(r"/(?![/\\])[!-\[\]-~]*")


@dataclass(frozen=True, slots=True)
class Link:
    """An entry of the menu, for those who may follow it.

    Attributes:
        path: Where it leads.
        title: Of the page.
        roles: As in `Room.reads`.
        group: Heading that it stands under; those without one come first.
    """

    path: str
    title: str
    roles: tuple[Role, ...]
    group: str = ""


class Form:
    """What a form was sent with; every field is text, a missing one is empty."""

    def __init__(self, fields: Sequence[tuple[str, str]]) -> None:
        self._fields = fields

    def text(self, name: str) -> str:
        """Returns a field without the space around it."""
        return next((value for key, value in self._fields if key == name), "").replace("\r\n", "\n").strip()

    def texts(self, name: str) -> list[str]:
        """Returns all fields of one name, such as ticked boxes."""
        return [value for key, value in self._fields if key == name]

    def secret(self, name: str) -> str:
        """Returns a field as it was typed."""
        return next((value for key, value in self._fields if key == name), "")

    def place(self, name: str) -> int | None:
        """Returns a field that names a place in the log, None where it is empty.

        Raises:
            InvalidInput: It is no whole number.
        """
        text = self.text(name).replace(",", "")
        if not text:
            return None
        if not (text.isascii() and text.isdigit() and len(text) <= 18):
            raise InvalidInput(f"{text[:40]!r} is no place in the log", hint="a whole number, such as 4711")
        return int(text)


class Pages:
    """Renders the pages of one node.

    Args:
        organisation: Legal name, shown on every page.
        origin: Name of the log.
        sessions: Who is signed in.
    """

    def __init__(self, organisation: str, origin: str, sessions: Sessions) -> None:
        self.sessions = sessions
        self.assets = Assets()
        self._menu: list[Link] = []
        self._loaders = {"web": FileSystemLoader(Path(__file__).parent / "templates" / "web")}
        self._environment = Environment(
            loader=PrefixLoader(self._loaders),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self._environment.filters |= {
            "breakable": formats.breakable,
            "number": formats.number,
            "percent": formats.percent,
            "public_key": formats.public_key,
            "score": formats.score,
            "score_in_column": formats.score_in_column,
            "short": formats.short,
            "key_id": formats.key_id,
            "moment": formats.moment,
            "value": formats.value_text,
            "when": formats.when,
        }
        self._environment.globals |= {
            "asset": self.assets.url,
            "organisation": organisation,
            "origin": origin,
            "with_query": with_query,
        }

    def add_room(self, name: str, folder: Path, *links: Link) -> None:
        """Takes in a room: its templates are called `name/…`, its links go into the menu."""
        self._loaders[name] = FileSystemLoader(folder)
        self.add_links(*links)

    def add_links(self, *links: Link) -> None:
        """Puts links into the menu; pages are added in the order of the menu."""
        self._menu += links

    def render(self, request: Request, template: str, status: int = 200, /, **values: Any) -> Response:
        """Returns a page.

        Args:
            request: Says who looks, and from where.
            template: `room/name.html`.
            status: HTTP status.
            values: What the template shows.
        """
        who = _principal(request)
        told = _told(request)
        given = {
            "csrf": self.sessions.csrf_of(request.scope),
            "csrf_field": CSRF_FIELD,
            "frame": {
                "here": request.url.path,
                "menu": [link for link in self._menu if who is not None and who.may(frozenset(link.roles))],
                "told": told.removeprefix(WARNS),
                "warns": told.startswith(WARNS),
                "who": who,
            },
        }
        text = self._environment.get_template(template).render(values | given)
        response = Response(text, status, dict(HEADERS), "text/html; charset=utf-8")
        if told:
            response.delete_cookie(TOLD_COOKIE, httponly=True, samesite="lax")
        return response

    def see(self, request: Request, path: str, told: str = "", *, is_warning: bool = False) -> Response:
        """Returns a redirect to a page of this node, which then says what was done, or warns of what was not."""
        response = Response(status_code=303, headers=dict(HEADERS) | {"location": path})
        if told:
            value = quote(WARNS * is_warning + told[:MOST_TOLD_CHARS])
            secure = request.url.scheme == "https"
            response.set_cookie(TOLD_COOKIE, value, max_age=TOLD_S, httponly=True, samesite="lax", secure=secure)
        return response

    async def form(self, request: Request) -> Form:
        """Reads a form that was sent.

        Raises:
            NotAllowed: It does not carry what this session's forms carry.
            InvalidInput: It is no form.
        """
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/x-www-form-urlencoded":
            raise InvalidInput("this address takes a form", hint="programs use the API: /api/v1/openapi.json")
        found = await request.form(max_fields=MOST_FIELDS)
        fields = [(name, value) for name, value in found.multi_items() if isinstance(value, str)]
        form = Form(fields)
        self.sessions.require_csrf(request.scope, form.secret(CSRF_FIELD))
        return form

    def problem(self, request: Request, error: BaseException) -> Response:
        """Returns the page for an error; who is not signed in is sent to do so, and comes back."""
        is_asking = request.method in ("GET", "HEAD") and request.url.path != LOGIN
        if isinstance(error, NotSignedIn) and is_asking and _principal(request) is None:
            query = f"?{request.url.query}" if request.url.query else ""
            return self.see(request, with_query(LOGIN, next=local_path(request.url.path + query)))
        members = problem(error)
        response = self.render(request, "web/problem.html", members["status"], problem=members)
        if isinstance(error, TooManyRequests):
            response.headers["retry-after"] = str(error.retry_after_s)
        return response


def local_path(text: str) -> str:
    """Returns a path of this node as given; anything that leads elsewhere becomes the start page."""
    return text if _LOCAL.fullmatch(text) else "/"


def with_query(path: str, **values: Any) -> str:
    """Returns a path with a query of those values that say something."""
    given = {name: value for name, value in values.items() if value is not None and value != ""}
    return f"{path}?{urlencode(given)}" if given else path


def cookie(headers: Mapping[str, str], name: str) -> str:
    """Returns a cookie that the browser sent, empty without it."""
    try:
        found = SimpleCookie(headers.get("cookie", "")).get(name)
    except CookieError:
        return ""
    return found.value if found is not None else ""


def _told(request: Request) -> str:
    return unquote(cookie(request.headers, TOLD_COOKIE))[: MOST_TOLD_CHARS + len(WARNS)]


def _principal(request: Request) -> Principal | None:
    found = request.scope.get("state", {}).get("principal")
    return found if isinstance(found, Principal) else None
