"""A vault whose bodies are in a depot: it reads, erases and goes on as if they were here; keys never leave."""

from __future__ import annotations

import os
import shutil
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256
from pathlib import Path

import pytest

from counterfoil.errors import HomeDamaged, LogUnavailable, NotAllowed, NotFound, NotSetUp
from counterfoil.store.depot import Depot
from counterfoil.store.vault import Absence, Opened, Vault, VaultRow, seal_body
from counterfoil.store.vault_parts import PART_RECORDS, vault_part_key
from counterfoil.store.vault_push import VaultPush
from counterfoil.store.working_records import WorkingRecords

KEY = bytes(range(32))
MIB = 1 << 20
HERE = 2 * PART_RECORDS
"""The first record of the part that is not finished."""

INDICES = [*range(300), *range(PART_RECORDS - 3, PART_RECORDS + 40), *range(HERE, HERE + 20)]
PEOPLE = ["anna", "ben", None]


def rk_of(index: int) -> bytes:
    return sha256(b"rk%d" % index).digest()


def root_of(index: int) -> bytes:
    return sha256(b"root%d" % index).digest()


def body_of(index: int) -> bytes:
    return b'{"income":%d,"note":"plain words about a person"}' % index


def row(index: int, retain_until_s: int = 0) -> VaultRow:
    sealed = seal_body(rk_of(index), root_of(index), body_of(index))
    return VaultRow(index, PEOPLE[index % 3], rk_of(index), sealed, retain_until_s)


def roots(indices: Sequence[int]) -> Iterable[tuple[int, bytes]]:
    return ((index, root_of(index)) for index in indices)


def name() -> str:
    return "home"


def pushing(vault: Vault, depot: Depot, folder: Path, scratch: str = "vault.part") -> VaultPush:
    return VaultPush(vault, depot, folder / scratch, roots, WorkingRecords(folder / "working.records"))


class Both:
    """An open vault and its depot, in one folder."""

    def __init__(self, folder: Path, cache_bytes: int = 64 * MIB, url: str = "") -> None:
        self.folder = folder
        self.depot = Depot(url or f"file://{folder}/depot", folder / "depot.json", folder / "cache", cache_bytes)
        path = folder / "vault.db"
        if not path.exists():
            with Vault.create(path, KEY) as made:
                made.put_many([row(index) for index in INDICES])
        self.vault = Vault.open(path, KEY, depot=self.depot)
        self.push = VaultPush(
            self.vault, self.depot, folder / "vault.part", roots, WorkingRecords(folder / "working.records")
        )

    def push_and_drop(self) -> None:
        for number in self.push.waiting(range(2)):
            self.push.keep(number, name, drop=True)

    def read(self) -> dict[int, bytes | Absence]:
        found = self.vault.get_many(roots(INDICES))
        return {index: each.body if isinstance(each, Opened) else each for index, each in found}

    def bodies_here(self) -> int:
        return len(self.vault.bodies.here(0, HERE))


@pytest.fixture
def both(tmp_path: Path) -> Iterator[Both]:
    made = Both(tmp_path)
    yield made
    made.vault.close()


@pytest.fixture
def away(both: Both) -> Both:
    both.push_and_drop()
    assert both.bodies_here() == 0
    return both


WHOLE = {index: body_of(index) for index in INDICES}


@pytest.mark.parametrize("scheme", ["file", "memory"])
def test_what_is_away_is_read_as_if_it_were_here(tmp_path: Path, scheme: str) -> None:
    both = Both(tmp_path, url=f"{scheme}://{tmp_path}/depot")
    both.push_and_drop()
    assert sorted(both.depot.kept) == [vault_part_key(0), vault_part_key(1)]
    assert both.read() == WHOLE
    assert both.vault.get(5, root_of(5)).rk == rk_of(5)
    both.vault.close()
    again = Both(tmp_path, url=f"{scheme}://{tmp_path}/depot")
    assert again.read() == WHOLE
    assert again.push.waiting(range(2)) == again.push.here(range(2)) == again.push.lost(range(2)) == []
    assert not (tmp_path / "vault.part").exists()
    again.vault.close()


def test_a_body_away_opens_with_its_own_root_only(away: Both) -> None:
    with pytest.raises(HomeDamaged, match="root"):
        away.vault.get(5, root_of(6))


