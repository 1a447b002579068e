"""A vault of version 1 becomes one of this version: the same keys and values, killed wherever it may be."""

from __future__ import annotations

import errno
import os
import sqlite3
from hashlib import sha256
from pathlib import Path

import pytest
from older_vault import make_older

from counterfoil.errors import HomeBusy, HomeDamaged, LogUnavailable, NotSetUp
from counterfoil.store import vault_migration
from counterfoil.store.vault import Absence, Opened, Vault, VaultRow, seal_body
from counterfoil.store.vault_file import VAULT_VERSION
from counterfoil.store.vault_migration import destroy_older, migrate_vault

KEY = bytes(range(32))
ROOT = bytes(32)
COUNT = 12_000  # more than is copied at once


def row(index: int) -> VaultRow:
    rk = sha256(b"%d" % index).digest()
    who = [None, "anna", "ben"][index % 3]
    return VaultRow(index, who, rk, seal_body(rk, ROOT, b"body %d" % index), 99 if index % 7 == 0 else 0)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A vault of version 1: some values erased, restricted and resealed."""
    path = tmp_path / "vault.db"
    with Vault.create(path, KEY) as vault:
        vault.put_many([row(index) for index in range(COUNT)])
        vault.apply_erasure([2, 4, 5], [(7, 99)])
        rk = os.urandom(32)
        vault.replace(8, rk, seal_body(rk, ROOT, b"less"))
        vault.mark_erasures_applied(77)
    make_older(path)
    return path


def contents(path: Path) -> tuple[object, ...]:
    with Vault.open(path, KEY) as vault:
        found = {
            index: (each.rk, each.body, each.subject, each.retain_until_s) if isinstance(each, Opened) else each
            for index, each in vault.get_many((index, ROOT) for index in range(COUNT + 1))
        }
        return found, vault.indices_of("anna"), vault.due(1_000), vault.erasures_applied, vault.id, vault.stats().erased


def names(path: Path) -> list[str]:
    return sorted(each.name for each in path.parent.iterdir())


def test_everything_is_there_and_what_is_done_is_done_once(path: Path) -> None:
    with pytest.raises(NotSetUp, match="older") as caught:
        Vault.open(path, KEY)
    assert "counterfoil migrate" in caught.value.hint
    assert migrate_vault(path)
    assert names(path) == ["vault.db"]
    assert path.stat().st_mode & 0o777 == 0o600
    found = contents(path)
    values = found[0]
    assert isinstance(values, dict)
    assert values[1][:2] == (row(1).rk, b"body 1")
    assert values[8][1] == b"less"
    assert [values[index] for index in (2, 7, COUNT)] == [Absence.ERASED, Absence.RESTRICTED, Absence.NEVER_STORED]
    assert found[2:4] == ([7], 77)
    assert not migrate_vault(path)
    assert contents(path) == found
    with Vault.open(path, KEY) as vault:
        vault.put_many([row(COUNT)])
        vault.erase_subject("anna", now_s=0)
        assert vault.rotate_key(bytes(32))
    db = sqlite3.connect(path)
    assert db.execute("PRAGMA auto_vacuum").fetchone() == (2,)
    assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert db.execute("PRAGMA foreign_key_check").fetchall() == []
    db.close()


STEPS = ["_settle", "_fill", "_copy_records", "_require_alone", "_destroy", "write_all", "sync_folder"]


@pytest.mark.parametrize("is_after", [False, True])
@pytest.mark.parametrize("step", STEPS)
def test_killed_anywhere_it_is_done_again(
    path: Path, monkeypatch: pytest.MonkeyPatch, step: str, is_after: bool
) -> None:
    class Killed(BaseException):
        pass

    real = getattr(vault_migration, step)

    def killing(*args: object) -> None:
        if is_after:
            real(*args)
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(vault_migration, step, killing)
        with pytest.raises(Killed):
            migrate_vault(path)
    migrate_vault(path)
    assert names(path) == ["vault.db"]
    values = contents(path)[0]
    assert isinstance(values, dict)
    assert values[COUNT - 1][:2] == (row(COUNT - 1).rk, b"body %d" % (COUNT - 1))


def test_what_a_killed_run_left_beside_it_is_no_hindrance(path: Path) -> None:
    os.link(
        path, path.with_name("vault.db.before-version-2")
    )  # killed just before the new file took the place of the old one
    for end in ("", "-wal", "-shm"):
        path.with_name("vault.db.version-2.new" + end).write_bytes(b"half a file")
    assert migrate_vault(path)
    assert names(path) == ["vault.db"]
    assert contents(path)[3] == 77


def test_the_old_bytes_are_overwritten(path: Path) -> None:
    held = path.open("rb")  # the old file, whatever becomes of its name
    with held:
        assert any(held.read())
        assert migrate_vault(path)
        held.seek(0)
        assert not any(held.read())


def test_old_bytes_that_a_killed_run_left_are_overwritten_at_the_next_open(path: Path) -> None:
    old = path.with_name("vault.db.before-version-2")
    before = path.read_bytes()
    for do in (destroy_older, migrate_vault):
        old.write_bytes(before)  # as if it had been killed after the new file took its place
        if do is destroy_older:
            old.rename(path.with_name("kept"))
            migrate_vault(path)
            path.with_name("kept").rename(old)
        with old.open("rb") as held:
            do(path)
            assert not any(held.read())
        do(path)
        assert names(path) == ["vault.db"]


def test_old_bytes_that_were_overwritten_in_part_are_overwritten_to_their_end(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def killing(*args: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(vault_migration, "sync_data", killing)
        with pytest.raises(Killed):
            migrate_vault(path)
    old = path.with_name("vault.db.before-version-2")
    assert old.exists()
    destroy_older(path)
    assert names(path) == ["vault.db"]


def test_a_vault_that_somebody_set_aside_is_left_alone(path: Path, tmp_path: Path) -> None:
    """Of this version, another's, no vault at all, or the vault itself under a second name."""
    older = path.read_bytes()
    assert migrate_vault(path)
    newest = path.read_bytes()
    (tmp_path / "another").mkdir()
    with Vault.create(tmp_path / "another" / "vault.db", KEY):
        pass
    make_older(tmp_path / "another" / "vault.db")
    another = (tmp_path / "another" / "vault.db").read_bytes()
    for name, data in (
        ("vault.db.old", newest),
        ("vault.db.old", older),
        ("vault.db.new", newest),
        ("vault.db.before-version-2", newest),
        ("vault.db.before-version-2", another),
        ("vault.db.before-version-2", b"keys"),
    ):
        aside = path.with_name(name)
        aside.write_bytes(data)
        destroy_older(path)
        assert not migrate_vault(path)
        assert aside.read_bytes() == data
        aside.unlink()
    os.link(path, path.with_name("vault.db.before-version-2"))
    destroy_older(path)
    assert not migrate_vault(path)
    assert path.read_bytes() == newest


