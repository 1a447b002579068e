"""A large snapshot: how much memory taking and checking it needs, and how fast it goes.

    python benchmarks/snapshot_memory.py [MIB] [ROWS]

A file of MIB random mebibytes on the local disk is taken as a path, checked and exported; then a query of
ROWS rows from SQLite. Figures as JSON: seconds, and the process's peak of memory after each step.
"""

from __future__ import annotations

import json
import os
import platform
import resource
import sqlite3
import sys
import tempfile
import time
from pathlib import Path

import counterfoil
from counterfoil.provenance.snapshots import PathSource, SqlSource


def main(mib: int, rows: int) -> None:
    """Takes both and prints what it took."""
    told: dict[str, object] = {"cpus": os.cpu_count(), "mib": mib, "python": platform.python_version(), "rows": rows}

    def step(name: str, began: float) -> None:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        told[name] = {"peak_mib": peak, "seconds": round(time.monotonic() - began, 2)}

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with (folder / "large.bin").open("wb") as file:
            for _ in range(mib):
                file.write(os.urandom(1 << 20))
        database = sqlite3.connect(folder / "rows.db")
        with database:
            database.execute("CREATE TABLE t (id INTEGER, rate REAL, name TEXT)")
            values = ((number, number / 7, f"row {number}") for number in range(rows))
            database.executemany("INSERT INTO t VALUES (?, ?, ?)", values)
        database.close()
        with counterfoil.create(folder / "home", name="Benchmark", origin="bench.example/data") as org:
            step("start", time.monotonic())
            snapshots = org.provenance.snapshots
            query = SqlSource(f"sqlite:///{folder}/rows.db", "SELECT * FROM t")
            for name, work in (
                ("take", lambda: snapshots.take(PathSource(f"file://{folder}/large.bin"), name="large")),
                ("check", snapshots.check),
                ("export", lambda: snapshots.export("large", folder / "out.bin")),
                (
                    "query",
                    lambda: snapshots.take(query, name="t"),
                ),
            ):
                began = time.monotonic()
                work()
                step(name, began)
    print(json.dumps(told, indent=2))


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else 1_024, int(sys.argv[2]) if sys.argv[2:] else 1_000_000)
