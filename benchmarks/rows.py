"""Committing to the rows of a dataset: how fast, in how much memory, and how small and quickly checked the proofs are.

Made-up people in a Parquet file, each with an id of its own. The trees over all rows are built in a process of its own,
reading included; so are those over ids, of as many as --ids says. Proofs are of ids spread over the table, and of as
many that never stood in it.
"""

from __future__ import annotations

import json
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from measure import Figure, Run, peak_mib, size_bytes, spending, start

from counterfoil.core.check_rows import check_rows_proof
from counterfoil.core.ecvrf import gamma_of, prove
from counterfoil.core.merkle import inclusion_path
from counterfoil.core.rows import id_input, tag_of
from counterfoil.core.rows_proof import IdProof, IdTree, RowProof, RowTree, Shown
from counterfoil.provenance.fingerprints.table_source import TableSource, table_source
from counterfoil.provenance.rows.building import TREE_FOLDER, build_trees
from counterfoil.provenance.rows.secret import RowsSecret
from counterfoil.provenance.rows.shown_rows import shown_rows
from counterfoil.provenance.rows.tag_files import TagFiles
from counterfoil.store.tree_files import TreeFiles

ROWS = 10_000_000
IDS = 200_000
BATCH = 500_000
PROOFS = 200

_BYTES, _MS = "bytes", "milliseconds"
FIGURES = (
    Figure(
        "membership_rows_per_cpu_s",
        "rows per CPU second",
        "Committing to 10,000,000 rows, reading included",
        "higher",
        250_000,
    ),
    Figure("membership_peak_memory_mib", "MiB", "All memory of that process", "lower", 1_024),
    Figure("membership_disk_bytes_per_row", _BYTES, "What is kept of a row", "lower"),
    Figure(
        "non_membership_ids_per_cpu_s",
        "ids per CPU second",
        "The same with the ids, reading included",
        "higher",
        10_000,
    ),
    Figure("non_membership_peak_memory_mib", "MiB", "All memory of that process", "lower", 1_024),
    Figure("non_membership_disk_bytes_per_id", _BYTES, "What is kept of a row and its id", "lower"),
    Figure("membership_proof_bytes", _BYTES, "Largest proof of one row of 10,000,000, the row shown", "lower", 2_000),
    Figure("membership_check_ms", _MS, "Checking it", "lower", 20),
    Figure("present_proof_bytes", _BYTES, "Largest proof that an id is there, its row shown", "lower", 2_000),
    Figure("absence_proof_bytes", _BYTES, "Largest proof that an id is not there", "lower", 2_000),
    Figure("absence_check_ms", _MS, "Checking it", "lower", 20),
    Figure("absence_prove_ms", _MS, "Making it", "lower"),
)


def main() -> None:
    run = start(
        "rows",
        __doc__,
        FIGURES,
        ids={"type": int, "default": IDS, "help": "ids to build the tree over; 10000000 takes 15 minutes"},
        step={"help": "run one step in a folder (used by the script itself)"},
    )
    if run.options.step:
        found = STEPS[run.options.step](run, run.options.folder)
        print(json.dumps(found))
        return
    rows, ids = run.count(ROWS), run.count(run.options.ids)
    with run.folder() as folder:
        run.say("making rows")
        _apart(run, "make", folder)
        for _ in range(run.repeat):
            run.say(f"committing to {rows:,} rows")
            _add(run, "membership", "row", _apart(run, "rows", folder))
        run.say(f"committing to {ids:,} ids")
        _add(run, "non_membership", "id", _apart(run, "ids", folder))
        run.say("proving")
        for name, value in _apart(run, "proofs", folder).items():
            run.add(name, value)
    run.note("non_membership_ids_per_cpu_s", f"{ids:,} ids, once")
    run.note("absence_proof_bytes", f"of {_proofs(run)} proofs in a tree of {ids:,} ids, without the record's receipt")
    run.finish()


def _apart(run: Run, step: str, folder: Path) -> dict[str, float]:
    """Runs one step in a process of its own, and returns what it measured."""
    command = [sys.executable, __file__, "--step", step, "--folder", str(folder), "--scale", str(run.scale)]
    command += ["--seed", str(run.seed), "--ids", str(run.options.ids)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"the step {step} failed")
    found: dict[str, float] = json.loads(done.stdout)
    return found


def _add(run: Run, what: str, unit: str, found: dict[str, float]) -> None:
    run.add(f"{what}_{unit}s_per_cpu_s", found["count"] / found["cpu_s"])
    run.add(f"{what}_peak_memory_mib", found["peak_mib"])
    run.add(f"{what}_disk_bytes_per_{unit}", found["bytes"] / found["count"])


