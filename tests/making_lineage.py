"""A home with lineage to look at: tables from several places, cleaned, joined and trained on, and a model at work."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from counterfoil.organisation import Organisation
from counterfoil.provenance import Dataset, DatasetRecord, Model, Rederivation, Run, RunRecord
from counterfoil.provenance.lineage import Compared

__all__ = ["Story", "added", "many", "stand_ins", "table", "tell", "write_runs"]


@dataclass(frozen=True, slots=True)
class Story:
    """What stands in the log."""

    raw: Dataset
    clean: Dataset
    joined: Dataset
    model: Model
    runs: dict[str, Run]


def table(folder: Path, name: str, text: str) -> Path:
    path = folder / f"{name[:40]}.csv"
    path.write_text(f"id,{text}\n1,2\n", encoding="utf-8")
    return path


def added(org: Organisation, folder: Path, name: str, text: str = "") -> Dataset:
    """Registers a small table that nobody else has."""
    return org.provenance.register_dataset(
        table(folder, f"t{org.archive.size}", text or f"c{org.archive.size}"), name=name
    )


def tell(org: Organisation, folder: Path) -> Story:
    """Tells how the newest model of a home came about: two runs are re-derived, one differs, one is told."""
    model = org.provenance.models()[-1]
    raw, bureau = added(org, folder, "applications"), added(org, folder, "credit-bureau")
    with org.provenance.run("drop duplicates", inputs=[raw], parameters={"keep": "last"}) as clean:
        cleaned = clean.output(table(folder, "clean", "cleaned"), name="applications-clean")
    with org.provenance.run("match bureau entries", inputs=[bureau]) as match:
        matched = match.output(table(folder, "matched", "matched"), name="bureau-matched")
    with org.provenance.run("join", inputs=[cleaned, matched]) as join:
        joined = join.output(table(folder, "joined", "joined"), name="training-set")
    with org.provenance.run("fit scorecard", inputs=[joined], kind="training", seed=7) as fit:
        fit.model(model)
    made = {"clean": clean, "match": match, "join": join, "fit": fit}
    runs = {name: each.recorded for name, each in made.items() if each.recorded is not None}
    for name, is_same in (("clean", True), ("match", False), ("join", True)):
        output = Compared(name, "0" * 64, "0" * 64 if is_same else "1" * 64)
        org.provenance.runs.rederived(runs[name], Rederivation(runs[name].leaf, (output,), {}))
    return Story(raw, cleaned, joined, model, runs)


def many(org: Organisation, count: int = 500) -> Dataset:
    """Makes a graph of some `count` records around one dataset, which it returns; nothing stands behind them."""
    sources = stand_ins(org, [f"branch {number:03}" for number in range(count * 2 // 5)])
    tens = [sources[start : start + 10] for start in range(0, len(sources), 10)]
    days = stand_ins(org, ["daily"] * len(tens))
    whole = stand_ins(org, ["all-days"])
    samples = stand_ins(org, ["sample"] * (count * 2 // 9))
    write_runs(org, [("collect", ten, [day]) for ten, day in zip(tens, days, strict=True)])
    write_runs(org, [("join days", days, whole)])
    write_runs(org, [(f"sample {number}", whole, [each]) for number, each in enumerate(samples)])
    return whole[0]


def stand_ins(org: Organisation, names: Sequence[str]) -> list[Dataset]:
    """Writes records of datasets that nobody has, all at once; each a version of its name."""
    made, digest = [], f"{0:064x}"
    for number, name in enumerate(names):
        made.append(DatasetRecord(name, str(number + 1), name, digest, 1, 1, None, (), {}, digest, digest))
    written = org.recorder.record([org.recorder.prepare(each.draft()) for each in made])
    return [Dataset(found.index or 0, found.leaf.hex(), each) for found, each in zip(written, made, strict=True)]


def write_runs(org: Organisation, told: Sequence[tuple[str, Sequence[Dataset], Sequence[Dataset]]]) -> list[Run]:
    """Writes records of runs, each told as name, inputs and outputs, without running anything."""
    made = [
        RunRecord(
            name,
            "transformation",
            tuple(each.leaf for each in inputs),
            tuple(each.leaf for each in outputs),
            None,
            {},
            {},
            None,
            org.provenance.runs.now(),
            org.provenance.runs.now(),
        )
        for name, inputs, outputs in told
    ]
    written = org.recorder.record([org.recorder.prepare(each.draft()) for each in made])
    return [Run(found.index or 0, found.leaf.hex(), each) for found, each in zip(written, made, strict=True)]
