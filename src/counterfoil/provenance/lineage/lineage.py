"""What came from what, both ways, and how well that is known."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from sqlalchemy import Connection, func, select

from counterfoil.provenance.lineage.tables import edges, rederivations
from counterfoil.store.archive import Archive
from counterfoil.store.views import Views

__all__ = ["Edge", "Graph", "Lineage", "Node", "Standing"]

Standing: TypeAlias = Literal["declared", "rederived", "differs"]
"""How well an edge is known: it was told; this home ran the run again and got the same; or got something else."""

_AT_ONCE: Final = 500


@dataclass(frozen=True, slots=True)
class Node:
    """A record in the graph: a dataset, run, model, policy or deployment."""

    index: int
    kind: str
    name: str


@dataclass(frozen=True, slots=True)
class Edge:
    """One step: the child came from the parent. `run` is the place of the run that says so, None where none does."""

    parent: int
    child: int
    run: int | None
    standing: Standing


@dataclass(frozen=True, slots=True)
class Graph:
    """Records and the steps between them; ascending by place."""

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]


class Lineage:
    """The lineage of one home's data and models.

    Args:
        archive: Reads records.
        views: Finds them.
    """

    def __init__(self, archive: Archive, views: Views) -> None:
        self._archive = archive
        self._views = views

    def ancestors(self, places: Iterable[int]) -> set[int]:
        """Returns the places of everything that these records came from; without themselves."""
        with self._views.reading() as connection:
            return _closure(places, lambda some: _parents(connection, some))

    def descendants(self, places: Iterable[int]) -> set[int]:
        """Returns the places of everything that came from these records; without themselves."""
        with self._views.reading() as connection:
            return _closure(places, lambda some: _children(connection, some))

    def graph(self, place: int, *, back: bool = True, forth: bool = True) -> Graph:
        """Returns what a record came from and what it reached, as a graph.

        Raises:
            NotFound: When there is no such record.
        """
        self._archive.record(place)
        with self._views.reading() as connection:
            shown = {place}
            if back:
                shown |= _closure([place], lambda some: _parents(connection, some))
            if forth:
                shown |= _closure([place], lambda some: _children(connection, some))
            found = tuple(sorted(_edges_among(connection, shown), key=lambda each: (each.parent, each.child)))
        return Graph(tuple(self._node(each) for each in sorted(shown)), found)

    def _node(self, place: int) -> Node:
        record = self._archive.record(place)
        return Node(place, record.kind, record.name)


def _closure(places: Iterable[int], step: Callable[[list[int]], Iterator[int]]) -> set[int]:
    """Follows a step until nothing new is found; a circle, which only a forged log could hold, ends it as well."""
    start = set(places)
    found: set[int] = set()
    front = start
    while front:
        front = {each for some in _portions(front) for each in step(some)} - found
        found |= front
    return found - start


def _portions(places: Iterable[int]) -> Iterator[list[int]]:
    ordered = sorted(places)
    for start in range(0, len(ordered), _AT_ONCE):
        yield ordered[start : start + _AT_ONCE]


def _parents(connection: Connection, some: list[int]) -> Iterator[int]:
    yield from connection.execute(select(edges.c.parent_idx).where(edges.c.child_idx.in_(some))).scalars()


def _children(connection: Connection, some: list[int]) -> Iterator[int]:
    yield from connection.execute(select(edges.c.child_idx).where(edges.c.parent_idx.in_(some))).scalars()


def _edges_among(connection: Connection, shown: set[int]) -> Iterator[Edge]:
    newest = select(func.max(rederivations.c.idx)).group_by(rederivations.c.run_idx)
    tried = select(rederivations.c.run_idx, rederivations.c.is_same).where(rederivations.c.idx.in_(newest))
    same = {int(run): bool(is_same) for run, is_same in connection.execute(tried)}
    for some in _portions(shown):
        for row in connection.execute(select(edges).where(edges.c.parent_idx.in_(some))):
            if row.child_idx in shown:
                run = None if row.run_idx is None else int(row.run_idx)
                yield Edge(int(row.parent_idx), int(row.child_idx), run, _standing(run, same))


def _standing(run: int | None, same: dict[int, bool]) -> Standing:
    if run is None or run not in same:
        return "declared"
    return "rederived" if same[run] else "differs"
