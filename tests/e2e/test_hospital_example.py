"""The hospital example runs from one command, and ends as it says."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from safetensors.numpy import load_file

EXAMPLE = Path(__file__).parents[2] / "examples" / "hospital" / "run.py"

pytestmark = [
    pytest.mark.skipif(shutil.which("bwrap") is None, reason="bubblewrap is not installed"),
    pytest.mark.skipif(find_spec("opendp") is None, reason="opendp is not installed"),
]


def test_a_model_comes_back_rows_do_not_and_the_money_ends_where_it_should(tmp_path: Path) -> None:
    command = [sys.executable, "-W", "error", str(EXAMPLE), str(tmp_path / "example")]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=240)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    said = done.stdout
    assert "model.safetensors, result.json" in said
    steps = [line for line in said.splitlines() if re.match(r" +[1-8]\. .*\?", line)]
    assert len(steps) == 8
    assert all("passed: " in line for line in steps)
    assert "2 outputs came out the same" in steps[7]
    assert re.search(r"model\.safetensors +refused: it holds values of one row", said)
    assert re.search(r"result\.json +refused", said)
    assert "What left: 0 files" in said
    assert said.count("for half of the privacy budget") == 2
    assert "3: refunded." in said
    assert "65.00 CREDIT left" in said
    assert "take 35.00 CREDIT" in said
    model, code = tmp_path / "example" / "model", EXAMPLE.parent / "algorithms" / "train.py"
    cli, key = [Path(sys.executable).with_name("counterfoil"), "market"], tmp_path / "hospital.vkey"
    asked = [*cli, "key", "--home", tmp_path / "example" / "hospital"]
    key.write_text(subprocess.run(asked, capture_output=True, text=True, check=True, timeout=120).stdout)
    auditor = [*cli, "rerun", model, code, tmp_path / "example" / "cases.csv", "--issuer", key]
    checked = subprocess.run(auditor, capture_output=True, text=True, cwd=tmp_path, timeout=120)
    assert (checked.returncode, checked.stdout.count(" PASSED ")) == (0, 8), checked.stdout + checked.stderr
    arrays = load_file(tmp_path / "example" / "model" / "out" / "model.safetensors")
    shapes = {"bias": (1,), "mean": (30,), "scale": (30,), "weights": (30,)}
    assert {name: each.shape for name, each in arrays.items()} == shapes
    left = [path for path in (tmp_path / "example" / "model").rglob("*") if path.is_file()]
    assert not any(b"patient-" in path.read_bytes() for path in left)
