"""Spans of the real OpenTelemetry SDK become records, whatever they hold and whatever the disk does."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry._logs import LogRecord
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits, TracerProvider
from opentelemetry.trace import Link, NonRecordingSpan, SpanContext, Status, StatusCode, TraceFlags, Tracer
from organisations import Bank, bank, full_disk, full_log

from counterfoil.adapters.opentelemetry import CallSpanProcessor
from counterfoil.adapters.span_calls import MOVED, subject_of

MESSAGES = json.dumps([{"role": "user", "parts": [{"type": "text", "content": "May I have a loan?"}]}])
CHAT: dict[str, Any] = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "acme",
    "gen_ai.request.model": "small",
    "gen_ai.input.messages": MESSAGES,
    "gen_ai.output.messages": "[]",
    "gen_ai.usage.input_tokens": 7,
    "enduser.id": "p-1",
}


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Bank]:
    with bank(tmp_path) as opened:
        yield opened


@contextmanager
def tracing(made: Bank, **settings: Any) -> Iterator[tuple[Tracer, CallSpanProcessor]]:
    limits = settings.pop("limits", None)
    provider = TracerProvider(shutdown_on_exit=False, span_limits=limits)
    processor = CallSpanProcessor(made.org, **settings)
    provider.add_span_processor(processor)
    yield provider.get_tracer("agents", "1"), processor
    provider.shutdown()


def newest(made: Bank) -> dict[str, Any]:
    return dict(made.org.calls.values(made.org.calls.search(limit=1)[0]["idx"]))


def test_when_a_span_has_ended_its_record_is_in_the_log(made: Bank) -> None:
    with tracing(made) as (tracer, processor):
        with tracer.start_as_current_span("chat small", attributes=CHAT) as span:
            assert processor.recorded == 0
            span.add_event("gen_ai.content", {"gen_ai.prompt": "x"})
        assert (processor.recorded, processor.spooled, processor.unrecorded) == (1, 0, 0)
        assert processor.force_flush()

    (row,) = made.org.calls.search(subject="p-1")
    assert (row["operation"], row["model"], row["has_failed"]) == ("chat", "small", 0)
    values = made.org.calls.values(row["idx"])
    assert values["/input"] == MESSAGES
    assert values["/output"] == "[]"
    assert values["/provider"] == "acme"
    assert values["/name"] == "chat small"
    assert values["/attributes"]["gen_ai.usage.input_tokens"] == 7
    assert values["/attributes"]["otel.scope.name"] == "agents"
    assert values["/events"][0]["attributes"] == {"gen_ai.prompt": "x"}
    assert values["/started"] <= values["/ended"]
    assert values["/trace"]["span"] == f"{span.get_span_context().span_id:016x}"
    entry = made.org.archive.entry(row["idx"])
    assert not any(private in entry for private in (b"loan", b"small", b"acme", values["/trace"]["trace"].encode()))


def test_other_spans_are_left_alone_and_may_be_chosen(made: Bank) -> None:
    size = made.org.archive.size
    with tracing(made) as (tracer, processor), tracer.start_as_current_span("GET /", attributes={"http.route": "/"}):
        pass
    assert made.org.archive.size == size
    with tracing(made, select=lambda span: True) as (tracer, processor):
        with tracer.start_as_current_span("GET /"):
            pass
        assert processor.recorded == 1
    assert made.org.calls.search()[0]["operation"] == "other"


@pytest.mark.parametrize("field", MOVED)
def test_each_field_is_filled_from_the_first_of_its_attributes(made: Bank, field: str) -> None:
    names = MOVED[field]
    for place in range(len(names)):
        told = {name: name for name in names[place:]}
        with tracing(made) as (tracer, _), tracer.start_as_current_span("x", attributes=told):
            pass
        values = newest(made)
        assert values[f"/{field}"] == names[place]
        assert all(values["/attributes"][name] == name for name in names[place + 1 :])
        assert names[place] not in values["/attributes"]


def test_children_and_siblings_of_a_trace_build_on_one_another(made: Bank) -> None:
    with tracing(made) as (tracer, _):
        with tracer.start_as_current_span("agent", attributes={"gen_ai.operation.name": "invoke_agent"}):
            for number in range(3):
                told = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": f"tool {number}"}
                with tracer.start_as_current_span("tool", attributes=told):
                    pass
        with tracer.start_as_current_span("other trace", attributes=CHAT):
            pass
    *rows, alone = reversed(made.org.calls.search())
    assert [row["operation"] for row in rows] == ["execute_tool"] * 3 + ["invoke_agent"]
    records = [made.org.archive.record(row["idx"]) for row in rows]
    leaves = [made.org.archive.leaf_hex(row["idx"]) for row in rows]
    assert records[0].builds_on == ()
    assert [record.builds_on for record in records[1:]] == [(leaf,) for leaf in leaves[:-1]]
    assert made.org.archive.record(alone["idx"]).builds_on == ()
    parents = [made.org.calls.values(row["idx"])["/trace"].get("parent") for row in rows]
    root = made.org.calls.values(rows[-1]["idx"])["/trace"]["span"]
    assert parents == [root, root, root, None]
    assert len({row["trace"] for row in rows}) == 1


def test_a_trace_that_came_from_elsewhere_ends_with_its_first_span_here(made: Bank) -> None:
    far = NonRecordingSpan(SpanContext(5, 6, is_remote=True, trace_flags=TraceFlags(1)))
    context = trace.set_span_in_context(far)
    with tracing(made) as (tracer, _):
        for _ in range(2):
            with tracer.start_as_current_span("chat", attributes=CHAT, context=context):
                pass
    for row in made.org.calls.search():
        assert made.org.archive.record(row["idx"]).builds_on == ()
        assert made.org.calls.values(row["idx"])["/trace"]["parent"] == f"{6:016x}"


def test_spans_that_end_at_the_same_time_are_all_reached_from_the_last(made: Bank) -> None:
    with tracing(made) as (tracer, processor):
        with tracer.start_as_current_span("agent", attributes={"gen_ai.operation.name": "invoke_agent"}) as root:
            context = trace.set_span_in_context(root)

            def work() -> None:
                for _ in range(10):
                    with tracer.start_as_current_span("chat", attributes=CHAT, context=context):
                        pass

            threads = [threading.Thread(target=work) for _ in range(8)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        assert processor.recorded == 81
    rows = made.org.calls.search(limit=100)
    seen, waiting = set(), [rows[0]["idx"]]
    while waiting:
        index = waiting.pop()
        if index not in seen:
            seen.add(index)
            waiting += [made.org.views.index_of(leaf) for leaf in made.org.archive.record(index).builds_on]
    assert seen == {row["idx"] for row in rows}


def test_a_span_that_fails_says_so(made: Bank) -> None:
    with tracing(made) as (tracer, _):
        with pytest.raises(RuntimeError), tracer.start_as_current_span("chat", attributes=CHAT):
            raise RuntimeError("the model is away")
        assert made.org.calls.search(failed=True)
        values = newest(made)
        assert values["/error"] == {"description": "RuntimeError: the model is away"}
        assert values["/events"][0]["name"] == "exception"
        with tracer.start_as_current_span("chat", attributes=CHAT | {"error.type": "timeout"}) as span:
            span.set_status(Status(StatusCode.ERROR))
        assert newest(made)["/error"] == {"type": "timeout"}


def test_odd_attributes_are_recorded_and_none_is_dropped(made: Bank) -> None:
    odd: dict[str, Any] = {
        "gen_ai.operation.name": 5,
        "gen_ai.request.model": ["a", "b"],
        "gen_ai.request.temperature": float("nan"),
        "gen_ai.request.top_p": float("inf"),
        "gen_ai.request.seed": 2**60,
        "gen_ai.input.messages": "\ud800",
        "gen_ai.output.messages": b"\xff\xfe",
        "gen_ai.response.finish_reasons": (),
        "": "no name",
        "gen_ai.tool.call.arguments": {"nested": {"deep": [1, None]}},
    }
    with tracing(made) as (tracer, processor):
        with tracer.start_as_current_span("", attributes=odd):
            pass
        assert processor.recorded == 1
    values = newest(made)
    assert values["/operation"] == "other"
    assert values["/attributes"]["gen_ai.operation.name"] == 5
    assert values["/model"] == ["a", "b"]
    assert values["/attributes"]["gen_ai.request.temperature"] == {"$number": "NaN"}
    assert values["/attributes"]["gen_ai.request.top_p"] == {"$number": "Infinity"}
    assert values["/attributes"]["gen_ai.request.seed"] == {"$number": hex(2**60)}


def test_huge_messages_are_recorded_whole(made: Bank) -> None:
    huge = '{"text": "' + "ü" * 2_000_000 + '"}'
    with tracing(made) as (tracer, _), tracer.start_as_current_span("chat", attributes=CHAT) as span:
        span.set_attribute("gen_ai.input.messages", huge)
    assert newest(made)["/input"] == huge


def test_what_the_sdk_itself_drops_is_counted(made: Bank) -> None:
    limits = SpanLimits(max_span_attributes=3, max_events=1)
    with tracing(made, limits=limits) as (tracer, _):
        link = Link(SpanContext(1, 2, is_remote=False), {"why": "retry"})
        with tracer.start_as_current_span("chat", attributes=CHAT, links=[link]) as span:
            span.add_event("gen_ai.one")
            span.add_event("gen_ai.two")
    told = newest(made)["/attributes"]
    assert told["otel.dropped"] == {"attributes": len(CHAT) - 3, "events": 1, "links": 0}
    assert told["otel.links"] == [{"attributes": {"why": "retry"}, "span": f"{2:016x}", "trace": f"{1:032x}"}]


def test_the_person_is_named_by_the_span_or_by_a_function(made: Bank, caplog: pytest.LogCaptureFixture) -> None:
    with tracing(made) as (tracer, _), tracer.start_as_current_span("chat", attributes=CHAT):
        pass
    assert made.org.calls.search(subject="p-1")

    def from_session(span: ReadableSpan) -> str | None:
        return (span.attributes or {}).get("session")  # type: ignore[return-value]

    told = {key: value for key, value in CHAT.items() if key != "enduser.id"}
    with tracing(made, subject=from_session) as (tracer, _):
        for session in ("p-2", "half\ud800", 5):
            with tracer.start_as_current_span("chat", attributes=told | {"session": session}):
                pass
    assert made.org.calls.search(subject="p-2")
    assert made.org.calls.search(subject="half\\ud800")
    assert made.org.calls.search(subject="5")

    def failing(span: ReadableSpan) -> str:
        raise KeyError("p-3 is a secret")

    with (
        caplog.at_level(logging.ERROR, "counterfoil"),
        tracing(made, subject=failing, select=failing) as (tracer, _),
        tracer.start_as_current_span("chat", attributes=told),
    ):
        pass
    assert "/subject" not in newest(made)
    assert "KeyError" in caplog.text
    assert "secret" not in caplog.text


def test_without_the_log_spans_wait_in_the_queue_and_arrive(made: Bank) -> None:
    with tracing(made) as (tracer, processor):
        with full_log(made.org):
            for _ in range(5):
                with tracer.start_as_current_span("chat", attributes=CHAT):
                    pass
            assert (processor.recorded, processor.spooled, processor.unrecorded) == (0, 5, 0)
            assert processor.force_flush()
        made.org.recorder.drain()
    assert len(made.org.calls.search(subject="p-1")) == 5


def test_what_fits_nowhere_is_counted_and_never_raised(made: Bank) -> None:
    with tracing(made) as (tracer, processor):
        with full_disk(0), tracer.start_as_current_span("chat", attributes=CHAT):
            pass
        assert processor.unrecorded == 1
        assert not processor.force_flush()
        with tracer.start_as_current_span("chat", attributes=CHAT):
            pass
        assert processor.recorded + processor.spooled == 1


def test_what_is_lost_is_said_aloud_without_its_content(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with bank(tmp_path) as made, tracing(made) as (tracer, processor), caplog.at_level(logging.ERROR, "counterfoil"):
        made.org.close()
        with tracer.start_as_current_span("chat", attributes=CHAT):
            pass
        assert processor.unrecorded == 1
        assert "is lost: this home was closed" in caplog.text
        assert "loan" not in caplog.text


def emit(provider: LoggerProvider, name: str, span: SpanContext | None, body: Any) -> None:
    where = {"trace_id": span.trace_id, "span_id": span.span_id} if span else {}
    record = LogRecord(event_name=name, body=body, timestamp=1, attributes={"gen_ai.operation.name": "chat"}, **where)
    provider.get_logger("agents").emit(record)


def test_events_sent_as_logs_are_recorded_with_their_span_or_by_themselves(made: Bank) -> None:
    with tracing(made) as (tracer, processor):
        logs = LoggerProvider(shutdown_on_exit=False)
        logs.add_log_record_processor(processor.events)
        with tracer.start_as_current_span("chat", attributes={"gen_ai.operation.name": "chat"}) as span:
            emit(logs, "gen_ai.user.message", span.get_span_context(), {"content": "hello"})
            emit(logs, "something.else", None, None)
        assert newest(made)["/events"][0]["body"] == {"content": "hello"}
        assert newest(made)["/events"][0]["name"] == "gen_ai.user.message"
        emit(logs, "gen_ai.choice", span.get_span_context(), {"content": "late"})
        late = newest(made)
        assert late["/events"][0]["body"] == {"content": "late"}
        assert late["/trace"]["span"] == f"{span.get_span_context().span_id:016x}"
        plain = tracer.start_span("an http request")  # no attribute says gen_ai, only the event does
        emit(logs, "gen_ai.choice", plain.get_span_context(), {"content": "inside"})
        plain.end()
        assert newest(made)["/name"] == "an http request"
        never_ended = tracer.start_span("never ended")
        emit(logs, "gen_ai.choice", never_ended.get_span_context(), {"content": "orphan"})
        count = processor.recorded
        processor.shutdown()
        assert processor.recorded == count + 1
        assert newest(made)["/events"][0]["body"] == {"content": "orphan"}
        assert logs.force_flush()
        logs.shutdown()


def test_an_empty_reference_names_nobody(made: Bank) -> None:
    with tracing(made, select=lambda span: subject_of(span) is None) as (tracer, processor):
        with tracer.start_as_current_span("chat", attributes={"user.id": ""}):
            pass
        assert processor.recorded == 1


def test_a_log_that_fails_too_does_not_raise(made: Bank) -> None:
    class Failing(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            raise OSError("no space left")

    handler, log = Failing(), logging.getLogger("counterfoil")
    log.addHandler(handler)
    try:
        with tracing(made) as (tracer, processor):
            with full_disk(0), tracer.start_as_current_span("chat", attributes=CHAT):
                pass
            assert processor.unrecorded == 1
    finally:
        log.removeHandler(handler)
