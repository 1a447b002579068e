"""The log: what it returns, and what it leaves on disk."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path

import pytest

from counterfoil.core.merkle import EMPTY_ROOT, is_consistent, is_included, leaf_hash, root_of
from counterfoil.core.tiles import decode_bundle, encode_bundle
from counterfoil.errors import InvalidInput, NotFound
from counterfoil.store.log import Log
from counterfoil.store.segment import SEGMENT_ENTRIES


def make_entries(count: int, start: int = 0) -> list[bytes]:
    return [b'{"n":%d}' % n for n in range(start, start + count)]


def is_entry(data: bytes) -> bool:
    return data.startswith(b"{") and data.endswith(b"}")


@pytest.fixture
def log(tmp_path: Path) -> Log:
    return Log.create(tmp_path / "log")


def test_a_new_log_is_empty(log: Log) -> None:
    assert (log.size, log.state_size, log.extra, log.root()) == (0, 0, None, EMPTY_ROOT)
    assert list(log.entries()) == []
    assert log.append([]) == 0


def test_create_refuses_a_folder_with_a_log(log: Log, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="already holds a log"):
        Log.create(tmp_path / "log")


@pytest.mark.parametrize("count", [1, 2, 255, 256, 257, 700])
def test_entries_hashes_and_root_after_one_batch(log: Log, count: int) -> None:
    entries = make_entries(count)
    assert log.append(entries) == 0
    leaves = [leaf_hash(entry) for entry in entries]
    assert list(log.entries()) == entries
    assert list(log.leaf_hashes()) == leaves
    assert [log.entry(i) for i in range(count)] == entries
    assert [log.leaf_hash(i) for i in range(count)] == leaves
    for size in range(count + 1):
        assert log.root(size) == root_of(leaves[:size])
    assert log.root() == root_of(leaves)


def test_ranges_start_and_end_anywhere(log: Log) -> None:
    entries = make_entries(1000)
    log.append(entries)
    for start, end in [(0, 0), (0, 1), (255, 257), (256, 512), (999, 1000), (300, 900), (1000, 1000)]:
        assert list(log.entries(start, end)) == entries[start:end]
        assert list(log.leaf_hashes(start, end)) == [leaf_hash(entry) for entry in entries[start:end]]


def test_proofs_hold_for_every_size(log: Log) -> None:
    entries = make_entries(600)
    log.append(entries)
    for size in [1, 2, 255, 256, 257, 511, 512, 513, 600]:
        root = log.root(size)
        for index in {0, size // 2, size - 1}:
            assert is_included(leaf_hash(entries[index]), index, size, log.inclusion(index, size), root)
        for old in {0, 1, size // 3, size // 2, size}:
            assert is_consistent(old, log.root(old), size, root, log.consistency(old, size))


def test_tiles_and_bundles_have_the_bytes_of_tlog_tiles(log: Log) -> None:
    entries = make_entries(SEGMENT_ENTRIES + 300)
    log.append(entries)
    leaves = [leaf_hash(entry) for entry in entries]
    assert log.tile(0, 3) == b"".join(leaves[768:1024])
    assert log.tile(0, 257, 44) == b"".join(leaves[SEGMENT_ENTRIES + 256 :])
    level_1 = [root_of(leaves[start : start + 256]) for start in range(0, SEGMENT_ENTRIES + 256, 256)]
    assert log.tile(1, 0) == b"".join(level_1[:256])
    assert log.tile(1, 1, 1) == level_1[256]
    assert log.tile(2, 0, 1) == root_of(leaves[:SEGMENT_ENTRIES])
    assert log.entry_bundle(5) == encode_bundle(entries[1280:1536])
    assert log.entry_bundle(257, 44) == encode_bundle(entries[-44:])
    assert decode_bundle(log.entry_bundle(257, 7)) == entries[-44:-37]


def test_files_are_tiles_and_bundles_laid_end_to_end(log: Log, tmp_path: Path) -> None:
    entries = make_entries(SEGMENT_ENTRIES + 300)
    log.append(entries[: SEGMENT_ENTRIES - 5])
    log.append(entries[SEGMENT_ENTRIES - 5 :])
    log.close({"n": 1})
    folder = tmp_path / "log"
    assert (folder / "entries/000.seg").read_bytes() == encode_bundle(entries[:SEGMENT_ENTRIES])
    assert (folder / "entries/001.seg").read_bytes() == encode_bundle(entries[SEGMENT_ENTRIES:])
    index = (folder / "entries/000.idx").read_bytes()
    assert len(index) == 256 * 8
    assert index[8:16] == len(encode_bundle(entries[:256])).to_bytes(8, "big")
    assert len((folder / "entries/001.idx").read_bytes()) == 2 * 8
    assert (folder / "hashes/0").read_bytes() == b"".join(leaf_hash(entry) for entry in entries)
    assert [(folder / "hashes" / str(level)).stat().st_size for level in range(3)] == [65_836 * 32, 257 * 32, 32]
    state = json.loads((folder / "state.json").read_bytes())
    assert state == {
        "version": 1,
        "size": len(entries),
        "root": root_of([leaf_hash(entry) for entry in entries]).hex(),
        "segment_bytes": [len(encode_bundle(entries[:SEGMENT_ENTRIES])), len(encode_bundle(entries[SEGMENT_ENTRIES:]))],
        "extra": {"n": 1},
    }


@pytest.mark.parametrize(
    ("level", "number", "width"),
    [(0, 0, 256), (0, 0, 0), (0, 0, -1), (1, 0, 1), (0, 1, 1), (0, -1, 1), (-1, 0, 1), (0, 0, 101)],
)
def test_a_tile_beyond_the_log_is_not_found(log: Log, level: int, number: int, width: int) -> None:
    log.append(make_entries(100))
    with pytest.raises(NotFound):
        log.tile(level, number, width)
    if level == 0:
        with pytest.raises(NotFound):
            log.entry_bundle(number, width)


def test_what_is_not_there_is_not_found(log: Log) -> None:
    log.append(make_entries(3))
    for index in (-1, 3):
        with pytest.raises(NotFound):
            log.entry(index)
        with pytest.raises(NotFound):
            log.leaf_hash(index)
        with pytest.raises(NotFound):
            log.inclusion(index)
    for call in (log.entries, log.leaf_hashes):
        with pytest.raises(NotFound):
            call(2, 4)
        with pytest.raises(NotFound):
            call(3, 2)
    with pytest.raises(NotFound):
        log.root(4)
    with pytest.raises(NotFound):
        log.consistency(1, 4)
    with pytest.raises(InvalidInput):
        log.consistency(3, 2)


@pytest.mark.parametrize("bad", [b"", b"x" * 65_536])
def test_an_entry_of_an_impossible_length_is_refused(log: Log, bad: bytes) -> None:
    with pytest.raises(InvalidInput):
        log.append([b"{}", bad])
    assert log.size == 0


def test_the_longest_and_shortest_entries_come_back(log: Log) -> None:
    entries = [b"x" * 65_535, b"y", b"z" * 65_535] * 10
    log.append(entries)
    assert list(log.entries()) == entries
    assert log.entry(29) == entries[29]


def test_leaf_hashes_given_by_the_caller_are_used(log: Log) -> None:
    entries = make_entries(10)
    log.append(entries, [leaf_hash(entry) for entry in entries])
    assert log.root() == root_of([sha256(b"\0" + entry).digest() for entry in entries])
    with pytest.raises(InvalidInput):
        log.append(entries, [])


def test_state_is_due_after_each_segment(log: Log) -> None:
    log.append(make_entries(SEGMENT_ENTRIES - 1))
    assert not log.state_due
    log.append([b"{}"])
    assert log.state_due
    log.save_state(None)
    assert not log.state_due


def test_reopening_after_a_clean_close_derives_nothing(log: Log, tmp_path: Path) -> None:
    log.append(make_entries(500))
    root = log.root()
    log.close({"counters": [1, 2]})
    again = Log.open(tmp_path / "log", is_entry=is_entry)
    assert (again.size, again.root(), again.extra) == (500, root, {"counters": [1, 2]})
    assert (again.recovered.entries_derived, again.recovered.bytes_cut) == (0, 0)
    assert again.append(make_entries(300, 500)) == 500
    assert again.root() == root_of([leaf_hash(entry) for entry in make_entries(800)])


def test_a_second_segment_survives_reopening(log: Log, tmp_path: Path) -> None:
    entries = make_entries(2 * SEGMENT_ENTRIES + 10)
    log.append(entries)
    log.release()
    again = Log.open(tmp_path / "log", is_entry=is_entry)
    assert again.recovered.entries_derived == len(entries)
    assert again.root() == root_of([leaf_hash(entry) for entry in entries])
    again.close(None)
    third = Log.open(tmp_path / "log", is_entry=is_entry)
    assert (
        list(third.entries(SEGMENT_ENTRIES - 3, SEGMENT_ENTRIES + 3))
        == entries[SEGMENT_ENTRIES - 3 : SEGMENT_ENTRIES + 3]
    )
    third.append([b"{}"])
    assert third.entry(len(entries)) == b"{}"


def test_a_log_that_ends_with_a_segment_goes_on_in_the_next(log: Log, tmp_path: Path) -> None:
    entries = make_entries(SEGMENT_ENTRIES)
    log.append(entries)
    log.close(None)
    again = Log.open(tmp_path / "log", is_entry=is_entry)
    again.append([b"{}"])
    again.release()
    third = Log.open(tmp_path / "log", is_entry=is_entry, read_only=True)
    assert third.size == SEGMENT_ENTRIES + 1
    assert third.root() == root_of([leaf_hash(entry) for entry in [*entries, b"{}"]])


def test_a_reader_sees_what_the_writer_adds_and_changes_nothing(log: Log, tmp_path: Path) -> None:
    log.append(make_entries(300))
    log.save_state(None)
    log.append(make_entries(100, 300))
    before = {path: path.read_bytes() for path in (tmp_path / "log").rglob("*") if path.is_file()}
    reader = Log.open(tmp_path / "log", is_entry=is_entry, read_only=True)
    assert (reader.size, reader.root()) == (400, log.root())
    with pytest.raises(InvalidInput):
        reader.append([b"{}"])
    with pytest.raises(InvalidInput):
        reader.save_state(None)
    reader.close(None)
    assert before == {path: path.read_bytes() for path in (tmp_path / "log").rglob("*") if path.is_file()}
    reader = Log.open(tmp_path / "log", is_entry=is_entry, read_only=True)
    log.append(make_entries(200, 400))
    assert reader.refresh(is_entry) == 600
    assert reader.root() == log.root()
    assert reader.inclusion(450) == log.inclusion(450)
    assert reader.entry(599) == b'{"n":599}'
