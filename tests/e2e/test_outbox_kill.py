"""A sender that is killed at any moment: whatever it acknowledged is executed, and nothing is twice."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import counter
import pytest
from anvil import Anvil, needs_anvil
from counter import GENEROUS, TWELVE_BLOCKS, Counting, Wallet, key_of
from postgres import PostgresServer

from counterfoil.ledger.accounts.account import LocalAccount
from counterfoil.ledger.embedded.ledger import EmbeddedLedger
from counterfoil.ledger.rpc.chain import Chain
from counterfoil.ledger.rpc.endpoint import Endpoint
from counterfoil.ledger.sending.outbox import State

KILLS = 50
WRITER = Path(__file__).with_name("outbox_writer.py")


class Writer:
    """The process that forks the ones to be killed."""

    def __init__(self, process: subprocess.Popen[str], mine: Callable[[], object]) -> None:
        self._process = process
        self._mine = mine
        self.chance = random.Random(2026)

    def run_until_killed(self, seed: int) -> list[str]:
        """Returns the keys that were acknowledged before SIGKILL hit."""
        assert self._process.stdin
        assert self._process.stdout
        print(seed, file=self._process.stdin, flush=True)
        word, pid = self._process.stdout.readline().split()
        assert word == "started"
        acknowledged = []
        if self.chance.random() < 0.8:  # the others are killed while they start or open the outbox
            line = self._process.stdout.readline().split()
            assert line[0] == "submitted", "the sender ended by itself"
            acknowledged.append(line[2])
        for _ in range(self.chance.randint(0, 4)):
            time.sleep(self.chance.uniform(0, 0.05))
            self._mine()
        os.kill(int(pid), signal.SIGKILL)
        for line in iter(lambda: self._process.stdout.readline().split(), []):  # type: ignore[union-attr]
            if line[0] == "ended":
                assert int(line[1]) == signal.SIGKILL
                return acknowledged
            acknowledged.append(line[2])
        raise AssertionError("the process that forks is gone")


@contextmanager
def writing(
    path: Path, account: LocalAccount, counter: bytes, chain_id: int, where: str, mine: Callable[[], object]
) -> Iterator[Writer]:
    command = [sys.executable, str(WRITER), str(path), account.secret.hex(), counter.hex(), str(chain_id), where]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Writer(process, mine)
        finally:
            assert process.stdin
            process.stdin.close()
            process.wait(timeout=30)


def require_each_once(counting: Counting, acknowledged: list[str], kills: int = KILLS) -> None:
    rows = {row.key: row for row in counting.outbox.rows()}
    assert set(acknowledged) <= set(rows)
    assert {row.state for row in rows.values()} == {State.FINAL}
    assert sorted(row.nonce or 0 for row in rows.values()) == list(range(len(rows)))
    counted = Counter(event.topics[1] for event in counting.events())
    assert counted == Counter(key_of(key) for key in rows)
    assert len(acknowledged) > 2 * kills


def test_a_sender_killed_fifty_times_beside_the_embedded_ledger(tmp_path: Path) -> None:
    deployer, account, folder = LocalAccount.create(), LocalAccount.create(), tmp_path / "ledger"
    path = tmp_path / "outbox.db"
    with EmbeddedLedger.create(folder, funded=dict.fromkeys((deployer.address, account.address), 10**21)) as ledger:
        chain_id = ledger.chain_id
        counter = Wallet(Chain.connect(ledger), deployer).deploy()
    with writing(path, account, counter, chain_id, str(folder), lambda: None) as writer:
        acknowledged = [key for seed in range(KILLS) for key in writer.run_until_killed(seed)]
    with EmbeddedLedger.open(folder) as ledger, Counting(path, Chain.connect(ledger), account, counter) as counting:
        counting.settle(steps=200)
        require_each_once(counting, acknowledged)


def test_a_sender_killed_often_whose_outbox_is_in_postgresql(
    tmp_path: Path, postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployer, account, folder = LocalAccount.create(), LocalAccount.create(), tmp_path / "ledger"
    path, kills = tmp_path / "outbox.db", 12
    monkeypatch.setenv("OUTBOX_URL", postgres.new_database())
    monkeypatch.setattr(counter, "outbox_url", os.environ["OUTBOX_URL"])
    with EmbeddedLedger.create(folder, funded=dict.fromkeys((deployer.address, account.address), 10**21)) as ledger:
        chain_id = ledger.chain_id
        contract = Wallet(Chain.connect(ledger), deployer).deploy()
    with writing(path, account, contract, chain_id, str(folder), lambda: None) as writer:
        acknowledged = [key for seed in range(kills) for key in writer.run_until_killed(seed)]
    with EmbeddedLedger.open(folder) as ledger, Counting(path, Chain.connect(ledger), account, contract) as counting:
        counting.settle(steps=200)
        require_each_once(counting, acknowledged, kills)
    assert not path.exists()


@needs_anvil
def test_a_sender_killed_fifty_times_and_reorganised_on_anvil(tmp_path: Path) -> None:
    path, chance = tmp_path / "outbox.db", random.Random(2027)
    # A block that anvil makes by itself in the middle of a reorganisation breaks it.
    with Anvil(options=["--no-mining"]) as anvil, Endpoint(anvil.url) as endpoint:
        chain = Chain.connect(endpoint, finality=TWELVE_BLOCKS)
        wallet, account = Wallet(chain, LocalAccount(anvil.keys[9])), LocalAccount(anvil.keys[0])
        counter = wallet.deploy(anvil)
        anvil.call("anvil_mine", hex(30))
        acknowledged = []
        mine = partial(anvil.call, "evm_mine")
        with writing(path, account, counter, chain.chain_id, anvil.url, mine) as writer:
            for seed in range(KILLS):
                acknowledged += writer.run_until_killed(seed)
                if chance.random() < 0.3:
                    anvil.call("anvil_reorg", chance.randint(1, 10), [])
        with Counting(path, chain, account, counter, limits=GENEROUS) as counting:
            counting.mine = lambda blocks=1: anvil.call("anvil_mine", hex(blocks))  # type: ignore[method-assign]
            counting.settle(steps=200)
            require_each_once(counting, acknowledged)
