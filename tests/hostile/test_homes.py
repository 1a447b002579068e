"""Folders that are no home, another's home, or a home put together from parts."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from organisations import ORIGIN, ROW, bank, copy_home, open_home, put_to_work

import counterfoil
from counterfoil.errors import CounterfoilError, HomeDamaged, InvalidInput, Locked, NotSetUp
from counterfoil.store.unlock import Unlock


def files(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.name != "lock"}


def require_refused(folder: Path, kind: type[CounterfoilError]) -> CounterfoilError:
    before = files(folder) if folder.is_dir() else {}
    with pytest.raises(kind) as caught:
        open_home(folder)
    assert caught.value.hint
    assert (files(folder) if folder.is_dir() else {}) == before
    return caught.value


def test_foreign_folders_are_refused_and_left_alone(tmp_path: Path) -> None:
    require_refused(tmp_path / "nothing", NotSetUp)
    require_refused(tmp_path, NotSetUp)
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "cat.jpg").write_bytes(b"cat")
    require_refused(tmp_path / "photos", NotSetUp)
    require_refused(tmp_path / "photos" / "cat.jpg", NotSetUp)


def test_a_home_of_a_newer_or_older_counterfoil_is_refused(tmp_path: Path) -> None:
    home = copy_home(tmp_path)
    config = home / "counterfoil.toml"
    good = config.read_text()
    for version, word in ((2, "newer"), (0, "older")):
        config.write_text(good.replace("format = 1", f"format = {version}"))
        assert word in require_refused(home, NotSetUp).message
    config.write_text(good + 'colour = "red"\n')
    require_refused(home, HomeDamaged)


@pytest.mark.parametrize("part", ["keys.json", "vault.db", "log", "artefacts", "log/state.json", "log/entries/000.seg"])
def test_a_home_with_a_part_missing_is_refused(tmp_path: Path, part: str) -> None:
    home = copy_home(tmp_path)
    path = home / part
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    require_refused(home, CounterfoilError)


@pytest.mark.parametrize("part", ["keys.json", "vault.db", "log", "checkpoint"])
def test_a_part_of_another_home_is_refused(tmp_path: Path, part: str) -> None:
    home = copy_home(tmp_path / "a")
    with counterfoil.create(tmp_path / "b", name="Other", origin=ORIGIN, key_file=tmp_path / "b.key") as other:
        for _ in range(9):
            other.rotate_vault_key()
    target = home / part
    if target.is_dir():
        shutil.rmtree(target)
        shutil.copytree(tmp_path / "b" / part, target)
    else:
        shutil.copy(tmp_path / "b" / part, target)
    with pytest.raises(CounterfoilError):
        open_home(home)


def test_another_key_file_opens_nothing(tmp_path: Path) -> None:
    home = copy_home(tmp_path)
    (tmp_path / "bank.key").unlink()
    require_refused(home, Locked)
    Unlock.create_key_file(tmp_path / "bank.key")
    require_refused(home, Locked)


def test_artefacts_of_others_are_noticed(tmp_path: Path) -> None:
    with bank(tmp_path) as home:
        digest = home.loans.model.record.file_sha256
        for bad in (b"", b"{}", b"\x80\x04\x95", b"x" * 1_000_000):
            (home.folder / "artefacts" / digest).write_bytes(bad)
            with pytest.raises(HomeDamaged):
                home.org.provenance.scorer(home.loans.model)


def test_models_that_are_no_models_are_refused(tmp_path: Path) -> None:
    import pickle

    with bank(tmp_path) as home:
        size = home.org.archive.size
        for name, data in {
            "empty": b"",
            "pickle": pickle.dumps({"a": 1}),
            "json": b"{}",
            "deep": b"[" * 100_000,
            "zip": b"PK\x03\x04",
        }.items():
            path = tmp_path / name
            path.write_bytes(data)
            with pytest.raises(CounterfoilError):
                home.org.provenance.register_model(path, name="bad")
        for model in (None, 5, "no such file", object()):
            with pytest.raises(CounterfoilError):
                home.org.provenance.register_model(model, name="bad")
        assert home.org.archive.size == size


def test_a_waiting_queue_that_was_altered_is_named(tmp_path: Path) -> None:
    from organisations import full_log

    with bank(tmp_path, on_log_failure="spool") as home:
        with full_log(home.org):
            for number in range(3):
                assert home.decide(f"p{number}", note="x" * 3_000).promise
            home.org.close()
        path = home.folder / "spool" / "waiting"
        good = path.read_bytes()
        third = len(good) // 3
        for place in (0, 4, 20, third, third + 3, third + 100, len(good) - 1):
            changed = bytearray(good)
            changed[place] ^= 1
            path.write_bytes(changed)
            require_refused(home.folder, HomeDamaged)
        path.write_bytes(good[third:])
        require_refused(home.folder, HomeDamaged)
        path.write_bytes(good)
        home.org = open_home(home.folder, home.clock)
        assert len(home.org.decisions.search()) == 3
        put_to_work(home.org).decide(ROW)


def test_making_a_home_over_another_is_refused(tmp_path: Path) -> None:
    home = copy_home(tmp_path)
    before = files(home)
    with pytest.raises(InvalidInput):
        counterfoil.create(home, name="Mine", origin=ORIGIN, key_file=tmp_path / "new.key")
    assert files(home) == before
