"""The shortest ways from one record to another."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

from counterfoil.provenance.lineage.graph import Edge

__all__ = ["shortest"]


def shortest(edges: Iterable[Edge], start: int, end: int, most: int) -> list[tuple[Edge, ...]]:
    """Returns the shortest ways along the steps from `start` to `end`, lowest places first; at most so many."""
    out: dict[int, list[Edge]] = {}
    for edge in edges:
        out.setdefault(edge.parent, []).append(edge)
    into: dict[int, list[Edge]] = {start: []}
    front = [start]
    while front and end not in into:
        found: dict[int, list[Edge]] = {}
        for at in front:
            for edge in out.get(at, ()):
                if edge.child not in into:
                    found.setdefault(edge.child, []).append(edge)
        into |= found
        front = sorted(found)
    return list(islice(_back(into, end), most)) if end in into else []


def _back(into: dict[int, list[Edge]], end: int) -> Iterator[tuple[Edge, ...]]:
    """Yields the ways by the last step of each; a way is whole where no step leads to its first record."""
    waiting: list[tuple[int, tuple[Edge, ...]]] = [(end, ())]
    while waiting:
        at, way = waiting.pop()
        before = into[at]
        if not before:
            yield way
        waiting += [(edge.parent, (edge, *way)) for edge in sorted(before, key=lambda each: -each.parent)]
