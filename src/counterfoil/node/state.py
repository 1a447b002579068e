"""The node's own state, beside the truth: who may come in, what is under way, what must still be told.

It lies in node.db. Where that is lost, keys and accounts are given out anew.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from sqlalchemy import MetaData

from counterfoil.store.state_file import StateFile

__all__ = ["STATE_FILE", "NodeState", "metadata"]

STATE_FILE: Final = "node.db"

metadata: Final = MetaData()
"""Every part of the node adds its tables here."""


class NodeState(StateFile):
    """The state of one node; see `StateFile`."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, metadata)
