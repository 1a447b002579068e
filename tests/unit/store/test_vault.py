from __future__ import annotations

import os
import resource
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from threading import Thread

import pytest

from counterfoil.errors import HomeDamaged, InvalidInput, Locked, LogUnavailable, NotAllowed, NotFound, NotSetUp
from counterfoil.store.vault import Absence, Opened, Vault, VaultRow, seal_body
from counterfoil.store.vault_file import VAULT_VERSION
from counterfoil.store.vault_subjects import SUBJECT_CACHE

KEY = bytes(range(32))


def rk_of(index: int) -> bytes:
    return sha256(b"rk%d" % index).digest()


def root_of(index: int) -> bytes:
    return sha256(b"root%d" % index).digest()


def body_of(index: int) -> bytes:
    return b'{"income":%d,"note":"plain words about a person"}' % (30_000 + index)


def row(index: int, subject: str | None = "anna", retain_until_s: int = 0) -> VaultRow:
    sealed = seal_body(rk_of(index), root_of(index), body_of(index))
    return VaultRow(index, subject, rk_of(index), sealed, retain_until_s)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "vault.db"


@pytest.fixture
def vault(path: Path) -> Iterator[Vault]:
    with Vault.create(path, KEY) as opened:
        yield opened


def test_what_was_put_is_read_after_reopening(path: Path) -> None:
    with Vault.create(path, KEY) as vault:
        vault.put_many([row(0), row(3, None), row(4, "ben", retain_until_s=99)])
    with Vault.open(path, KEY, read_only=True) as vault:
        assert vault.get(0, root_of(0)).body == body_of(0)
        assert vault.get(3, root_of(3)).rk == rk_of(3)
        assert vault.get(4, root_of(4)).retain_until_s == 99


def test_the_file_is_private_to_its_owner(path: Path, vault: Vault) -> None:
    vault.put_many([row(0)])
    for name in ("vault.db", "vault.db-wal", "vault.db-shm"):
        assert stat.S_IMODE((path.parent / name).stat().st_mode) == 0o600


def test_values_open_with_their_own_root_only(vault: Vault) -> None:
    vault.put_many([row(0)])
    with pytest.raises(HomeDamaged, match="root"):
        vault.get(0, root_of(1))


def test_never_stored_and_erased_are_told_apart(vault: Vault) -> None:
    vault.put_many([row(0)])
    vault.erase_record(0, now_s=10)
    with pytest.raises(NotFound, match="^erased"):
        vault.get(0, root_of(0))
    with pytest.raises(NotFound, match="ever stored"):
        vault.get(1, root_of(1))
    with pytest.raises(NotFound, match="ever stored"):
        vault.erase_record(1, now_s=10)


def test_many_are_read_in_the_order_asked_for(vault: Vault) -> None:
    count = 1_203  # more than two chunks
    vault.put_many([row(i, f"p{i % 700}") for i in range(count)])
    vault.erase_record(7, 0)
    found = list(vault.get_many((i, root_of(i)) for i in reversed(range(count + 1))))
    assert [index for index, _ in found] == list(reversed(range(count + 1)))
    assert found[0][1] is Absence.NEVER_STORED
    assert dict(found)[7] is Absence.ERASED
    assert all(isinstance(o, Opened) and o.body == body_of(i) for i, o in found[1:] if i != 7)


def test_rows_come_in_the_order_of_the_log(vault: Vault) -> None:
    vault.put_many([row(5)])
    for rows in ([row(5)], [row(4)], [row(6), row(6)], [row(7), row(6)]):
        with pytest.raises(InvalidInput, match="order"):
            vault.put_many(rows)
    assert vault.stats().records == 1


@pytest.mark.parametrize("ref", ["", "\ud800", 7])
def test_a_reference_that_is_not_text_is_refused(vault: Vault, ref: str) -> None:
    with pytest.raises(InvalidInput):
        vault.put_many([row(0, ref)])
    vault.put_many([])
    assert vault.stats().records == 0


def test_a_bad_key_or_root_cannot_seal() -> None:
    for rk, root in ((bytes(31), bytes(32)), (bytes(32), bytes(31))):
        with pytest.raises(InvalidInput):
            seal_body(rk, root, b"{}")
    with pytest.raises(InvalidInput):
        Vault.create(Path("unused"), bytes(16))


def test_a_person_is_found_by_tag(vault: Vault) -> None:
    vault.put_many([row(0, "anna"), row(1, "ben"), row(2, "anna"), row(3, None)])
    assert vault.indices_of("anna") == [0, 2]
    assert vault.indices_of("carl") == []
    assert vault.subject_of(1) == vault.subject_tag("ben")
    assert vault.subject_of(3) is None
    assert vault.subject_of(9) is None
    assert len(vault.subject_tag("ben")) == 16