def test_erasing_reaches_what_is_away_without_the_depot(away: Both) -> None:
    (away.folder / "depot").rename(away.folder / "gone")
    shutil.rmtree(away.folder / "cache", ignore_errors=True)
    wanted = away.vault.indices_of("anna")
    assert away.vault.erase_subject("anna", now_s=0).erased == tuple(wanted)
    away.vault.apply_erasure([1], [(4, 99)])
    for index, error in ((0, NotFound), (1, NotFound), (4, NotAllowed)):
        with pytest.raises(error):
            away.vault.get(index, root_of(index))
    assert away.vault.shred_due(99).erased == (4,)
    assert away.vault.rotate_key(bytes(32))
    (away.folder / "gone").rename(away.folder / "depot")
    assert away.vault.get(7, root_of(7)).body == body_of(7)


def test_no_key_of_what_was_dropped_and_erased_is_left_in_the_files(both: Both) -> None:
    db = sqlite3.connect(both.folder / "vault.db")
    wrapped = dict(db.execute("SELECT idx, wrapped_rk FROM payloads"))
    people = dict(db.execute("SELECT tag, wrapped_key FROM subjects"))
    db.close()
    both.push_and_drop()
    both.push.make_room(range(2))
    gone = both.vault.erase_subject("anna", now_s=0)
    assert gone.is_scrubbed
    raw = b"".join(path.read_bytes() for path in both.folder.glob("vault.db*"))
    stored = b"".join(path.read_bytes() for path in (both.folder / "depot").rglob("*") if path.is_file())
    assert wrapped[1] in raw  # the search can find what is there
    assert row(0).sealed in stored
    keys = [people[both.vault.subject_tag("anna")], *(wrapped[index] for index in gone.erased)]
    for key in keys:
        for piece in (key, key[:16], key[-16:]):
            assert piece not in raw
            assert piece not in stored
    for index in INDICES:
        assert rk_of(index) not in raw + stored
        assert wrapped[index] not in stored
    assert b"plain words" not in raw + stored
    assert both.vault.subject_tag("ben") not in stored


def test_a_resealed_body_stays_here_and_counts(both: Both) -> None:
    rk = os.urandom(32)
    both.vault.replace(3, rk, seal_body(rk, root_of(3), b"less"))
    both.push_and_drop()
    for index in (4, 3):  # one whose body is away, one that was resealed before
        rk = os.urandom(32)
        assert both.vault.replace(index, rk, seal_body(rk, root_of(index), b"even less"))
    assert both.read() == WHOLE | {3: b"even less", 4: b"even less"}
    assert both.bodies_here() == 0
    assert both.vault.bodies.zeroed(0, HERE) == []


def test_restricted_values_stay_here_and_parts_of_nothing_are_not_made(both: Both) -> None:
    both.vault.apply_erasure(range(3, HERE), [(1, 99), (2, 99)])
    both.vault.apply_erasure([0])
    assert both.push.waiting(range(2)) == []
    with Vault.create(both.folder / "other.db", KEY) as vault:
        vault.put_many([row(0, 99), row(1, 99), row(2)])
        vault.erase_record(0, now_s=0)
        push = VaultPush(
            vault, both.depot, both.folder / "vault.part", roots, WorkingRecords(both.folder / "working.records")
        )
        push.keep(0, name, drop=True)
        assert dict(vault.get_many([(0, root_of(0))]))[0] is Absence.RESTRICTED
    db = sqlite3.connect(both.folder / "other.db")
    assert db.execute("SELECT idx FROM bodies").fetchall() == [(0,)]
    db.close()


def test_space_is_given_back_and_counted_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "vault.db"
    with Vault.create(path, KEY) as vault:
        big = os.urandom(2_000)
        vault.put_many([VaultRow(i, "anna", rk_of(i), seal_body(rk_of(i), root_of(i), big)) for i in range(2_000)])
        vault.put_many([row(HERE)])
    both = Both(tmp_path)
    both.vault.scrub()
    before = path.stat().st_size
    both.push_and_drop()
    freed = both.push.make_room(range(2))
    assert freed > 3 * MIB
    assert before - path.stat().st_size == freed
    assert both.push.make_room(range(2)) == 0
    assert both.vault.get(HERE, root_of(HERE)).body == body_of(HERE)
    both.vault.put_many([row(HERE + 1)])
    both.vault.close()
    db = sqlite3.connect(path)
    assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    db.close()


