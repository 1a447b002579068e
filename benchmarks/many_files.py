"""A fingerprint of a million small files in one folder, and of the same folder again.

The files have 100 bytes each, no two the same; give a folder in memory with --folder to leave the disk out.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from measure import Figure, Run, peak_mib, spending, start

from counterfoil.provenance.fingerprints import difference_of, fingerprint_of
from counterfoil.provenance.fingerprints.fingerprint import Fingerprint
from counterfoil.provenance.fingerprints.stat_cache import StatCache

FILES = 1_000_000
FILE_BYTES = 100

_S, _CPU = "seconds", "seconds of CPU"
FIGURES = (
    Figure("files", "files", "Files in the folder", "higher"),
    Figure("first_s", _S, "Reading all of them, on the clock", "lower"),
    Figure("first_cpu_s", _CPU, "The same, processor time", "lower"),
    Figure("first_peak_memory_mib", "MiB", "All memory of that process", "lower", 1_024),
    Figure("again_s", _S, "Looking again, one file changed, on the clock", "lower"),
    Figure("again_cpu_s", _CPU, "The same, processor time", "lower"),
    Figure("file_mib", "MiB", "The file with the fingerprint", "lower"),
)


def main() -> None:
    run = start("many_files", __doc__, FIGURES, step={"help": "run one step in a folder (used by the script itself)"})
    if run.options.step:
        print(json.dumps(_first(run.options.folder)))
        return
    with run.folder() as folder:
        count = run.count(FILES)
        run.say("making files")
        _make(folder / "many", count)
        for number in range(run.repeat):
            run.say(f"{number + 1} of {run.repeat}")
            _measure(run, folder, count, number)
    run.finish()


def _make(folder: Path, count: int) -> None:
    folder.mkdir()
    for number in range(count):
        (folder / f"{number:07d}").write_bytes(number.to_bytes(8, "big") * (FILE_BYTES // 8))


def _measure(run: Run, folder: Path, count: int, number: int) -> None:
    step = [sys.executable, __file__, "--step", "first", "--folder", str(folder)]
    found = json.loads(subprocess.run(step, check=True, capture_output=True, text=True).stdout)
    for name, value in found.items():
        run.add(name, value)
    changed = folder / "many" / f"{number:07d}"
    changed.write_bytes(b"changed")
    with spending() as spent:
        again = fingerprint_of(folder / "many", cache=StatCache(folder / "cache", folder / "many"))
    before = Fingerprint.load(folder / "was.json")
    if [each.name for each in difference_of(before, again).changes] != [changed.name] or again.files != count:
        sys.exit("error: the second look did not find the one file that changed")
    run.add("files", count)
    run.add("again_s", spent.wall_s)
    run.add("again_cpu_s", spent.cpu_s)
    run.add("file_mib", (folder / "was.json").stat().st_size / 2**20)
    (folder / "was.json").unlink()


def _first(folder: Path) -> dict[str, float]:
    """Reads everything, and keeps what was read for the second look."""
    with spending() as spent:
        made = fingerprint_of(folder / "many")
    most_mib = peak_mib()
    fingerprint_of(folder / "many", cache=StatCache(folder / "cache", folder / "many"))
    made.save(folder / "was.json")
    return {"first_s": spent.wall_s, "first_cpu_s": spent.cpu_s, "first_peak_memory_mib": most_mib}


if __name__ == "__main__":
    main()
