"""What a source gave is kept, recorded, found again, and removed."""

from __future__ import annotations

import hashlib
import io
import tracemalloc

import pytest
from sources import TABLE

import counterfoil
from counterfoil.errors import HomeDamaged, InvalidInput, NodeUnreachable, NotFound
from counterfoil.provenance.lineage.records import RunRecord
from counterfoil.provenance.snapshots import Limits, PathSource, UrlSource

MARKER = b"Annabel-Lee-4711"


def take(org, web, name="rates", path="/rates.csv", **more):
    return org.provenance.snapshots.take(UrlSource(web.url + path), name=name, **more)


def files(org):
    return sorted(path.name for path in org.home.paths.snapshots.rglob("*") if path.is_file())


def test_a_snapshot_is_a_dataset_that_a_run_made(org, web):
    taken = take(org, web, notes={"licence": "CC0"})
    record = taken.dataset.record
    assert taken.is_new
    assert (record.name, record.version, record.rows, record.file_name) == ("rates", "1", 2, "rates.csv")
    assert record.sha256 == hashlib.sha256(TABLE).hexdigest()
    assert (taken.run.record.kind, taken.run.record.inputs, taken.run.record.outputs) == (
        "snapshot",
        (),
        (taken.dataset.leaf,),
    )
    assert taken.run.record.parameters["source"] | {"etag": ""} == {
        "kind": "url",
        "url": f"{web.url}/rates.csv",
        "requestedUrl": f"{web.url}/rates.csv",
        "contentType": "text/csv",
        "etag": "",
        "hasLength": True,
    }
    assert org.provenance.lineage.ancestors([taken.dataset.index]) == {taken.run.index}


def test_an_unchanged_source_is_kept_once_and_each_fetch_is_on_record(org, web):
    first, before = take(org, web), files(org)
    second = take(org, web)
    assert (second.dataset, second.is_new) == (first.dataset, False)
    assert second.run.index > first.run.index
    assert files(org) == before
    [found] = org.provenance.snapshots.all()
    assert [each.index for each in found.fetches] == [first.run.index, second.run.index]


def test_a_changed_source_is_the_next_version_and_the_first_stays(org, web):
    take(org, web)
    web.bodies["/rates.csv"] = TABLE + b"3,0.9\n"
    assert take(org, web).dataset.record.version == "2"
    snapshots = org.provenance.snapshots
    assert snapshots.open("rates@1").read() == TABLE
    assert snapshots.open("rates").read() == TABLE + b"3,0.9\n"


def test_the_same_contents_under_two_names_lie_on_the_disk_once(org, web):
    take(org, web)
    before = files(org)
    take(org, web, name="other")
    assert files(org) == before


def test_contents_are_sealed_and_no_clear_file_stays(org, web):
    web.bodies["/people.csv"] = b"name\n" + MARKER + b"\n"
    take(org, web, path="/people.csv")
    for path in org.home.paths.folder.rglob("*"):
        if path.is_file():
            assert MARKER not in path.read_bytes(), path
    assert [path.suffix for path in org.home.paths.snapshots.iterdir() if path.is_file()].count(".key") == 1


def test_contents_are_read_in_any_order(org, web):
    body = bytes(range(256)) * 12_000  # three chunks
    web.bodies["/big.bin"] = body
    take(org, web, path="/big.bin")
    with org.provenance.snapshots.open("rates") as file:
        file.seek(2_000_000)
        assert file.read(10) == body[2_000_000:2_000_010]
        file.seek(-5, io.SEEK_END)
        assert file.read() == body[-5:]
        file.seek(0)
        assert file.read() == body


@pytest.mark.parametrize("size", [0, 1, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, 3 << 20])
def test_contents_of_every_size_come_back(org, web, tmp_path, size):
    web.bodies["/x.bin"] = bytes(index % 251 for index in range(size))
    take(org, web, path="/x.bin")
    assert org.provenance.snapshots.export("rates", tmp_path / "out") == size
    assert (tmp_path / "out").read_bytes() == web.bodies["/x.bin"]
    assert org.provenance.snapshots.check() == {}


