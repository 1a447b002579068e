"""Lineage as lines of text: a tree each way, every run and every other step with how well it is known.

The word stands with the run, for it was the run that was run again, not what went in or came out.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator

from counterfoil.core.wording import counted
from counterfoil.provenance.lineage.graph import STANDING_WORDS, Edge, Graph, Node, Way
from counterfoil.provenance.lineage.picture.picture import kind_words

__all__ = ["tree_lines", "way_lines"]

_INDENT = "  "


def tree_lines(
    graph: Graph, focus: int, *, back: bool = True, forth: bool = True, recalled: Collection[int] = ()
) -> Iterator[str]:
    """Yields a record, what it came from and what it reached; what stands further up already is not told again.

    Args:
        graph: The records and the steps between them.
        focus: Place of the record that was asked for.
        back: Whether to tell what it came from.
        forth: Whether to tell what came from it.
        recalled: Places of what is under recall.
    """
    nodes = {node.index: node for node in graph.nodes}
    words = {node.index: _words(node, recalled) for node in graph.nodes}
    yield _own(graph.edges, focus) + words[focus]
    if back:
        yield from _branches("It came from", nodes, words, graph.edges, focus, lambda edge: (edge.child, edge.parent))
    if forth:
        yield from _branches("It reached", nodes, words, graph.edges, focus, lambda edge: (edge.parent, edge.child))
    if not graph.is_whole:
        yield "There is more; only the nearest is shown."


def way_lines(way: Way, recalled: Collection[int] = ()) -> Iterator[str]:
    """Yields the records of a way, its runs and other steps with how well they are known."""
    first = way.nodes[0]
    yield _own(way.edges, first.index) + _words(first, recalled)
    for node, edge in zip(way.nodes[1:], way.edges, strict=True):
        yield f"{_INDENT}{_standing(edge, node.index)}{_words(node, recalled)}"


def _branches(
    title: str,
    nodes: dict[int, Node],
    words: dict[int, str],
    edges: tuple[Edge, ...],
    focus: int,
    ends: Callable[[Edge], tuple[int, int]],
) -> Iterator[str]:
    """Yields one side of the tree, depth first; `ends` says from where a step goes to where on this side."""
    beside: dict[int, list[tuple[int, Edge]]] = {}
    for edge in edges:
        here, there = ends(edge)
        beside.setdefault(here, []).append((there, edge))
    if focus not in beside and not nodes[focus].decisions:
        yield f"{title} nothing on record."
        return
    yield f"{title}:"
    yield from _made(nodes[focus], 1)
    told = {focus}
    waiting = [(1, there, edge) for there, edge in reversed(beside.get(focus, []))]
    while waiting:
        depth, at, edge = waiting.pop()
        further = beside.get(at, [])
        again = ", as above" if at in told and further else ""
        yield f"{_INDENT * depth}{_standing(edge, at)}{words[at]}{again}"
        if at in told:
            continue
        told.add(at)
        yield from _made(nodes[at], depth + 1)
        waiting += [(depth + 1, there, step) for there, step in reversed(further)]


def _made(node: Node, depth: int) -> Iterator[str]:
    if node.decisions:
        yield f"{_INDENT * depth}declared: {counted(node.decisions, 'decision')}"


def _own(edges: tuple[Edge, ...], at: int) -> str:
    """Returns how well a run that stands first is known; nothing for another record."""
    return next((_standing(edge, at) for edge in edges if edge.run == at), "")


def _standing(edge: Edge, at: int) -> str:
    """Returns how well a step to `at` is known, in front of it; nothing where the run at its other end says so."""
    return f"{STANDING_WORDS[edge.standing]}: " if edge.run in (None, at) else ""


def _words(node: Node, recalled: Collection[int]) -> str:
    suffix = ", under recall" if node.index in recalled else ""
    return f"{kind_words(node)} {node.title}, record {node.index}{suffix}"
