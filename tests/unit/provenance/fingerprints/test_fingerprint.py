"""Fingerprints of files and folders: what changes them, what does not, and what has none."""

from __future__ import annotations

import hashlib
import json
import os
import socket
from pathlib import Path

import pytest
from blake3 import blake3

from counterfoil.core.merkle import leaf_hash, root_of
from counterfoil.errors import InvalidInput, NotFound
from counterfoil.provenance.fingerprints import Fingerprint, fingerprint_of
from counterfoil.provenance.fingerprints.entry import CHUNK_BYTES, WHOLE_BYTES

HASHES = {"sha256": hashlib.sha256, "blake3": blake3}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    for name, data in {"a.csv": b"a,b\n1,2\n", "sub/b.bin": bytes(range(256)) * 9, "sub/empty": b""}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """A sparse file just above the size that is hashed in one piece."""
    path = tmp_path / "large.bin"
    with path.open("wb") as file:
        file.truncate(WHOLE_BYTES + 17)
        file.seek(5 * CHUNK_BYTES)
        file.write(b"in the sixth chunk")
    return path


def by_hand(folder: Path, algorithm: str = "sha256") -> bytes:
    """Returns the root as the reference page describes it."""
    leaves = []
    for path in sorted(each for each in folder.rglob("*") if each.is_file()):
        data = path.read_bytes()
        name = str(path.relative_to(folder)).encode()
        code = b"\x00" if algorithm == "sha256" else b"\x02"
        leaves.append(leaf_hash(code + len(data).to_bytes(8, "big") + HASHES[algorithm](data).digest() + name))
    return hashlib.sha256(b"counterfoil fingerprint 1\n" + root_of(leaves)).digest()


@pytest.mark.parametrize("algorithm", ["sha256", "blake3"])
@pytest.mark.parametrize("threads", [1, 4])
def test_the_root_is_the_one_that_the_page_describes(tree, algorithm, threads):
    made = fingerprint_of(tree, algorithm=algorithm, threads=threads)
    assert made.root == by_hand(tree, algorithm)
    assert [each.name for each in made.entries] == ["a.csv", "sub/b.bin", "sub/empty"]
    assert (made.files, made.size_bytes) == (3, 8 + 256 * 9)
    assert made.entries[0].digest == HASHES[algorithm](b"a,b\n1,2\n").digest()


def test_a_file_alone_is_bound_to_its_name(tree):
    made = fingerprint_of(tree / "a.csv")
    assert [each.name for each in made.entries] == ["a.csv"]
    (tree / "a.csv").rename(tree / "b.csv")
    assert fingerprint_of(tree / "b.csv").root != made.root


@pytest.mark.parametrize("algorithm", ["sha256", "blake3"])
def test_a_large_file_is_hashed_in_chunks(large, algorithm):
    make = HASHES[algorithm]
    data = large.read_bytes()
    hashes = [make(b"\x00" + data[start : start + CHUNK_BYTES]).digest() for start in range(0, len(data), CHUNK_BYTES)]
    [entry] = fingerprint_of(large, algorithm=algorithm).entries
    assert entry.kind == "chunks"
    assert entry.chunks == b"".join(hashes)
    while len(hashes) > 1:
        pairs = [make(b"\x01" + a + b).digest() for a, b in zip(hashes[::2], hashes[1::2], strict=False)]
        hashes = pairs + hashes[len(pairs) * 2 :]
    assert entry.digest == hashes[0]


def test_a_file_of_the_limit_is_hashed_in_one_piece(tmp_path):
    path = tmp_path / "limit.bin"
    with path.open("wb") as file:
        file.truncate(WHOLE_BYTES)
    [entry] = fingerprint_of(path).entries
    assert entry.digest == hashlib.sha256(bytes(WHOLE_BYTES)).digest()


def change_name(tree: Path) -> None:
    (tree / "a.csv").rename(tree / "c.csv")


def swap_names(tree: Path) -> None:
    for here, there in (("a.csv", "x"), ("sub/empty", "a.csv"), ("x", "sub/empty")):
        (tree / here).rename(tree / there)


def change_content(tree: Path) -> None:
    (tree / "a.csv").write_bytes(b"a,b\n1,3\n")


