"""A witness that is killed at any moment never signs two roots of one size, and never goes back."""

from __future__ import annotations

import os
import random
import struct
import subprocess
import sys
import time
from pathlib import Path

from serving_witness import GrowingLog

from counterfoil.core.note import COSIGNATURE, Signer, VerifierKey, parse_note
from counterfoil.store.keyring import Keyring
from counterfoil.store.unlock import Unlock
from counterfoil.witness.cosigner import witness_name

KILLS = 25
SERVER = Path(__file__).with_name("witness_server.py")
TESTS = Path(__file__).parents[1]


class Signed:
    """Every cosignature that got out, and the history they are all of."""

    def __init__(self, key: VerifierKey) -> None:
        self.key = key
        self.leaves: list[bytes] = []
        self.count = 0

    def take(self, log: GrowingLog, size: int, body: bytes) -> None:
        assert parse_note(log.head(size) + body.decode()).cosigned_at(self.key) is not None
        assert size >= len(self.leaves), "the witness went back"
        assert log.leaves[: len(self.leaves)] == self.leaves, "the witness signed a second history"
        self.leaves = log.leaves[:size]
        self.count += 1


def run_until_killed(folder: Path, chance: random.Random, signed: Signed, round_: int) -> None:
    """Shows a witness two futures of the log in turn, and kills it in the middle."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(TESTS), *filter(None, sys.path)])}
    with subprocess.Popen(
        [sys.executable, str(SERVER), str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment
    ) as server:
        assert server.stdin
        assert server.stdout
        assert server.stdout.readline() == b"ready\n"
        futures = [GrowingLog(list(signed.leaves)).grow(6, f"{round_} {way} ") for way in "ab"]
        asked: list[tuple[GrowingLog, int]] = []
        for _ in range(chance.randrange(1, 12)):
            log = chance.choice(futures)
            size = chance.randrange(len(signed.leaves), len(log.leaves) + 1)
            old = chance.randrange(max(0, len(signed.leaves) - 1), size + 1)
            body = log.request(old, size)
            server.stdin.write(struct.pack(">I", len(body)) + body)
            asked.append((log, size))
        server.stdin.flush()
        time.sleep(chance.uniform(0, 0.04))
        server.kill()
        said = server.stdout.read()
    for log, size in asked:
        if len(said) < 6:
            break
        status, length = struct.unpack(">HI", said[:6])
        if status == 200:
            signed.take(log, size, said[6 : 6 + length])
        said = said[6 + length :]


def test_no_kill_ever_make_it_sign_two_histories(tmp_path: Path) -> None:
    chance = random.Random(2026)
    unlock = Unlock.create_key_file(tmp_path / "key")
    ring = Keyring.create(tmp_path / "keys.json", unlock, "2026-11-23T19:00:00Z")
    ring.add("witness", "2026-11-23T19:00:00Z")
    key = Signer(witness_name("club.example"), ring.secret("witness"), COSIGNATURE).key
    signed = Signed(key)
    for round_ in range(KILLS):
        run_until_killed(tmp_path, chance, signed, round_)
        settle(tmp_path, signed, round_)
    assert signed.count >= KILLS // 2


def settle(folder: Path, signed: Signed, round_: int) -> None:
    """Finds out what the killed witness had on disk, and goes on from there with whichever future it is."""
    from counterfoil.store.witnessed import Witnessed

    kept = Witnessed.open(folder / "witness" / "witnessed.db")
    ((_, seen),) = kept.all().items() or [("", None)]
    kept.close()
    if seen is None:
        assert not signed.leaves
        return
    assert seen.size >= len(signed.leaves), "a cosignature got out before the head was on disk"
    futures = [GrowingLog(list(signed.leaves)).grow(6, f"{round_} {way} ") for way in "ab"]
    ours = [log for log in futures if log.root(seen.size) == seen.root]
    assert ours, "what is on disk is no continuation of what was signed"
    if seen.size > len(signed.leaves) or ours[0].leaves[: seen.size] != signed.leaves:
        signed.leaves = ours[0].leaves[: seen.size]
