"""A large snapshot: how much memory taking, checking and exporting it needs, and how long that takes.

The peaks are of the whole process since it began, so each is at least the one before; the query comes last.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from random import Random

from measure import Figure, Run, peak_mib, start

import counterfoil
from counterfoil.provenance.snapshots import PathSource, SqlSource

FILE_MIB = 1_024
ROWS = 1_000_000

FIGURES = (
    Figure("take_s", "seconds", "Taking a file of 1 GiB from the same disk: fingerprint, sealing, sync", "lower"),
    Figure("check_s", "seconds", "Checking it", "lower"),
    Figure("export_s", "seconds", "Exporting it, with its sync", "lower"),
    Figure("file_peak_mib", "MiB", "Peak of memory up to there, the package and a home included", "lower", 200),
    Figure("query_s", "seconds", "Taking 1,000,000 rows of three columns from SQLite", "lower"),
    Figure("query_peak_mib", "MiB", "Peak of memory up to there; the digests of all rows are in it", "lower"),
)


def main() -> None:
    run = start("snapshots", __doc__, FIGURES)
    with run.folder() as folder:
        _make(run, folder)
        with counterfoil.create(folder / "home", name="Benchmark", origin="bench.example/data") as org:
            snapshots = org.provenance.snapshots
            file = PathSource(f"file://{folder}/large.bin")
            query = SqlSource(f"sqlite:///{folder}/rows.db", "SELECT * FROM t")
            _timed(run, "take_s", lambda: snapshots.take(file, name="large"))
            _timed(run, "check_s", snapshots.check)
            _timed(run, "export_s", lambda: snapshots.export("large", folder / "out.bin"))
            run.add("file_peak_mib", peak_mib())
            _timed(run, "query_s", lambda: snapshots.take(query, name="rows"))
            run.add("query_peak_mib", peak_mib())
    run.repeat = 1
    run.finish()


def _make(run: Run, folder: Path) -> None:
    random = Random(run.seed)
    with (folder / "large.bin").open("wb") as file:
        for _ in range(run.count(FILE_MIB)):
            file.write(random.randbytes(1 << 20))
    database = sqlite3.connect(folder / "rows.db")
    with database:
        database.execute("CREATE TABLE t (id INTEGER, rate REAL, name TEXT)")
        values = ((number, number / 7, f"row {number}") for number in range(run.count(ROWS)))
        database.executemany("INSERT INTO t VALUES (?, ?, ?)", values)
    database.close()


def _timed(run: Run, name: str, work: Callable[[], object]) -> None:
    began = time.perf_counter()
    work()
    run.add(name, time.perf_counter() - began)


if __name__ == "__main__":
    main()
