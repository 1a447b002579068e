from __future__ import annotations

import threading
from hashlib import sha256
from pathlib import Path

import pytest
from organisations import full_disk

from counterfoil.errors import CounterfoilError, HomeDamaged, InvalidInput, LogUnavailable, NotFound
from counterfoil.store import objects as objects_module
from counterfoil.store.objects import Objects

KEY, OTHER = bytes(32), bytes(range(32))


def test_files_are_kept_by_their_digest(tmp_path: Path) -> None:
    objects = Objects(tmp_path, KEY)
    digest = objects.put(b"model")
    assert digest == objects.put(b"model") == sha256(b"model").hexdigest()
    assert objects.get(digest) == b"model"
    with pytest.raises(NotFound):
        objects.get("0" * 64)
    with pytest.raises(InvalidInput):
        objects.get("../x")


def test_sealed_files_hide_their_contents(tmp_path: Path) -> None:
    objects = Objects(tmp_path, KEY)
    digest = objects.put_sealed(b"people")
    assert objects.get_sealed(digest) == b"people"
    assert b"people" not in b"".join(path.read_bytes() for path in tmp_path.iterdir())
    with pytest.raises(HomeDamaged):
        Objects(tmp_path, OTHER).get_sealed(digest)
    with pytest.raises(NotFound):
        objects.get(digest)


@pytest.mark.parametrize("digest", ["", "x", "../../etc/passwd", "A" * 64, "0" * 63, "0" * 65, "0" * 64 + "\n"])
def test_only_digests_name_files(tmp_path: Path, digest: str) -> None:
    objects = Objects(tmp_path, KEY)
    for read in (objects.get, objects.get_sealed):
        with pytest.raises(InvalidInput):
            read(digest)


def test_missing_and_altered_files_are_named(tmp_path: Path) -> None:
    objects = Objects(tmp_path, KEY)
    for read in (objects.get, objects.get_sealed):
        with pytest.raises(NotFound):
            read("0" * 64)
    plain, sealed = objects.put(b"model"), objects.put_sealed(b"people")
    for path in tmp_path.iterdir():
        for bad in (b"", b"x", path.read_bytes()[:-1]):
            path.write_bytes(bad)
            with pytest.raises(HomeDamaged):
                objects.get(plain) if path.name == plain else objects.get_sealed(sealed)


def test_sealing_again_may_be_interrupted_and_repeated(tmp_path: Path) -> None:
    objects = Objects(tmp_path, KEY)
    digests = [objects.put_sealed(b"%d" % number) for number in range(5)]
    half = Objects(tmp_path, KEY)
    for path in sorted(tmp_path.iterdir())[2:]:
        path.rename(path.with_suffix(".aside"))
    assert half.reseal(OTHER) == 2
    for path in tmp_path.glob("*.aside"):
        path.rename(path.with_suffix(".sealed"))
    assert objects.reseal(OTHER) == 3
    for fresh in (objects, Objects(tmp_path, OTHER)):
        assert [fresh.get_sealed(digest) for digest in digests] == [b"0", b"1", b"2", b"3", b"4"]


def test_whoever_reads_while_files_are_sealed_anew_is_served(tmp_path: Path) -> None:
    objects, faults = Objects(tmp_path, KEY), []
    digests = [objects.put_sealed(b"%d" % number) for number in range(40)]
    is_over = threading.Event()

    def read() -> None:
        while not is_over.is_set():
            for number, digest in enumerate(digests):
                try:
                    assert objects.get_sealed(digest) == b"%d" % number
                except CounterfoilError as error:
                    faults.append(error)

    reader = threading.Thread(target=read)
    reader.start()
    for key in (OTHER, KEY) * 5:
        assert objects.reseal(key) == len(digests)
    is_over.set()
    reader.join()
    assert faults == []


def test_a_full_disk_is_named_and_leaves_no_half_file(tmp_path: Path) -> None:
    objects = Objects(tmp_path, KEY)
    with full_disk(100):
        for keep in (objects.put, objects.put_sealed):
            with pytest.raises(LogUnavailable):
                keep(b"x" * 1_000)
    digest = sha256(b"x" * 1_000).hexdigest()
    assert not (tmp_path / digest).exists()
    assert objects.get(objects.put(b"x" * 1_000)) == b"x" * 1_000


def test_what_is_put_while_files_are_sealed_anew_can_be_read_afterwards(tmp_path: Path, monkeypatch) -> None:
    objects = Objects(tmp_path, KEY)
    is_put, goes_on = threading.Event(), threading.Event()
    replace = objects_module.replace_file

    def slow(path: Path, data: bytes) -> None:
        if not is_put.is_set():
            is_put.set()
            goes_on.wait(0.3)  # meanwhile, another thread replaces the key
        replace(path, data)

    monkeypatch.setattr(objects_module, "replace_file", slow)
    thread = threading.Thread(target=objects.put_sealed, args=(b"people",))
    thread.start()
    is_put.wait(10)
    objects.reseal(OTHER)
    goes_on.set()
    thread.join(10)
    assert objects.get_sealed(sha256(b"people").hexdigest()) == b"people"


def test_a_sealed_file_that_does_not_open_is_replaced_when_its_contents_come_again(tmp_path: Path) -> None:
    objects = Objects(tmp_path, KEY)
    digest = objects.put_sealed(b"people")
    (tmp_path / f"{digest}.sealed").write_bytes(b"spoilt")
    assert objects.put_sealed(b"people") == digest
    assert objects.get_sealed(digest) == b"people"