def test_killed_between_keeping_and_dropping_it_is_finished_by_the_next_push(both: Both) -> None:
    for number in range(2):
        both.push.keep(number, name, drop=False)
    both.vault.bodies.drop(both.vault.bodies.here(0, 100))  # killed halfway
    (both.folder / "vault.part").write_bytes(b"left behind")
    again = VaultPush(
        both.vault, both.depot, both.folder / "vault.part", roots, WorkingRecords(both.folder / "working.records")
    )
    again.clear()
    assert not (both.folder / "vault.part").exists()
    assert again.here(range(2)) == [0, 1]
    again.make_room(range(2))
    assert both.bodies_here() == 0
    assert both.read() == WHOLE


def test_what_a_part_does_not_have_is_not_dropped(both: Both) -> None:
    """An old vault was restored beside a newer depot, whose part was made when record 3 had been erased."""
    both.vault.scrub()
    shutil.copy(both.folder / "vault.db", both.folder / "old.db")
    both.vault.apply_erasure([3])
    both.push_and_drop()
    with Vault.open(both.folder / "old.db", KEY, depot=both.depot) as old:
        push = VaultPush(
            old, both.depot, both.folder / "vault.part", roots, WorkingRecords(both.folder / "working.records")
        )
        push.make_room(range(2))
        assert old.bodies.here(0, HERE) == [3]
        assert old.get(3, root_of(3)).body == body_of(3)
        assert old.get(4, root_of(4)).body == body_of(4)


def test_what_a_part_has_of_another_history_is_not_dropped_here(both: Both) -> None:
    def other(index: int) -> VaultRow:
        rk = sha256(b"other%d" % index).digest()
        return VaultRow(index, None, rk, seal_body(rk, root_of(index), b"other %d" % index))

    with Vault.create(both.folder / "other.db", KEY) as vault:
        vault.put_many([other(index) if index % 2 else row(index) for index in INDICES])
    both.push.keep(0, name, drop=False)  # a depot.json that belongs to another log and vault
    with Vault.open(both.folder / "other.db", KEY, depot=both.depot) as vault:
        VaultPush(
            vault, both.depot, both.folder / "other.part", roots, WorkingRecords(both.folder / "working.records")
        ).make_room(range(2))
        assert vault.bodies.here(0, PART_RECORDS) == [index for index in INDICES if index < PART_RECORDS and index % 2]
        assert vault.get(5, root_of(5)).body == b"other 5"
        assert vault.get(6, root_of(6)).body == body_of(6)


def test_room_is_made_after_a_push_without_asking_the_store(both: Both) -> None:
    for number in both.push.waiting(range(2)):
        both.push.keep(number, name, drop=False)
    (both.folder / "depot").rename(both.folder / "gone")
    both.push.make_room(range(2))
    assert both.bodies_here() == 0
    (both.folder / "gone").rename(both.folder / "depot")
    assert both.read() == WHOLE


def test_what_was_remembered_of_a_part_is_not_believed_of_another(both: Both) -> None:
    """An older vault remembers a part that the newer depot.json does not name."""
    both.push.keep(0, name, drop=False)
    both.vault.scrub()
    shutil.copy(both.folder / "vault.db", both.folder / "old.db")
    (both.folder / "depot.json").unlink()
    both.vault.apply_erasure([3])
    again = Both(both.folder)
    again.push.keep(0, name, drop=True)
    again.vault.close()
    with Vault.open(both.folder / "old.db", KEY, depot=again.depot) as old:
        VaultPush(
            old, again.depot, both.folder / "vault.part", roots, WorkingRecords(both.folder / "working.records")
        ).make_room(range(2))
        assert old.bodies.here(0, PART_RECORDS) == [3]
        assert old.get(3, root_of(3)).body == body_of(3)


