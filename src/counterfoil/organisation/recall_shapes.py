"""Recalls as JSON: one shape for the command line, the HTTP API and whoever reads either."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from counterfoil.organisation.notices import Written
from counterfoil.organisation.reach import DeploymentReach, Reach
from counterfoil.provenance import Node, Recall

__all__ = ["reach_json", "recall_json", "written_json"]


def recall_json(found: Recall) -> dict[str, Any]:
    """Returns a recall on record."""
    told = found.record
    ended = found.ended
    return {
        "action": told.action,
        "ended": None if ended is None else {"index": ended.index, "reason": ended.reason, "time": ended.time},
        "index": found.index,
        "leaf": found.leaf,
        "opened": found.opened,
        "reached": told.reached.to_json(),
        "reason": told.reason,
        "what": {"index": found.root, "kind": told.kind, "leaf": told.leaf, "name": told.name},
    }


def reach_json(reach: Reach, overlooked: Sequence[Node] = ()) -> dict[str, Any]:
    """Returns what a recall reaches; `overlooked` is what it does not, and somebody may think it does."""
    return {
        "deployments": [_deployment(each) for each in reach.deployments],
        "not_reached": [_node(each) for each in overlooked],
        "policies": [_node(each) for each in reach.policies],
        "reached": reach.numbers().to_json(),
        "records": [_node(each) for each in reach.nodes],
        "what": _node(reach.root),
    }


def written_json(made: Written) -> dict[str, Any]:
    """Returns what was written of a notice list."""
    return {
        "erased": made.erased,
        "file": str(made.path),
        "gone": made.gone,
        "look": made.look,
        "people": made.people,
        "unnamed": made.unnamed,
    }


def _node(each: Node) -> dict[str, Any]:
    return {"index": each.index, "kind": each.kind, "name": each.name}


def _deployment(each: DeploymentReach) -> dict[str, Any]:
    return {
        "decisions": each.decisions,
        "first": each.first,
        "index": each.index,
        "labels": [{"decisions": number, "label": label} for label, number in each.labels.items()],
        "last": each.last,
        "model": _node(each.model),
        "policy": _node(each.policy),
    }
