"""Decisions as JSON: one shape for the command line, the HTTP API and whoever reads either."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from counterfoil.decisions.decision import Decision
from counterfoil.decisions.deployment import Deployed, Preview
from counterfoil.decisions.history import FollowUp, History
from counterfoil.decisions.policies import RegisteredPolicy
from counterfoil.decisions.policy import Policy
from counterfoil.store.streams import time_text

__all__ = [
    "decision_json",
    "deployed_json",
    "found_json",
    "history_json",
    "policy_json",
    "preview_json",
    "registered_policy_json",
]


def decision_json(made: Decision) -> dict[str, Any]:
    """Returns a decision just made."""
    return {
        "contributions": [reason.to_json() for reason in made.reasons],
        "index": made.index,
        "label": made.label,
        "leaf": made.leaf,
        "promise": made.promise.encode().decode() if made.promise else None,
        "reasons": [reason.code for reason in made.reasons],
        "score": made.score,
        "score_micro": made.score_micro,
        "seq": made.seq,
        "subject": made.subject,
        "time": made.time,
    }


def deployed_json(each: Deployed) -> dict[str, Any]:
    """Returns a model at work under a policy."""
    return {"index": each.index, "leaf": each.leaf, "model": each.model_index, "policy": each.policy_index}


def found_json(row: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a decision as a search finds it."""
    names = ("label", "label_now", "score_micro", "outcome")
    return {"index": row["idx"], "time": time_text(int(row["time_s"]))} | {name: row[name] for name in names}


def history_json(history: History, *, with_values: bool = False) -> dict[str, Any]:
    """Returns what followed a decision, and its state; with what was written there, if wanted."""
    return {
        "followed": [_follow_up_json(each, with_values) for each in history.followed],
        "label_now": history.label_now,
        "model": history.model.index if history.model else None,
        "policy": f"{history.policy.name} {history.policy.version}" if history.policy else None,
        "state": history.state,
    }


def _follow_up_json(each: FollowUp, with_values: bool) -> dict[str, Any]:
    shown = {"index": each.index, "kind": each.kind, "leaf": each.leaf, "time": each.time}
    return shown | ({"values": None if each.values is None else dict(each.values)} if with_values else {})


def policy_json(rules: Policy) -> dict[str, Any]:
    """Returns a policy, in full."""
    return {"name": rules.name, "policy": rules.to_json(), "sha256": rules.digest(), "version": rules.version}


def preview_json(each: Preview) -> dict[str, Any]:
    """Returns what would be decided."""
    reasons = [reason.to_json() for reason in each.reasons]
    return {"contributions": reasons, "label": each.label, "score_micro": each.score_micro}


def registered_policy_json(found: RegisteredPolicy) -> dict[str, Any]:
    """Returns a policy on record."""
    return {"index": found.index, "leaf": found.leaf} | policy_json(found.policy)
