"""How fast an auditor checks a bundle of a contiguous range of decisions, and how large the file is."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from random import Random

import bank
from measure import Figure, Run, spending, start

from counterfoil.core.note import VerifierKey
from counterfoil.organisation.bundles import Show
from counterfoil.store.check_file import check_file

RECORDS = 100_000
BATCH = 1_000

_PER_CPU = "records per CPU second"
FIGURES = (
    Figure(
        "range_records_checked_per_cpu_s",
        _PER_CPU,
        "Records checked to the signed head and the issuer's key",
        "higher",
        50_000,
    ),
    Figure("range_records_checked_per_s", "records per second", "The same, by the clock", "higher"),
    Figure(
        "range_records_with_16_fields_per_cpu_s",
        _PER_CPU,
        "The same with all 16 private fields of each shown and checked",
        "higher",
        10_000,
    ),
    Figure("range_records_with_16_fields_per_s", "records per second", "The same, by the clock", "higher"),
    Figure(
        "range_records_with_16_fields_without_orjson_per_cpu_s",
        _PER_CPU,
        "All 16 fields again, as a base install without orjson checks them; one run",
        "higher",
        10_000,
    ),
    Figure("bundle_bytes_per_record", "bytes", "The bundle, for each record", "lower"),
    Figure("bundle_with_16_fields_bytes_per_record", "bytes", "The bundle with all fields, for each record", "lower"),
    Figure("bundle_records_written_per_cpu_s", _PER_CPU, "Records written into a bundle", "higher"),
    Figure(
        "bundle_records_with_16_fields_written_per_cpu_s",
        _PER_CPU,
        "Records decrypted and written with all fields",
        "higher",
    ),
)
_VARIANTS: tuple[tuple[str, Show, str, str], ...] = (
    ("range_records_checked", "nothing", "bundle_bytes_per_record", "bundle_records_written_per_cpu_s"),
    (
        "range_records_with_16_fields",
        "everything",
        "bundle_with_16_fields_bytes_per_record",
        "bundle_records_with_16_fields_written_per_cpu_s",
    ),
)


def main() -> None:
    run = start("check", __doc__, FIGURES)
    with run.folder() as folder:
        files, issuer = _write(run, folder)
        for _ in range(run.repeat):
            for (name, *_rest), (path, count) in zip(_VARIANTS, files, strict=True):
                _check(run, name, path, count, issuer)
        run.say("without orjson")
        _check_without_orjson(run, *files[1], issuer)
    run.finish()


def _write(run: Run, folder: Path) -> tuple[list[tuple[Path, int]], VerifierKey]:
    """Makes the decisions and writes both bundles; returns (file, records) of each, and the issuer."""
    count = run.count(RECORDS, least=256)
    files = []
    with bank.home(folder) as org:
        decisions = bank.Decisions(org, Random(run.seed), BATCH)
        for first in range(0, count, BATCH):
            numbers = range(first, min(first + BATCH, count))
            org.recorder.record([decisions.prepare(number) for number in numbers])
            run.say(f"decided {numbers.stop:,} of {count:,}")
        for name, show, size, written in _VARIANTS:
            path = folder / f"{name}.bundle"
            with spending() as spent:
                bundle = org.bundles.write_range(path, show=show, progress=run.progress("wrote"))
            run.add(size, path.stat().st_size / bundle.records)
            run.add(written, bundle.records / spent.cpu_s)
            files.append((path, bundle.records))
        return files, org.issuer


def _check(run: Run, name: str, path: Path, count: int, issuer: VerifierKey) -> None:
    with spending() as spent:
        report = check_file(path, issuer=issuer, progress=run.progress("checked"))
    required = ("records", "log", "issuer", "complete", *(("fields",) if "fields" in name else ()))
    if report.exit_code(required) != 0:
        raise SystemExit(f"the bundle does not check: {report.verdict}")
    run.add(f"{name}_per_cpu_s", count / spent.cpu_s)
    run.add(f"{name}_per_s", count / spent.wall_s)


def _check_without_orjson(run: Run, path: Path, count: int, issuer: VerifierKey) -> None:
    command = [sys.executable, str(Path(__file__).with_name("without_orjson.py")), str(path), str(issuer)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    found = json.loads(done.stdout)
    if found["exit_code"] != 0:
        raise SystemExit(f"the bundle does not check without orjson: {found['verdict']}")
    run.add("range_records_with_16_fields_without_orjson_per_cpu_s", count / found["cpu_s"])


if __name__ == "__main__":
    main()
