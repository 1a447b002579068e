"""OpenTelemetry: spans of model, tool and agent calls become records, durable when they end.

    provider = TracerProvider()
    provider.add_span_processor(CallSpanProcessor(org))

Unlike a batch processor nothing waits in memory: when the span has ended, its record is on
disk, or in the durable queue while the log is away. The caller waits for that (many threads
share one sync); a slow disk makes calls slower, and loses none.

Events that instrumentations send as logs are recorded with their span when the logger provider
knows `processor.events`:

    logger_provider.add_log_record_processor(processor.events)
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any, Final

from counterfoil.adapters.keeping import KeepsCalls, missing_extra, reason_of, say_error
from counterfoil.adapters.span_calls import OPERATION, call_of, is_genai, subject_of, trace_of
from counterfoil.adapters.traces import Traces
from counterfoil.calls import Call
from counterfoil.calls.call import TracePlace, nanosecond_text
from counterfoil.calls.records import OTHER, STREAM

try:
    from opentelemetry.context import Context
    from opentelemetry.sdk._logs import LogRecordProcessor, ReadWriteLogRecord
    from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor
except ImportError as error:
    raise missing_extra("opentelemetry-sdk", "otel") from error

__all__ = ["CallEvents", "CallSpanProcessor"]

MOST_RUNNING: Final = 100_000
"""Running spans whose logged events are kept for them; an event of any other is recorded by itself."""

_PREFIX: Final = "gen_ai."


class CallSpanProcessor(SpanProcessor):
    """Records every GenAI span as a call before its `end` returns.

    It never raises into the code that is traced. What could not even be queued is
    counted in `unrecorded` and logged as an error, without what it said.

    Args:
        organisation: An opened home, or a client of a node.
        stream: The stream its calls go to.
        subject: Returns the person whom a span is about; by default `enduser.id` or `user.id`.
        select: Which spans to record; by default those with `gen_ai.` attributes or events.

    Attributes:
        recorded: Records in the log.
        spooled: Records in the durable queue.
        unrecorded: Spans that are on no disk.
        events: Takes events that are sent as logs.
    """

    def __init__(
        self,
        organisation: KeepsCalls,
        *,
        stream: str = STREAM,
        subject: Callable[[ReadableSpan], str | None] = subject_of,
        select: Callable[[ReadableSpan], bool] = is_genai,
    ) -> None:
        self._organisation = organisation
        self._stream = stream
        self._subject = subject
        self._select = select
        self._traces = Traces()
        self._lock = threading.Lock()  # guards the counts
        self.recorded = self.spooled = self.unrecorded = 0
        self.events = CallEvents(self._record)

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Begins to keep logged events for the span."""
        self.events.begin(_id_of(span))

    def on_end(self, span: ReadableSpan) -> None:
        """Returns when the span's record is durable."""
        try:
            logged = self.events.end(_id_of(span))
            if logged or self._is_selected(span):
                self._record(call_of(span, logged), self._subject_of(span))
            if span.parent is None or span.parent.is_remote:
                self._traces.end(trace_of(span))
        except Exception as error:  # noqa: BLE001 - a span's end must not raise into the code that is traced
            self._count_lost(error)

    def shutdown(self) -> None:
        """Records logged events whose spans never ended; closing the organisation is its owner's part."""
        self.events.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Returns at once: nothing waits. False where something could not be recorded."""
        return self.unrecorded == 0

    def _record(self, call: Call, subject: str | None) -> None:
        """Makes a call durable, or counts it as lost."""
        trace = call.place.trace if call.place is not None else ""
        built_on = self._traces.newest(trace)
        try:
            made = self._organisation.calls.record(
                call, subject=subject, builds_on=built_on, stream=self._stream, on_log_failure="spool"
            )
        except Exception as error:  # noqa: BLE001 - as above
            self._count_lost(error)
            return
        if trace:
            self._traces.add(trace, made.leaf, built_on)
        with self._lock:
            if made.index is None:
                self.spooled += 1
            else:
                self.recorded += 1

    def _is_selected(self, span: ReadableSpan) -> bool:
        try:
            return self._select(span)
        except Exception as error:  # noqa: BLE001 - rather one record too many
            say_error("a span is recorded because choosing failed (%s)", type(error).__name__)
            return True

    def _subject_of(self, span: ReadableSpan) -> str | None:
        """Returns the person's reference in a form that can be recorded."""
        try:
            found = self._subject(span)
        except Exception as error:  # noqa: BLE001 - the span is recorded without
            say_error("a span is recorded about nobody: looking for its person failed (%s)", type(error).__name__)
            return None
        return str(found).encode("utf-8", "backslashreplace").decode() if found not in (None, "") else None

    def _count_lost(self, error: Exception) -> None:
        with self._lock:
            self.unrecorded += 1
        say_error("a span could not be recorded, and is lost: %s", reason_of(error))