def test_tags_differ_between_vaults(tmp_path: Path) -> None:
    with Vault.create(tmp_path / "a.db", KEY) as a, Vault.create(tmp_path / "b.db", KEY) as b:
        assert a.subject_tag("anna") != b.subject_tag("anna")
        assert a.id != b.id


def test_erasing_a_person_leaves_others(vault: Vault) -> None:
    vault.put_many([row(0, "anna"), row(1, "ben"), row(2, "anna")])
    assert vault.plan_erasure([0, 2], 10).erased == (0, 2)
    assert vault.get(0, root_of(0)).body == body_of(0)  # a plan changes nothing
    erasure = vault.erase_subject("anna", now_s=10)
    assert (erasure.erased, erasure.restricted, erasure.is_scrubbed) == ((0, 2), (), True)
    assert vault.get(1, root_of(1)).body == body_of(1)
    assert vault.indices_of("anna") == []
    assert vault.erase_subject("anna", now_s=11).erased == ()
    with pytest.raises(NotFound, match="nobody"):
        vault.erase_subject("carl", now_s=10)


def test_an_erased_person_may_come_back_with_a_new_key(vault: Vault) -> None:
    vault.put_many([row(0)])
    vault.erase_subject("anna", now_s=10)
    vault.put_many([row(1)])
    assert vault.get(1, root_of(1)).body == body_of(1)
    assert vault.indices_of("anna") == [1]
    with pytest.raises(NotFound, match="erased"):
        vault.get(0, root_of(0))


def test_a_lock_restricts_at_once_and_shreds_when_it_ends(vault: Vault) -> None:
    vault.put_many([row(0, retain_until_s=100), row(1), row(2, retain_until_s=50)])
    erasure = vault.erase_subject("anna", now_s=60)
    assert (erasure.erased, erasure.restricted) == ((1, 2), ((0, 100),))
    with pytest.raises(NotAllowed, match="restricted"):
        vault.get(0, root_of(0))
    assert dict(vault.get_many([(0, root_of(0))]))[0] is Absence.RESTRICTED
    assert vault.indices_of("anna") == [0]
    assert vault.stats().restricted == 1
    assert vault.due(99) == []
    assert vault.shred_due(99).erased == ()
    assert vault.due(100) == [0]
    assert vault.shred_due(100).erased == (0,)
    assert vault.due(100) == []
    with pytest.raises(NotFound, match="erased"):
        vault.get(0, root_of(0))


def test_a_locked_record_asked_for_twice_stays_restricted(vault: Vault) -> None:
    vault.put_many([row(0, retain_until_s=100)])
    assert vault.erase_record(0, 60).restricted == ((0, 100),)
    assert vault.erase_record(0, 61).restricted == ((0, 100),)
    assert vault.erase_record(0, 100).erased == (0,)
    assert vault.erase_record(0, 101).erased == ()


def test_logged_erasures_are_applied_again_after_a_restore(tmp_path: Path, path: Path) -> None:
    with Vault.create(path, KEY) as vault:
        vault.put_many([row(i, retain_until_s=100 if i == 2 else 0) for i in range(4)])
        vault.scrub()
    backup = path.read_bytes()
    with Vault.open(path, KEY) as vault:
        vault.erase_subject("anna", now_s=10)
        vault.mark_erasures_applied(5)
        assert vault.erasures_applied == 5
    path.write_bytes(backup)
    with Vault.open(path, KEY) as vault:
        assert vault.erasures_applied == 0
        for _ in range(2):
            vault.apply_erasure([0, 1, 3, 77], [(2, 100), (78, 100)])
            assert [found for _, found in vault.get_many((i, root_of(i)) for i in range(4))] == [
                Absence.ERASED,
                Absence.ERASED,
                Absence.RESTRICTED,
                Absence.ERASED,
            ]
            assert vault.due(100) == [2]
        vault.apply_erasure([], [(0, 500)])  # what is gone cannot be restricted
        assert vault.due(1_000) == [2]


def test_a_replaced_body_takes_the_place_of_the_old(vault: Vault) -> None:
    vault.put_many([row(0), row(1, retain_until_s=100), row(2)])
    rk = os.urandom(32)
    assert vault.replace(0, rk, seal_body(rk, root_of(0), b"{}" * 900))
    opened = vault.get(0, root_of(0))
    assert (opened.rk, opened.body) == (rk, b"{}" * 900)
    with pytest.raises(InvalidInput, match="new record key"):
        vault.replace(0, rk, seal_body(rk, root_of(0), b"other"))
    vault.erase_record(1, now_s=10)
    vault.erase_record(2, now_s=10)
    for index, error in ((1, NotAllowed), (2, NotFound), (3, NotFound)):
        with pytest.raises(error):
            vault.replace(index, os.urandom(32), b"sealed")
    vault.erase_record(0, now_s=10)
    with pytest.raises(NotFound, match="erased"):
        vault.get(0, root_of(0))


