"""Random growth, forks, replays and restarts against a model: a witness signs one history, forwards only."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule
from serving_witness import ORIGIN, GrowingLog

from counterfoil.core.note import parse_note
from counterfoil.core.witness import SIZE_TYPE, AddCheckpoint
from counterfoil.store.keyring import Keyring
from counterfoil.store.unlock import Unlock
from counterfoil.witness.cosigner import Answer, Cosigner
from counterfoil.witness.settings import WitnessPaths

SIZES = st.integers(0, 40)


class Witnessing(RuleBasedStateMachine):
    """The model: the leaves under the newest head that was signed, and every root by size."""

    logs: Bundle[GrowingLog] = Bundle("logs")

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory(prefix="counterfoil-witness-")
        path = Path(self.folder.name)
        unlock = Unlock.create_key_file(path / "key")
        self.ring = Keyring.create(path / "keys.json", unlock, "2026-11-23T19:00:00Z")
        self.now_s = 1_795_000_000.0
        self.cosigner = self.open()
        self.leaves: list[bytes] = []
        self.roots: dict[int, bytes] = {}
        self.times: list[int] = []
        self.forks = 0

    def open(self) -> Cosigner:
        made = Cosigner(WitnessPaths(Path(self.folder.name) / "witness"), self.ring, "club.example", lambda: self.now_s)
        made.keys = {ORIGIN: (GrowingLog().signer.key,)}
        return made

    @initialize(target=logs, size=SIZES)
    def begin(self, size: int) -> GrowingLog:
        return GrowingLog().grow(size)

    @rule(target=logs, log=logs, size=SIZES, more=st.integers(1, 8))
    def fork(self, log: GrowingLog, size: int, more: int) -> GrowingLog:
        self.forks += 1
        return log.fork(min(size, len(log.leaves))).grow(more, f"fork {self.forks} ")

    @rule(log=logs, more=st.integers(1, 8))
    def grow(self, log: GrowingLog, more: int) -> None:
        log.grow(more)

    @rule(log=logs, old=SIZES, size=SIZES)
    def ask_anything(self, log: GrowingLog, old: int, size: int) -> None:
        size = min(size, len(log.leaves))
        self.ask(log, min(old, size), size)

    @rule(log=logs, size=SIZES)
    def ask_from_what_was_seen(self, log: GrowingLog, size: int) -> None:
        size = max(min(size, len(log.leaves)), len(self.leaves))
        if size <= len(log.leaves):
            self.ask(log, len(self.leaves), size)

    @rule(log=logs, other=logs)
    def ask_with_the_proof_of_another(self, log: GrowingLog, other: GrowingLog) -> None:
        old, size = len(self.leaves), len(log.leaves)
        if old <= min(size, len(other.leaves)):
            body = AddCheckpoint.make(old, other.proof(old), log.head()).encode()
            self.judge(log, old, size, self.cosigner.add_checkpoint(body), is_proven=other.proof(old) == log.proof(old))

    @rule(seconds=st.integers(-1_000, 1_000))
    def move_the_clock(self, seconds: int) -> None:
        self.now_s += seconds

    @rule()
    def restart(self) -> None:
        self.cosigner.close()
        self.cosigner = self.open()

    def ask(self, log: GrowingLog, old: int, size: int) -> None:
        self.judge(log, old, size, self.cosigner.add_checkpoint(log.request(old, size)))

    def judge(self, log: GrowingLog, old: int, size: int, answer: Answer, *, is_proven: bool = True) -> None:
        seen = len(self.leaves)
        if old != seen:
            assert answer == Answer(409, SIZE_TYPE, b"%d\n" % seen)
        elif log.leaves[:seen] == self.leaves and is_proven:
            assert answer.status == 200
            time_s = parse_note(log.head(size) + answer.body.decode()).cosigned_at(self.cosigner.key)
            assert time_s is not None
            self.signed(log, size, time_s)
        elif size == seen and log.leaves[:size] != self.leaves:
            assert (answer.status, answer.content_type) == (409, "text/plain; charset=utf-8")
        else:
            assert answer.status == 422

    def signed(self, log: GrowingLog, size: int, time_s: int) -> None:
        assert self.roots.setdefault(size, log.root(size)) == log.root(size), "two roots of one size"
        assert size >= len(self.leaves), "went back"
        assert not self.times or time_s >= self.times[-1]
        self.leaves = log.leaves[:size]
        self.times.append(time_s)

    @invariant()
    def remembers_the_newest(self) -> None:
        if self.roots:
            assert self.cosigner.witnessed.seen(ORIGIN).size == len(self.leaves)

    def teardown(self) -> None:
        self.cosigner.close()
        self.folder.cleanup()


TestWitnessing: Any = Witnessing.TestCase
TestWitnessing.settings = settings(
    max_examples=40, stateful_step_count=30, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