class CallEvents(LogRecordProcessor):
    """Keeps GenAI events that are sent as logs until their span ends.

    An event without a running span is recorded by itself, at once.

    Args:
        record: Makes a call durable.
    """

    def __init__(self, record: Callable[[Call, str | None], None]) -> None:
        self._record = record
        self._lock = threading.Lock()
        self._running: OrderedDict[tuple[int, int], list[dict[str, Any]]] = OrderedDict()

    def begin(self, span: tuple[int, int]) -> None:
        """Begins to keep events for a span."""
        orphans: list[tuple[tuple[int, int], list[dict[str, Any]]]] = []
        with self._lock:
            self._running[span] = []
            while len(self._running) > MOST_RUNNING:
                orphans.append(self._running.popitem(last=False))
        self._record_orphans(orphans)

    def end(self, span: tuple[int, int]) -> list[dict[str, Any]]:
        """Returns the events of a span that has ended."""
        with self._lock:
            return self._running.pop(span, [])

    def on_emit(self, log_record: ReadWriteLogRecord) -> None:
        """Takes an event."""
        try:
            event = _event(log_record)
            if event is None:
                return
            told = log_record.log_record
            span = (told.trace_id or 0, told.span_id or 0)
            with self._lock:
                kept = self._running.get(span)
                if kept is not None:
                    kept.append(event)
                    return
            self._record_orphans([(span, [event])])
        except Exception as error:  # noqa: BLE001 - a log line must not raise into the code that writes it
            say_error("an event could not be recorded, and is lost (%s)", type(error).__name__)

    def shutdown(self) -> None:
        """Records the events whose spans never ended."""
        with self._lock:
            orphans, self._running = list(self._running.items()), OrderedDict()
        self._record_orphans(orphans)

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Returns at once."""
        return True

    def _record_orphans(self, orphans: list[tuple[tuple[int, int], list[dict[str, Any]]]]) -> None:
        for (trace, span), events in orphans:
            if not events:
                continue
            told = (event["attributes"].get(OPERATION) for event in events)
            operation = next((name for name in told if isinstance(name, str)), OTHER)
            place = TracePlace(f"{trace:032x}", f"{span:016x}") if trace else None
            self._record(Call(operation, events=events, place=place), None)


def _id_of(span: ReadableSpan) -> tuple[int, int]:
    context = span.context
    return (context.trace_id, context.span_id) if context is not None else (0, 0)


def _event(log_record: ReadWriteLogRecord) -> dict[str, Any] | None:
    """Returns a GenAI event as it is recorded, None for any other line of a log."""
    told = log_record.log_record
    attributes: Mapping[str, Any] = dict(told.attributes or {})
    name = told.event_name or attributes.get("event.name") or ""
    if not str(name).startswith(_PREFIX) and not any(key.startswith(_PREFIX) for key in attributes):
        return None
    event: dict[str, Any] = {"attributes": attributes, "name": name}
    time_ns = told.timestamp or told.observed_timestamp
    if time_ns is not None:
        event["time"] = nanosecond_text(time_ns)
    if told.body is not None:
        event["body"] = told.body
    return event
