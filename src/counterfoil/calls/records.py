"""The records calls leave: the call itself, and the parts of values too large for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from counterfoil.calls.call import Call
from counterfoil.calls.values import plain
from counterfoil.core.schema import Schema, SchemaField
from counterfoil.core.statement import Draft
from counterfoil.store.requests import tag_of

__all__ = ["CALL", "OPERATIONS", "OTHER", "PART", "STREAM", "call_draft", "call_values", "part_draft"]

STREAM: Final = "calls"
"""Where calls go when no other stream is named."""

CALL: Final = Schema(
    "call",
    (
        SchemaField("/agent", "Agent"),
        SchemaField("/attributes", "What else was told, by name"),
        SchemaField("/ended", "End", "string"),
        SchemaField("/error", "What went wrong"),
        SchemaField("/events", "What happened meanwhile"),
        SchemaField("/input", "What was asked"),
        SchemaField("/instructions", "What the model was told to be"),
        SchemaField("/model", "Model that was asked"),
        SchemaField("/name", "Name of the call"),
        SchemaField("/operation", "What was done"),
        SchemaField("/output", "What came back"),
        SchemaField("/provider", "Who runs the model"),
        SchemaField("/started", "Start", "string"),
        SchemaField("/subject", "Reference of the person", "string"),
        SchemaField("/tool", "Tool"),
        SchemaField("/trace", "Place in a trace", "object"),
    ),
)
PART: Final = Schema("part", (SchemaField("/text", "A piece of a value's canonical JSON", "string"),))

OTHER: Final = "other"
OPERATIONS: Final = frozenset(
    {
        "chat",
        "create_agent",
        "embeddings",
        "execute_tool",
        "generate_content",
        "invoke_agent",
        "invoke_workflow",
        "plan",
        "request",
        "retrieval",
        "text_completion",
    }
)
"""Operations that a record names in public; any other word could say something about a person."""


def call_draft(operation: str, stream: str, builds_on: Sequence[str], request: bytes | None = None) -> Draft:
    """Returns the public part of a call's record."""
    about = {"operation": operation if operation in OPERATIONS else OTHER} | tag_of(request)
    return Draft("call", stream, "call", tuple(builds_on), about)


def part_draft(stream: str) -> Draft:
    """Returns the public part of the record of a piece of a large value."""
    return Draft("part", stream, "part")


def call_values(call: Call, subject: str | None) -> dict[str, Any]:
    """Returns a call's private fields by pointer; what was not told is absent."""
    told: dict[str, Any] = {
        "/agent": call.agent,
        "/attributes": call.attributes or None,
        "/error": call.error,
        "/events": list(call.events) or None,
        "/input": call.input,
        "/instructions": call.instructions,
        "/model": call.model,
        "/name": call.name,
        "/operation": call.operation,
        "/output": call.output,
        "/provider": call.provider,
        "/tool": call.tool,
    }
    as_recorded = (lambda value: value) if call.is_plain else plain
    values = {pointer: as_recorded(value) for pointer, value in told.items() if value is not None}
    if call.started is not None:
        values["/started"] = call.started
    if call.ended is not None:
        values["/ended"] = call.ended
    if call.place is not None:
        place = {"parent": call.place.parent, "span": call.place.span, "trace": call.place.trace}
        values["/trace"] = {name: plain(part) for name, part in place.items() if part}
    if subject is not None:
        values["/subject"] = subject
    return values
