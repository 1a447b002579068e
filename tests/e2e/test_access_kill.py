"""Killed at any moment, a node forgets no key that it showed, and none works that left no record."""

from __future__ import annotations

import random
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from making_access import CHEAP, request
from organisations import copy_home

from counterfoil.errors import NotSignedIn
from counterfoil.node.access import Access
from counterfoil.node.settings import NodeSettings
from counterfoil.node.state import STATE_FILE, NodeState
from counterfoil.organisation import Organisation

WRITER = Path(__file__).with_name("access_writer.py")
ROUNDS = 5


def run_until_killed(home, chance):
    """Returns what was acknowledged; the process dies at some moment after a few keys."""
    process = subprocess.Popen([sys.executable, str(WRITER), str(home)], stdout=subprocess.PIPE)
    lines = [process.stdout.readline() for _ in range(chance.randrange(1, 30))]
    process.kill()
    lines += process.stdout.read().splitlines(keepends=True)
    process.wait()
    process.stdout.close()
    assert all(lines)
    return [tuple(line.decode().split()) for line in lines if line.endswith(b"\n")]


def works(access, token):
    try:
        access.identify(request("GET", (b"authorization", f"Bearer {token}".encode())))
    except NotSignedIn:
        return False
    return True


def test_a_key_that_was_shown_works_and_one_that_was_revoked_does_not(tmp_path):
    home = copy_home(tmp_path)
    chance = random.Random(4711)
    said = []
    for _ in range(ROUNDS):
        said += run_until_killed(home, chance)
    made = [token for what, token in said if what == "made"]
    revoked = {token for what, token in said if what == "revoked"}
    assert len(made) >= ROUNDS

    with Organisation.open(home) as org:
        state = NodeState(home / STATE_FILE)
        access = Access(state, NodeSettings(), org, org.recorder.now_s, CHEAP)
        listed = {key.id: key for key in access.keys.all()}
        assert {token[3:11] for token in made} <= listed.keys()
        assert not any(works(access, token) for token in revoked)
        # A kill may come between revoking and saying so: at most one key of each round.
        silent = [token for token in made if token not in revoked and not works(access, token)]
        assert len(silent) <= ROUNDS

        records = [(place, org.archive.record(place)) for place in range(org.archive.size)]
        told = Counter()
        for place, record in records:
            if record.kind == "access":
                values = org.views.values_of(place)
                told[values["/what"], values["/who"]] += 1
        for key in listed.values():
            assert told["add key", f"key:{key.id}"] == 1
            assert bool(told["revoke key", f"key:{key.id}"]) is (key.revoked_s is not None)
        state.close()


@pytest.mark.parametrize("place", ["node.db", "node.db-wal"])
def test_no_file_of_the_state_is_for_others_to_read(tmp_path, place):
    home = copy_home(tmp_path)
    run_until_killed(home, random.Random(1))
    assert (home / place).stat().st_mode & 0o077 == 0