def test_an_export_takes_no_other_files_place(org, web, tmp_path):
    take(org, web)
    (tmp_path / "out").write_text("mine")
    with pytest.raises(InvalidInput, match="already exists"):
        org.provenance.snapshots.export("rates", tmp_path / "out")
    assert (tmp_path / "out").read_text() == "mine"


@pytest.mark.parametrize("place", [0, 30, -1], ids=["head", "first chunk", "end"])
def test_altered_contents_are_noticed_and_never_handed_out(org, web, tmp_path, place):
    take(org, web)
    [path] = org.home.paths.snapshots.glob("*.sealed")
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)
    with pytest.raises(HomeDamaged):
        org.provenance.snapshots.export("rates", tmp_path / "out")
    assert list(tmp_path.glob("out*")) == []
    assert list(org.provenance.snapshots.check()) == [hashlib.sha256(TABLE).hexdigest()]


def test_contents_cut_at_a_chunk_are_noticed(org, web):
    web.bodies["/big.bin"] = bytes(3 << 20)
    take(org, web, path="/big.bin")
    [path] = org.home.paths.snapshots.glob("*.sealed")
    path.write_bytes(path.read_bytes()[: 24 + 2 * ((1 << 20) + 16)])
    assert len(org.provenance.snapshots.check()) == 1


def test_contents_are_not_taken_for_others(org, web):
    take(org, web)
    web.bodies["/rates.csv"] = TABLE.replace(b"5", b"6")
    take(org, web)
    first, second = sorted(org.home.paths.snapshots.glob("*.sealed"))
    data = first.read_bytes()
    first.write_bytes(second.read_bytes())
    second.write_bytes(data)
    assert len(org.provenance.snapshots.check()) == 2


def test_removed_contents_are_gone_and_their_record_stays(org, web):
    taken = take(org, web)
    snapshots = org.provenance.snapshots
    assert snapshots.remove("rates", reason="licence ended", is_dry_run=True).freed_bytes == 0
    assert snapshots.find("rates").state == "kept"
    assert snapshots.remove("rates", reason="licence ended").freed_bytes > 0
    assert files(org) == []
    assert snapshots.find("rates").state == "removed"
    assert org.provenance.find_dataset("rates") == taken.dataset
    with pytest.raises(NotFound, match="were removed: licence ended"):
        snapshots.open("rates")
    assert snapshots.check() == {}


def test_removed_contents_may_be_taken_again(org, web):
    take(org, web)
    org.provenance.snapshots.remove("rates", reason="by mistake")
    assert not take(org, web).is_new
    assert org.provenance.snapshots.find("rates").state == "kept"
    org.provenance.snapshots.settle()
    assert org.provenance.snapshots.open("rates").read() == TABLE


@pytest.mark.parametrize("reason", ["", "two\nlines", "x" * 301], ids=["empty", "lines", "long"])
def test_a_removal_needs_a_reason(org, web, reason):
    take(org, web)
    with pytest.raises(InvalidInput, match="a reason is one line"):
        org.provenance.snapshots.remove("rates", reason=reason)
    assert org.provenance.snapshots.find("rates").state == "kept"


def test_contents_that_a_backup_brought_back_are_removed_again(org, web, tmp_path):
    take(org, web)
    backup = {path: path.read_bytes() for path in org.home.paths.snapshots.iterdir() if path.is_file()}
    org.provenance.snapshots.remove("rates", reason="a person asked")
    home = org.home.paths.folder
    org.close()
    for path, data in backup.items():
        path.write_bytes(data)
    with counterfoil.open(home) as again:
        assert files(again) == []
        assert again.provenance.snapshots.find("rates").state == "removed"


def test_lost_contents_are_told_from_removed_ones(org, web):
    take(org, web)
    for path in org.home.paths.snapshots.glob("*.*"):
        path.unlink()
    assert org.provenance.snapshots.find("rates").state == "missing"
    assert "no record says" in next(iter(org.provenance.snapshots.check().values()))
    take(org, web)
    assert org.provenance.snapshots.find("rates").state == "kept"


