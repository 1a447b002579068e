"""How far lineage reaches: steps from records to records in the searchable tables."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeAlias

from sqlalchemy import Connection, func, select

from counterfoil.provenance.lineage.graph import Edge, Standing
from counterfoil.provenance.lineage.tables import edges, rederivations
from counterfoil.provenance.views import datasets
from counterfoil.store.record_places import portions

__all__ = ["Step", "children", "concerned", "edges_among", "parents", "reached"]

Step: TypeAlias = "Callable[[Connection, list[int]], Iterator[tuple[int, int]]]"
"""From some records to their neighbours, as (from, to)."""


def parents(connection: Connection, some: list[int]) -> Iterator[tuple[int, int]]:
    """Yields (child, parent) of what records came from directly."""
    query = select(edges.c.child_idx, edges.c.parent_idx).where(edges.c.child_idx.in_(some))
    yield from ((int(child), int(parent)) for child, parent in connection.execute(query))


def children(connection: Connection, some: list[int]) -> Iterator[tuple[int, int]]:
    """Yields (parent, child) of what came from records directly."""
    query = select(edges.c.parent_idx, edges.c.child_idx).where(edges.c.parent_idx.in_(some))
    yield from ((int(parent), int(child)) for parent, child in connection.execute(query))


def concerned(connection: Connection, some: list[int]) -> Iterator[tuple[int, int]]:
    """Yields (from, to) of what is wrong where records are: what came from them, and datasets with the same content."""
    yield from children(connection, some)
    same = datasets.alias()
    query = (
        select(datasets.c.idx, same.c.idx)
        .join(same, (same.c.sha256 == datasets.c.sha256) & (same.c.idx != datasets.c.idx))
        .where(datasets.c.idx.in_(some))
    )
    yield from ((int(one), int(other)) for one, other in connection.execute(query))


def reached(
    connection: Connection, start: Iterable[int], step: Step, *, depth: int | None = None, most: int | None = None
) -> tuple[set[int], bool]:
    """Follows a step until nothing new is found; a circle, which only a forged log could hold, ends it as well.

    Args:
        connection: To the tables.
        start: Places to go from.
        step: `parents`, `children` or `concerned`.
        depth: How many steps to go; all when None.
        most: How many records to find; all when None. Those nearest and lowest are kept.

    Returns:
        The places found, without those it went from, and whether those are all.
    """
    begun = set(start)
    found: set[int] = set()
    front, steps = begun, 0
    while front:
        front = {each for some in portions(front) for _, each in step(connection, some)} - found - begun
        if front and steps == depth:
            return found, False
        if most is not None and len(found) + len(front) > most:
            return found | set(sorted(front)[: most - len(found)]), False
        found |= front
        steps += 1
    return found, True


def edges_among(connection: Connection, shown: set[int]) -> list[Edge]:
    """Returns the steps between records, ascending; what a run says is not said again by the model it trained."""
    found: list[tuple[int, int, int | None]] = []
    for some in portions(shown):  # by child: what a record builds on is bounded, what builds on it is not
        for row in connection.execute(select(edges).where(edges.c.child_idx.in_(some))):
            if row.parent_idx in shown:
                run = None if row.run_idx is None else int(row.run_idx)
                found.append((int(row.parent_idx), int(row.child_idx), run))
    same = _tried(connection, {run for _, _, run in found if run is not None})
    told = _told_twice(found)
    return [Edge(*each, _standing(each[2], same)) for each in sorted(set(found) - told, key=lambda each: each[:2])]


def _told_twice(found: list[tuple[int, int, int | None]]) -> set[tuple[int, int, int | None]]:
    """Returns the steps from a dataset straight to a model that a run between the two says, too."""
    into = {(parent, child) for parent, child, run in found if run == child}
    makers: dict[int, list[int]] = {}
    for parent, child, run in found:
        if run == parent:
            makers.setdefault(child, []).append(parent)
    return {
        (parent, child, None)
        for parent, child, run in found
        if run is None and any((parent, maker) in into for maker in makers.get(child, ()))
    }


def _tried(connection: Connection, some: set[int]) -> dict[int, bool]:
    """Returns whether the newest rederivation of each of these runs came out the same."""
    same: dict[int, bool] = {}
    for portion in portions(some):
        newest = (
            select(func.max(rederivations.c.idx))
            .where(rederivations.c.run_idx.in_(portion))
            .group_by(rederivations.c.run_idx)
        )
        tried = select(rederivations.c.run_idx, rederivations.c.is_same).where(rederivations.c.idx.in_(newest))
        same |= {int(run): bool(is_same) for run, is_same in connection.execute(tried)}
    return same


def _standing(run: int | None, same: dict[int, bool]) -> Standing:
    if run is None or run not in same:
        return "declared"
    return "rederived" if same[run] else "differs"
