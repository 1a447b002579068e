"""What a node takes over HTTP, durably, per CPU second of the server at 64 connections; MLflow's server beside it.

The node is `counterfoil up` on a home with a logistic regression of eleven features and its reasons; the load comes
from another process. Every request names itself, every answer comes after the sync. CPU seconds are those of
the server's process with its children, read before and after from the kernel.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from random import Random
from typing import Any

import bank
from measure import Figure, Run, start, version_of

LOAD = Path(__file__).with_name("http_load.py")
CONNECTIONS = 64
SINGLE, BATCHES, LINES = 12_800, 64, 1_000
WARM_UP = 640
PEER_REQUESTS, PEER_CONNECTIONS = 1_280, 8
"""At 64 connections MLflow's server runs out of the connections to its own store and refuses."""

LANGFUSE_SPANS = 5_000

_REQUESTS, _RECORDS = "requests per CPU second of the server", "records per CPU second of the server"
_MS, _SPANS = "milliseconds", "spans per CPU second of the client"
FIGURES = (
    Figure("single_requests_per_cpu_s", _REQUESTS, "One decision a request, 64 connections", "higher", 1_200),
    Figure("single_requests_per_s", "requests per second", "The same, by the clock", "higher"),
    Figure("ndjson_records_per_cpu_s", _RECORDS, f"Decisions as lines, {LINES:,} a request", "higher", 5_000),
    Figure("ndjson_records_per_s", "records per second", "The same, by the clock", "higher"),
    Figure("half_load_p50_ms", _MS, "One decision a request at half that rate, from when it was due: median", "lower"),
    Figure("half_load_p99_ms", _MS, "The same: 99 of 100 are faster", "lower"),
    Figure("mlflow_requests_per_cpu_s", _REQUESTS, "MLflow's server, 8 connections, a metric and two tags", "higher"),
    Figure("mlflow_requests_per_s", "requests per second", "The same, by the clock", "higher"),
    Figure(
        "langfuse_client_spans_per_cpu_s", "spans per CPU second of the client", "Langfuse's client alone", "higher"
    ),
)


@dataclass(frozen=True, slots=True)
class Served:
    """A server: its process, and where it answers."""

    pid: int
    port: int
    path: str = ""
    headers: tuple[tuple[str, str], ...] = ()

    def cpu_s(self) -> float:
        """CPU seconds so far, of the process and all below it."""
        return sum(_cpu_s(pid) for pid in _family(self.pid))


def main() -> None:
    run = start("node", __doc__, FIGURES)
    rows = bank.applicants(Random(run.seed), 1_000)
    with run.folder() as folder:
        _make_home(folder, rows)
        for _ in range(run.repeat):
            with _node(folder / "bank") as node:
                _measure(run, node, rows)
    with run.folder() as folder:
        _mlflow(run, folder)
    with run.folder() as folder:
        _langfuse(run, folder)
    run.finish()


