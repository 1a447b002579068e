"""A span of the GenAI semantic conventions, told as a call.

The attributes that have a field of their own are moved there, as they are; all others stay under
their own names. Attribute names are those of the OpenTelemetry semantic conventions 1.37 and, where
instrumentations still use them, of earlier ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from counterfoil.calls import Call
from counterfoil.calls.call import TracePlace, nanosecond_text
from counterfoil.calls.records import OTHER

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.trace import SpanContext

__all__ = ["MOVED", "OPERATION", "call_of", "is_genai", "subject_of", "trace_of"]

OPERATION: Final = "gen_ai.operation.name"
MOVED: Final = {
    "provider": ("gen_ai.provider.name", "gen_ai.system"),
    "model": ("gen_ai.request.model",),
    "agent": ("gen_ai.agent.name",),
    "tool": ("gen_ai.tool.name",),
    "instructions": ("gen_ai.system_instructions",),
    "input": ("gen_ai.input.messages", "gen_ai.tool.call.arguments", "gen_ai.retrieval.query.text", "gen_ai.prompt"),
    "output": ("gen_ai.output.messages", "gen_ai.tool.call.result", "gen_ai.retrieval.documents", "gen_ai.completion"),
}
"""Which attribute goes into which field; of several, the first that is there."""

_SUBJECTS: Final = ("enduser.id", "user.id")
_PREFIX: Final = "gen_ai."


def is_genai(span: ReadableSpan) -> bool:
    """Whether a span tells of a model, tool or agent: it, or one of its events, says `gen_ai.`."""
    if any(name.startswith(_PREFIX) for name in span.attributes or ()):
        return True
    return any(
        event.name.startswith(_PREFIX) or any(name.startswith(_PREFIX) for name in event.attributes or ())
        for event in span.events
    )


def subject_of(span: ReadableSpan) -> str | None:
    """Returns the person a span names, by `enduser.id` or `user.id`."""
    told = span.attributes or {}
    return next((str(told[name]) for name in _SUBJECTS if told.get(name) not in (None, "")), None)


def trace_of(span: ReadableSpan) -> str:
    """Returns the id of a span's trace, 32 hexadecimal digits; empty where it has none."""
    return f"{span.context.trace_id:032x}" if span.context is not None else ""


def call_of(span: ReadableSpan, log_events: Sequence[Mapping[str, Any]] = ()) -> Call:
    """Returns everything a span tells, as a call.

    Args:
        span: A span that has ended.
        log_events: What was logged while it ran.
    """
    told: dict[str, Any] = dict(span.attributes or {})
    operation = told.get(OPERATION)
    if isinstance(operation, str):
        del told[OPERATION]
    moved = {}
    for field, names in MOVED.items():
        found = next((name for name in names if name in told), None)
        if found is not None:
            moved[field] = told.pop(found)
    return Call(
        operation if isinstance(operation, str) else OTHER,
        name=span.name,
        error=_error(span, told),
        started=_time(span.start_time),
        ended=_time(span.end_time),
        place=_place(span),
        attributes=told | _context(span),
        events=[*_events(span), *log_events],
        **moved,
    )


def _error(span: ReadableSpan, told: dict[str, Any]) -> dict[str, Any] | None:
    if span.status.is_ok and "error.type" not in told:
        return None
    error = {"description": span.status.description, "type": told.pop("error.type", None)}
    return {name: value for name, value in error.items() if value is not None}


def _place(span: ReadableSpan) -> TracePlace | None:
    if span.context is None:
        return None
    parent = f"{span.parent.span_id:016x}" if span.parent is not None else ""
    return TracePlace(trace_of(span), f"{span.context.span_id:016x}", parent)


def _context(span: ReadableSpan) -> dict[str, Any]:
    """Returns what surrounds the span: whose it is, what it is linked to, what the SDK's own limits took from it."""
    found: dict[str, Any] = {}
    service = span.resource.attributes.get("service.name")
    if service is not None:
        found["service.name"] = service
    if span.instrumentation_scope is not None:
        found["otel.scope.name"] = span.instrumentation_scope.name
    if span.links:
        found["otel.links"] = [_link(link.context, link.attributes or {}) for link in span.links]
    dropped = {"attributes": span.dropped_attributes, "events": span.dropped_events, "links": span.dropped_links}
    if any(dropped.values()):
        found["otel.dropped"] = dropped
    return found


def _link(context: SpanContext, attributes: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "attributes": dict(attributes),
        "span": f"{context.span_id:016x}",
        "trace": f"{context.trace_id:032x}",
    }


def _events(span: ReadableSpan) -> list[dict[str, Any]]:
    return [
        {"attributes": dict(event.attributes or {}), "name": event.name, "time": nanosecond_text(event.timestamp)}
        for event in span.events
    ]


def _time(time_ns: int | None) -> str | None:
    return None if time_ns is None else nanosecond_text(time_ns)
