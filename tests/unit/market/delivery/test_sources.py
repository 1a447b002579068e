"""Sources give any part of the same bytes: files, folders as tar, object stores, kept snapshots."""

from __future__ import annotations

import io
import os
import random
import sqlite3
import subprocess
import tarfile

import pytest
from objects3 import BUCKET, s3_server

import counterfoil
from counterfoil.core.delivery import CHUNK_BYTES
from counterfoil.core.merkle import leaf_hash, root_of
from counterfoil.errors import InvalidInput, MalformedEvidence, NotFound, Stale
from counterfoil.market.delivery.extracting import extract
from counterfoil.market.delivery.folder import FolderSource
from counterfoil.market.delivery.hash_list import HashList
from counterfoil.market.delivery.source import content_of, index_content
from counterfoil.market.delivery.sources import BLOCK_BYTES, FileSource, OpenedSource, StoreSource

DATA = random.Random(3).randbytes(2 * CHUNK_BYTES + 77)


def whole(source):
    buffer = bytearray(source.size_bytes + 10)
    count = source.read_into(0, memoryview(buffer))
    return bytes(buffer[:count])


def parts_are_the_same(source, data):
    chance = random.Random(len(data))
    for _ in range(20):
        start = chance.randrange(len(data))
        size = chance.randrange(1, min(len(data), 300_000) + 1)
        buffer = bytearray(size)
        count = source.read_into(start, memoryview(buffer))
        if buffer[:count] != data[start : start + size]:
            return False
    return True


def root(data):
    return root_of([leaf_hash(data[at : at + CHUNK_BYTES]) for at in range(0, len(data), CHUNK_BYTES)])


def test_a_file_and_its_hashes(tmp_path):
    path = tmp_path / "data"
    path.write_bytes(DATA)
    source = FileSource(path)
    seen = []
    content = index_content(source, tmp_path / "leaves", lambda done, total: seen.append((done, total)))
    assert (content.root, content.size_bytes) == (root(DATA), len(DATA))
    assert content_of(source) == content
    assert seen[-1] == (len(DATA), len(DATA))
    assert whole(source) == DATA
    assert parts_are_the_same(source, DATA)
    with HashList(tmp_path / "leaves", 3) as leaves:
        assert leaves.root() == content.root
        assert leaves[2] == leaf_hash(DATA[2 * CHUNK_BYTES :])
        with pytest.raises(IndexError):
            leaves[3]
    source.close()


def test_what_is_no_file_is_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InvalidInput):
        FileSource(tmp_path / "pipe")
    with pytest.raises(InvalidInput):
        FileSource(tmp_path)
    with pytest.raises(NotFound):
        FileSource(tmp_path / "none")


def test_nothing_cannot_be_sold(tmp_path):
    (tmp_path / "empty").touch()
    with pytest.raises(InvalidInput):
        content_of(FileSource(tmp_path / "empty"))


LONG = "d" * 60 + "/" + "e" * 60 + ".bin"


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "scans"
    files = {
        "b.txt": b"b" * 700,
        "a/x": b"",
        "a/y": b"y" * 512,
        "é/ü": b"z",
        LONG: b"long",
        "big": DATA,
    }
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    (folder / "none").mkdir()
    return folder


def test_a_folder_is_a_tar_that_others_read(folder, tmp_path):
    data = whole(FolderSource(folder))
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        files = {each.name: tar.extractfile(each).read() for each in tar if each.isfile()}
        assert all(each.mtime == 0 and each.uid == 0 and each.uname == "" for each in tar.getmembers())
    assert files["big"] == DATA
    assert files["é/ü"] == b"z"
    assert files[LONG] == b"long"
    assert len(files) == 6
    (tmp_path / "out.tar").write_bytes(data)
    listed = subprocess.run(["tar", "tf", str(tmp_path / "out.tar")], capture_output=True, check=True, text=True)
    assert "none/" in listed.stdout.split()
    assert len(listed.stdout.split()) == 10


def test_a_folder_is_the_same_tar_every_time_and_in_every_part(folder):
    data = whole(FolderSource(folder))
    os.utime(folder / "b.txt", (5, 5))
    (folder / "b.txt").chmod(0o600)
    source = FolderSource(folder)
    assert whole(source) == data
    assert parts_are_the_same(source, data)
    (folder / "b.txt").write_bytes(b"c" * 700)
    assert content_of(FolderSource(folder)).root != root(data)
    (folder / "b.txt").write_bytes(b"c" * 701)
    with pytest.raises(Stale):
        whole(source)


def test_the_bytes_of_a_tar_are_those_of_the_reference_page(tmp_path):
    (tmp_path / "f").mkdir()
    (tmp_path / "f" / "hi").write_bytes(b"hello")
    data = whole(FolderSource(tmp_path / "f"))
    assert len(data) == 2048
    assert data[:100] == b"hi" + bytes(98)
    assert data[100:148] == b"0000644\x000000000\x000000000\x0000000000005\x0000000000000\x00"
    assert data[148:156] == b"%06o\0 " % (sum(data[:148]) + 8 * 32 + sum(data[156:512]))
    assert data[156:265] == b"0" + bytes(100) + b"ustar\x0000"
    assert data[512:] == b"hello" + bytes(1531)