def test_zeros_are_given_back_when_a_part_has_nothing_else_here(both: Both) -> None:
    for number in range(2):
        both.push.keep(number, name, drop=False)
    both.vault.apply_erasure([index for index in INDICES if index < HERE])
    (both.folder / "depot").rename(both.folder / "gone")  # which nobody needs to ask
    both.push.make_room(range(2))
    assert both.vault.bodies.zeroed(0, HERE) == []


def test_a_vault_that_remembers_no_parts_yet_compares_them(both: Both) -> None:
    for number in range(2):
        both.push.keep(number, name, drop=False)
    both.vault.close()
    with sqlite3.connect(both.folder / "vault.db") as db:
        db.execute("DROP TABLE parts")
    db.close()
    with Vault.open(both.folder / "vault.db", KEY, read_only=True, depot=both.depot) as vault:
        assert vault.get(5, root_of(5)).body == body_of(5)
    again = Both(both.folder)
    again.push.make_room(range(2))
    assert again.bodies_here() == 0
    assert again.read() == WHOLE
    again.vault.close()


def test_a_damaged_part_in_the_store_stops_no_other(both: Both) -> None:
    for number in range(2):
        both.push.keep(number, name, drop=False)
    with sqlite3.connect(both.folder / "vault.db") as db:
        db.execute("DELETE FROM parts")
    db.close()
    (part,) = (both.folder / "depot").rglob("000.*.bodies")
    part.write_bytes(bytes(part.stat().st_size))
    with pytest.raises(HomeDamaged, match="other bytes"):
        both.push.make_room(range(2))
    assert both.vault.bodies.here(PART_RECORDS, HERE) == []
    assert both.vault.bodies.is_here(0, PART_RECORDS)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE bodies SET body = zeroblob(length(body)) WHERE idx = 7",
        "UPDATE bodies SET body = (SELECT body FROM bodies WHERE idx = 8) WHERE idx = 7",
        "UPDATE payloads SET wrapped_rk = (SELECT wrapped_rk FROM payloads WHERE idx = 10) WHERE idx = 7",
        "DELETE FROM bodies WHERE idx = 7",
    ],
)
def test_a_damaged_vault_is_not_kept_as_if_it_were_whole(both: Both, statement: str) -> None:
    db = sqlite3.connect(both.folder / "vault.db", isolation_level=None)
    db.execute(statement)
    db.close()
    with pytest.raises(HomeDamaged):
        both.push.keep(0, name, drop=True)
    assert both.depot.kept == {}
    assert not (both.folder / "vault.part").exists()
    assert both.bodies_here() > 300


def test_what_is_nowhere_is_damage_and_doctor_can_tell(away: Both) -> None:
    away.vault.close()
    (away.folder / "depot.json").unlink()
    again = Both(away.folder)
    assert again.push.lost(range(2)) == [0, 1]
    with pytest.raises(HomeDamaged) as caught:
        again.vault.get(0, root_of(0))
    assert "depot.json" in caught.value.hint
    assert again.vault.get(HERE, root_of(HERE)).body == body_of(HERE)
    again.vault.close()


def test_a_part_that_was_altered_in_the_store_is_not_believed(away: Both) -> None:
    (part,) = (away.folder / "depot").rglob("000.*.bodies")
    data = bytearray(part.read_bytes())
    data[-1] ^= 1
    part.write_bytes(bytes(data))
    with pytest.raises(HomeDamaged, match="other bytes"):
        away.vault.get(0, root_of(0))
    data[-1] ^= 1
    part.write_bytes(bytes(data))
    assert away.read() == WHOLE
    for path in (away.folder / "cache").iterdir():  # nor what somebody altered in the cache
        path.write_bytes(bytes(path.stat().st_size))
    with pytest.raises(HomeDamaged):
        away.vault.get(0, root_of(0))


def test_while_the_store_is_away_the_vault_goes_on(away: Both) -> None:
    (away.folder / "depot").rename(away.folder / "gone")
    away.vault.put_many([row(HERE + 50)])
    assert away.vault.get(HERE + 50, root_of(HERE + 50)).body == body_of(HERE + 50)
    for read in (lambda: away.vault.get(0, root_of(0)), lambda: away.vault.bring([0]), lambda: away.read()):
        with pytest.raises(LogUnavailable) as caught:
            read()
        assert caught.value.hint
    (away.folder / "gone").rename(away.folder / "depot")
    away.vault.bring(INDICES)
    (away.folder / "depot").rename(away.folder / "gone")
    assert away.read() == WHOLE  # from the cache


