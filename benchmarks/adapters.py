"""What a burst of spans keeps with a slow sink, and how many spans a second of CPU records.

Beside OpenTelemetry's own batch processor, in the same SDK and with the same spans. Each runs in
a process of its own: `adapters.py --one PEER WORK COUNT FOLDER` is how this script calls itself.
"""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import bursts
from measure import Figure, Run, Spent, spending, start

BURST = 20_000
RATE = 20_000
ALONE = 2_000
THREADS = 64
_KEPT, _PER_CPU, _PER_S = "spans", "spans per CPU second", "spans per second"

FIGURES = (
    Figure(
        "lost_with_slow_disk",
        _KEPT,
        "Ours: spans missing from the log after a burst of 20,000, every sync of the log taking 100 ms",
        "lower",
        0,
    ),
    Figure(
        "batch_processor_lost_with_slow_sink",
        _KEPT,
        "OpenTelemetry's batch processor: the same burst, every export taking 100 ms",
        "lower",
    ),
    Figure("spans_per_cpu_s", _PER_CPU, "Ours: spans of a chat as records in the log, 64 threads", "higher"),
    Figure("spans_per_s", _PER_S, "The same, by the clock", "higher"),
    Figure("spans_per_cpu_s_one_thread", _PER_CPU, "Ours: one thread, each span synced by itself", "higher"),
    Figure("spans_per_s_one_thread", _PER_S, "The same, by the clock", "higher"),
    Figure("batch_processor_spans_per_cpu_s", _PER_CPU, "The batch processor into a file of JSON lines", "higher"),
    Figure("batch_processor_spans_per_s", _PER_S, "The same, by the clock", "higher"),
)
MESSAGES = json.dumps([{"role": "user", "parts": [{"type": "text", "content": "May I have a loan? " * 10}]}])
CHAT: dict[str, Any] = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "acme",
    "gen_ai.request.model": "small",
    "gen_ai.input.messages": MESSAGES,
    "gen_ai.output.messages": MESSAGES,
    "gen_ai.usage.input_tokens": 52,
    "gen_ai.usage.output_tokens": 48,
}


def main() -> None:
    if sys.argv[1:2] == ["--one"]:
        _one(*sys.argv[2:])
        return
    run = start("adapters", __doc__, FIGURES)
    for peer, work, name, count in (
        ("ours", "burst", "lost_with_slow_disk", BURST),
        ("batch", "burst", "batch_processor_lost_with_slow_sink", BURST),
        ("ours", "rate", "spans_per", RATE),
        ("alone", "rate", "spans_per_one_thread", ALONE),
        ("batch", "rate", "batch_processor_spans_per", RATE),
    ):
        for turn in range(1 if work == "burst" else run.repeat):
            run.say(f"{peer}, {work}, {turn + 1}")
            found = _apart(run, peer, work, run.count(count, least=THREADS))
            if work == "burst":
                run.add(name, found["count"] - found["kept"])
                took = f"the burst took {found['wall_s']:.1f} s"
                run.note(name, f"{found['kept']:,} of {found['count']:,} kept; {took}")
                continue
            for unit in ("cpu_s", "s"):
                key = name.replace("spans_per", f"spans_per_{unit}", 1)
                run.add(key, found["count"] / found["cpu_s" if unit == "cpu_s" else "wall_s"])
    run.finish()


def _apart(run: Run, peer: str, work: str, count: int) -> dict[str, Any]:
    with run.folder() as folder:
        command = [sys.executable, str(Path(__file__).resolve()), "--one", peer, work, str(count), str(folder)]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"{peer} {work} failed:\n{done.stderr}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def _one(peer: str, work: str, count_text: str, folder_text: str) -> None:
    """Ends spans, and prints {"count", "kept", "cpu_s", "wall_s"}."""
    threads = 1 if peer == "alone" else THREADS
    count = int(count_text) // threads * threads
    made = (_batch if peer == "batch" else _ours)(Path(folder_text), count, threads, work == "burst")
    kept, spent = made
    print(json.dumps({"count": count, "kept": kept, "cpu_s": spent.cpu_s, "wall_s": spent.wall_s}))
    sys.stdout.flush()
    os._exit(0)


def _ours(folder: Path, count: int, threads: int, is_slow: bool) -> tuple[int, Spent]:
    from opentelemetry.sdk.trace import TracerProvider

    import counterfoil
    from counterfoil.adapters.opentelemetry import CallSpanProcessor

    with counterfoil.create(folder / "bank", name="Example Bank", origin="bank.example/clerk") as org:
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(CallSpanProcessor(org))
        tracer = provider.get_tracer("bank")
        _end_spans(tracer, 1, 1, -1)  # the first puts the schema on record
        if is_slow:
            bursts.slow_down()
        with spending() as spent:
            _end_spans(tracer, count, threads)
    with counterfoil.open(folder / "bank") as org:
        rows = org.calls.search(limit=1_000_000)
        numbers = {org.calls.values(row["idx"])["/attributes"]["number"] for row in rows}
    return len(numbers - {-1}), spent


def _batch(folder: Path, count: int, threads: int, is_slow: bool) -> tuple[int, Spent]:
    """The SDK's batch processor with its default settings, exporting to a file of JSON lines."""
    from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

    logging.disable(logging.CRITICAL)
    path = folder / "spans.jsonl"

    class ToFile(SpanExporter):
        def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
            if is_slow:
                time.sleep(bursts.SLOW_S)
            with path.open("a", encoding="utf-8") as file:
                file.write("".join(span.to_json(indent=None) + "\n" for span in spans))
                file.flush()
                os.fsync(file.fileno())
            return SpanExportResult.SUCCESS

    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(ToFile()))
    tracer = provider.get_tracer("bank")
    with spending() as spent:
        if is_slow:
            _end_spans(tracer, count, threads)
        for done in range(0, 0 if is_slow else count, 1_000):  # so that its queue never runs over
            _end_spans(tracer, min(1_000, count - done), 1)
            provider.force_flush()
        provider.force_flush()
    provider.shutdown()
    with path.open("rb") as file:
        return sum(1 for _ in file), spent


def _end_spans(tracer: Any, count: int, threads: int, first: int = 0) -> None:
    """Ends `count` spans from so many threads, each span with a number of its own."""

    def work(begin: int) -> Callable[[], None]:
        def run() -> None:
            for number in range(begin, begin + count // threads):
                with tracer.start_as_current_span("chat small", attributes=CHAT | {"number": number}):
                    pass

        return run

    workers = [threading.Thread(target=work(first + place * (count // threads))) for place in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()


if __name__ == "__main__":
    main()
