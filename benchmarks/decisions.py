"""How fast decisions and plain records become durable, how much room they take, and what a slow sink loses.

The model's own time and reasons are left out: the model here answers at once. Run it
with .venv-bench/bin/python (made by `./setup bench`) to have the peers in the same run.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import bank
from measure import Figure, Run, size_bytes, spending, start, version_of

BATCH = 10_000
BATCHES = 3
THREADS = 64
CALLS = 100
MLFLOW_CALLS = 100
OTEL_CALLS = 20_000
BURST = 20_000
SCRIPTS = Path(__file__).resolve().parent
PEERS = {"mlflow": "mlflow", "otel": "opentelemetry-sdk"}
GET_PEERS = "not installed; ./setup bench makes .venv-bench, then run this with .venv-bench/bin/python"

_PER_CPU, _PER_S, _US = "records per CPU second", "records per second", "microseconds of CPU"
FIGURES = (
    Figure(
        "salted_decisions_per_cpu_s",
        _PER_CPU,
        "Decisions with 16 private fields, batches of 10,000, vault and log durable",
        "higher",
        10_000,
    ),
    Figure("salted_decisions_per_s", _PER_S, "The same, by the clock", "higher"),
    Figure(
        "unsalted_records_per_cpu_s",
        _PER_CPU,
        "Plain records from dicts, batches of 10,000, log durable",
        "higher",
        80_000,
    ),
    Figure("unsalted_records_per_s", _PER_S, "The same, by the clock", "higher"),
    Figure(
        "records_with_view_per_cpu_s",
        _PER_CPU,
        "Plain records, searchable tables brought up to date as well",
        "higher",
        40_000,
    ),
    Figure("records_with_view_per_s", _PER_S, "The same, by the clock", "higher"),
    Figure(
        "decisions_with_view_per_cpu_s",
        _PER_CPU,
        "Decisions with 16 private fields, searchable tables included",
        "higher",
    ),
    Figure(
        "synchronous_decision_cpu_us", _US, "One decision a call from 64 threads, committed in groups", "lower", 200
    ),
    Figure("synchronous_decisions_per_s", _PER_S, "The same, by the clock", "higher"),
    Figure(
        "synchronous_decide_cpu_us",
        _US,
        "The whole of decide(): applicant checked, label drawn, recorded; 64 threads",
        "lower",
        200,
    ),
    Figure("synchronous_decides_per_s", _PER_S, "The same, by the clock", "higher"),
    Figure("log_and_vault_bytes_per_record", "bytes", "Disk for a decision with 16 private fields", "lower", 1_500),
    Figure("log_bytes_per_plain_record", "bytes", "Disk for a plain record, its hashes included", "lower"),
    Figure("plain_entry_bytes", "bytes", "A plain record itself", "lower"),
    Figure("view_bytes_per_record", "bytes", "Searchable tables, for a decision", "lower", 400),
    Figure("view_bytes_per_plain_record", "bytes", "Searchable tables, for a plain record", "lower", 400),
    Figure(
        "mlflow_traces_per_cpu_s",
        "traces per CPU second",
        "MLflow tracing into SQLite, synchronous, one decision a trace",
        "higher",
    ),
    Figure("mlflow_traces_per_s", "traces per second", "The same, by the clock", "higher"),
    Figure(
        "otel_spans_per_cpu_s",
        "spans per CPU second",
        "OpenTelemetry, its batch exporter into a file, one decision a span",
        "higher",
    ),
    Figure("otel_spans_per_s", "spans per second", "The same, by the clock", "higher"),
    Figure(
        "lost_with_slow_log",
        "records",
        "Ours: acknowledged records missing after a burst of 20,000, every sync of the log taking 100 ms",
        "lower",
        0,
    ),
    Figure(
        "lost_with_log_away",
        "records",
        "Ours: the same with the log away, decisions spooled, then moved to the log",
        "lower",
        0,
    ),
    Figure(
        "mlflow_lost_with_slow_sink",
        "records",
        "MLflow, asynchronous: the same burst, every call to its store taking 100 ms",
        "lower",
    ),
    Figure(
        "otel_lost_with_slow_sink",
        "records",
        "OpenTelemetry batch exporter: the same burst, every export taking 100 ms",
        "lower",
    ),
)


def main() -> None:
    run = start("decisions", __doc__, FIGURES, no_bursts={"action": "store_true", "help": "leave the bursts out"})
    for turn in range(run.repeat):
        random = Random(run.seed + turn)
        for work in (_salted, _unsalted, _synchronous):
            run.say(f"{work.__name__.strip('_')} records, {turn + 1} of {run.repeat}")
            with run.folder() as folder:
                work(run, folder, random)
    _peers(run)
    if not run.options.no_bursts:
        _bursts(run)
    run.finish()


def _salted(run: Run, folder: Path, random: Random) -> None:
    batch = run.count(BATCH)
    count = batch * BATCHES
    with bank.home(folder) as org:
        decisions = bank.Decisions(org, random, batch)
        org.views.catch_up()
        paths = org.home.paths
        log_before, view_before = size_bytes(paths.log) + size_bytes(paths.vault), size_bytes(paths.views)
        with spending() as spent:
            for first in range(0, count, batch):
                org.recorder.record([decisions.prepare(number) for number in range(first, first + batch)])
        with spending() as viewing:
            org.views.catch_up()
    run.add("salted_decisions_per_cpu_s", count / spent.cpu_s)
    run.add("salted_decisions_per_s", count / spent.wall_s)
    run.add("decisions_with_view_per_cpu_s", count / (spent.cpu_s + viewing.cpu_s))
    run.add("log_and_vault_bytes_per_record", (size_bytes(paths.log) + size_bytes(paths.vault) - log_before) / count)
    run.add("view_bytes_per_record", (size_bytes(paths.views) - view_before) / count)


def _unsalted(run: Run, folder: Path, random: Random) -> None:
    batch = run.count(BATCH)
    count = batch * BATCHES
    bodies = bank.abouts(random, batch)
    with bank.home(folder) as org:
        org.views.catch_up()
        paths = org.home.paths
        log_before, view_before = size_bytes(paths.log), size_bytes(paths.views)
        with spending() as spent:
            for _ in range(BATCHES):
                recorded = org.recorder.record(bank.events(org, bodies))
        with spending() as viewing:
            org.views.catch_up()
    run.add("plain_entry_bytes", len(recorded[-1].entry))
    run.add("unsalted_records_per_cpu_s", count / spent.cpu_s)
    run.add("unsalted_records_per_s", count / spent.wall_s)
    run.add("records_with_view_per_cpu_s", count / (spent.cpu_s + viewing.cpu_s))
    run.add("records_with_view_per_s", count / (spent.wall_s + viewing.wall_s))
    run.add("log_bytes_per_plain_record", (size_bytes(paths.log) - log_before) / count)
    run.add("view_bytes_per_plain_record", (size_bytes(paths.views) - view_before) / count)


def _synchronous(run: Run, folder: Path, random: Random) -> None:
    calls = run.count(CALLS)
    with bank.home(folder) as org:
        decisions = bank.Decisions(org, random, 1_000)

        def record(number: int) -> None:
            org.recorder.record([decisions.prepare(number)])

        def decide(number: int) -> None:
            decisions.decide(decisions.applicants[number % 1_000], subject=f"customer {number}")

        for name, work in (("decision", record), ("decide", decide)):
            with spending() as spent:
                in_threads(work, calls)
            run.add(f"synchronous_{name}_cpu_us", spent.cpu_s / (THREADS * calls) * 1e6)
            run.add(f"synchronous_{name}s_per_s", THREADS * calls / spent.wall_s)


def in_threads(work: Callable[[int], Any], calls: int) -> None:
    """Calls `work` with a number of its own, `calls` times from each of 64 threads."""

    def repeat(first: int) -> None:
        for number in range(first, first + calls):
            work(number)

    threads = [threading.Thread(target=repeat, args=(place * calls,)) for place in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _peers(run: Run) -> None:
    for peer, what, count in (("mlflow", "traces", MLFLOW_CALLS), ("otel", "spans", OTEL_CALLS)):
        names = (f"{peer}_{what}_per_cpu_s", f"{peer}_{what}_per_s")
        if not version_of(PEERS[peer]):
            for name in names:
                run.note(name, GET_PEERS)
            continue
        for _ in range(run.repeat):
            run.say(f"the peer {peer}")
            found = _apart(run, "peers.py", peer, "rate", run.count(count))
            run.add(names[0], found["count"] / found["cpu_s"])
            run.add(names[1], found["count"] / found["wall_s"])


def _bursts(run: Run) -> None:
    count = run.count(BURST, least=THREADS)
    for name, script, *arguments in (
        ("lost_with_slow_log", "bursts.py", "slow"),
        ("lost_with_log_away", "bursts.py", "away"),
        ("otel_lost_with_slow_sink", "peers.py", "otel", "burst"),
        ("mlflow_lost_with_slow_sink", "peers.py", "mlflow", "burst"),
    ):
        if arguments[0] in PEERS and not version_of(PEERS[arguments[0]]):
            run.note(name, GET_PEERS)
            continue
        run.say(f"a burst: {name}")
        found = _apart(run, script, *arguments, count)
        run.add(name, found["count"] - found["kept"])
        run.note(name, f"{found['kept']:,} of {found['count']:,} kept; the burst took {found['wall_s']:.1f} s")


def _apart(run: Run, script: str, *arguments: Any) -> dict[str, Any]:
    """Runs a script in a process and a folder of its own and returns what it prints."""
    with run.folder() as folder:
        command = [sys.executable, str(SCRIPTS / script), *map(str, arguments), str(folder)]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"{script} {' '.join(map(str, arguments))} failed:\n{done.stderr}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


if __name__ == "__main__":
    main()
