"""A ledger's process that is killed at any moment loses and doubles nothing it acknowledged."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from small_ledger import CHAIN_ID, Purse, init_code

from counterfoil.errors import NotSetUp
from counterfoil.ledger.embedded.ledger import EmbeddedLedger
from counterfoil.ledger.rpc.hexadecimal import data, quantity

KILLS = 70
CREATING_KILLS = 30
CHECK_EVERY = 10
TESTS = Path(__file__).parents[1]
WRITER = Path(__file__).with_name("ledger_writer.py")
COUNTER = bytes.fromhex("5f546001015f5500")


@dataclass
class Writer:
    """A process that forks the ones that are killed."""

    process: subprocess.Popen[str]

    def run_until_killed(self, run: int, what: str, wait_s: float, *, at_once: bool) -> list[tuple[int, int, int]]:
        """Returns the (account, first nonce, count) that a process acknowledged before SIGKILL hit it.

        Args:
            run: Seeds what it does.
            what: `write` or `create`.
            wait_s: How long it may go on.
            at_once: Whether that counts from its start, and not from when it is open.
        """
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(f"{run} {what}\n")
        self.process.stdin.flush()
        # The first two lines come from two processes, in any order.
        lines = [self.process.stdout.readline()]
        while not at_once and "ready\n" not in lines:
            lines.append(self.process.stdout.readline())
        while not (pids := [line for line in lines if line.startswith("pid ")]):
            lines.append(self.process.stdout.readline())
        time.sleep(wait_s)
        try:
            os.kill(int(pids[0].split()[1]), signal.SIGKILL)
        except ProcessLookupError:
            assert what == "create", "the writer ended by itself"
        while lines[-1] != "dead\n":
            lines.append(self.process.stdout.readline())
            assert lines[-1], "the writer ended"
        return [tuple(map(int, line.split())) for line in lines if line[0].isdigit()]  # type: ignore[misc]


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[Writer]:
    environment = os.environ | {"PYTHONPATH": str(TESTS)}
    command = [sys.executable, str(WRITER), str(tmp_path)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        yield Writer(process)
        assert process.stdin
        process.stdin.close()


def test_kills_during_commits_lose_and_double_nothing(tmp_path: Path, writer: Writer) -> None:
    chance, purse = random.Random(2026), Purse()
    with EmbeddedLedger.create(tmp_path, chain_id=CHAIN_ID, funded=purse.funded) as ledger:
        ledger.send([purse.sign(3, None, init_code(COUNTER))])
        counter = ledger.call("eth_getBlockReceipts", "0x1")[0]["contractAddress"]
    mined = [0, 0, 0]
    acknowledged = unacknowledged = blocks = 0
    for run in range(KILLS):
        told = writer.run_until_killed(run, "write", chance.uniform(0, 0.12), at_once=chance.random() < 0.2)
        with EmbeddedLedger.open(tmp_path) as ledger:
            for who, first, count in told:
                assert first == mined[who], "an acknowledged transaction is missing, or there twice"
                mined[who] += count
                acknowledged += count
            for who in range(3):  # what was on the disk, and not yet told when the kill came
                address = data(purse.address(who))
                nonce = int(ledger.call("eth_getTransactionCount", address, "latest"), 16)
                assert mined[who] <= nonce <= mined[who] + 40
                unacknowledged += nonce - mined[who]
                mined[who] = nonce
            assert int(ledger.call("eth_getStorageAt", counter, "0x0", "latest"), 16) == sum(mined)
            assert int(ledger.call("eth_getBalance", counter, "latest"), 16) == sum(mined)
            assert ledger.head.number >= blocks
            blocks = ledger.head.number
            if run % CHECK_EVERY == 0:
                assert ledger.check() == blocks + 1
    with EmbeddedLedger.open(tmp_path) as ledger:
        assert ledger.check() == blocks + 1
        numbers = map(quantity, range(blocks + 1))
        counts = [int(ledger.call("eth_getBlockTransactionCountByNumber", number), 16) for number in numbers]
        assert sum(counts) == sum(mined) + 1
    assert acknowledged > 20 * KILLS, "the kills came too early to hit commits"


def test_kills_while_a_ledger_is_made_leave_none_or_a_whole_one(tmp_path: Path, writer: Writer) -> None:
    chance = random.Random(7)
    for run in range(CREATING_KILLS):
        told = writer.run_until_killed(run, "create", chance.uniform(0, 0.02), at_once=True)
        folder = tmp_path / str(run)
        try:
            ledger = EmbeddedLedger.open(folder)
        except NotSetUp:
            assert not told
            ledger = EmbeddedLedger.create(folder, chain_id=CHAIN_ID, funded=Purse().funded)
        with ledger:
            assert ledger.check() == 1
            assert int(ledger.call("eth_getBalance", data(Purse().address(0)), "latest"), 16) > 0