def test_links_pipes_and_odd_names_are_not_delivered(folder):
    (folder / "link").symlink_to("/etc/passwd")
    with pytest.raises(InvalidInput, match="is a link"):
        FolderSource(folder)
    (folder / "link").unlink()
    (folder / os.fsdecode(b"\xff")).mkdir()
    with pytest.raises(InvalidInput, match="UTF-8"):
        FolderSource(folder)
    with pytest.raises(NotFound):
        FolderSource(folder / "b.txt")


def test_a_file_that_becomes_a_link_is_noticed(folder, tmp_path):
    source = FolderSource(folder)
    (tmp_path / "elsewhere").write_bytes(b"y" * 700)
    (folder / "b.txt").unlink()
    (folder / "b.txt").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(Stale):
        whole(source)


def test_what_was_delivered_is_unpacked(folder, tmp_path):
    (tmp_path / "out.tar").write_bytes(whole(FolderSource(folder)))
    assert extract(tmp_path / "out.tar", tmp_path / "out") == 6
    assert whole(FolderSource(tmp_path / "out")) == whole(FolderSource(folder))
    with pytest.raises(InvalidInput):
        extract(tmp_path / "out.tar", tmp_path / "out")


def hostile_tar(*entries):
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as tar:
        for name, kind, target in entries:
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = kind, target
            entry.size = 4 if kind == tarfile.REGTYPE else 0
            tar.addfile(entry, io.BytesIO(b"data"))
    return made.getvalue()


FILE, LINK, HARD, DEVICE, PIPE = (
    *(tarfile.REGTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE),
)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(hostile_tar(("../x", FILE, "")), id="up"),
        pytest.param(hostile_tar(("a/../../x", FILE, "")), id="up in the middle"),
        pytest.param(hostile_tar(("/tmp/x", FILE, "")), id="absolute"),
        pytest.param(hostile_tar(("a\\..\\x", FILE, "")), id="backslashes"),
        pytest.param(hostile_tar(("./a", FILE, "")), id="a dot"),
        pytest.param(hostile_tar(("a//b", FILE, "")), id="an empty name"),
        pytest.param(hostile_tar(("l", LINK, "/etc"), ("l/x", FILE, "")), id="through a link"),
        pytest.param(hostile_tar(("l", HARD, "/etc/passwd")), id="a hard link"),
        pytest.param(hostile_tar(("d", DEVICE, "")), id="a device"),
        pytest.param(hostile_tar(("p", PIPE, "")), id="a pipe"),
        pytest.param(hostile_tar(("a", FILE, ""), ("a", FILE, "")), id="a name twice"),
        pytest.param(hostile_tar(("a", FILE, ""), ("a/b", FILE, "")), id="a file for a folder"),
        pytest.param(hostile_tar(("/".join("a" * 70), FILE, "")), id="deep"),
        pytest.param(b"no tar at all" * 100, id="no tar"),
        pytest.param(hostile_tar(("a", FILE, ""))[:514], id="cut"),
    ],
)
def test_tars_that_reach_elsewhere_leave_nothing_behind(data, tmp_path):
    (tmp_path / "in.tar").write_bytes(data)
    with pytest.raises((MalformedEvidence, InvalidInput)):
        extract(tmp_path / "in.tar", tmp_path / "out")
    assert [each.name for each in tmp_path.iterdir()] == ["in.tar"]


def test_a_tar_that_unpacks_to_more_than_allowed_is_refused(folder, tmp_path):
    (tmp_path / "in.tar").write_bytes(whole(FolderSource(folder)))
    with pytest.raises(MalformedEvidence, match="unpacks to more"):
        extract(tmp_path / "in.tar", tmp_path / "out", most_bytes=1000)


def test_a_file_in_an_object_store():
    data = random.Random(4).randbytes(BLOCK_BYTES + 1_000)
    with s3_server():
        import s3fs

        with s3fs.S3FileSystem().open(f"{BUCKET}/scans.bin", "wb") as file:
            file.write(data)
        source = StoreSource(f"s3://{BUCKET}/scans.bin")
        assert source.size_bytes == len(data)
        assert content_of(source).root == root(data)
        assert parts_are_the_same(source, data)
        s3fs.S3FileSystem().rm(f"{BUCKET}/scans.bin")
        source.close()
        with pytest.raises(Stale):
            source.read_into(0, memoryview(bytearray(10)))
        with pytest.raises(NotFound):
            StoreSource(f"s3://{BUCKET}/none.bin")
        with pytest.raises(InvalidInput):
            StoreSource(f"s3://{BUCKET}")


def test_the_kept_result_of_a_query(tmp_path):
    from counterfoil.provenance.snapshots import SqlSource

    with sqlite3.connect(tmp_path / "rows.db") as database:
        database.execute("CREATE TABLE t (id INTEGER, rate REAL)")
        database.executemany("INSERT INTO t VALUES (?, ?)", ((each, each / 7) for each in range(2_000)))
    database.close()
    with counterfoil.create(tmp_path / "home", name="Clinic", origin="clinic.example/data") as org:
        query = SqlSource(f"sqlite:///{tmp_path}/rows.db", "SELECT * FROM t")
        taken = org.provenance.snapshots.take(query, name="rates")
        source = OpenedSource(org.provenance.snapshots.open("rates"))
        org.provenance.snapshots.export("rates", tmp_path / "out")
        data = (tmp_path / "out").read_bytes()
        assert taken.is_new
        assert content_of(source).root == root(data)
        assert parts_are_the_same(source, data)
        source.close()
