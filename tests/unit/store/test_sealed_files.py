"""Large files under keys of their own, in the form that docs/reference/snapshots.md gives."""

from __future__ import annotations

import shutil
import threading
from hashlib import sha256

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from counterfoil.errors import HomeDamaged, InvalidInput, NotFound, Stale
from counterfoil.store.sealed_files import CHUNK_BYTES, SealedFiles

OLD, NEW = b"o" * 32, b"n" * 32
DATA = bytes(index % 253 for index in range(2 * CHUNK_BYTES + 5))
DIGEST = sha256(DATA).hexdigest()


@pytest.fixture
def files(tmp_path):
    return SealedFiles(tmp_path / "files", OLD)


def put(files, folder, data=DATA):
    path = folder / "clear"
    path.write_bytes(data)
    digest = sha256(data).hexdigest()
    files.put(path, digest)
    return digest


def read_by_the_page(folder, vault_key, digest):
    """A reader written from the reference page alone."""
    wrapping = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"counterfoil sealed files 1").derive(vault_key)
    wrapped = (folder / f"{digest}.key").read_bytes()
    key = AESGCM(wrapping).decrypt(wrapped[:12], wrapped[12:], digest.encode())
    sealed = (folder / f"{digest}.sealed").read_bytes()
    assert sealed[:24] == b"counterfoil sealed 1\n\x00\x00\x00"
    parts = [sealed[place : place + (1 << 20) + 16] for place in range(24, len(sealed), (1 << 20) + 16)]
    last = len(parts) - 1
    return b"".join(
        AESGCM(key).decrypt(number.to_bytes(11, "big") + (b"\x01" if number == last else b"\x00"), part, None)
        for number, part in enumerate(parts)
    )


@pytest.mark.parametrize("data", [b"", b"x", DATA, DATA[: 2 * CHUNK_BYTES]], ids=["empty", "one", "three", "two whole"])
def test_the_page_is_enough_to_read_them(files, tmp_path, data):
    digest = put(files, tmp_path, data)
    assert read_by_the_page(tmp_path / "files", OLD, digest) == data
    assert b"".join(files.chunks(digest)) == data


def test_a_file_that_changed_since_it_was_looked_at_is_not_kept(files, tmp_path):
    (tmp_path / "clear").write_bytes(b"other")
    with pytest.raises(Stale):
        files.put(tmp_path / "clear", DIGEST)
    assert list((tmp_path / "files").iterdir()) == []


def test_putting_it_again_changes_nothing(files, tmp_path):
    put(files, tmp_path)
    before = {path.name: path.read_bytes() for path in (tmp_path / "files").iterdir()}
    assert files.put(tmp_path / "clear", DIGEST) is False
    assert {path.name: path.read_bytes() for path in (tmp_path / "files").iterdir()} == before


def test_contents_that_were_lost_are_put_anew(files, tmp_path):
    put(files, tmp_path)
    (tmp_path / "files" / f"{DIGEST}.sealed").unlink()
    assert files.put(tmp_path / "clear", DIGEST) is True
    assert b"".join(files.chunks(DIGEST)) == DATA


def test_a_new_key_wraps_keys_and_touches_no_contents(files, tmp_path):
    put(files, tmp_path)
    sealed = (tmp_path / "files" / f"{DIGEST}.sealed").read_bytes()
    assert files.rotate(NEW) == 1
    assert (tmp_path / "files" / f"{DIGEST}.sealed").read_bytes() == sealed
    assert read_by_the_page(tmp_path / "files", NEW, DIGEST) == DATA
    assert b"".join(files.chunks(DIGEST)) == DATA
    with pytest.raises(HomeDamaged):
        SealedFiles(tmp_path / "files", OLD).open(DIGEST)


def test_an_interrupted_rotation_is_finished_by_the_next(files, tmp_path):
    """Some keys are under the new vault key, and some under the old one."""
    digests = [put(files, tmp_path, bytes([number])) for number in range(4)]
    shutil.copytree(tmp_path / "files", tmp_path / "before")
    files.rotate(NEW)
    for digest in digests[:2]:
        shutil.copy(tmp_path / "before" / f"{digest}.key", tmp_path / "files")
    again = SealedFiles(tmp_path / "files", OLD)
    assert again.rotate(NEW) == 4
    for opened in (again, SealedFiles(tmp_path / "files", NEW)):
        assert [b"".join(opened.chunks(digest)) for digest in digests] == [bytes([number]) for number in range(4)]


def test_who_reads_while_keys_are_wrapped_anew_goes_on(files, tmp_path):
    put(files, tmp_path)
    with files.open(DIGEST) as reading:
        begun = reading.read(10)
        files.rotate(NEW)
        assert begun + reading.read() == DATA


def test_without_its_key_a_file_is_nothing(files, tmp_path):
    put(files, tmp_path)
    key = (tmp_path / "files" / f"{DIGEST}.key").read_bytes()
    assert files.remove(DIGEST) > len(DATA)
    assert files.remove(DIGEST) == 0
    with pytest.raises(NotFound):
        files.open(DIGEST)
    other = put(files, tmp_path, b"other")
    (tmp_path / "files" / f"{other}.key").write_bytes(key)
    with pytest.raises(HomeDamaged):
        files.open(other)


@pytest.mark.parametrize("digest", ["", "x", "../" + "a" * 61, "A" * 64, "a" * 63, "a" * 64 + "\n"])
def test_what_is_no_digest_names_no_file(files, digest):
    with pytest.raises(InvalidInput):
        files.open(digest)
    with pytest.raises(InvalidInput):
        files.remove(digest)


def test_two_who_keep_the_same_contents_keep_them_once(files, tmp_path):
    (tmp_path / "clear").write_bytes(DATA)
    kept = []
    second = threading.Thread(target=lambda: kept.append(files.put(tmp_path / "clear", DIGEST)))

    def while_the_first_writes(_done, _total):
        if second.ident is None:
            second.start()
            second.join(0.3)

    kept.append(files.put(tmp_path / "clear", DIGEST, while_the_first_writes))
    second.join()
    assert kept in ([True, False], [False, True])
    assert b"".join(files.chunks(DIGEST)) == DATA
