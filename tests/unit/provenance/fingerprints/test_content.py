"""A file that is changed while it is read has no fingerprint of that moment."""

from __future__ import annotations

import os
from hashlib import sha256
from pathlib import Path

import pytest

from counterfoil.errors import InvalidInput
from counterfoil.provenance.fingerprints.content import BUFFER_BYTES, chunk_hashes, whole_hash
from counterfoil.provenance.fingerprints.entry import CHUNK_BYTES
from counterfoil.provenance.fingerprints.walk import walk


@pytest.fixture
def found(tmp_path: Path):
    path = tmp_path / "file"
    path.write_bytes(b"as it was" * 1_000)
    [found] = walk(path)
    return found


def grow(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"!")


def rewrite(path: Path) -> None:
    old = path.stat()
    path.write_bytes(b"as it is!" * 1_000)
    os.utime(path, ns=(old.st_atime_ns, old.st_mtime_ns))  # put back: the inode's own time tells


def replace(path: Path) -> None:
    fresh = path.with_name("fresh")
    fresh.write_bytes(path.read_bytes())
    fresh.replace(path)


def become_a_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def shrink(path: Path) -> None:
    path.write_bytes(b"")


def vanish(path: Path) -> None:
    path.unlink()


@pytest.mark.parametrize("change", [grow, rewrite, replace, shrink, become_a_pipe])
def test_a_file_that_changed_since_the_walk_is_refused(found, change):
    change(Path(os.fsdecode(found.full)))
    with pytest.raises(InvalidInput, match="was changed while it was read"):
        whole_hash(found, sha256, memoryview(bytearray(1_000)))


def test_a_file_that_vanished_since_the_walk_is_named(found):
    vanish(Path(os.fsdecode(found.full)))
    with pytest.raises(InvalidInput, match="file cannot be read: No such file"):
        whole_hash(found, sha256, memoryview(bytearray(1_000)))


@pytest.mark.parametrize("room", [1, 7, 9_000, 10_000])
def test_any_buffer_gives_the_same_hash(found, room):
    assert whole_hash(found, sha256, memoryview(bytearray(room))) == sha256(b"as it was" * 1_000).digest()


def test_a_large_file_that_is_written_to_meanwhile_is_refused(tmp_path):
    path = tmp_path / "large.bin"
    with path.open("wb") as file:
        file.truncate(2 * CHUNK_BYTES)
    [found] = walk(path)
    hashes = chunk_hashes(found, range(2), sha256, memoryview(bytearray(BUFFER_BYTES)))
    assert next(hashes) == sha256(b"\x00" + bytes(CHUNK_BYTES)).digest()
    grow(path)
    with pytest.raises(InvalidInput, match="was changed while it was read"):
        list(hashes)
