"""What the check of one output gives: the bytes that may leave, and the values to be held against the data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from counterfoil.market.compute.gate.cells import Run

__all__ = ["Checked"]


@dataclass(frozen=True, slots=True)
class Checked:
    """An output that keeps to its rule.

    Attributes:
        data: What may leave. It is written anew from what was read, so that nothing rides along between the values.
        runs: Its values, to be held against the data.
        trees: Of an integer tree model, its document: rows in leaves are counted with it. Empty otherwise.
    """

    data: bytes
    runs: Sequence[Run]
    trees: Mapping[str, Any] = field(default_factory=dict)
