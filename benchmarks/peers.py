"""The peers, each in a process of its own: `peers.py mlflow|otel rate|burst COUNT FOLDER`. Used by decisions.py.

Prints {"count", "kept", "cpu_s", "wall_s"}.
"""

from __future__ import annotations

import json
import logging
import os
import sqlite3
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import Any

import bank
from measure import Spent, spending

SLOW_S = 0.1
"""What a burst's sink takes for every call."""


def main() -> None:
    peer, work, count, folder = sys.argv[1], sys.argv[2], int(sys.argv[3]), Path(sys.argv[4])
    rows = bank.applicants(Random(1), 1_000)
    kept, spent = {"mlflow": _mlflow, "otel": _otel}[peer](folder, rows, count, work == "burst")
    print(json.dumps({"count": count, "kept": kept, "cpu_s": spent.cpu_s, "wall_s": spent.wall_s}))
    sys.stdout.flush()
    os._exit(0)  # a peer may have threads that never end


def _mlflow(folder: Path, rows: Sequence[dict[str, Any]], count: int, slow: bool) -> tuple[int, Spent]:
    """Tracing into SQLite: synchronous for the rate; for a burst asynchronous, as it is by default."""
    os.environ |= {
        "MLFLOW_ENABLE_ASYNC_TRACE_LOGGING": "true" if slow else "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "true",
    }
    import mlflow
    from mlflow.tracing.client import TracingClient

    logging.disable(logging.CRITICAL)
    mlflow.set_tracking_uri(f"sqlite:///{folder / 'mlflow.db'}")
    mlflow.set_experiment("credit")

    def trace(row: dict[str, Any]) -> None:
        with mlflow.start_span(name="decision") as span:
            span.set_inputs(row)
            span.set_outputs({"label": "approve", "reasons": bank.REASONS, "score": bank.SCORE})

    trace(rows[0])  # the first makes tables and connections
    _flush_mlflow(mlflow)
    if slow:
        for name in ("log_spans", "start_trace"):
            setattr(TracingClient, name, _slowed(getattr(TracingClient, name)))
    before = _mlflow_traces(folder)
    with spending() as spent:
        for number in range(count):
            trace(rows[number % len(rows)])
    _flush_mlflow(mlflow)
    return _mlflow_traces(folder) - before, spent


def _flush_mlflow(mlflow: Any) -> None:
    if os.environ["MLFLOW_ENABLE_ASYNC_TRACE_LOGGING"] == "true":
        mlflow.flush_trace_async_logging()


def _slowed(call: Callable[..., Any]) -> Callable[..., Any]:
    def slow(*arguments: Any, **named: Any) -> Any:
        time.sleep(SLOW_S)
        return call(*arguments, **named)

    return slow


def _mlflow_traces(folder: Path) -> int:
    """Counts traces of which anything arrived."""
    query = "SELECT count(*) FROM (SELECT request_id FROM trace_info UNION SELECT trace_id FROM spans)"
    with sqlite3.connect(folder / "mlflow.db") as db:
        return int(db.execute(query).fetchone()[0])


def _otel(folder: Path, rows: Sequence[dict[str, Any]], count: int, slow: bool) -> tuple[int, Spent]:
    """The SDK's batch processor with its default settings, exporting to a file of JSON lines."""
    from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

    logging.disable(logging.CRITICAL)
    path = folder / "spans.jsonl"

    class ToFile(SpanExporter):
        def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
            if slow:
                time.sleep(SLOW_S)
            with path.open("a", encoding="utf-8") as file:
                file.write("".join(span.to_json(indent=None) + "\n" for span in spans))
                file.flush()
                os.fsync(file.fileno())
            return SpanExportResult.SUCCESS

    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(ToFile()))
    tracer = provider.get_tracer("bank")
    with spending() as spent:
        for number in range(count):
            with tracer.start_as_current_span("decision", attributes=rows[number % len(rows)]) as span:
                span.set_attribute("label", "approve")
                span.set_attribute("score", bank.SCORE)
                span.set_attribute("reasons", ["R01", "R04"])
            if not slow and number % 1_000 == 999:
                provider.force_flush()  # keeps its queue from running over, so that every span is written
        provider.force_flush()
    provider.shutdown()
    with path.open("rb") as file:
        return sum(1 for _ in file), spent


if __name__ == "__main__":
    main()
