"""Runs as JSON: one shape for the command line and the HTTP API."""

from __future__ import annotations

from typing import Any

from counterfoil.provenance.lineage.runs import Run, Runs

__all__ = ["run_json", "shown_json"]


def run_json(found: Run) -> dict[str, Any]:
    """Returns a run as JSON values."""
    return {"index": found.index, "leaf": found.leaf} | dict(found.record.about)


def shown_json(runs: Runs, found: Run) -> dict[str, Any]:
    """Returns a run, and how well it is known."""
    tries = []
    for index, each in runs.tries(found):
        about = each.about
        tries.append({"index": index, "same": about["same"], "by": about["by"], "outputs": about["outputs"]})
    return run_json(found) | {"standing": runs.standing(found), "tries": tries}
