"""By how much memory grows while a million records are appended, rebuilt into tables, bundled and checked.

Each step runs in a process of its own. Its growth is its peak minus what it needed
after opening the home. Every record is a decision with 16 private fields, and all
fields are in the bundle; with --private-every 10 nine of ten records are plain.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from pathlib import Path
from random import Random

import bank
from measure import Figure, Run, peak_mib, start

import counterfoil
from counterfoil.store.check_file import check_file, read_issuer

RECORDS = 1_000_000
BATCH = 1_000

_SAYS = {
    "append": "Growth while records are appended in batches of 1,000",
    "rebuild": "Growth while every table is made anew from log and vault",
    "bundle": "Growth while all records and all their fields are written into a bundle",
    "check": "Growth while that bundle is checked",
}
FIGURES = (
    *(Figure(f"{step}_growth_mib", "MiB", says, "lower", 100) for step, says in _SAYS.items()),
    *(Figure(f"{step}_peak_mib", "MiB", f"All memory of that process: {step}", "lower") for step in _SAYS),
)


def main() -> None:
    run = start(
        "memory",
        __doc__,
        FIGURES,
        private_every={"type": int, "default": 1, "help": "one record in so many has private fields"},
        step={"help": "run one step in a folder (used by the script itself)"},
    )
    if run.options.step:
        _step(run, run.options.step, run.options.folder)
        return
    with run.folder() as folder:
        for step in _SAYS:
            run.say(step)
            found = _apart(run, step, folder)
            run.add(f"{step}_growth_mib", found["growth_mib"])
            run.add(f"{step}_peak_mib", found["peak_mib"])
            private = f"one in {run.options.private_every}" if run.options.private_every > 1 else "each"
            text = f"{found['records']:,} records, {private} with 16 private fields; {found['cpu_s']:.0f} s of CPU"
            run.note(f"{step}_growth_mib", text)
    run.repeat = 1
    run.finish()


def _apart(run: Run, step: str, folder: Path) -> dict[str, float]:
    options = run.options
    command = [sys.executable, __file__, "--step", step, "--folder", str(folder), "--scale", str(run.scale)]
    command += ["--seed", str(run.seed), "--private-every", str(options.private_every)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"the step {step} failed")
    found: dict[str, float] = json.loads(done.stdout)
    return found


def _step(run: Run, step: str, folder: Path) -> None:
    """Runs one step and prints what it took."""
    bundle = folder / "all.bundle"
    if step == "append":
        with bank.home(folder) as org:
            decisions = bank.Decisions(org, Random(run.seed), BATCH)
            before = _restart_peak()
            records = run.count(RECORDS)
            for first in range(0, records, BATCH):
                _append(run, decisions, range(first, min(first + BATCH, records)))
                run.say(f"appended {first:,} of {records:,}")
    elif step == "check":
        issuer = read_issuer(str(folder / "bank" / "issuer.vkey"))
        before = _restart_peak()
        report = check_file(bundle, issuer=issuer, progress=run.progress("checked"))
        if report.exit_code(("records", "log", "issuer", "complete", "fields")) != 0:
            raise SystemExit(f"the bundle does not check: {report.verdict}")
        records = run.count(RECORDS)
    else:
        with counterfoil.open(folder / "bank") as org:
            before = _restart_peak()
            if step == "rebuild":
                records = org.rebuild(run.progress("rebuilt"))
            else:
                records = org.bundles.write_range(bundle, show="everything", progress=run.progress("wrote")).records
    peak = _peak_mib()
    usage = resource.getrusage(resource.RUSAGE_SELF)
    cpu_s = usage.ru_utime + usage.ru_stime
    print(json.dumps({"growth_mib": peak - before, "peak_mib": peak, "records": records, "cpu_s": cpu_s}))


def _append(run: Run, decisions: bank.Decisions, numbers: range) -> None:
    every = run.options.private_every
    bodies = bank.abouts(Random(numbers.start), len([number for number in numbers if number % every]))
    private = [decisions.prepare(number) for number in numbers if number % every == 0]
    recorder = decisions.org.recorder
    recorder.record([*private, *bank.events(decisions.org, bodies)])


def _restart_peak() -> float:
    """Starts the peak afresh where the system can; returns the memory in use, MiB."""
    try:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    except OSError:
        return _peak_mib()
    return _status_mib("VmRSS")


def _peak_mib() -> float:
    try:
        return _status_mib("VmHWM")
    except OSError:
        return peak_mib()


def _status_mib(name: str) -> float:
    for line in Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1]) / 1024
    raise OSError(f"the system does not tell {name}")


if __name__ == "__main__":
    main()
