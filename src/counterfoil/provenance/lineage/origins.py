"""Which datasets a record came from, and how well that is known."""

from __future__ import annotations

from collections import deque
from typing import Final

from counterfoil.provenance.lineage.graph import Edge, Graph, Origin, Standing

__all__ = ["origins_in", "worst"]

_ORDER: Final[tuple[Standing, ...]] = ("rederived", "declared", "differs")
"""From the best known to what is known to be otherwise."""

_BEYOND: Final = frozenset({"deployment", "decision"})
"""What comes after the model: steps into these are acts of this home, not something to run again."""


def worst(*standings: Standing) -> Standing:
    """Returns the standing of several steps together: no better than the least of them."""
    return max(standings, key=_ORDER.index)


def origins_in(graph: Graph, place: int) -> tuple[Origin, ...]:
    """Returns the datasets of a graph that a record came from, ascending by place.

    A dataset counts as `rederived` where every step on every way from it up to the model is, and
    as `differs` where any of them does. Without any step to re-derive it is `declared`.
    """
    kinds = {node.index: node.kind for node in graph.nodes}
    into: dict[int, list[Edge]] = {}
    for edge in graph.edges:
        into.setdefault(edge.child, []).append(edge)
    known: dict[int, Standing | None] = {place: None}
    steps = {place: 0}
    waiting = deque([place])
    while waiting:  # a record is looked at again only when it turned out worse, at most twice: circles end, too
        at = waiting.popleft()
        for edge in into.get(at, ()):
            told = known[at] if kinds[at] in _BEYOND else _joined(known[at], edge.standing)
            if edge.parent not in known or known[edge.parent] != _joined(known[edge.parent], told):
                known[edge.parent] = _joined(known.get(edge.parent), told)
                waiting.append(edge.parent)
            steps[edge.parent] = min(steps.get(edge.parent, steps[at] + 1), steps[at] + 1)
    return tuple(
        Origin(node, known[node.index] or "declared", steps[node.index])
        for node in graph.nodes
        if node.kind == "dataset" and node.index != place and node.index in known
    )


def _joined(one: Standing | None, other: Standing | None) -> Standing | None:
    if one is None or other is None:
        return one or other
    return worst(one, other)
