"""Lineage on a node."""

from __future__ import annotations

from counterfoil.client.wire import Wire
from counterfoil.provenance import Graph, Origin, Way
from counterfoil.provenance.lineage.lineage import MOST_NODES, MOST_WAYS
from counterfoil.provenance.lineage.picture.shapes import graph_in, origin_in, way_in

__all__ = ["RemoteLineage"]

_DIRECTIONS = {(True, True): "both", (True, False): "back", (False, True): "forth"}


class RemoteLineage:
    """The lineage of a node's data and models; see `provenance.lineage.Lineage`.

    Args:
        wire: The way to the node.
    """

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def graph(
        self,
        place: int,
        *,
        back: bool = True,
        forth: bool = True,
        depth: int | None = None,
        most: int = MOST_NODES,
    ) -> Graph:
        """Returns what a record came from and what it reached, as a graph."""
        direction = _DIRECTIONS.get((back, forth), "both")
        params = {"direction": direction, "depth": depth if back or forth else 0, "most": most}
        return graph_in(self._wire.get(f"/lineage/{int(place)}", params))

    def paths(self, start: int, end: int, *, most: int = MOST_WAYS) -> tuple[Way, ...]:
        """Returns how one record reaches another: the shortest ways, at most so many; none where it does not."""
        found = self._wire.get(f"/lineage/{int(start)}/paths", {"to": int(end), "most": most})
        return tuple(way_in(each) for each in found)

    def origin(self, place: int) -> tuple[Origin, ...]:
        """Returns all datasets that a decision, a model or another record came from, ascending by place."""
        return tuple(origin_in(each) for each in self._wire.get(f"/lineage/{int(place)}/origin"))
