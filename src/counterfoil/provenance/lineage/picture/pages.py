"""Lineage in the console: a picture of what came from what, and the same as a table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from starlette.responses import Response

from counterfoil.errors import CounterfoilError, InvalidInput, NotFound
from counterfoil.provenance.lineage.graph import STANDING_WORDS, Node, Origin
from counterfoil.provenance.lineage.picture.picture import Drawn, Picture, kind_words, picture_of
from counterfoil.provenance.lineage.records import RunRecord
from counterfoil.provenance.lineage.wanted import place_of
from counterfoil.provenance.naming import is_place
from counterfoil.web.desk import Desk
from counterfoil.web.page_room import PageRoom
from counterfoil.web.pages import Pages, with_query
from counterfoil.web.roles import STAFF

if TYPE_CHECKING:
    from counterfoil.organisation import Organisation

__all__ = ["LineagePages"]

_DIRECTIONS: Final = {"both": "Both ways", "back": "Where it came from", "forth": "What it reached"}
_PAGES: Final = {
    "dataset": "/datasets/{}",
    "decision": "/decisions/{}",
    "model": "/models/{}",
    "policy": "/policies/{}",
}
_MOST_OPENED: Final = 20
_NEWEST: Final = 12
_ORIGINS: Final = 20
"""Datasets that something came from that the page lists; the picture has them all."""


class LineagePages:
    """The pages of this room.

    Args:
        org: The organisation.
        desk: The node that serves them.
        pages: Renders them.
    """

    def __init__(self, org: Organisation, desk: Desk, pages: Pages) -> None:
        self._org = org
        self._pages = pages
        pages.add_room("lineage", Path(__file__).parent / "templates")

    def router(self) -> APIRouter:
        """Returns the table of routes."""
        room = PageRoom(self._pages)
        room.shows("/lineage", self.search, STAFF)
        room.shows("/lineage/{index:int}", self.show, STAFF)
        return room.router

    def search(self, request: Request) -> Response:
        """Leads to the record that was asked for; without one, shows where to begin."""
        wanted = request.query_params.get("record", "").strip()
        if not wanted:
            return self._begin(request, wanted, None)
        try:
            digits = wanted.replace(",", "")
            place = place_of(self._org.provenance, digits if is_place(digits) else wanted)
            self._org.archive.record(place)
        except (NotFound, InvalidInput) as error:
            return self._begin(request, wanted, error)
        return self._pages.see(request, f"/lineage/{place}")

    def show(self, index: int, request: Request) -> Response:
        """Shows a record in the middle of what it came from and what it reached."""
        direction = request.query_params.get("direction", "both")
        if direction not in _DIRECTIONS:
            raise InvalidInput(f"{direction[:20]!r} is no direction", hint=f"one of {', '.join(_DIRECTIONS)}")
        opened = _opened(request)
        lineage = self._org.provenance.lineage
        graph = lineage.graph(index, back=direction != "forth", forth=direction != "back")
        node = next(each for each in graph.nodes if each.index == index)
        recalled = self._org.provenance.recalls.held(each.index for each in graph.nodes)
        picture = picture_of(graph, index, opened=opened, recalled=recalled)
        return self._pages.render(
            request,
            "lineage/graph.html",
            direction=direction,
            directions={each: (words, _path(index, each)) for each, words in _DIRECTIONS.items()},
            first=_first_seen(picture, opened),
            hrefs={box.id: _leads_to(box, index, opened, direction) for box in picture.boxes},
            kind=kind_words(node),
            node=node,
            opened=opened,
            most_origins=_ORIGINS,
            origins=_differing_first(lineage.origin(index)) if direction != "forth" else (),
            page=_page_of(node),
            picture=picture,
            rows=_rows(picture),
            run=self._run(node),
            standing_words=STANDING_WORDS,
            whole_path=_path(index, direction),
        )

    def _begin(self, request: Request, wanted: str, error: CounterfoilError | None) -> Response:
        provenance = self._org.provenance
        newest: dict[str, Sequence[Any]] = {
            "Models": provenance.models()[: -_NEWEST - 1 : -1],
            "Datasets": provenance.datasets()[: -_NEWEST - 1 : -1],
        }
        return self._pages.render(
            request, "lineage/search.html", 200 if error is None else 404, error=error, newest=newest, wanted=wanted
        )

    def _run(self, node: Node) -> RunRecord | None:
        return self._org.provenance.runs.at(node.index).record if node.kind == "run" else None


def _opened(request: Request) -> tuple[int, ...]:
    """Returns which boxes were opened, by the places of their first records."""
    told = [each for each in request.query_params.getlist("open") if is_place(each)]
    return tuple(dict.fromkeys(int(each) for each in told))[:_MOST_OPENED]


def _page_of(node: Node) -> str:
    """Returns the page of a record; empty for one that has none but its lineage."""
    return _PAGES[node.kind].format(node.index) if node.kind in _PAGES else ""


def _path(index: int, direction: str, opened: Sequence[int] = ()) -> str:
    told = [] if direction == "both" else [("direction", direction)]
    query = urlencode([*told, *(("open", each) for each in opened)])
    return f"/lineage/{index}?{query}" if query else f"/lineage/{index}"


def _leads_to(box: Drawn, focus: int, opened: Sequence[int], direction: str) -> str:
    """Returns where a box leads: to its page, to the decisions, or to the same picture with this box opened."""
    if box.is_group:
        return _path(focus, direction, (*opened, box.index))
    if box.part == "decisions":
        return with_query("/decisions", deployment=box.index)
    if box.part in ("earlier", "later"):
        return _path(box.near, direction)
    return _page_of(box.node) or _path(box.index, direction)


def _differing_first(found: Sequence[Origin]) -> list[Origin]:
    return sorted(found, key=lambda each: each.standing != "differs")


def _first_seen(picture: Picture, opened: Sequence[int]) -> Drawn:
    """Returns the box that the picture begins at: what was opened last, else the record that was asked for."""
    wanted = opened[-1] if opened else None
    found = (box for box in picture.boxes if box.index == wanted and box.part != "earlier")
    return next(found, None) or next(box for box in picture.boxes if box.is_focus)


def _rows(picture: Picture) -> list[dict[str, Any]]:
    """Returns the picture as a table: each box, and what it came from."""
    boxes = {box.id: box for box in picture.boxes}
    came: dict[str, list[dict[str, Any]]] = {}
    for arrow in picture.arrows:
        came.setdefault(arrow.child, []).append({"box": boxes[arrow.parent], "arrow": arrow})
    return [{"box": box, "came": came.get(box.id, [])} for box in picture.boxes]
