"""What every benchmark shares: its options, its clocks, the machine it ran on, its figures."""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

SYNCS = 20
PACKAGES = ("counterfoil", "cryptography", "sqlalchemy", "psycopg", "orjson", "mlflow", "opentelemetry-sdk")


@dataclass(frozen=True, slots=True)
class Figure:
    """One thing that is measured.

    Attributes:
        name: Its key in the JSON; the unit is part of it.
        unit: The unit in words.
        says: What it is, in a sentence.
        better: Whether higher or lower is better.
        target: What it must reach, None where nothing was promised.
    """

    name: str
    unit: str
    says: str
    better: Literal["higher", "lower"]
    target: float | None = None


@dataclass(slots=True)
class Spent:
    """Time spent in a block: of all cores by this process, threads and kernel included, and on the clock."""

    cpu_s: float = 0.0
    wall_s: float = 0.0


@contextmanager
def spending() -> Iterator[Spent]:
    """Measures a block."""
    spent = Spent()
    cpu, wall = time.process_time(), time.perf_counter()
    yield spent
    spent.cpu_s = time.process_time() - cpu
    spent.wall_s = time.perf_counter() - wall


def peak_mib() -> float:
    """Returns the most memory that this process had at once since it began, MiB."""
    import resource  # which Windows lacks

    unit_bytes = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit_bytes / 2**20


class Run:
    """One run of a benchmark: collects figures and prints them at the end.

    Args:
        name: The script's name.
        figures: What it promises to measure.
        options: The parsed command line.
    """

    def __init__(self, name: str, figures: Iterable[Figure], options: argparse.Namespace) -> None:
        self.name = name
        self.options = options
        self.scale: float = options.scale
        self.seed: int = options.seed
        self.repeat: int = options.repeat
        self._figures = {figure.name: figure for figure in figures}
        self._values: dict[str, list[float]] = {name: [] for name in self._figures}
        self._notes: dict[str, str] = {}
        self._load = os.getloadavg()[0]

    def count(self, full: int, *, least: int = 1) -> int:
        """Returns how many of something to do: `full` at scale 1."""
        return max(least, round(full * self.scale))

    def add(self, name: str, value: float) -> None:
        """Adds one repetition of a figure."""
        self._values[self._figures[name].name].append(value)

    def median(self, name: str) -> float | None:
        """Returns the median of what was added so far; None of nothing."""
        values = self._values[self._figures[name].name]
        return statistics.median(values) if values else None

    def note(self, name: str, text: str) -> None:
        """Says why a figure is absent, or what to mind."""
        self._notes[self._figures[name].name] = text

    def say(self, text: str) -> None:
        """Reports progress to whoever watches."""
        if sys.stderr.isatty():
            print(f"\r\033[K{self.name}: {text}", end="", file=sys.stderr, flush=True)

    def progress(self, what: str) -> Callable[[int, int], None]:
        """Returns a callback that reports progress."""
        return lambda done, total: self.say(f"{what} {done:,} of {total:,}")

    @contextmanager
    def folder(self) -> Iterator[Path]:
        """Gives an empty folder and removes it afterwards."""
        path = Path(tempfile.mkdtemp(prefix="counterfoil-benchmark-", dir=self.options.folder))
        try:
            yield path
        finally:
            shutil.rmtree(path, ignore_errors=True)

    def to_json(self) -> dict[str, Any]:
        """Returns one JSON object: each figure's median under its name, and under `figures` all about it."""
        with self.folder() as folder:
            sync_ms = _sync_ms(folder)
        figures = {name: self._figure(figure) for name, figure in self._figures.items()}
        return {name: figure["median"] for name, figure in figures.items()} | {
            "benchmark": self.name,
            "figures": figures,
            "machine": machine() | {"load": round(self._load, 2), "sync_ms": round(sync_ms, 3)},
            "repeat": self.repeat,
            "scale": self.scale,
            "seed": self.seed,
        }

    def finish(self) -> None:
        """Prints the figures, as JSON or as a table."""
        self.say("")
        result = self.to_json()
        print(json.dumps(result, indent=2) if self.options.json else "\n".join(_table(result)))

    def _figure(self, figure: Figure) -> dict[str, Any]:
        values = [float(f"{value:.4g}") if abs(value) < 1_000 else round(value) for value in self._values[figure.name]]
        found: dict[str, Any] = {
            "says": figure.says,
            "unit": figure.unit,
            "better": figure.better,
            "target": figure.target,
            "median": statistics.median(values) if values else None,
            "best": (max if figure.better == "higher" else min)(values) if values else None,
            "runs": values,
        }
        if figure.name in self._notes:
            found["note"] = self._notes[figure.name]
        return found


def start(name: str, doc: str | None, figures: Sequence[Figure], **more: dict[str, Any]) -> Run:
    """Reads the command line and returns the run. `more` adds options of one script."""
    parser = argparse.ArgumentParser(description=(doc or "").splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    parser.add_argument("--scale", type=float, default=1.0, help="share of the work, e.g. 0.01 for a try")
    parser.add_argument("--repeat", type=int, default=5, help="repetitions of each figure")
    parser.add_argument("--seed", type=int, default=1, help="seed of the made-up data")
    parser.add_argument("--folder", type=Path, help="where temporary files go, to measure another disk")
    for option, settings in more.items():
        parser.add_argument(f"--{option.replace('_', '-')}", **settings)
    return Run(name, figures, parser.parse_args())


def machine() -> dict[str, Any]:
    """Returns what the figures depend on, and nothing that names the machine or its owner."""
    return {
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "cpu": _cpu_model(),
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "system": f"{platform.system()} {platform.machine()}",
        "versions": {"sqlite": sqlite3.sqlite_version} | {name: v for name in PACKAGES if (v := version_of(name))},
    }


def version_of(package: str) -> str | None:
    """Returns the version of an installed package, None without it."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def size_bytes(path: Path) -> int:
    """Returns the bytes of a file and its companions (SQLite's -wal), or of all files under a folder."""
    files = path.rglob("*") if path.is_dir() else path.parent.glob(path.name + "*")
    return sum(file.stat().st_size for file in files if file.is_file())


def _cpu_model() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or "unknown"


def _sync_ms(folder: Path) -> float:
    """Returns how long the disk takes to make 4 kB durable, in milliseconds."""
    took = []
    with (folder / "sync").open("wb", buffering=0) as file:
        for _ in range(SYNCS):
            began = time.perf_counter()
            file.write(bytes(4096))
            os.fsync(file.fileno())
            took.append(time.perf_counter() - began)
    return statistics.median(took) * 1e3


def _table(result: dict[str, Any]) -> Iterator[str]:
    on = result["machine"]
    yield f"{result['benchmark']}: {on['cpu']}, {on['cores']} cores, {on['python']}, load {on['load']}"
    yield f"seed {result['seed']}, scale {result['scale']:g}, one fsync {on['sync_ms']:g} ms, {on['versions']}"
    yield ""
    yield f"{'figure':54} {'median':>12} {'best':>12} {'target':>12}  unit"
    for name, figure in result["figures"].items():
        target = (
            ""
            if figure["target"] is None
            else f"{'>=' if figure['better'] == 'higher' else '<='} {figure['target']:,g}"
        )
        yield f"{name:54} {_number(figure['median']):>12} {_number(figure['best']):>12} {target:>12}  {figure['unit']}"
        if "note" in figure:
            yield f"    {figure['note']}"


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,.0f}" if abs(value) >= 1_000 else f"{value:,.4g}"
