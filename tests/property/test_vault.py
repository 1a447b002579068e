"""Whatever is stored, replaced, erased and dropped: reads agree with a model, and no destroyed key is left."""

from __future__ import annotations

import os
import sqlite3
import tempfile
from hashlib import sha256
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from counterfoil.store.vault import Absence, Opened, Vault, VaultRow, seal_body

NOW_S = 1_000
PEOPLE = [None, "anna", "ben", "carl", "dora"]
ROOT = bytes(32)


class VaultMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "vault.db"
        self.key = os.urandom(32)
        self.vault = Vault.create(self.path, self.key)
        self.bodies: dict[int, bytes | Absence] = {}
        self.people: dict[int, str | None] = {}
        self.locks: dict[int, int] = {}
        self.destroyed: set[bytes] = set()

    @initialize(sizes=st.lists(st.integers(0, 900), min_size=20, max_size=60))
    def start(self, sizes: list[int]) -> None:
        self.put(sizes, 0, False)

    @rule(
        sizes=st.lists(st.integers(0, 5_000), min_size=1, max_size=20),
        person=st.integers(0, 4),
        locked=st.booleans(),
    )
    def put(self, sizes: list[int], person: int, locked: bool) -> None:
        first = max(self.bodies, default=-1) + 1
        rows = []
        for index, size in enumerate(sizes, first):
            rk, body = os.urandom(32), os.urandom(size)
            self.bodies[index] = body
            self.people[index] = PEOPLE[(person + index) % len(PEOPLE)]
            self.locks[index] = NOW_S + 1 if locked and index % 2 else 0
            rows.append(VaultRow(index, self.people[index], rk, seal_body(rk, ROOT, body), self.locks[index]))
        self.vault.put_many(rows)

    @rule(pick=st.integers(0, 10_000), size=st.integers(0, 6_000))
    def replace(self, pick: int, size: int) -> None:
        index = self.picked(pick)
        if index is None or isinstance(self.bodies[index], Absence):
            return
        self.destroyed |= self.wrapped([index])
        rk, body = os.urandom(32), os.urandom(size)
        self.vault.replace(index, rk, seal_body(rk, ROOT, body))
        self.bodies[index] = body

    @rule(pick=st.integers(0, 10_000))
    def erase_record(self, pick: int) -> None:
        index = self.picked(pick)
        if index is not None:
            self.erased([index], lambda: self.vault.erase_record(index, NOW_S))

    @rule(person=st.sampled_from(PEOPLE[1:]))
    def erase_person(self, person: str) -> None:
        indices = [index for index, who in self.people.items() if who == person]
        if indices:
            self.erased(indices, lambda: self.vault.erase_subject(person, NOW_S))

    @rule(share=st.integers(2, 5))
    def erase_scattered(self, share: int) -> None:
        indices = [index for index in self.bodies if index % share == 0 and not self.locks[index]]
        self.erased(indices, lambda: self.vault.apply_erasure(indices))

    @rule(count=st.integers(1, 12))
    def truncate(self, count: int) -> None:
        size = max(self.bodies, default=-1) + 1 - count
        gone = [index for index in self.bodies if index >= size]
        self.destroyed |= self.wrapped(gone)
        assert self.vault.truncate(size) == len(gone)
        for index in gone:
            del self.bodies[index], self.people[index], self.locks[index]

    @rule()
    def rotate_key(self) -> None:
        nobody = [index for index, who in self.people.items() if who is None]
        self.destroyed |= self.wrapped(nobody) | self.wrapped_people()
        self.key = sha256(self.key).digest()
        self.vault.rotate_key(self.key)

    @rule()
    def reopen(self) -> None:
        self.vault.close()
        self.vault = Vault.open(self.path, self.key)

    @invariant()
    def reads_agree(self) -> None:
        found = dict(self.vault.get_many((index, ROOT) for index in self.bodies))
        assert {i: o.body if isinstance(o, Opened) else o for i, o in found.items()} == self.bodies
        for person in PEOPLE[1:]:
            kept = [i for i, who in self.people.items() if who == person and self.bodies[i] is not Absence.ERASED]
            assert self.vault.indices_of(person) == kept

    def teardown(self) -> None:
        self.vault.scrub()
        raw = b"".join(file.read_bytes() for file in self.path.parent.iterdir())
        assert all(key not in raw for key in self.destroyed)
        self.vault.close()
        self.folder.cleanup()

    def picked(self, pick: int) -> int | None:
        indices = sorted(self.bodies)
        return indices[pick % len(indices)] if indices else None

    def erased(self, indices: list[int], erase: object) -> None:
        self.destroyed |= self.wrapped([i for i in indices if not self.locks[i]])
        assert callable(erase)
        erase()
        for index in indices:
            if self.bodies[index] is not Absence.ERASED:
                self.bodies[index] = Absence.RESTRICTED if self.locks[index] else Absence.ERASED

    def wrapped(self, indices: list[int]) -> set[bytes]:
        chosen = set(indices)
        return {
            key for index, key in self.query("SELECT idx, wrapped_rk FROM payloads") if index in chosen and any(key)
        }

    def wrapped_people(self) -> set[bytes]:
        return {key for _, key in self.query("SELECT id, wrapped_key FROM subjects") if any(key)}

    def query(self, statement: str) -> list[tuple[int, bytes]]:
        db = sqlite3.connect(self.path)
        try:
            return db.execute(statement).fetchall()
        finally:
            db.close()


VaultMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestVault = VaultMachine.TestCase
