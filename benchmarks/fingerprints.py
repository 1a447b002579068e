"""Fingerprints of many small files and of one large one, beside model_signing and DVC in the same run.

Files are made up and read from the page cache, each peer on the same ones. model_signing hashes through its own
API, with SHA-256 and with BLAKE3; DVC runs as the command `dvc add` (MD5) in a repository of its own.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from random import Random

from measure import Figure, Run, spending, start, version_of

from counterfoil.provenance.fingerprints import Algorithm, fingerprint_of, table_of
from counterfoil.provenance.fingerprints.algorithm import new_hash
from counterfoil.provenance.fingerprints.stat_cache import StatCache

FILES = 20_000
FILE_BYTES = 50_000
LARGE_BYTES = 2 * 2**30
ROWS = 1_000_000
MOST_UNCHANGED_CPU_S = 0.3

_S, _TIMES, _RATE = "seconds", "times", "GB per CPU second"
FIGURES = (
    Figure("small_files_sha256_s", _S, "20,000 files of 50 kB, SHA-256", "lower"),
    Figure("small_files_blake3_s", _S, "The same with BLAKE3", "lower"),
    Figure("small_files_sha256_cpu_s", "seconds of CPU", "The same with SHA-256, processor time", "lower"),
    Figure("small_files_blake3_cpu_s", "seconds of CPU", "The same with BLAKE3, processor time", "lower"),
    Figure("model_signing_small_files_sha256_s", _S, "model_signing on them, SHA-256", "lower"),
    Figure("model_signing_small_files_blake3_s", _S, "model_signing on them, BLAKE3", "lower"),
    Figure("dvc_small_files_s", _S, "`dvc add` on them, MD5", "lower"),
    Figure("small_files_sha256_times_faster", _TIMES, "Ours against the faster of the two, SHA-256", "higher", 3),
    Figure("small_files_blake3_times_faster", _TIMES, "The same with BLAKE3", "higher", 6),
    Figure(
        "unchanged_tree_cpu_s",
        "seconds of CPU",
        "Looking at the 20,000 files again, unchanged",
        "lower",
        MOST_UNCHANGED_CPU_S,
    ),
    Figure("large_file_sha256_gb_per_cpu_s", _RATE, "One file of 2 GiB, SHA-256", "higher"),
    Figure("large_file_blake3_gb_per_cpu_s", _RATE, "The same with BLAKE3", "higher"),
    Figure("large_file_sha256_s", _S, "The same with SHA-256, on the clock", "lower"),
    Figure("large_file_blake3_s", _S, "The same with BLAKE3, on the clock", "lower"),
    Figure(
        "large_file_sha256_share_of_hash_rate", "share", "Of what one thread hashes in memory, per core", "higher", 0.8
    ),
    Figure("large_file_blake3_share_of_hash_rate", "share", "The same with BLAKE3", "higher", 0.8),
    Figure("model_signing_large_file_sha256_s", _S, "model_signing on it, SHA-256", "lower"),
    Figure("model_signing_large_file_blake3_s", _S, "model_signing on it, BLAKE3", "lower"),
    Figure("table_rows_per_cpu_s", "rows per CPU second", "Rows of a table of five columns, in their order", "higher"),
)
ALGORITHMS: tuple[Algorithm, ...] = ("sha256", "blake3")


def main() -> None:
    run = start("fingerprints", __doc__, FIGURES)
    with run.folder() as folder:
        small, large = folder / "small", folder / "large.bin"
        run.say("making files")
        _make(small, large, run)
        for number in range(run.repeat):
            run.say(f"{number + 1} of {run.repeat}")
            _measure_ours(run, small, large, folder / f"cache{number}")
            _measure_model_signing(run, small, large)
        _measure_dvc(run, small, folder / "dvc")
        _compare(run)
        for _ in range(run.repeat):
            _measure_rows(run)
    run.finish()


def _make(small: Path, large: Path, run: Run) -> None:
    """Makes files of which no two are the same."""
    random = Random(run.seed)
    block = random.randbytes(2**20)
    for number in range(run.count(FILES)):
        path = small / f"{number // 500:03d}" / f"{number:05d}.bin"
        path.parent.mkdir(parents=True, exist_ok=True)
        at = random.randrange(len(block) - FILE_BYTES)
        path.write_bytes(number.to_bytes(8, "big") + block[at : at + FILE_BYTES - 8])
    with large.open("wb") as file:
        for number in range(run.count(LARGE_BYTES) // len(block)):
            file.write(number.to_bytes(8, "big") + block[8:])


def _measure_ours(run: Run, small: Path, large: Path, cache: Path) -> None:
    for algorithm in ALGORITHMS:
        with spending() as spent:
            fingerprint_of(small, algorithm=algorithm)
        run.add(f"small_files_{algorithm}_s", spent.wall_s)
        run.add(f"small_files_{algorithm}_cpu_s", spent.cpu_s)
        with spending() as spent:
            fingerprint_of(large, algorithm=algorithm)
        run.add(f"large_file_{algorithm}_s", spent.wall_s)
        rate = large.stat().st_size / spent.cpu_s / 1e9
        run.add(f"large_file_{algorithm}_gb_per_cpu_s", rate)
        run.add(f"large_file_{algorithm}_share_of_hash_rate", rate / _hash_rate(algorithm))
    kept = StatCache(cache, small)
    fingerprint_of(small, cache=kept)
    with spending() as spent:
        fingerprint_of(small, cache=kept)
    run.add("unchanged_tree_cpu_s", spent.cpu_s)


def _hash_rate(algorithm: Algorithm) -> float:
    """Returns the GB per CPU second that one thread hashes of 64 MiB in memory; the best of five."""
    make, data = new_hash(algorithm), bytes(64 * 2**20)
    rates = []
    for _ in range(5):
        with spending() as spent:
            make(data).digest()
        rates.append(len(data) / spent.cpu_s / 1e9)
    return max(rates)


def _measure_model_signing(run: Run, small: Path, large: Path) -> None:
    try:
        from model_signing import hashing
    except ImportError:
        for figure in FIGURES:
            if figure.name.startswith("model_signing"):
                run.note(figure.name, "model_signing is not installed here")
        return
    for algorithm in ALGORITHMS:
        for what, path in (("small_files", small), ("large_file", large)):
            config = hashing.Config().use_file_serialization(hashing_algorithm=algorithm)
            began = time.perf_counter()
            config.hash(path)
            run.add(f"model_signing_{what}_{algorithm}_s", time.perf_counter() - began)
    run.note("model_signing_small_files_sha256_s", f"model-signing {version_of('model-signing')}, called from Python")


def _measure_dvc(run: Run, small: Path, repo: Path) -> None:
    program = Path(sys.executable).with_name("dvc")
    if not program.exists():
        run.note("dvc_small_files_s", "dvc is not installed here")
        return
    repo.mkdir()
    quiet = os.environ | {"DVC_NO_ANALYTICS": "true", "HOME": str(repo), "DVC_SITE_CACHE_DIR": str(repo / "site")}

    def dvc(*args: str) -> None:
        subprocess.run([str(program), *args], cwd=repo, env=quiet, check=True, capture_output=True, timeout=600)

    dvc("init", "--no-scm")
    dvc("config", "cache.type", "hardlink")
    shutil.copytree(small, repo / "small")
    began = time.perf_counter()
    dvc("add", "-q", "small")
    run.add("dvc_small_files_s", time.perf_counter() - began)
    run.note("dvc_small_files_s", f"dvc {version_of('dvc')}, once, its start included")


def _compare(run: Run) -> None:
    """Adds how many times faster ours was than the faster peer, median against median."""
    for algorithm in ALGORITHMS:
        ours = run.median(f"small_files_{algorithm}_s")
        peers = [run.median(name) for name in (f"model_signing_small_files_{algorithm}_s", "dvc_small_files_s")]
        known = [each for each in peers if each is not None]
        if ours and known:
            run.add(f"small_files_{algorithm}_times_faster", min(known) / ours)


def _measure_rows(run: Run) -> None:
    import numpy as np
    import pyarrow as pa

    count, random = run.count(ROWS), np.random.default_rng(run.seed)
    table = pa.table(
        {
            "id": np.arange(count),
            "amount": random.random(count),
            "rate": random.random(count).astype("f4"),
            "name": [f"name {number % 1_000}" for number in range(count)],
            "at": pa.array(np.arange(count), pa.timestamp("us", "UTC")),
        }
    )
    with spending() as spent:
        table_of(table)
    run.add("table_rows_per_cpu_s", count / spent.cpu_s)


if __name__ == "__main__":
    main()