def move_bytes(tree: Path) -> None:
    """The same bytes in the same order, cut elsewhere."""
    (tree / "a.csv").write_bytes(b"a,b\n1,2\n\x00")
    (tree / "sub" / "b.bin").write_bytes((bytes(range(256)) * 9)[1:])


def add(tree: Path) -> None:
    (tree / "more").touch()


def remove(tree: Path) -> None:
    (tree / "sub" / "empty").unlink()


@pytest.mark.parametrize("change", [change_name, swap_names, change_content, move_bytes, add, remove])
def test_any_change_changes_the_root(tree, change):
    before = fingerprint_of(tree).root
    change(tree)
    assert fingerprint_of(tree).root != before


def test_what_is_no_content_changes_nothing(tree, tmp_path):
    before = fingerprint_of(tree).root
    os.utime(tree / "a.csv", (1, 1))
    (tree / "a.csv").chmod(0o600)
    (tree / "nothing here").mkdir()
    assert fingerprint_of(tree).root == before
    assert fingerprint_of(tree.rename(tmp_path / "elsewhere")).root == before


def test_what_is_ignored_is_left_out_and_named(tree):
    made = fingerprint_of(tree, ignore=["sub/*.bin", "emp*"])
    assert [each.name for each in made.entries] == ["a.csv"]
    assert made.ignored == ("sub/*.bin", "emp*")
    assert [each.name for each in fingerprint_of(tree, ignore=["sub"]).entries] == ["a.csv"]


def test_a_fingerprint_is_kept_in_a_file_and_read_back(tree, large, tmp_path):
    (tree / os.fsdecode(b"caf\xe9")).write_bytes(b"not UTF-8")
    (tree / "link").symlink_to("a.csv")
    large.rename(tree / "large.bin")
    for algorithm in HASHES:
        made = fingerprint_of(tree, algorithm=algorithm)
        path = tmp_path / f"{algorithm}.json"
        made.save(path)
        assert Fingerprint.load(path) == made
        with pytest.raises(InvalidInput, match="already exists"):
            made.save(path)
    names = [each.name for each in made.entries]
    assert "caf\\xe9" in names


SPOILT = {
    "no root": lambda told: told.pop("root"),
    "a newer version": lambda told: told.update(version=2),
    "another algorithm": lambda told: told.update(algorithm="md5"),
    "no list": lambda told: told.update(entries=5),
    "another order": lambda told: told["entries"].reverse(),
    "one twice": lambda told: told["entries"].append(told["entries"][-1]),
    "another size": lambda told: told["entries"][0].update(size=9),
    "a size below nothing": lambda told: told["entries"][0].update(size=-1),
    "a size that is true": lambda told: told["entries"][0].update(size=True),
    "a short hash": lambda told: told["entries"][0].update(sha256="00"),
    "a name with a zero": lambda told: told["entries"][0].update(path="../a.csv\x00"),
    "an entry that is text": lambda told: told["entries"].__setitem__(0, "a.csv"),
    "an entry without a hash": lambda told: told["entries"][0].pop("sha256"),
}


@pytest.mark.parametrize("how", SPOILT)
def test_a_spoilt_fingerprint_is_refused(tree, tmp_path, how):
    told = fingerprint_of(tree).to_json()
    SPOILT[how](told)
    path = tmp_path / "spoilt.json"
    path.write_text(json.dumps(told))
    with pytest.raises(InvalidInput):
        Fingerprint.load(path)


@pytest.mark.parametrize("data", [b"", b"[]", b"{", b"\xff", b'{"a": NaN}', b"5"])
def test_what_is_no_fingerprint_is_refused(tmp_path, data):
    path = tmp_path / "none.json"
    path.write_bytes(data)
    with pytest.raises(InvalidInput):
        Fingerprint.load(path)
    with pytest.raises(NotFound):
        Fingerprint.load(tmp_path / "missing")


# What has no content, or cannot be read


def test_links_inside_are_recorded_as_what_they_say(tree):
    (tree / "link").symlink_to("a.csv")
    (tree / "dead").symlink_to("nowhere")
    (tree / "round").symlink_to("round")
    (tree / "up").symlink_to("sub")
    made = fingerprint_of(tree)
    links = {each.name: each.target for each in made.entries if each.kind == "link"}
    assert links == {"link": b"a.csv", "dead": b"nowhere", "round": b"round", "up": b"sub"}
    (tree / "link").unlink()
    (tree / "link").symlink_to("sub/empty")
    assert fingerprint_of(tree).root != made.root