def _make(run: Run, folder: Path) -> dict[str, float]:
    """Writes the people, a million at most in memory."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    count, random = run.count(ROWS), np.random.default_rng(run.seed)
    writer = None
    for first in range(0, count, BATCH):
        numbers = np.arange(first, min(first + BATCH, count))
        table = pa.table(
            {
                "id": [f"person-{number:08d}" for number in numbers],
                "amount": random.integers(0, 100_000, len(numbers)),
                "rate": random.random(len(numbers)),
                "consent": [("given", "given", "withdrawn")[number % 3] for number in numbers],
                "at": pa.array(numbers * 1_000_000, pa.timestamp("us", "UTC")),
            }
        )
        writer = writer or pq.ParquetWriter(folder / "people.parquet", table.schema)
        writer.write_table(table)
    if writer is not None:
        writer.close()
    return {}


def _build_rows(run: Run, folder: Path) -> dict[str, float]:
    return _build(run, folder, "rows", table_source(folder / "people.parquet"), run.count(ROWS), "")


def _build_ids(run: Run, folder: Path) -> dict[str, float]:
    ids = min(run.count(run.options.ids), run.count(ROWS))
    return _build(run, folder, "ids", _first(folder / "people.parquet", ids), ids, "id")


def _build(run: Run, folder: Path, name: str, source: TableSource, count: int, column: str) -> dict[str, float]:
    """Builds the trees of one kind; takes those of the repetition before away."""
    built = folder / name
    shutil.rmtree(built, ignore_errors=True)
    built.mkdir()
    progress = run.progress("rows")
    with spending() as spent:
        trees = build_trees(source, _secret(run), built, id_column=column, expected_rows=count, progress=progress)
    most_mib = peak_mib()
    told = {"rows": trees.rows.to_json(), "ids": trees.ids.to_json() if trees.ids else None}
    (folder / f"{name}.json").write_text(json.dumps(told))
    return {"count": count, "cpu_s": spent.cpu_s, "peak_mib": most_mib, "bytes": size_bytes(built)}


def _first(path: Path, count: int) -> TableSource:
    """Returns the first rows of a table."""
    whole = table_source(path)

    def batches() -> Iterator[Any]:
        left = count
        for batch in whole.batches():
            yield batch.slice(0, min(left, batch.num_rows))
            left -= min(left, batch.num_rows)
            if not left:
                return

    return TableSource(whole.schema, batches)


def _prove(run: Run, folder: Path) -> dict[str, float]:
    """Makes and checks proofs of rows and ids spread over the tables; a proof that fails ends it all."""
    return _prove_rows(run, folder) | _prove_ids(run, folder)


def _prove_rows(run: Run, folder: Path) -> dict[str, float]:
    tree = RowTree.from_json(json.loads((folder / "rows.json").read_text())["rows"])
    numbers = _spread(tree.count, _proofs(run))
    leaves = TreeFiles(folder / "rows" / TREE_FOLDER, tree.count, read_only=True)
    shown = shown_rows(folder / "people.parquet", _secret(run), numbers, lambda row: leaves.read(0, row, 1))
    files = []
    for number, row in zip(numbers, shown.rows, strict=True):
        path = tuple(inclusion_path(number, tree.count, leaves.subtree))
        files.append(RowProof(tree, number, path, Shown(shown.columns, (row,))).encode())
    leaves.close()
    return {"membership_proof_bytes": max(map(len, files)), "membership_check_ms": _check_ms(files)}


def _prove_ids(run: Run, folder: Path) -> dict[str, float]:
    told = json.loads((folder / "ids.json").read_text())
    tree, rows = IdTree.from_json(told["ids"]), RowTree.from_json(told["rows"])
    leaves = TreeFiles(folder / "ids" / TREE_FOLDER, rows.count, read_only=True)
    files = TagFiles(folder / "ids", tree.count, rows.count, lambda row: leaves.read(0, row, 1))
    numbers, secret = _spread(tree.count, _proofs(run)), _secret(run)
    shown = shown_rows(folder / "people.parquet", secret, numbers, lambda row: leaves.read(0, row, 1))

    def proof(text: str) -> IdProof:
        vrf = prove(secret.id_key, id_input(text))
        found = files.find(tag := tag_of(gamma_of(vrf)))
        return IdProof(tree, text, vrf, found.place, found.steps, found.place.tag == tag)

    present = [
        replace(proof(f"person-{number:08d}"), shown=Shown(shown.columns, (row,))).encode()
        for number, row in zip(numbers, shown.rows, strict=True)
    ]
    with spending() as spent:
        absent = [proof(f"nobody-{number:08d}").encode() for number in range(_proofs(run))]
    leaves.close()
    _check_ms(present)
    return {
        "present_proof_bytes": max(map(len, present)),
        "absence_proof_bytes": max(map(len, absent)),
        "absence_check_ms": _check_ms(absent),
        "absence_prove_ms": spent.cpu_s / len(absent) * 1e3,
    }


def _check_ms(files: list[bytes]) -> float:
    """Returns how long checking one takes, the median; none may fail."""
    took = []
    for data in files:
        began = time.perf_counter()
        report = check_rows_proof(data)
        took.append((time.perf_counter() - began) * 1e3)
        if not report.is_intact:
            raise SystemExit(f"a proof does not check: {report.verdict}")
    return statistics.median(took)


def _proofs(run: Run) -> int:
    """Returns how many proofs of a kind to make."""
    return run.count(PROOFS, least=20)


def _spread(count: int, among: int) -> list[int]:
    """Returns `among` numbers of rows at most, ascending, from the first to the last."""
    return sorted({(count - 1) * place // max(1, among - 1) for place in range(among)})


def _secret(run: Run) -> RowsSecret:
    return RowsSecret(run.seed.to_bytes(32))


STEPS = {"make": _make, "rows": _build_rows, "ids": _build_ids, "proofs": _prove}


if __name__ == "__main__":
    main()
