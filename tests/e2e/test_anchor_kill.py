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


def run_and_kill(writer: subprocess.Popen[str], lines: int, pause_ms: int) -> list[int]:
    """Runs a child until it has told of some anchors, waits a moment more, kills it; returns what it told."""
    assert writer.stdin is not None
    assert writer.stdout is not None
    writer.stdin.write("go\n")
    writer.stdin.flush()
    pid = int(writer.stdout.readline().removeprefix("started "))
    assert writer.stdout.readline() == "open\n"
    told = [writer.stdout.readline() for _ in range(lines)]
    signal.sigtimedwait([], pause_ms / 1_000)  # somewhere in the middle of the next
    os.kill(pid, signal.SIGKILL)
    while not told[-1].startswith("ended "):
        told.append(writer.stdout.readline())
        assert told[-1], "the writer is gone"
    assert os.waitstatus_to_exitcode(int(told.pop().split()[1])) == -signal.SIGKILL, "a child ended by itself"
    return [int(line) for line in told]


def test_no_anchor_is_lost_or_doubled(tmp_path: Path) -> None:
    home = tmp_path / "bank"
    with counterfoil.create(home, name="Example Bank", origin="bank.example/credit") as org:
        org.ledger.connect()
    chance = random.Random(SEED)
    told: list[int] = []
    command = [sys.executable, str(WRITER), str(home)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as writer:
        try:
            for _ in range(KILLS):
                told += run_and_kill(writer, chance.randint(1, 3), chance.randint(0, 40))
        finally:
            writer.kill()
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
