"""A writer that is killed at any moment loses and doubles nothing it acknowledged."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from pathlib import Path

from counterfoil.core.merkle import Frontier, leaf_hash
from counterfoil.core.tiles import decode_bundle
from counterfoil.store.log import Log
from counterfoil.store.segment import SEGMENT_ENTRIES

KILLS = 50
WRITER = Path(__file__).with_name("log_writer.py")


def is_entry(data: bytes) -> bool:
    try:
        return isinstance(json.loads(data), dict)
    except ValueError:
        return False


def run_until_killed(folder: Path, seed: int, chance: random.Random) -> list[tuple[int, int]]:
    """Returns the (first, count) that a writer acknowledged before SIGKILL hit it."""
    with subprocess.Popen([sys.executable, str(WRITER), str(folder), str(seed)], stdout=subprocess.PIPE) as writer:
        assert writer.stdout
        lines = []
        if chance.random() < 0.8:  # the others are killed while they start or open the log
            lines.append(writer.stdout.readline())
        time.sleep(chance.uniform(0, 0.12))
        assert writer.poll() is None, "the writer ended by itself"
        writer.kill()
        lines += writer.stdout.readlines()
    acknowledged = []
    for line in lines:
        first, count = line.split()
        acknowledged.append((int(first), int(count)))
    return acknowledged


def test_fifty_kills_lose_and_double_nothing(tmp_path: Path) -> None:
    chance = random.Random(2026)
    folder = tmp_path / "log"
    log = Log.create(folder)
    prefix = [b'{"n":%d,"run":-1}' % n for n in range(SEGMENT_ENTRIES - 20_000)]
    log.append(prefix)
    log.close({"size": log.size})
    known = list(prefix)
    edge = Frontier()
    for entry in prefix:
        edge.push(leaf_hash(entry))
    acknowledged_entries = 0
    for run in range(KILLS):
        acknowledged = run_until_killed(folder, run, chance)
        log = Log.open(folder, is_entry=is_entry)
        assert list(log.entries(max(len(known) - 300, 0), len(known))) == known[-300:]
        expected = len(known)
        for first, count in acknowledged:
            assert first == expected
            expected += count
        assert log.size >= expected
        for index, entry in enumerate(log.entries(len(known)), len(known)):
            content = json.loads(entry)
            assert (content["n"], content["run"]) == (index, run)
            known.append(entry)
            edge.push(leaf_hash(entry))
        assert log.root() == edge.root()
        assert log.extra == {"size": log.state_size}
        acknowledged_entries += expected - acknowledged[0][0] if acknowledged else 0
        log.release()
    assert acknowledged_entries > 1000
    assert len(known) > SEGMENT_ENTRIES, "the runs should cross into a second segment"
    reader = Log.open(folder, is_entry=is_entry, read_only=True)
    assert list(reader.entries()) == known
    for number in (0, len(known) // 256 - 1):
        assert decode_bundle(reader.entry_bundle(number)) == known[number * 256 : number * 256 + 256]
    reader.release()
    log = Log.open(folder, is_entry=is_entry)
    log.close(None)
    hashes = (folder / "hashes/0").read_bytes()
    assert hashes == b"".join(leaf_hash(entry) for entry in known)