def test_what_is_in_the_way_is_not_taken_for_our_own(path: Path) -> None:
    aside = path.with_name("vault.db.before-version-2")
    aside.write_bytes(b"something of somebody's")
    with pytest.raises(HomeDamaged, match="in the way"):
        migrate_vault(path)
    assert aside.read_bytes() == b"something of somebody's"
    aside.unlink()
    assert migrate_vault(path)


@pytest.mark.parametrize("code", [errno.EPERM, errno.ENOTSUP])
def test_a_disk_without_second_names_is_overwritten_too(path: Path, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    def refusing(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "link", refusing)
    with path.open("rb") as held:
        assert migrate_vault(path)
        assert not any(held.read())
    assert names(path) == ["vault.db"]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EMLINK])
def test_a_disk_that_refuses_a_second_name_for_now_changes_nothing(
    path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    def refusing(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    with monkeypatch.context() as patch:
        patch.setattr(os, "link", refusing)
        with pytest.raises(LogUnavailable):
            migrate_vault(path)
    with pytest.raises(NotSetUp, match="older"):
        Vault.open(path, KEY)
    assert migrate_vault(path)
    assert names(path) == ["vault.db"]


def test_what_was_written_last_is_not_left_in_a_side_file(path: Path) -> None:
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("PRAGMA wal_autocheckpoint = 0")
    db.execute("UPDATE meta SET value = 78 WHERE name = 'erasures_applied'")
    assert path.with_name("vault.db-wal").stat().st_size
    with pytest.raises(HomeBusy):
        migrate_vault(path)
    db.close()
    assert migrate_vault(path)
    assert contents(path)[3] == 78


def test_what_is_no_older_vault_is_left_alone(path: Path) -> None:
    for value, error in ((VAULT_VERSION + 1, NotSetUp), ("one", HomeDamaged)):
        db = sqlite3.connect(path)
        with db:
            db.execute("UPDATE meta SET value = ? WHERE name = 'version'", (value,))
        db.close()
        before = path.read_bytes()
        with pytest.raises(error):
            migrate_vault(path)
        assert path.read_bytes() == before
    path.write_bytes(b"not a database, " * 500)
    with pytest.raises(HomeDamaged):
        migrate_vault(path)
