"""What came from what, both ways, and how well that is known."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Final, Protocol

from counterfoil.errors import InvalidInput
from counterfoil.provenance.lineage.graph import Edge, Graph, Node, Origin, Way
from counterfoil.provenance.lineage.origins import origins_in
from counterfoil.provenance.lineage.reach import children, concerned, edges_among, parents, reached
from counterfoil.provenance.lineage.ways import shortest
from counterfoil.store.archive import Archive
from counterfoil.store.views import Views

__all__ = ["MOST_NODES", "MOST_WAYS", "Lineage", "OnDecisions"]

MOST_NODES: Final = 5_000
"""Records in each direction that one graph holds, unless more are asked for."""

MOST_WAYS: Final = 10
"""Ways from one record to another that are returned, unless more are asked for."""


class OnDecisions(Protocol):
    """What is known above this room of the decisions that deployments made."""

    def made_by(self, wanted: Collection[int]) -> Mapping[int, int]:
        """Returns how many decisions each of these deployments made, by its place."""

    def deployment_of(self, decision: int) -> int | None:
        """Returns the place of the deployment that made a decision; None when it is not on record."""


class Lineage:
    """The lineage of one home's data and models.

    Args:
        archive: Reads records.
        views: Finds them.

    Attributes:
        decisions: Knows which deployment made which decisions; None where nothing decides.
    """

    def __init__(self, archive: Archive, views: Views) -> None:
        self._archive = archive
        self._views = views
        self.decisions: OnDecisions | None = None

    def ancestors(self, places: Iterable[int]) -> set[int]:
        """Returns the places of everything that these records came from; without themselves."""
        with self._views.reading() as connection:
            return reached(connection, places, parents)[0]

    def descendants(self, places: Iterable[int]) -> set[int]:
        """Returns the places of everything that came from these records; without themselves."""
        with self._views.reading() as connection:
            return reached(connection, places, children)[0]

    def concerned(self, places: Iterable[int]) -> set[int]:
        """Returns the places of everything that is wrong where these records are; without themselves.

        That is what came from them, every dataset with the same content as one of these, whatever it is
        called, and what came from that.
        """
        with self._views.reading() as connection:
            return reached(connection, places, concerned)[0]

    def graph(
        self,
        place: int,
        *,
        back: bool = True,
        forth: bool = True,
        depth: int | None = None,
        most: int = MOST_NODES,
    ) -> Graph:
        """Returns what a record came from and what it reached, as a graph.

        Decisions are told as a number at the deployment that made them; only a decision that is
        asked for is a node of its own. A deployment brings along the model and the policy it rests on.

        Args:
            place: Of the record in the log.
            back: Whether to show what it came from.
            forth: Whether to show what came from it.
            depth: How many steps to go; all when None.
            most: Records in each direction; the nearest are kept, and `is_whole` tells that there are more.

        Raises:
            NotFound: When there is no such record.
            InvalidInput: For a depth below 0, or fewer than 1 record.
        """
        if most < 1 or (depth is not None and depth < 0):
            raise InvalidInput("a graph goes 0 steps or more and holds 1 record or more", hint="leave the limits out")
        node, deployment = self._node(place), self._deployment_of(place)
        if deployment is None:
            return self._around(place, back, forth, depth, most)
        if not back or depth == 0:
            return Graph((node,), (), is_whole=not back)
        before = self._around(deployment, True, False, None if depth is None else depth - 1, most)
        step = Edge(deployment, place, None, "declared")
        return Graph((*before.nodes, node), (*before.edges, step), before.is_whole)

    def paths(self, start: int, end: int, *, most: int = MOST_WAYS) -> tuple[Way, ...]:
        """Returns how one record reaches another: the shortest ways, at most so many; none where it does not.

        Args:
            start: Place of the record that the other one may have come from.
            end: Place of that other one; it may be a decision.
            most: Ways at most.

        Raises:
            NotFound: When there is no such record.
        """
        for place in (start, end):
            self._archive.record(place)
        deployment = self._deployment_of(end)
        last = end if deployment is None else deployment
        with self._views.reading() as connection:
            before, _ = reached(connection, [last], parents)
            if start != last and start not in before:
                return ()
            ways = shortest(edges_among(connection, before | {last}), start, last, most)
        if deployment is not None:
            ways = [(*way, Edge(deployment, end, None, "declared")) for way in ways]
        return tuple(Way((self._node(start), *(self._node(each.child) for each in way)), way) for way in ways)

    def origin(self, place: int) -> tuple[Origin, ...]:
        """Returns all datasets that a decision, a model or another record came from, ascending by place.

        Raises:
            NotFound: When there is no such record.
        """
        return origins_in(self.graph(place, forth=False, most=self._archive.size + 1), place)

    def _around(self, place: int, back: bool, forth: bool, depth: int | None, most: int) -> Graph:
        shown, ahead, is_whole = {place}, {place} if forth else set(), True
        with self._views.reading() as connection:
            if back:
                found, is_whole = reached(connection, [place], parents, depth=depth, most=most)
                shown |= found
            if forth:
                found, are_all = reached(connection, [place], children, depth=depth, most=most)
                ahead |= found
                is_whole = is_whole and are_all
        made = self.decisions.made_by(ahead) if self.decisions is not None and ahead else {}
        with self._views.reading() as connection:  # the rules or the model that a deployment rests on beside this one
            shown |= ahead | reached(connection, made, parents, depth=1)[0]
            between = edges_among(connection, shown)
        nodes = (self._node(each, made.get(each)) for each in sorted(shown))
        return Graph(tuple(nodes), tuple(between), is_whole)

    def _deployment_of(self, place: int) -> int | None:
        return None if self.decisions is None else self.decisions.deployment_of(place)

    def _node(self, place: int, decisions: int | None = None) -> Node:
        record = self._archive.record(place)
        about = record.about
        has_version = record.kind in ("dataset", "model", "policy")
        name = str(about.get("name") or record.name) if has_version else record.name
        if record.kind == "decision":
            name = f"number {record.seq:,}"
        version = str(about.get("version", "")) if has_version else ""
        what = str(about.get("kind", "")) if record.kind == "run" else ""
        return Node(place, record.kind, name, version, what, decisions)
