"""Makes docs/benchmarks.md from benchmarks/results/*.json: `tables.py` writes it, `tables.py --check` compares it."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results"
PAGE = ROOT / "docs" / "benchmarks.md"
TITLES = {
    "decisions": "Recording decisions, and what a slow sink loses",
    "check": "Checking an auditor's bundle",
    "views": "Searching a million decisions",
    "recall": "Recalls at a million decisions",
    "catalogue": "The market's catalogue",
    "fingerprints": "Fingerprints of files and tables",
    "deidentify": "De-identifying and checking a million rows",
    "lineage": "Lineage among 100,000 steps",
    "gate": "The output gate",
    "many_files": "A fingerprint of a million files",
    "rows": "Rows of a dataset, and proofs about them",
    "delivery": "Delivering a file of 2 GiB",
    "memory": "Memory over a million records",
    "start": "Starting the command line",
    "gas": "What anchoring costs on a ledger",
    "market_gas": "What the market costs on a ledger, beside Ocean",
    "market_offers": "Looking through 1,000 offers",
    "anchor_proof": "Checking an anchor offline",
    "ledger": "The embedded ledger",
    "node": "Deciding over HTTP",
    "adapters": "Spans of model calls, and what a slow sink loses",
    "sandbox": "Running a job locked in",
    "console": "The console with a million decisions",
}
HEAD = """# Benchmarks

Every number on this page comes from a script in `benchmarks/` and is written here by
`benchmarks/tables.py`; `benchmarks/README.md` says how to run them again. Rates are
per second of processor time, of all threads and the kernel, so that they compare across
machines with more cores or slower disks; the clock's own rates stand beside them. Medians
are over the repetitions named under each table. The model's own time and the search for
reasons are left out.
"""


def main() -> None:
    page = "\n".join(_page())
    if "--check" not in sys.argv[1:]:
        PAGE.write_text(page, encoding="utf-8")
    elif not PAGE.exists() or PAGE.read_text(encoding="utf-8") != page:
        sys.exit("error: docs/benchmarks.md does not say what the results say\nhint: run python benchmarks/tables.py")


def _page() -> Iterator[str]:
    yield HEAD
    for name, title in TITLES.items():
        path = RESULTS / f"{name}.json"
        if path.exists():
            yield from _section(title, json.loads(path.read_text(encoding="utf-8")))


def _section(title: str, result: dict[str, Any]) -> Iterator[str]:
    figures = result["figures"]
    yield f"## {title}\n"
    yield "| what | median | best | target | |"
    yield "|---|---:|---:|---:|---|"
    notes: list[str] = []
    for name, figure in figures.items():
        mark = ""
        if "note" in figure:
            notes.append(f"{len(notes) + 1}. {figure['note']}")
            mark = f" ({len(notes)})"
        yield (
            f"| {figure['says']}{mark}<br>`{name}` | {_value(figure['median'], figure['unit'])} "
            f"| {_value(figure['best'])} | {_target(figure)} | {_verdict(figure)} |"
        )
    yield ""
    if notes:
        yield "\n".join(notes) + "\n"
    yield _machine(result) + "\n"


def _machine(result: dict[str, Any]) -> str:
    on = result["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in on["versions"].items())
    times = f"{result['repeat']} repetitions" if result["repeat"] > 1 else "one run"
    scale = "" if result["scale"] == 1 else f", scale {result['scale']:g}"
    load = f"load {on['load']:g} at the start, one fsync {on['sync_ms']:g} ms"
    made_by = f"`benchmarks/{result['benchmark']}.py`, {times}, seed {result['seed']}{scale}"
    return f"{made_by}. {on['cpu']}, {on['cores']} cores, {on['system']}, {on['python']}, {load}; {versions}."


def _value(value: float | None, unit: str = "") -> str:
    if value is None:
        return "not measured"
    text = f"{value:,.0f}" if abs(value) >= 1_000 or value == int(value) else f"{value:,.3g}"
    return f"{text} {unit}".strip()


def _target(figure: dict[str, Any]) -> str:
    if figure["target"] is None:
        return ""
    return f"{'at least' if figure['better'] == 'higher' else 'at most'} {_value(figure['target'])}"


def _verdict(figure: dict[str, Any]) -> str:
    """Judges by the median."""
    target, found = figure["target"], figure["median"]
    if target is None or found is None:
        return ""
    return "met" if (found >= target if figure["better"] == "higher" else found <= target) else "**missed**"


if __name__ == "__main__":
    main()
