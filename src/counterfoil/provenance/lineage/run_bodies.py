"""What the routes about runs take and answer, as the OpenAPI description says it."""

from __future__ import annotations

from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["ComparedShown", "RunCode", "RunOnRecord", "RunShown", "RunToRecord", "TryShown", "Unmapped"]

_STRICT: Final = ConfigDict(extra="forbid", hide_input_in_errors=True)
_SHA256: Final = "^[0-9a-f]{64}$"


class RunCode(BaseModel):
    """What was run."""

    model_config = _STRICT

    name: str = Field(max_length=200)
    sha256: str = Field(pattern=_SHA256, description="Of its source, hexadecimal.")


class Unmapped(BaseModel):
    """Names of what was told and is not on record."""

    model_config = _STRICT

    inputs: list[str] = []
    outputs: list[str] = []
    parameters: list[str] = []


class RunToRecord(BaseModel):
    """A run that was done elsewhere: what went in, what came out, and how."""

    model_config = _STRICT

    name: str = Field(min_length=1, max_length=200, description="What was done.")
    kind: str = Field("transformation", max_length=32, description="transformation, training, …")
    inputs: list[str | int] = Field([], description="Datasets and models: name, NAME@VERSION, place or leaf hash.")
    outputs: list[str | int] = Field([], description="The same, of what came out.")
    code: RunCode | None = None
    parameters: dict[str, Any] = Field({}, description="JSON values; no secrets, nothing about a person.")
    environment: dict[str, Any] = {}
    seed: int | None = None
    started: str = Field("", max_length=20, description="UTC, 2026-11-23T19:00:00Z; now without it.")
    ended: str = Field("", max_length=20)
    status: Literal["succeeded", "failed"] = "succeeded"
    source: dict[str, str] = Field({}, description="system and id, of a run that another system kept.")
    results: dict[str, float | str] = Field({}, description="Numbers that it measured.")
    unmapped: Unmapped = Unmapped()
    kept: list[str] = Field(
        [],
        max_length=2,
        description="Source and list of packages, base64, to be kept; each is named by its digest.",
    )


class RunOnRecord(BaseModel):
    """A run on record."""

    index: int = Field(description="Place of its record in the log.")
    leaf: str = Field(description="Leaf hash of its record, hexadecimal.")
    name: str
    kind: str
    inputs: list[str] = Field(description="Leaf hashes of what went in.")
    outputs: list[str] = Field(description="Leaf hashes of what came out.")
    code: RunCode | None
    parameters: dict[str, Any]
    environment: dict[str, Any]
    seed: int | None
    started: str
    ended: str
    status: str
    source: dict[str, str]
    results: dict[str, Any]
    unmapped: Unmapped


class ComparedShown(BaseModel):
    """An output that was made again."""

    name: str
    recorded: str
    found: str = Field(description="Empty where a folder came out that holds nothing.")
    match: str = Field(description="What was compared: bytes, table or meaning.")


class TryShown(BaseModel):
    """That this home ran a run again, and what came out."""

    index: int
    same: bool
    by: str
    outputs: list[ComparedShown]


class RunShown(RunOnRecord):
    """A run on record, and how well it is known."""

    standing: str = Field(description="declared: it was told; rederived, differs: this home ran it again.")
    tries: list[TryShown]