def _measure(run: Run, node: Served, rows: list[dict[str, Any]]) -> None:
    singles = [json.dumps({"applicant": row, "subject": f"person {number}"}) for number, row in enumerate(rows)]
    _load(node, singles, run.count(WARM_UP, least=CONNECTIONS) // CONNECTIONS)
    count = run.count(SINGLE, least=CONNECTIONS)
    run.say(f"{count:,} single requests")
    cpu_s, told = _load(node, singles, count // CONNECTIONS)
    run.add("single_requests_per_cpu_s", told["count"] / cpu_s)
    run.add("single_requests_per_s", told["count"] / told["wall_s"])
    rate = told["count"] / told["wall_s"] / 2
    run.say(f"{count // 2:,} requests at {rate:,.0f} a second")
    _, told = _load(node, singles, max(1, count // 2 // CONNECTIONS), rate_per_s=rate)
    run.add("half_load_p50_ms", told["p50_ms"])
    run.add("half_load_p99_ms", told["p99_ms"])
    lines = run.count(LINES, least=10)
    body = "\n".join(singles[number % len(singles)] for number in range(lines))
    run.say(f"{BATCHES} requests of {lines:,} lines")
    cpu_s, told = _load(node, [body], run.count(BATCHES, least=CONNECTIONS) // CONNECTIONS, more="/batch", status=200)
    run.add("ndjson_records_per_cpu_s", told["count"] * lines / cpu_s)
    run.add("ndjson_records_per_s", told["count"] * lines / told["wall_s"])


def _load(
    served: Served,
    bodies: list[str],
    requests: int,
    *,
    rate_per_s: float = 0.0,
    more: str = "",
    status: int = 201,
    connections: int = CONNECTIONS,
) -> tuple[float, dict[str, Any]]:
    spec = {
        "bodies": bodies,
        "connections": connections,
        "headers": dict(served.headers),
        "key": True,
        "method": "POST",
        "path": served.path + more,
        "port": served.port,
        "rate_per_s": rate_per_s,
        "requests": requests,
        "status": status,
    }
    before_s = served.cpu_s()
    ran = subprocess.run([sys.executable, LOAD], input=json.dumps(spec), capture_output=True, text=True, timeout=1_800)
    if ran.returncode:
        raise SystemExit(ran.stderr[-2_000:])
    return served.cpu_s() - before_s, json.loads(ran.stdout)


def _make_home(folder: Path, rows: list[dict[str, Any]]) -> None:
    import pandas as pd
    from sklearn.compose import make_column_transformer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    table = pd.DataFrame(rows)
    labels = ["good" if row["income"] > 2 * row["share_of_income"] * 4_000 else "bad" for row in rows]
    words = OneHotEncoder(categories=[list(bank.WORDS)] * len(bank.CATEGORIES))
    columns = make_column_transformer((StandardScaler(), list(bank.NUMBERS)), (words, list(bank.CATEGORIES)))
    model = make_pipeline(columns, LogisticRegression()).fit(table, labels)
    with bank.home(folder) as org:
        org.decisions.wrap(model, bank.policy(), name="credit", background=table.head(100))


@contextmanager
def _node(home: Path) -> Iterator[Served]:
    run = "from counterfoil.cli.main import main; main()"
    command = [sys.executable, "-c", run, "up", "--home", str(home), "--listen", "127.0.0.1:0", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        text = ""
        while not text.endswith("\n}\n"):
            text += process.stdout.readline() or _died("counterfoil up")
        told = json.loads(text)
        if "error" in told:
            _died(f"counterfoil up: {told['error']['message']}")
        key = home.with_name("key")  # shown once, at the first start
        if told["admin_key"]:
            key.write_text(told["admin_key"])
        headers = (("authorization", f"Bearer {key.read_text()}"), ("content-type", "application/json"))
        request = urllib.request.Request(f"{told['url']}/api/v1/deployments", headers=dict(headers))
        with urllib.request.urlopen(request) as answer:
            index = json.load(answer)[0]["index"]
        port = int(told["url"].rpartition(":")[2])
        yield Served(process.pid, port, f"/api/v1/deployments/{index}/decisions", headers)
        process.terminate()


def _mlflow(run: Run, folder: Path) -> None:
    """One run, to which every request adds; each is a transaction of MLflow's own store, in SQLite as it comes."""
    names = ("mlflow_requests_per_cpu_s", "mlflow_requests_per_s")
    if not version_of("mlflow"):  # its client alone, which tests have, brings no server
        for name in names:
            run.note(name, "MLflow is not in this environment: ./setup bench")
        return
    run.say("MLflow's server")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = ["--backend-store-uri", f"sqlite:///{folder / 'mlflow.db'}", "--port", str(port), "--workers", "1"]
    options += ["--default-artifact-root", str(folder / "artefacts")]
    quiet = os.environ | {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", *options]
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=quiet, start_new_session=True
    ) as process:
        try:
            base = f"http://127.0.0.1:{port}/api/2.0/mlflow"
            made = _asked(f"{base}/runs/create", {"experiment_id": "0", "start_time": 1}, within_s=120)
            run_id = made["run"]["info"]["run_id"]
            bodies = [
                json.dumps(
                    {
                        "run_id": run_id,
                        "metrics": [{"key": "score", "value": 0.73, "timestamp": number, "step": number}],
                        "tags": [{"key": "label", "value": "approve"}, {"key": "subject", "value": str(number)}],
                    }
                )
                for number in range(1_000)
            ]
            path = "/api/2.0/mlflow/runs/log-batch"
            served = Served(process.pid, port, path, (("content-type", "application/json"),))
            each = max(1, run.count(PEER_REQUESTS) // PEER_CONNECTIONS)
            _load(served, bodies, 1, status=200, connections=PEER_CONNECTIONS)
            cpu_s, told = _load(served, bodies, each, status=200, connections=PEER_CONNECTIONS)
            run.add(names[0], told["count"] / cpu_s)
            run.add(names[1], told["count"] / told["wall_s"])
        finally:
            for pid in _family(process.pid)[::-1]:
                os.kill(pid, 15)


def _asked(url: str, body: dict[str, Any], within_s: float) -> Any:
    """Asks a server that is starting, until it answers."""
    ends_s = time.monotonic() + within_s
    while True:
        request = urllib.request.Request(url, json.dumps(body).encode(), {"content-type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return json.load(answer)
        except OSError:
            if time.monotonic() > ends_s:
                raise
            time.sleep(0.2)


def _langfuse(run: Run, folder: Path) -> None:
    """Langfuse's server is not a Python package; its client is, and sends to a sink that answers at once."""
    name = "langfuse_client_spans_per_cpu_s"
    if find_spec("langfuse") is None:
        run.note(name, "Langfuse is not in this environment: ./setup bench")
        return
    run.say("Langfuse's client")
    count = run.count(LANGFUSE_SPANS, least=20)
    script = Path(__file__).with_name("langfuse_client.py")
    ran = subprocess.run([sys.executable, script, str(count)], capture_output=True, text=True, cwd=folder, timeout=600)
    if ran.returncode:
        run.note(name, f"it failed: {ran.stderr.strip().splitlines()[-1][:200]}")
        return
    run.add(name, count / json.loads(ran.stdout)["cpu_s"])


def _family(pid: int) -> list[int]:
    """Returns a process and all below it."""
    found = [pid]
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in path.read_text().split():
            found += _family(int(child))
    return found


def _cpu_s(pid: int) -> float:
    """Returns CPU seconds of a process, all its threads, in user and kernel."""
    stat = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK")


def _died(what: str) -> str:
    raise SystemExit(f"it did not start: {what}")


if __name__ == "__main__":
    if sys.platform != "linux":
        raise SystemExit("node.py reads CPU seconds from /proc, which Linux has")
    main()
