"""A process that is killed in the middle of a burst of spans has lost none whose end had returned."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

from organisations import copy_home

from counterfoil.core.statement import parse_record
from counterfoil.organisation import Organisation
from counterfoil.store.check_file import check_file

WRITER = Path(__file__).with_name("span_writer.py")
RUNS = 3


def burst(home: Path, count: int) -> list[str]:
    """Returns the spans whose end had returned before the process was killed, somewhere behind `count` of them."""
    command = [sys.executable, str(WRITER), str(home)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        said = [process.stdout.readline() for _ in range(count)]
        process.kill()
        said += process.stdout.readlines()
    return [line.split()[1] for line in said if line.endswith("\n")]


def test_every_span_whose_end_returned_is_in_the_log(tmp_path: Path) -> None:
    home, chance = copy_home(tmp_path), random.Random(5)
    ended: list[str] = []
    for _ in range(RUNS):
        ended += burst(home, chance.randrange(100, 400))
        with Organisation.open(home) as org:
            rows = org.calls.search(limit=100_000)
            spans = [org.calls.values(row["idx"])["/trace"]["span"] for row in rows]
            assert len(spans) == len(set(spans)), "a span is recorded twice"
            assert set(ended) <= set(spans)
            known = {org.archive.leaf_hex(row["idx"]) for row in rows}
            for row in rows:
                assert set(parse_record(org.archive.entry(row["idx"])).builds_on) <= known
    assert len(ended) > 100 * RUNS
    with Organisation.open(home) as org:
        org.bundles.write_range(tmp_path / "all.zip", show="everything")
        report = check_file(tmp_path / "all.zip", issuer=org.issuer)
        assert report.verdict == "intact, and signed by the issuer you named"
