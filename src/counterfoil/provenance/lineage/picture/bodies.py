"""What the lineage routes answer, as the OpenAPI description says it."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field

__all__ = ["LineageGraph", "LineageOrigin", "LineageWay"]

Standing = Literal["declared", "rederived", "differs"]


class LineageNode(BaseModel):
    """A record."""

    index: int = Field(description="Its place in the log.")
    kind: str = Field(description="dataset, run, model, policy, deployment, decision.")
    name: str
    version: str = Field(description="Of a dataset, model or policy; empty for others.")
    what: str = Field(description="What kind of run it is, such as training; empty for others.")
    decisions: int | None = Field(description="How many a deployment made; null for others, and further back.")


class LineageEdge(BaseModel):
    """A step: the child came from the parent."""

    parent: int = Field(description="Place of a record.")
    child: int = Field(description="Place of the record that came from it.")
    run: int | None = Field(description="Place of the run that says so; null where none does.")
    standing: Standing = Field(
        description="declared: told; rederived: run again, and the same came out; differs: something else did."
    )


class LineageGraph(BaseModel):
    """Records and the steps between them, ascending by place."""

    nodes: list[LineageNode]
    edges: list[LineageEdge]
    whole: bool = Field(description="Whether nothing was left out for a limit.")


class LineageWay(BaseModel):
    """One way from a record to another: the records in order, and the steps between them."""

    nodes: list[LineageNode]
    edges: list[LineageEdge]


class LineageOrigin(BaseModel):
    """A dataset that the record came from."""

    dataset: LineageNode
    standing: Standing = Field(description="Of all steps from it up to the model: no better than the least of them.")
    steps: int = Field(description="Number of steps on the shortest way.")
