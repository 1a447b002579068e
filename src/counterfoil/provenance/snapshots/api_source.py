"""A JSON API that gives its items page by page; they become one NDJSON file, one canonical item a line."""

from __future__ import annotations

import time
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Final, Self
from urllib.parse import urlencode, urljoin, urlsplit

from counterfoil.core import canonical
from counterfoil.errors import InvalidInput, NodeUnreachable, NotAllowed, NotFound, TooLarge
from counterfoil.provenance.snapshots.addresses import Reach
from counterfoil.provenance.snapshots.source import Fetched, Limits, Progress, Writer
from counterfoil.provenance.snapshots.web import Web, require_web_address, shown_url

__all__ = ["ApiForm", "ApiSource"]

_MOST_PAGE_BYTES: Final = 32 * 2**20
_MOST_FORM_BYTES: Final = 65_536
_JSON: Final = "application/json"
_KINDS: Final[dict[str, tuple[type, ...]]] = {"str": (str,), "int": (int,), "float": (int, float)}


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiForm:
    """How an API is read: the members of its TOML file.

    Attributes:
        url: Of the first page.
        items: Where the items are in a page: names with dots between, `data.items`; empty where the page is the list.
        next: Where a page names the next one's address; empty where none does.
        page: The parameter that counts the pages; empty where none does. Not together with `next`.
        first_page: Number of the first page.
        pages_per_s: Requests a second at most.
        most_pages: More than these are refused.
    """

    url: str = field(repr=False)  # its query may hold a secret
    items: str = ""
    next: str = ""
    page: str = ""
    first_page: int = 1
    pages_per_s: float = 5.0
    most_pages: int = 1_000

    def __post_init__(self) -> None:
        require_web_address(self.url)
        if self.next and self.page:
            raise InvalidInput("the form names both next and page", hint="an API has one of them")
        if not 0 < self.pages_per_s <= 1_000 or not 1 <= self.most_pages <= 1_000_000 or self.first_page < 0:
            raise InvalidInput(
                "the form has a number that cannot be", hint="pages_per_s above 0, most_pages from 1, first_page from 0"
            )

    @classmethod
    def load(cls, path: Path) -> Self:
        """Reads a form from its file.

        Raises:
            NotFound: There is no such file.
            InvalidInput: It is no form.
        """
        try:
            with path.open("rb") as file:
                data = file.read(_MOST_FORM_BYTES + 1)
        except OSError as error:
            raise NotFound(f"the form {path} cannot be read: {error.strerror}") from error
        if len(data) > _MOST_FORM_BYTES:
            raise InvalidInput(f"the form {path.name} is larger than {_MOST_FORM_BYTES:,} bytes")
        try:
            told = tomllib.loads(data.decode())
        except (ValueError, RecursionError) as error:
            raise InvalidInput(f"{path.name} is no TOML file in UTF-8") from error
        return cls.read(told)

    @classmethod
    def read(cls, told: dict[str, Any]) -> Self:
        """Reads a form from its members; see `load`."""
        kinds = {each.name: _KINDS[str(each.type)] for each in fields(cls)}
        for name, value in told.items():
            if name not in kinds:
                raise InvalidInput(f"the form has no member {name[:40]!r}", hint=f"it has {', '.join(kinds)}")
            if not isinstance(value, kinds[name]) or isinstance(value, bool):
                raise InvalidInput(f"{name} of the form is of another type", hint="text in quotes, numbers without")
        if "url" not in told:
            raise InvalidInput("the form names no url", hint='url = "https://api.example/v1/rates"')
        return cls(**told)


