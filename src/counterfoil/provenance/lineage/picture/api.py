"""Lineage over HTTP: what a record came from, and what it reached."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from fastapi import APIRouter, Path, Query

from counterfoil.provenance.lineage.lineage import MOST_NODES, MOST_WAYS
from counterfoil.provenance.lineage.picture.bodies import LineageGraph, LineageOrigin, LineageWay
from counterfoil.provenance.lineage.picture.shapes import graph_json, origin_json, way_json
from counterfoil.web.desk import Desk
from counterfoil.web.roles import READERS
from counterfoil.web.room import Room

if TYPE_CHECKING:
    from counterfoil.organisation import Organisation

__all__ = ["LineageGraphRoutes"]

_MOST_DEPTH: Final = 1_000
_MOST_WAYS: Final = 100
_MOST_PLACE: Final = 10**18

Index = Annotated[int, Path(ge=0, le=_MOST_PLACE, description="Place of the record in the log.")]
Direction = Annotated[
    Literal["both", "back", "forth"], Query(description="What it came from, what it reached, or both.")
]
Depth = Annotated[int | None, Query(ge=0, le=_MOST_DEPTH, description="How many steps to go; all without it.")]
Most = Annotated[int, Query(ge=1, le=MOST_NODES, description="Records in each direction; the nearest are kept.")]
To = Annotated[int, Query(ge=0, le=_MOST_PLACE, description="Place of the record that may have come from it.")]
MostWays = Annotated[int, Query(ge=1, le=_MOST_WAYS, description="Ways at most.")]


class LineageGraphRoutes:
    """The routes of this room.

    Args:
        org: The organisation.
        desk: The node that serves them.
    """

    def __init__(self, org: Organisation, desk: Desk) -> None:
        self._org = org

    def router(self) -> APIRouter:
        """Returns the table of routes."""
        room = Room("lineage")
        room.reads("/lineage/{index}", self.graph, READERS, LineageGraph)
        room.reads("/lineage/{index}/paths", self.paths, READERS, list[LineageWay])
        room.reads("/lineage/{index}/origin", self.origin, READERS, list[LineageOrigin])
        return room.router

    def graph(
        self, index: Index, direction: Direction = "both", depth: Depth = None, most: Most = MOST_NODES
    ) -> dict[str, Any]:
        """Shows what a record came from and what it reached, and how well each step is known.

        Decisions are a number at the deployment that made them; only one that is asked for is a node of its own.
        """
        back, forth = direction != "forth", direction != "back"
        return graph_json(self._org.provenance.lineage.graph(index, back=back, forth=forth, depth=depth, most=most))

    def paths(self, index: Index, to: To, most: MostWays = MOST_WAYS) -> list[dict[str, Any]]:
        """Shows how a record reaches another one: the shortest ways; none where it does not."""
        return [way_json(each) for each in self._org.provenance.lineage.paths(index, to, most=most)]

    def origin(self, index: Index) -> list[dict[str, Any]]:
        """Lists all datasets that a decision, a model or another record came from, and how well that is known."""
        return [origin_json(each) for each in self._org.provenance.lineage.origin(index)]
