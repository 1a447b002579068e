"""Lineage as JSON: one shape for the command line and the HTTP API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from counterfoil.provenance.lineage.graph import Edge, Graph, Node, Origin, Way

__all__ = ["graph_in", "graph_json", "origin_in", "origin_json", "way_in", "way_json"]


def graph_json(found: Graph) -> dict[str, Any]:
    """Returns a graph as JSON values."""
    return {
        "nodes": [_node_json(each) for each in found.nodes],
        "edges": [_edge_json(each) for each in found.edges],
        "whole": found.is_whole,
    }


def graph_in(told: Mapping[str, Any]) -> Graph:
    """Returns a graph that was told as JSON."""
    nodes = tuple(_node_in(each) for each in told["nodes"])
    return Graph(nodes, tuple(_edge_in(each) for each in told["edges"]), told["whole"] is True)


def way_json(found: Way) -> dict[str, Any]:
    """Returns a way as JSON values."""
    return {"nodes": [_node_json(each) for each in found.nodes], "edges": [_edge_json(each) for each in found.edges]}


def way_in(told: Mapping[str, Any]) -> Way:
    """Returns a way that was told as JSON."""
    return Way(tuple(_node_in(each) for each in told["nodes"]), tuple(_edge_in(each) for each in told["edges"]))


def origin_json(found: Origin) -> dict[str, Any]:
    """Returns a dataset that something came from as JSON values."""
    return {"dataset": _node_json(found.dataset), "standing": found.standing, "steps": found.steps}


def origin_in(told: Mapping[str, Any]) -> Origin:
    """Returns a dataset that something came from, as it was told as JSON."""
    return Origin(_node_in(told["dataset"]), told["standing"], int(told["steps"]))


def _node_json(node: Node) -> dict[str, Any]:
    return {
        "index": node.index,
        "kind": node.kind,
        "name": node.name,
        "version": node.version,
        "what": node.what,
        "decisions": node.decisions,
    }


def _node_in(told: Mapping[str, Any]) -> Node:
    made = told["decisions"]
    return Node(
        int(told["index"]),
        str(told["kind"]),
        str(told["name"]),
        str(told["version"]),
        str(told["what"]),
        None if made is None else int(made),
    )


def _edge_json(edge: Edge) -> dict[str, Any]:
    return {"parent": edge.parent, "child": edge.child, "run": edge.run, "standing": edge.standing}


def _edge_in(told: Mapping[str, Any]) -> Edge:
    run = told["run"]
    return Edge(int(told["parent"]), int(told["child"]), None if run is None else int(run), told["standing"])