def test_a_depot_that_is_not_named_any_more(away: Both) -> None:
    away.vault.close()
    unnamed = Depot("", away.folder / "depot.json", away.folder / "cache", MIB)
    with Vault.open(away.folder / "vault.db", KEY, depot=unnamed) as vault:
        with pytest.raises(NotSetUp, match="depot|settings"):
            vault.get(0, root_of(0))
        assert vault.get(HERE, root_of(HERE)).body == body_of(HERE)


class SlowDepot(Depot):
    """A depot that waits at a gate before it answers."""

    def __init__(self, folder: Path, cache_bytes: int = 64 * MIB) -> None:
        super().__init__(f"file://{folder}/depot", folder / "depot.json", folder / "cache", cache_bytes)
        self.is_asked, self.gate = threading.Event(), threading.Event()

    def local(self, key: str) -> Path:
        self.is_asked.set()
        assert self.gate.wait(30)
        return super().local(key)


@pytest.fixture
def slow(away: Both) -> Iterator[tuple[Vault, SlowDepot]]:
    away.vault.close()
    depot = SlowDepot(away.folder)
    with Vault.open(away.folder / "vault.db", KEY, depot=depot) as vault:
        yield vault, depot


def test_nobody_waits_for_a_fetch_and_what_was_erased_meanwhile_is_not_shown(slow: tuple[Vault, SlowDepot]) -> None:
    vault, depot = slow
    found: dict[int, object] = {}
    reader = threading.Thread(target=lambda: found.update(vault.get_many(roots([0, 1, 2, 3]))))
    reader.start()
    assert depot.is_asked.wait(30)
    vault.put_many([row(HERE + 50)])  # would wait for ever if the reader held the lock
    vault.apply_erasure([1], [(2, 99)])
    rk = os.urandom(32)
    vault.replace(3, rk, seal_body(rk, root_of(3), b"less"))
    depot.gate.set()
    reader.join(30)
    assert isinstance(found[0], Opened)
    assert (found[1], found[2]) == (Absence.ERASED, Absence.RESTRICTED)
    assert isinstance(found[3], Opened)
    assert (found[3].rk, found[3].body) == (rk, b"less")


def test_what_leaves_while_another_part_is_fetched_is_fetched_too(both: Both) -> None:
    both.push.keep(0, name, drop=True)
    both.push.keep(1, name, drop=False)
    both.vault.close()
    depot = SlowDepot(both.folder)
    with Vault.open(both.folder / "vault.db", KEY, depot=depot) as vault:
        found: dict[int, object] = {}
        wanted = [0, PART_RECORDS]
        reader = threading.Thread(target=lambda: found.update(vault.get_many(roots(wanted))))
        reader.start()
        assert depot.is_asked.wait(30)
        vault.bodies.drop([PART_RECORDS])
        depot.gate.set()
        reader.join(30)
    assert {index: each.body for index, each in found.items() if isinstance(each, Opened)} == {
        index: body_of(index) for index in wanted
    }


def test_readers_and_a_writer_through_a_cache_that_holds_one_part(tmp_path: Path) -> None:
    both = Both(tmp_path, cache_bytes=1)
    faults: list[BaseException] = []
    stop = threading.Event()

    def guarded(work: object) -> None:
        try:
            assert callable(work)
            work()
        except BaseException as error:  # noqa: BLE001 - handed to the test
            faults.append(error)

    def read() -> None:
        while not stop.is_set():
            assert both.read() == WHOLE

    def write() -> None:
        index = HERE + 1_000
        while not stop.is_set():
            both.vault.put_many([row(index)])
            assert both.vault.get(index, root_of(index)).body == body_of(index)
            index += 1

    threads = [threading.Thread(target=guarded, args=(work,)) for work in (read, read, write)]
    for thread in threads:
        thread.start()
    both.push_and_drop()
    both.push.make_room(range(2))
    for _ in range(3):
        assert both.read() == WHOLE
    stop.set()
    for thread in threads:
        thread.join(60)
    assert faults == []
    both.vault.close()
