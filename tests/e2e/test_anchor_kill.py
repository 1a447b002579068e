"""A process that records and anchors is killed again and again: no anchor it told of is lost, none is doubled."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import counterfoil
from counterfoil.organisation import Organisation

WRITER = Path(__file__).with_name("anchor_writer.py")
KILLS = 15
SEED = 20261125


def run_and_kill(home: Path, lines: int, pause_ms: int) -> list[int]:
    """Runs the writer until it has told of some anchors, waits a moment more, kills it; returns what it told."""
    process = subprocess.Popen(
        [sys.executable, str(WRITER), str(home)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    told = []
    try:
        first = process.stdout.readline()
        assert first == "open\n", process.communicate()[1]
        for _ in range(lines):
            line = process.stdout.readline()
            assert line, process.communicate()[1]
            told.append(int(line))
        signal.sigtimedwait([], pause_ms / 1_000)  # somewhere in the middle of the next
    finally:
        os.kill(process.pid, signal.SIGKILL)
        rest, _ = process.communicate()
    return told + [int(line) for line in rest.splitlines() if line.isdigit()]


def test_no_anchor_is_lost_or_doubled(tmp_path: Path) -> None:
    home = tmp_path / "bank"
    with counterfoil.create(home, name="Example Bank", origin="bank.example/credit") as org:
        org.ledger.connect()
    chance = random.Random(SEED)
    told: list[int] = []
    for _ in range(KILLS):
        told += run_and_kill(home, chance.randint(1, 3), chance.randint(0, 40))
    with Organisation.open(home) as org:
        state = org.ledger.anchor()
        assert state.is_done
        opened, where = org.ledger.opened, org.ledger.require_connection().where
        events = opened.evidence.events(0, opened.chain.require_block("latest").number, where.log_id)
        sizes = [each.values["size"] for each in events if each.name == "Anchored"]
        roots = [each.values["root"] for each in events if each.name == "Anchored"]
        assert sizes == sorted(set(sizes)), "an anchor was sent twice, or out of order"
        assert set(told) - {0} <= set(sizes), "an anchor that was told of is not on the ledger"
        assert [org.archive.root(size) for size in sizes] == roots
        assert {row.state for row in opened.outbox.rows()} == {"final"}
    assert len(told) >= KILLS
