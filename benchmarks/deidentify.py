"""De-identifying and checking a table of a million rows: rows per second of CPU, and memory.

The table is CSV with seven columns: a name that goes, a patient of a quarter million who gets a pseudonym, a postal
code and an age that are generalised to k = 10, a date that is shifted, an amount and a label that are kept. Each step
runs in a process of its own; its growth is its peak minus what it needed after its imports. pycanon, where it is
installed, measures k, l and t of the same columns; ours reads them from the file meanwhile, and pycanon has a frame.
"""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path
from random import Random

from measure import Figure, Run, peak_mib, spending, start, version_of

from counterfoil.provenance.deidentification import Settings, deidentify
from counterfoil.provenance.privacy import check_privacy
from counterfoil.provenance.quality import check_quality

ROWS = 1_000_000
PEOPLE = 250_000
STEPS = ("deidentify", "privacy", "quality")
PYCANON_ROWS = 20_000
"""pycanon looks through all rows once for each group; a million would take hours."""

_RATE = "rows per CPU second"
FIGURES = (
    Figure("deidentify_rows_per_cpu_s", _RATE, "De-identified to k = 10, CSV to CSV", "higher"),
    Figure("deidentify_growth_mib", "MiB", "Growth of memory meanwhile", "lower"),
    Figure("privacy_rows_per_cpu_s", _RATE, "Checked for identifiers, k, l, t and uniqueness", "higher"),
    Figure("privacy_growth_mib", "MiB", "Growth of memory meanwhile", "lower"),
    Figure("quality_rows_per_cpu_s", _RATE, "Quality report by group, against the parent", "higher"),
    Figure("quality_growth_mib", "MiB", "Growth of memory meanwhile", "lower"),
    Figure("measures_rows_per_cpu_s", _RATE, "k, l and t alone, of 20,000 rows in a file", "higher"),
    Figure("pycanon_rows_per_cpu_s", _RATE, "The same by pycanon, of a frame", "higher"),
)
SETTINGS = {
    "version": 1,
    "project": "benchmark",
    "person": {"column": "patient", "shift_days": 90},
    "k": {"least": 10, "most_suppressed": 0.01, "allow_emptied": True},  # few rows, as tests take, need it
    "columns": {
        "name": {"rule": "drop"},
        "patient": {"rule": "pseudonym"},
        "zip": {"rule": "generalise", "levels": [{"keep": 3}, {"keep": 2}]},
        "age": {"rule": "generalise", "levels": [{"width": 5, "top": 90}, {"width": 20, "top": 90}]},
        "visit": {"rule": "shift"},
        "amount": {"rule": "keep"},
        "label": {"rule": "keep"},
    },
}


def main() -> None:
    run = start("deidentify", __doc__, FIGURES, step={"help": "run one step in a folder (used by the script itself)"})
    if run.options.step:
        _step(run, run.options.step, run.options.folder)
        return
    with run.folder() as folder:
        run.say("making the table")
        _make(run, folder / "people.csv")
        for number in range(run.repeat):
            for step in STEPS:
                run.say(f"{step}, {number + 1} of {run.repeat}")
                found = _apart(run, step, folder)
                run.add(f"{step}_rows_per_cpu_s", run.count(ROWS) / found["cpu_s"])
                run.add(f"{step}_growth_mib", found["growth_mib"])
            _measure_measures(run, folder / "people.csv")
    run.finish()


def _make(run: Run, path: Path) -> None:
    random = Random(run.seed)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(SETTINGS["columns"])  # type: ignore[arg-type]
        for number in range(run.count(ROWS)):
            patient = random.randrange(PEOPLE)
            born = Random(patient)
            writer.writerow(
                (
                    f"Name {number}",
                    f"p{patient}",
                    f"{born.randrange(100, 400)}{born.randrange(100):02d}",
                    18 + int(75 * born.random() ** 2),
                    f"20{random.randrange(15, 26)}-{random.randrange(1, 13):02d}-{random.randrange(1, 29):02d}",
                    f"{random.expovariate(1 / 900):.2f}",
                    "yes" if random.random() < 0.3 else "no",
                )
            )


def _apart(run: Run, step: str, folder: Path) -> dict[str, float]:
    command = [sys.executable, __file__, "--step", step, "--folder", str(folder), "--scale", str(run.scale)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"the step {step} failed")
    found: dict[str, float] = json.loads(done.stdout)
    return found


def _step(run: Run, step: str, folder: Path) -> None:
    """Runs one step and prints what it took."""
    people, clean = folder / "people.csv", folder / "clean.csv"
    import numpy  # noqa: F401 - counts as an import, not as growth
    import pyarrow.compute
    import pyarrow.csv  # noqa: F401 - the same

    before = peak_mib()
    with spending() as spent:
        if step == "deidentify":
            clean.unlink(missing_ok=True)
            made = deidentify(people, clean, Settings.read(SETTINGS), bytes(32))
            if run.scale == 1 and (made.k or 0) < 10:
                raise SystemExit(f"k is {made.k}")
        elif step == "privacy":
            check_privacy(clean, quasi=["zip", "age"], sensitive=["label", "amount"])
        else:
            check_quality(clean, groups=["age"], label="label", parent=people)
    print(json.dumps({"cpu_s": spent.cpu_s, "growth_mib": peak_mib() - before}))


def _measure_measures(run: Run, people: Path) -> None:
    """Measures k, l and t of the first rows, ours and pycanon's."""
    from counterfoil.provenance.groups import group_rows
    from counterfoil.provenance.privacy.measures import diversity_of
    from counterfoil.provenance.text_table import coded_columns, text_table

    part = people.with_name("part.csv")
    rows = run.count(PYCANON_ROWS, least=100)
    with people.open(encoding="utf-8") as source, part.open("w", encoding="utf-8") as target:
        target.writelines(line for line, _ in zip(source, range(rows + 1), strict=False))
    rows = min(rows, run.count(ROWS))
    with spending() as spent:
        columns = coded_columns(text_table(part), ("zip", "age", "label"))
        places, sizes = group_rows([each.codes for each in columns[:2]], rows)
        found = (int(sizes.min()), diversity_of(columns[2], places).distinct_l)
    run.add("measures_rows_per_cpu_s", rows / spent.cpu_s)
    if (version := version_of("pycanon")) is None:
        run.note("pycanon_rows_per_cpu_s", "pycanon wants pandas below 3: an environment of its own, with both")
        return
    import pandas as pd
    from pycanon import anonymity

    frame = pd.read_csv(part, dtype={"zip": str, "label": object})
    with spending() as spent:
        theirs = anonymity.k_anonymity(frame, ["zip", "age"]), anonymity.l_diversity(frame, ["zip", "age"], ["label"])
        anonymity.t_closeness(frame, ["zip", "age"], ["label"])
    if theirs != found:
        raise SystemExit(f"pycanon finds {theirs}, and we {found}")
    run.add("pycanon_rows_per_cpu_s", rows / spent.cpu_s)
    run.note("pycanon_rows_per_cpu_s", f"pycanon {version}")


if __name__ == "__main__":
    main()