def test_a_new_vault_key_opens_what_the_old_one_sealed(org, web):
    take(org, web)
    keys = {path.name: path.read_bytes() for path in org.home.paths.snapshots.glob("*.key")}
    org.rotate_vault_key()
    assert org.provenance.snapshots.open("rates").read() == TABLE
    assert all((org.home.paths.snapshots / name).read_bytes() != data for name, data in keys.items())
    home = org.home.paths.folder
    org.close()
    with counterfoil.open(home) as again:
        assert again.provenance.snapshots.open("rates").read() == TABLE


def test_rebuilding_the_tables_keeps_every_snapshot(org, web):
    take(org, web)
    take(org, web, name="gone")
    web.bodies["/rates.csv"] = TABLE.replace(b"5", b"6")
    take(org, web, name="gone")
    org.provenance.snapshots.remove("gone", reason="too large")
    before = org.provenance.snapshots.all()
    org.rebuild()
    assert org.provenance.snapshots.all() == before
    assert [each.state for each in before] == ["kept", "kept", "removed"]


def test_what_fails_leaves_nothing_in_log_or_folder(org, web):
    size = org.archive.size
    with pytest.raises(NotFound):
        take(org, web, path="/nothing")
    web.bodies["/bad.csv"] = b"a,b\n1\n"
    with pytest.raises(InvalidInput, match="row 1"):
        take(org, web, path="/bad.csv")
    assert org.archive.size == size
    assert files(org) == []


def test_a_table_that_is_none_can_be_kept_as_it_is(org, web):
    web.bodies["/bad.csv"] = b"a,b\n1\n"
    source = UrlSource(f"{web.url}/bad.csv", file_name="bad.bin")
    assert org.provenance.snapshots.take(source, name="bad").dataset.record.rows is None


def test_a_progress_that_stops_it_leaves_nothing(org, web):
    class Stop(Exception):
        pass

    def stop(_done, _total):
        raise Stop

    with pytest.raises(Stop):
        take(org, web, progress=stop)
    assert files(org) == []


def test_a_dataset_of_a_file_is_no_snapshot(org, tmp_path):
    (tmp_path / "plain.csv").write_bytes(TABLE)
    org.provenance.register_dataset(tmp_path / "plain.csv")
    with pytest.raises(NotFound, match="is no snapshot"):
        org.provenance.snapshots.find("plain")


def test_a_full_disk_is_an_error_and_leaves_nothing(org, web):
    from organisations import full_disk

    web.bodies["/big.bin"] = bytes(3 << 20)
    size = org.archive.size
    with full_disk(1 << 20), pytest.raises(counterfoil.errors.LogUnavailable):
        take(org, web, path="/big.bin")
    assert org.archive.size == size
    assert files(org) == []


def test_a_large_file_is_never_in_memory_at_once(org, tmp_path):
    path = tmp_path / "large.bin"
    with path.open("wb") as file:
        for index in range(64):
            file.write(bytes([index]) * (1 << 20))
    tracemalloc.start()
    try:
        org.provenance.snapshots.take(PathSource(f"file://{path}"), name="large")
        assert org.provenance.snapshots.check() == {}
        assert tracemalloc.get_traced_memory()[1] < 40 << 20
    finally:
        tracemalloc.stop()


def test_a_time_that_is_over_ends_it(org, web):
    with pytest.raises(NodeUnreachable):
        take(org, web, limits=Limits(timeout_s=1e-9))


def test_nobody_tells_a_fetch(org, web, tmp_path):
    taken, size = take(org, web), org.archive.size
    told = RunRecord("rates", "snapshot", (), (taken.dataset.leaf,), None, {"source": {}}, {}, None, "", "")
    with pytest.raises(InvalidInput, match="one that this program fetched itself"):
        org.provenance.runs.record(told)
    with pytest.raises(InvalidInput, match="one that this program fetched itself"):
        org.provenance.run("rates", kind="snapshot")
    assert org.archive.size == size
    assert len(org.provenance.snapshots.find("rates").fetches) == 1
