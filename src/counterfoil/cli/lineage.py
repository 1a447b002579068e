"""`counterfoil lineage`, with the imports that adapters bring."""

from __future__ import annotations

from counterfoil.adapters.mlflow_commands import import_mlflow
from counterfoil.provenance.lineage.commands import import_runs, lineage

__all__ = ["lineage"]

import_runs.add_command(import_mlflow)
