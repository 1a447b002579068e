"""A node killed under load: the long version is `python tests/e2e/node_soak.py --seconds 600`."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

SOAK = Path(__file__).with_name("node_soak.py")


@pytest.mark.slow
def test_nothing_acknowledged_is_lost_or_doubled_and_all_is_anchored():
    ran = subprocess.run([sys.executable, SOAK, "--seconds", "20", "--seed", "7"], stdout=subprocess.PIPE, timeout=300)
    assert ran.returncode == 0
    found = json.loads(ran.stdout)
    assert found["faults"] == []
    assert (found["lost"], found["doubled"]) == (0, 0)
    assert found["anchored"] == found["acknowledged"] > 100
    assert found["kills"] >= 1
    assert found["exit_code"] == 0
