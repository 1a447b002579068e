"""A burst of decisions while the log is slow or away: `bursts.py slow|away COUNT FOLDER`. Used by decisions.py.

slow: every sync of a file by this process takes 100 ms longer; callers wait (`deny`).
away: the log's file may grow no further; decisions go to the queue (`spool`) and to the
log when there is room again. Prints {"count", "kept", "wall_s"}, where `kept` is how many
of the acknowledged records are in the log when the home is opened afresh.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import bank
import decisions
from measure import spending

import counterfoil
from counterfoil.core.merkle import leaf_hash
from counterfoil.core.statement import Draft
from counterfoil.store.recorder import OnFailure

SLOW_S = 0.1
BALLAST_BYTES = 60_000
BALLAST = 1_000
"""Records that make the log's file larger than queue, vault and tables will be."""


def main() -> None:
    way, count, folder = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    calls = count // decisions.THREADS
    count = calls * decisions.THREADS
    acknowledged: list[bytes] = []
    with bank.home(folder) as org:
        made = bank.Decisions(org, Random(1), 1_000)

        on_failure: OnFailure = "deny" if way == "slow" else "spool"

        def record(number: int) -> None:
            acknowledged.append(org.recorder.record([made.prepare(number)], on_failure)[0].leaf)

        if way == "away":
            _limit(org)
        else:
            slow_down()
        with spending() as spent:
            decisions.in_threads(record, calls)
        if way == "away":
            waiting = org.recorder.spool.count
            if waiting != count:
                sys.exit(f"the log was not away: {waiting} of {count} records waited in the queue")
            _set_limit(resource.RLIM_INFINITY)
            org.recorder.drain()
    with counterfoil.open(folder / "bank") as org:
        leaves = {leaf_hash(entry) for entry in org.recorder.log.entries()}
    kept = sum(leaf in leaves for leaf in acknowledged)
    print(json.dumps({"count": count, "kept": kept, "wall_s": spent.wall_s}))


def _limit(org: Any) -> None:
    """Fills the log's file and lets no file grow beyond it."""
    recorder = org.recorder
    about = {"text": "x" * BALLAST_BYTES}
    recorder.record([recorder.prepare(Draft("event", bank.EVENTS, "ballast", (), about)) for _ in range(BALLAST)])
    _set_limit(max(file.stat().st_size for file in (org.home.paths.log / "entries").glob("*.seg")))


def _set_limit(most_bytes: int) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))


def slow_down() -> None:
    """Makes every sync of this process slow, as a far or overloaded disk is."""

    def slowed(sync: Callable[[int], None]) -> Callable[[int], None]:
        def slow(fd: int) -> None:
            time.sleep(SLOW_S)
            sync(fd)

        return slow

    for name in ("fsync", "fdatasync"):
        if hasattr(os, name):
            setattr(os, name, slowed(getattr(os, name)))


if __name__ == "__main__":
    main()
