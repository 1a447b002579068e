"""The cache: it saves reading, and is never believed about what could have changed."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from counterfoil.provenance.fingerprints import Algorithm, Fingerprint, fingerprint_of
from counterfoil.provenance.fingerprints.entry import WHOLE_BYTES
from counterfoil.provenance.fingerprints.stat_cache import FINE_NS, StatCache


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    for name, size in (("a", 1), ("b", 10), ("c", 100)):
        (folder / name).write_bytes(name.encode() * size)
    (folder / "link").symlink_to("a")
    with (folder / "large").open("wb") as file:
        file.truncate(WHOLE_BYTES + 1)
    settle(folder)
    return folder


@pytest.fixture
def cache(tmp_path: Path, tree: Path) -> StatCache:
    return StatCache(tmp_path / "cache", tree)


def read(tree: Path, cache: StatCache | None, algorithm: Algorithm = "sha256") -> tuple[Fingerprint, int]:
    """Returns the fingerprint, and how many bytes were read for it."""
    told = [0]
    made = fingerprint_of(tree, cache=cache, algorithm=algorithm, progress=lambda _done, total: told.append(total))
    return made, told[-1]


def settle(folder: Path) -> None:
    """Waits until another write would bear another time."""
    newest = max(each.lstat().st_ctime_ns for each in folder.rglob("*"))
    while time.time_ns() < newest + FINE_NS + 10_000_000:
        time.sleep(0.01)


def test_what_was_not_changed_is_not_read_again(tree, cache):
    made, count = read(tree, cache)
    assert count == 111 + WHOLE_BYTES + 1
    assert read(tree, cache) == (made, 0)


def test_only_what_was_changed_is_read_again(tree, cache):
    read(tree, cache)
    (tree / "b").write_bytes(b"B" * 10)
    (tree / "a").rename(tree / "d")
    (tree / "c").unlink()
    made, count = read(tree, cache)
    assert (made, count) == (fingerprint_of(tree), 11)


def test_a_content_under_its_old_time_is_read_again(tree, cache):
    read(tree, cache)
    old = (tree / "b").stat()
    (tree / "b").write_bytes(b"X" * 10)
    os.utime(tree / "b", ns=(old.st_atime_ns, old.st_mtime_ns))
    assert read(tree, cache)[1] == 10


def test_a_file_too_new_to_tell_another_write_by_is_not_remembered(tree, cache):
    (tree / "b").write_bytes(b"Y" * 10)
    made, _ = read(tree, cache)
    (tree / "b").write_bytes(b"Z" * 10)
    assert read(tree, cache)[0].root != made.root


def test_each_algorithm_has_a_cache_of_its_own(tree, cache):
    made, _ = read(tree, cache, "blake3")
    assert read(tree, cache, "blake3") == (made, 0)
    assert read(tree, cache)[1] == 111 + WHOLE_BYTES + 1


SPOILT = {
    "the last byte is missing": lambda data: data[:-1],
    "it is empty": lambda data: b"",
    "it ends early": lambda data: data[:100],
    "it is of another version": lambda data: data.replace(b"cache 1", b"cache 9"),
    "a bit is turned": lambda data: bytes([*data[:200], data[200] ^ 1, *data[201:]]),
    "it is all zeros": lambda data: b"\x00" * len(data),
}


@pytest.mark.parametrize("how", SPOILT)
def test_a_torn_cache_is_as_good_as_none(tree, cache, tmp_path, how):
    made, count = read(tree, cache)
    [file] = (tmp_path / "cache").iterdir()
    file.write_bytes(SPOILT[how](file.read_bytes()))
    assert read(tree, cache) == (made, count)


def test_a_cache_that_cannot_be_written_hinders_nobody(tree, tmp_path):
    (tmp_path / "blocked").write_bytes(b"a file where the folder should be")
    cache = StatCache(tmp_path / "blocked", tree)
    assert fingerprint_of(tree, cache=cache) == fingerprint_of(tree)


def test_only_its_owner_reads_it(tree, cache, tmp_path):
    fingerprint_of(tree, cache=cache)
    [file] = (tmp_path / "cache").iterdir()
    assert file.stat().st_mode & 0o077 == 0
    assert (tmp_path / "cache").stat().st_mode & 0o077 == 0


def test_it_lies_in_the_users_own_folder_for_such_things(tree, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    fingerprint_of(tree, cache=StatCache.of(tree))
    assert list((tmp_path / "xdg" / "counterfoil" / "fingerprints").iterdir())
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    fingerprint_of(tree, cache=StatCache.of(tree))
    assert list((tmp_path / ".cache" / "counterfoil" / "fingerprints").iterdir())