def test_leftovers_of_a_crash_are_dropped(vault: Vault) -> None:
    vault.put_many([row(i, f"p{i}") for i in range(10)])
    rk = os.urandom(32)
    vault.replace(7, rk, seal_body(rk, root_of(7), b"new"))
    assert vault.truncate(10) == 0
    assert vault.truncate(6) == 4
    assert vault.stats().records == 6
    assert vault.indices_of("p7") == []
    vault.put_many([row(i, f"p{i}") for i in range(6, 10)])
    assert vault.get(7, root_of(7)).body == body_of(7)


def test_a_failed_batch_leaves_nothing(path: Path, vault: Vault) -> None:
    vault.put_many([row(0, "anna")])
    vault.scrub()
    before = vault.stats()
    big = os.urandom(200_000)
    with full_disk(path), pytest.raises(LogUnavailable, match="save private values"):
        vault.put_many([VaultRow(i, f"p{i}", rk_of(i), big) for i in range(1, 20)])
    assert vault.stats() == before
    vault.put_many([row(1, "p1")])  # the key made in the failed batch was not remembered
    assert vault.get(1, root_of(1)).body == body_of(1)
    with Vault.open(path, KEY, read_only=True) as again:
        assert again.get(1, root_of(1)).body == body_of(1)


@contextmanager
def full_disk(path: Path) -> Iterator[None]:
    """No file may grow beyond the vault's present size: the kernel refuses as a full disk does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 65_536, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_wrong_key_is_refused_at_open(path: Path, vault: Vault) -> None:
    with pytest.raises(Locked, match="does not open") as caught:
        Vault.open(path, bytes(32))
    assert "keys.json" in caught.value.hint
    with pytest.raises(Locked):
        Vault.open(path, bytes(32), previous_key=bytes([1]) * 32)


def test_a_missing_foreign_or_existing_file_is_refused(tmp_path: Path, path: Path, vault: Vault) -> None:
    with pytest.raises(NotSetUp, match="no vault"):
        Vault.open(tmp_path / "other.db", KEY)
    with pytest.raises(InvalidInput, match="already"):
        Vault.create(path, KEY)
    with pytest.raises(LogUnavailable):
        Vault.create(tmp_path / "no" / "folder.db", KEY)
    foreign = tmp_path / "foreign.db"
    foreign.write_bytes(b"not a database, " * 500)
    with pytest.raises(HomeDamaged):
        Vault.open(foreign, KEY)
    other = sqlite3.connect(tmp_path / "sqlite.db")
    other.execute("CREATE TABLE meta (name, value)")
    other.close()
    with pytest.raises(HomeDamaged, match="version"):
        Vault.open(tmp_path / "sqlite.db", KEY)


@pytest.mark.parametrize(("version", "word"), [(VAULT_VERSION + 1, "newer"), (VAULT_VERSION - 1, "older")])
def test_a_vault_of_another_version_is_refused(path: Path, version: int, word: str) -> None:
    Vault.create(path, KEY).close()
    edit(path, "UPDATE meta SET value = ? WHERE name = 'version'", version)
    with pytest.raises(NotSetUp, match=word):
        Vault.open(path, KEY)


def edit(path: Path, statement: str, *values: object) -> None:
    db = sqlite3.connect(path)
    with db:
        db.execute(statement, values)
    db.close()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE subjects SET wrapped_key = zeroblob(60)",
        "UPDATE payloads SET wrapped_rk = (SELECT wrapped_rk FROM payloads WHERE idx = 1) WHERE idx = 0",
        "UPDATE payloads SET subject = 3 - subject WHERE idx = 0",
        "UPDATE bodies SET body = (SELECT body FROM bodies WHERE idx = 1) WHERE idx = 0",
    ],
)
def test_an_altered_vault_does_not_open_values(path: Path, statement: str) -> None:
    with Vault.create(path, KEY) as vault:
        vault.put_many([row(0, "anna"), row(1, "anna"), row(2, "ben")])
    edit(path, statement)
    with Vault.open(path, KEY) as vault, pytest.raises(HomeDamaged):
        vault.get(0, root_of(0))


def test_reading_only_refuses_every_change(path: Path, vault: Vault) -> None:
    vault.put_many([row(0)])
    with Vault.open(path, KEY, read_only=True) as reader:
        for change in (
            lambda: reader.put_many([row(1)]),
            lambda: reader.erase_record(0, 0),
            lambda: reader.erase_subject("anna", 0),
            lambda: reader.apply_erasure([0]),
            lambda: reader.shred_due(0),
            lambda: reader.replace(0, bytes(32), b""),
            lambda: reader.truncate(0),
            lambda: reader.rotate_key(bytes(32)),
            lambda: reader.mark_erasures_applied(1),
        ):
            with pytest.raises(NotAllowed, match="reading only"):
                change()
        assert reader.get(0, root_of(0)).body == body_of(0)


def test_the_vault_key_can_be_changed(path: Path, vault: Vault) -> None:
    vault.put_many([row(i, f"p{i % 1_200}" if i % 3 else None) for i in range(3_000)])
    vault.erase_subject("p1", now_s=0)
    tag, new = vault.subject_tag("p2"), bytes([9]) * 32
    assert vault.rotate_key(new)
    assert vault.get(2, root_of(2)).body == body_of(2)
    with pytest.raises(Locked):
        Vault.open(path, KEY)
    with Vault.open(path, new) as again:
        assert again.subject_tag("p2") == tag
        assert again.indices_of("p1") == []
        readable = [
            i for i, found in again.get_many((i, root_of(i)) for i in range(3_000)) if isinstance(found, Opened)
        ]
        assert readable == [i for i in range(3_000) if not i % 3 or i % 1_200 != 1]


def test_an_interrupted_rotation_is_finished_at_open(path: Path) -> None:
    with Vault.create(path, KEY) as vault:
        vault.put_many([row(0)])
    new = bytes([9]) * 32
    with Vault.open(path, new, previous_key=KEY) as vault:
        assert vault.get(0, root_of(0)).body == body_of(0)
    with Vault.open(path, new) as vault:
        assert vault.get(0, root_of(0)).body == body_of(0)


def test_more_people_than_keys_in_memory(vault: Vault) -> None:
    count = SUBJECT_CACHE + 50
    vault.put_many([row(i, f"p{i}") for i in range(count)])
    vault.put_many([row(count + i, f"p{i}") for i in range(100)])
    assert vault.stats().subjects == count
    assert vault.indices_of("p3") == [3, count + 3]
    assert vault.get(count + 3, root_of(count + 3)).body == body_of(count + 3)


def test_an_erasure_says_when_a_reader_kept_the_old_bytes(path: Path, vault: Vault) -> None:
    vault.put_many([row(0)])
    reader = sqlite3.connect(path, isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM payloads").fetchone()
    try:
        assert not vault.erase_record(0, 0).is_scrubbed
    finally:
        reader.close()
    assert vault.scrub()


def test_threads_share_a_vault(vault: Vault) -> None:
    vault.put_many([row(i, f"p{i % 5}") for i in range(200)])
    found: list[bool] = []

    def read(start: int) -> None:
        found.extend(vault.get(i, root_of(i)).body == body_of(i) for i in range(start, 200, 4))

    threads = [Thread(target=read, args=(start,)) for start in range(4)]
    for thread in threads:
        thread.start()
    for index in range(200, 220):
        vault.put_many([row(index, "p1")])
    for thread in threads:
        thread.join()
    assert found == [True] * 200


def test_no_trace_of_what_was_erased_is_left_in_the_files(path: Path, vault: Vault) -> None:
    ref = "anna.schmidt@example.org"
    vault.put_many([row(i, ref if i % 2 else "ben") for i in range(40)])
    before = sqlite3.connect(path)
    wrapped = [key for (key,) in before.execute("SELECT wrapped_rk FROM payloads WHERE idx % 2 = 1")]
    wrapped += [
        key for (key,) in before.execute("SELECT wrapped_key FROM subjects WHERE tag = ?", (vault.subject_tag(ref),))
    ]
    before.close()
    rk = os.urandom(32)
    vault.replace(1, rk, seal_body(rk, root_of(1), b"what is left"))
    assert vault.erase_subject(ref, now_s=0).is_scrubbed
    raw = b"".join(file.read_bytes() for file in path.parent.iterdir())
    assert row(0).sealed in raw  # the search can find what is there
    assert ref.encode() not in raw
    assert b"plain words" not in raw
    for index in range(1, 40, 2):
        assert rk_of(index) not in raw
        assert row(index).sealed not in raw
    for key in [*wrapped, rk]:
        assert key not in raw
        assert key[:16] not in raw
        assert key[-16:] not in raw


def test_secrets_do_not_show(vault: Vault) -> None:
    vault.put_many([row(0)])
    shown = repr(vault) + repr(row(0)) + repr(vault.get(0, root_of(0)))
    for secret in (repr(KEY), repr(rk_of(0)), rk_of(0).hex(), "income", "anna"):
        assert secret not in shown
