"""Lineage as lines of text: a tree each way, every step with how well it is known."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from counterfoil.core.wording import counted
from counterfoil.provenance.lineage.graph import STANDING_WORDS, Edge, Graph, Node, Way
from counterfoil.provenance.lineage.picture.picture import kind_words

__all__ = ["tree_lines", "way_lines"]

_INDENT = "  "


def tree_lines(graph: Graph, focus: int, *, back: bool = True, forth: bool = True) -> Iterator[str]:
    """Yields a record, what it came from and what it reached; what stands further up already is not told again."""
    nodes = {node.index: node for node in graph.nodes}
    yield _words(nodes[focus])
    if back:
        yield from _branches("It came from", nodes, graph.edges, focus, lambda edge: (edge.child, edge.parent))
    if forth:
        yield from _branches("It reached", nodes, graph.edges, focus, lambda edge: (edge.parent, edge.child))
    if not graph.is_whole:
        yield "There is more; only the nearest is shown."


def way_lines(way: Way) -> Iterator[str]:
    """Yields the records of a way, each with how well the step to it is known."""
    yield _words(way.nodes[0])
    for node, edge in zip(way.nodes[1:], way.edges, strict=True):
        yield f"{_INDENT}{STANDING_WORDS[edge.standing]}: {_words(node)}"


def _branches(
    title: str,
    nodes: dict[int, Node],
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
        yield f"{_INDENT * depth}{STANDING_WORDS[edge.standing]}: {_words(nodes[at])}{again}"
        if at in told:
            continue
        told.add(at)
        yield from _made(nodes[at], depth + 1)
        waiting += [(depth + 1, there, step) for there, step in reversed(further)]


def _made(node: Node, depth: int) -> Iterator[str]:
    if node.decisions:
        yield f"{_INDENT * depth}declared: {counted(node.decisions, 'decision')}"


def _words(node: Node) -> str:
    return f"{kind_words(node)} {node.title}, record {node.index}"
