"""A piece of lineage: records and the steps between them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

__all__ = ["STANDING_WORDS", "Edge", "Graph", "Node", "Origin", "Standing", "Way"]

Standing: TypeAlias = Literal["declared", "rederived", "differs"]
"""How well an edge is known: it was told; this home ran the run again and got the same; or got something else."""

STANDING_WORDS: Final[dict[Standing, str]] = {
    "declared": "declared",
    "rederived": "re-derived",
    "differs": "differs",
}
"""The same as people read it."""


@dataclass(frozen=True, slots=True)
class Node:
    """A record in the graph: a dataset, run, model, policy, deployment or decision.

    Attributes:
        index: Its place in the log.
        kind: Of its record.
        name: What it is called.
        version: Of a dataset, model or policy; empty for others.
        what: What kind of run it is, such as `training`; empty for others.
        decisions: How many decisions a deployment has made, where the graph goes on from it; None for others.
    """

    index: int
    kind: str
    name: str
    version: str = ""
    what: str = ""
    decisions: int | None = None

    @property
    def title(self) -> str:
        """Name and version."""
        return f"{self.name} {self.version}" if self.version else self.name


@dataclass(frozen=True, slots=True)
class Edge:
    """One step: the child came from the parent. `run` is the place of the run that says so, None where none does."""

    parent: int
    child: int
    run: int | None
    standing: Standing


@dataclass(frozen=True, slots=True)
class Graph:
    """Records and the steps between them; ascending by place.

    Attributes:
        nodes: The records.
        edges: The steps between them.
        is_whole: Whether nothing was left out for a limit.
    """

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    is_whole: bool = True


@dataclass(frozen=True, slots=True)
class Way:
    """One way from a record to another: the records in order, and the steps between them."""

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]


@dataclass(frozen=True, slots=True)
class Origin:
    """A dataset that something came from.

    Attributes:
        dataset: The dataset.
        standing: Of all steps from it up to the model: `rederived` where all are, `differs` where any does.
        steps: Number of steps on the shortest way.
    """

    dataset: Node
    standing: Standing
    steps: int
