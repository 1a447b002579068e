"""What each call costs is committed, so that nobody changes it without saying so."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from counterfoil.ledger.contracts.artefact import Artefact

ROOT = Path(__file__).parents[3]
SNAPSHOT = ROOT / "docs/reference/gas.json"


def test_the_committed_gas_is_what_transactions_use() -> None:
    command = [sys.executable, str(ROOT / "benchmarks/gas.py"), "--check-snapshot"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)

    assert done.returncode == 0, done.stderr


def test_every_function_that_changes_something_has_a_row() -> None:
    rows = {name.partition(" ")[0] for name in json.loads(SNAPSHOT.read_text("utf-8")) if name.startswith("Evidence.")}
    changing = {
        f"Evidence.{entry['name']}"
        for entry in Artefact.load("Evidence").abi
        if entry["type"] == "function" and entry["stateMutability"] not in ("view", "pure")
    }

    assert rows == changing | {"Evidence.deploy"}


def test_the_worst_of_some_stays_below_what_was_promised() -> None:
    command = [sys.executable, str(ROOT / "benchmarks/gas.py"), "--json", "--scale", "0.03"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    found = json.loads(done.stdout)

    for name in ("anchor_worst_gas", "keep_worst_gas"):
        assert found[name] <= found["figures"][name]["target"], name
