"""Whatever is put, replaced, erased, pushed and dropped: a vault with a depot reads as one without."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from counterfoil.store.depot import Depot
from counterfoil.store.vault import Absence, Opened, Vault, VaultRow, seal_body
from counterfoil.store.vault_parts import PART_RECORDS
from counterfoil.store.vault_push import VaultPush
from counterfoil.store.working_records import WorkingRecords

ROOT = bytes(32)
KEY = bytes(range(32))
PEOPLE = [None, "anna", "ben"]
PARTS = 2


def roots(indices: Sequence[int]) -> Iterable[tuple[int, bytes]]:
    return ((index, ROOT) for index in indices)


class VaultDepotMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        path = Path(self.folder.name)
        self.depot = Depot(f"file://{path}/depot", path / "depot.json", path / "cache", 1)
        with Vault.create(path / "vault.db", KEY):
            pass
        self.plain = Vault.create(path / "plain.db", KEY)
        self.opened()
        self.indices: list[int] = []

    def opened(self) -> None:
        path = Path(self.folder.name)
        self.vault = Vault.open(path / "vault.db", KEY, depot=self.depot)
        self.push = VaultPush(
            self.vault, self.depot, path / "vault.part", roots, WorkingRecords(path / "working.records")
        )

    @initialize(sizes=st.lists(st.integers(0, 3_000), min_size=6, max_size=30))
    def start(self, sizes: list[int]) -> None:
        """Records at the beginning and the end of two full parts, and in the one that is not finished."""
        for first in (0, PART_RECORDS - 4, PARTS * PART_RECORDS - 4):
            self.put(first, sizes)

    @rule(sizes=st.lists(st.integers(0, 3_000), max_size=5))
    def put_more(self, sizes: list[int]) -> None:
        self.put(self.indices[-1] + 1, sizes)

    def put(self, first: int, sizes: list[int]) -> None:
        rows = []
        for index, size in enumerate(sizes, first):
            rk, body = os.urandom(32), os.urandom(size)
            retain_until_s = 9 if index % 5 == 0 else 0
            rows.append(VaultRow(index, PEOPLE[index % 3], rk, seal_body(rk, ROOT, body), retain_until_s))
        for vault in (self.vault, self.plain):
            vault.put_many(rows)
        self.indices += [row.index for row in rows]

    @rule(pick=st.integers(0, 10_000), size=st.integers(0, 3_000))
    def replace(self, pick: int, size: int) -> None:
        index = self.indices[pick % len(self.indices)]
        if isinstance(dict(self.plain.get_many([(index, ROOT)]))[index], Opened):
            rk = os.urandom(32)
            sealed = seal_body(rk, ROOT, os.urandom(size))
            for vault in (self.vault, self.plain):
                vault.replace(index, rk, sealed)

    @rule(pick=st.integers(0, 10_000), now_s=st.integers(5, 12))
    def erase_record(self, pick: int, now_s: int) -> None:
        index = self.indices[pick % len(self.indices)]
        assert self.vault.erase_record(index, now_s) == self.plain.erase_record(index, now_s)

    @rule(person=st.sampled_from(["anna", "ben"]), now_s=st.integers(5, 12))
    def erase_person(self, person: str, now_s: int) -> None:
        assert self.vault.erase_subject(person, now_s) == self.plain.erase_subject(person, now_s)

    @rule(number=st.integers(0, PARTS - 1), drop=st.booleans())
    def keep(self, number: int, drop: bool) -> None:
        if number in self.push.waiting(range(PARTS)):
            self.push.keep(number, lambda: "home", drop=drop)

    @rule()
    def make_room(self) -> None:
        self.push.make_room(range(PARTS))
        assert self.push.here(range(PARTS)) == []

    @rule(count=st.integers(1, 20))
    def drop_some(self, count: int) -> None:
        """As a push that was killed halfway has it."""
        for number in self.push.here(range(PARTS)):
            first = number * PART_RECORDS
            self.vault.bodies.drop(self.vault.bodies.here(first, first + PART_RECORDS)[:count])

    @rule()
    def reopen(self) -> None:
        self.vault.close()
        self.opened()

    @invariant()
    def reads_agree(self) -> None:
        wanted = [(index, ROOT) for index in self.indices]
        assert _shown(self.vault, wanted) == _shown(self.plain, wanted)
        assert self.push.lost(range(PARTS)) == []

    def teardown(self) -> None:
        self.vault.close()
        self.plain.close()
        self.folder.cleanup()


def _shown(vault: Vault, wanted: list[tuple[int, bytes]]) -> list[tuple[int, bytes | Absence]]:
    return [(index, each.body if isinstance(each, Opened) else each) for index, each in vault.get_many(wanted)]


VaultDepotMachine.TestCase.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
TestVaultDepot = VaultDepotMachine.TestCase