@dataclass(frozen=True, slots=True)
class ApiSource:
    """What an API gives.

    Attributes:
        form: How it is read.
        secret: Sent to its host; see `credentials.authorization`.
        reach: Which addresses may be asked.
        is_guarded: Whether somebody afar asks for it.
    """

    form: ApiForm
    secret: str = field(default="", repr=False)
    reach: Reach = field(default_factory=Reach)
    is_guarded: bool = False

    def describe(self) -> dict[str, Any]:
        """Returns what is known of it without asking it."""
        form = self.form
        told = {"items": form.items, "kind": "api", "next": form.next, "page": form.page, "url": shown_url(form.url)}
        return {name: value for name, value in told.items() if value}

    def fetch(self, folder: Path, limits: Limits, progress: Progress | None) -> Fetched:
        """Writes the items of all pages into `folder`; see `Source.fetch`."""
        path = folder / "items.ndjson"
        count = pages = 0
        last: dict[str, Any] = {}
        with path.open("xb") as file:
            writer = Writer(file, limits, progress)
            for items, told in self._pages(limits, writer):
                pages, last = pages + 1, told
                for item in items:
                    writer.write(canonical.dumps(item) + b"\n")
                    count += 1
        more = {"count": count, "pages": pages} | ({"tls": last["tls"]} if "tls" in last else {})
        return Fetched(path, self.describe() | more)

    def _pages(self, limits: Limits, writer: Writer) -> Iterator[tuple[list[Any], dict[str, Any]]]:
        """Yields the items of each page, and what is told of its answer, no faster than the form says."""
        form, seen = self.form, set[str]()
        web = Web(self.reach, self.secret, is_guarded=self.is_guarded)
        url = _counted(form, form.first_page) if form.page else form.url
        for number in range(1, form.most_pages + 1):
            if url in seen:
                raise InvalidInput("the API's pages lead back to one that was read: they have no end")
            seen.add(url)
            asked = time.monotonic()
            page, told = _page(web, url, limits, writer.ends_s)
            items = _member(page, form.items)
            if not isinstance(items, list):
                where = f"at {form.items!r}" if form.items else "as a whole"
                raise InvalidInput(f"page {number} of the API holds no list {where}", hint="say in `items` where it is")
            yield items, told
            if form.page:
                if not items:
                    return
                url = _counted(form, form.first_page + number)
            else:
                following = _member(page, form.next) if form.next else None
                if following in (None, ""):
                    return
                url = _following(url, following)
            writer.require_time()
            time.sleep(max(0.0, 1 / form.pages_per_s - (time.monotonic() - asked)))
        raise TooLarge(f"the API has more than {form.most_pages:,} pages", hint="raise most_pages of the form")


def _page(web: Web, url: str, limits: Limits, ends_s: float) -> tuple[Any, dict[str, Any]]:
    body = bytearray()
    with web.get(url, limits, ends_s, accept=_JSON) as answer:
        for piece in answer.pieces():
            body += piece
            if len(body) > _MOST_PAGE_BYTES:
                raise TooLarge(f"a page of the API is larger than {_MOST_PAGE_BYTES:,} bytes")
            if time.monotonic() > ends_s:
                raise NodeUnreachable(f"the API was not through within {limits.timeout_s:g} seconds")
    try:
        return canonical.loads(bytes(body)), answer.told
    except InvalidInput as error:
        raise InvalidInput(
            "a page of the API is no JSON that every reader reads alike",
            hint="is it another page, such as a login? Whole numbers above 2^53 need quotes",
        ) from error


def _member(page: Any, path: str) -> Any:
    """Returns what is at a place of names with dots between; None where nothing is."""
    for name in path.split(".") if path else ():
        page = page.get(name) if isinstance(page, dict) else None
    return page


def _counted(form: ApiForm, number: int) -> str:
    parts = urlsplit(form.url)
    query = "&".join(filter(None, (parts.query, urlencode({form.page: number}))))
    return parts._replace(query=query).geturl()


def _following(here: str, following: Any) -> str:
    """Returns the next page's address: of the same host, for the secret goes there."""
    if not isinstance(following, str):
        raise InvalidInput("the API names a next page that is no address")
    try:
        target = urljoin(here, following)
    except ValueError:
        raise InvalidInput("the API names a next page that is no address") from None
    old, new = require_web_address(here), require_web_address(target)
    if (old.scheme, old.netloc) != (new.scheme, new.netloc):
        raise NotAllowed("the API's next page is on another host", hint="snapshot that one by itself")
    return target