def test_a_link_out_of_the_folder_is_refused_unless_it_is_followed(tree, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "blob").write_bytes(b"content")
    (tree / "blob").symlink_to(outside / "blob")
    (tree / "folder").symlink_to(outside)
    with pytest.raises(InvalidInput, match="a link out of the folder") as caught:
        fingerprint_of(tree)
    assert "--follow-links" in caught.value.message
    made = fingerprint_of(tree, follow_links=True)
    assert "folder/blob" in [each.name for each in made.entries]
    (outside / "blob").write_bytes(b"Content")
    assert fingerprint_of(tree, follow_links=True).root != made.root


def test_links_in_a_circle_are_refused_when_followed(tree):
    (tree / "sub" / "again").symlink_to(tree)
    assert fingerprint_of(tree).files == 4
    with pytest.raises(InvalidInput, match="in a circle"):
        fingerprint_of(tree, follow_links=True)
    (tree / "self").symlink_to("self")
    with pytest.raises(InvalidInput, match="self cannot be read"):
        fingerprint_of(tree, follow_links=True)


def test_sockets_pipes_and_devices_have_no_content(tree, monkeypatch):
    os.mkfifo(tree / "pipe")
    with socket.socket(socket.AF_UNIX) as listening:
        monkeypatch.chdir(tree / "sub")  # a socket's path has at most 108 bytes
        listening.bind("socket")
        with pytest.raises(InvalidInput) as caught:
            fingerprint_of(tree)
    assert "pipe is a pipe, which has no content" in caught.value.message
    assert "sub/socket is a socket" in caught.value.message
    assert fingerprint_of(tree, ignore=["pipe", "socket"]).files == 3
    with pytest.raises(InvalidInput, match="is a device"):
        fingerprint_of("/dev/null")


def test_what_has_no_content_is_named_all_at_once(tree):
    for number in range(7):
        os.mkfifo(tree / f"pipe{number}")
    with pytest.raises(InvalidInput) as caught:
        fingerprint_of(tree)
    assert caught.value.message.count("is a pipe") == 5
    assert caught.value.message.endswith("; and 2 more")


@pytest.mark.parametrize("name", ["sub", "a.csv"])
def test_a_folder_or_file_that_cannot_be_read_is_named(tree, name):
    if os.geteuid() == 0:
        pytest.skip("root reads everything")
    (tree / name).chmod(0)
    try:
        with pytest.raises(InvalidInput, match=f"{name} cannot be read: Permission denied"):
            fingerprint_of(tree)
    finally:
        (tree / name).chmod(0o700)


def test_a_missing_folder_is_not_found(tmp_path):
    with pytest.raises(NotFound, match="No such file"):
        fingerprint_of(tmp_path / "missing")
    with pytest.raises(InvalidInput):
        fingerprint_of(tmp_path, algorithm="md5")  # type: ignore[arg-type]
    with pytest.raises(InvalidInput, match="0 threads"):
        fingerprint_of(tmp_path, threads=0)


def test_an_empty_folder_has_a_fingerprint_too(tmp_path):
    made = fingerprint_of(tmp_path)
    assert (made.files, made.size_bytes) == (0, 0)
    assert made.root == hashlib.sha256(b"counterfoil fingerprint 1\n" + root_of([])).digest()


def test_names_that_look_the_same_are_told(tree):
    (tree / "caf\u00e9").touch()
    (tree / "cafe\u0301").touch()
    made = fingerprint_of(tree)
    assert made.alike() == [("cafe\u0301", "caf\u00e9")]
    assert fingerprint_of(tree / "sub").alike() == []


def test_progress_comes_to_its_end(tree, large):
    told: list[tuple[int, int]] = []
    large.rename(tree / "large.bin")
    made = fingerprint_of(tree, progress=lambda done, total: told.append((done, total)))
    assert told[-1] == (made.size_bytes, made.size_bytes)
    assert [done for done, _ in told] == sorted(done for done, _ in told)
