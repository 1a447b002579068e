"""Each adapter's example runs against the real library, is short, and ends with a check that passes."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("adapter_*.py"))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_the_example_runs_and_its_check_passes(example: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-W", "error", str(example), str(tmp_path / "bank")]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert done.stdout.splitlines()[-1] == "intact, and signed by the issuer you named"
    assert len(example.read_text(encoding="utf-8").splitlines()) < 60


def test_there_is_an_example_for_each_adapter() -> None:
    assert [example.stem for example in EXAMPLES] == ["adapter_fastapi", "adapter_opentelemetry", "adapter_sklearn"]


def test_examples_run_beside_each_other() -> None:
    """Each has a home and files of its own, so that a second one runs in the folder of the first."""
    homes = [
        found[1]
        for example in [*EXAMPLES, EXAMPLES[0].with_name("three_lines.py")]
        if (found := re.search(r'else "([^"]+)"\)', example.read_text(encoding="utf-8")))
    ]
    assert len(set(homes)) == len(EXAMPLES) + 1
    for example in EXAMPLES:
        assert 'with_name(f"{home.name}.' in example.read_text(encoding="utf-8")
