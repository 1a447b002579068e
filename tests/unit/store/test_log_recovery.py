"""The log after crashes, full disks and damage."""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from counterfoil.core.merkle import leaf_hash, root_of
from counterfoil.core.tiles import encode_bundle
from counterfoil.errors import HomeDamaged, LogUnavailable
from counterfoil.store.log import Log
from counterfoil.store.segment import SEGMENT_ENTRIES

SAVED = [b'{"n":%d,"saved":true}' % n for n in range(300)]
LATER = [b'{"n":%d}' % n for n in range(300, 310)]


def is_entry(data: bytes) -> bool:
    try:
        return isinstance(json.loads(data), dict)
    except ValueError:
        return False


def root_over(entries: list[bytes]) -> bytes:
    return root_of([leaf_hash(entry) for entry in entries])


def snapshot(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A log of 300 entries under its state and 10 after it, left as a kill leaves it."""
    folder = tmp_path / "log"
    log = Log.create(folder)
    log.append(SAVED)
    log.save_state({"n": 300})
    log.append(LATER)
    log.release()
    return folder


def open_log(folder: Path, *, read_only: bool = False, least_size: int = 0) -> Log:
    return Log.open(folder, is_entry=is_entry, read_only=read_only, least_size=least_size)


def test_entries_after_the_state_are_found_again(folder: Path) -> None:
    log = open_log(folder)
    assert (log.size, log.state_size, log.extra) == (310, 300, {"n": 300})
    assert (log.recovered.entries_derived, log.recovered.bytes_cut, log.recovered.torn_file) == (10, 0, None)
    assert log.root() == root_over(SAVED + LATER)


def test_a_tail_cut_at_any_byte_keeps_the_whole_entries_before_it(folder: Path, tmp_path: Path) -> None:
    segment = (folder / "entries/000.seg").read_bytes()
    start = len(encode_bundle(SAVED))
    ends = [start + len(encode_bundle(LATER[:count])) for count in range(len(LATER) + 1)]
    for cut in range(start, len(segment) + 1):
        (folder / "entries/000.seg").write_bytes(segment[:cut])
        whole = sum(end <= cut for end in ends) - 1
        reader = open_log(folder, read_only=True)
        assert reader.size == 300 + whole
        reader.release()
        log = open_log(folder)
        assert list(log.entries()) == SAVED + LATER[:whole]
        assert log.root() == root_over(SAVED + LATER[:whole])
        assert log.recovered.bytes_cut == cut - ends[whole]
        if log.recovered.torn_file:
            assert log.recovered.torn_file.read_bytes() == segment[ends[whole] : cut]
        log.append([b"{}"])
        log.release()
        assert (folder / "entries/000.seg").read_bytes() == segment[: ends[whole]] + b"\0\2{}"


@pytest.mark.parametrize(
    "tail",
    [b"\0", b"\0\0", bytes(70_000), b"\0\5hello", b"\xff" * 100_000, b"\0\2{}"[:3], b"\0\4null"],
    ids=["one zero", "empty entry", "zeros", "no entry", "ones", "cut", "no object"],
)
def test_a_tail_that_is_no_entry_is_moved_aside(folder: Path, tail: bytes) -> None:
    with (folder / "entries/000.seg").open("ab") as file:
        file.write(tail)
    offset = len(encode_bundle(SAVED + LATER))
    assert open_log(folder, read_only=True).size == 310
    log = open_log(folder)
    assert (log.size, log.recovered.bytes_cut) == (310, len(tail))
    assert log.recovered.torn_file == folder / f"torn/000-{offset}.bin"
    assert log.recovered.torn_file.read_bytes() == tail
    log.release()
    again = open_log(folder)
    assert (again.size, again.recovered.bytes_cut) == (310, 0)


def test_zeros_are_no_entries_whatever_the_caller_says(folder: Path) -> None:
    with (folder / "entries/000.seg").open("ab") as file:
        file.write(bytes(1000))
    log = Log.open(folder, is_entry=lambda _: True)
    assert (log.size, log.recovered.bytes_cut) == (310, 1000)


def test_torn_bytes_at_one_place_never_replace_earlier_ones(folder: Path) -> None:
    for _ in range(3):
        with (folder / "entries/000.seg").open("ab") as file:
            file.write(b"junk")
        open_log(folder).release()
    offset = len(encode_bundle(SAVED + LATER))
    assert {path.name for path in (folder / "torn").iterdir()} == {
        f"000-{offset}.bin",
        f"000-{offset}-2.bin",
        f"000-{offset}-3.bin",
    }


def test_junk_after_a_full_segment_is_moved_aside(tmp_path: Path) -> None:
    log = Log.create(tmp_path / "log")
    log.append([b"{}"] * SEGMENT_ENTRIES)
    log.release()
    with (tmp_path / "log/entries/000.seg").open("ab") as file:
        file.write(b"junk")
    log = open_log(tmp_path / "log")
    assert (log.size, log.recovered.bytes_cut) == (SEGMENT_ENTRIES, 4)
    log.append([b"{}"])
    log.close(None)
    assert open_log(tmp_path / "log").size == SEGMENT_ENTRIES + 1


def test_junk_before_a_later_segment_is_damage(tmp_path: Path) -> None:
    folder = tmp_path / "log"
    log = Log.create(folder)
    log.append([b"{}"] * (SEGMENT_ENTRIES + 5))
    log.release()
    whole = (folder / "entries/000.seg").read_bytes()
    for damaged in (whole[:-1], whole + b"junk", whole[:-1] + b"x"):
        (folder / "entries/000.seg").write_bytes(damaged)
        before = snapshot(folder / "entries")
        with pytest.raises(HomeDamaged):
            open_log(folder)
        assert {p: d for p, d in snapshot(folder / "entries").items() if p.suffix == ".seg"} == {
            p: d for p, d in before.items() if p.suffix == ".seg"
        }


def test_junk_after_an_old_segment_is_damage(tmp_path: Path) -> None:
    folder = tmp_path / "log"
    log = Log.create(folder)
    log.append([b"{}"] * (2 * SEGMENT_ENTRIES + 5))
    log.close(None)
    with (folder / "entries/000.seg").open("ab") as file:
        file.write(b"junk")
    with pytest.raises(HomeDamaged, match=r"000\.seg"):
        open_log(folder)


def test_entries_found_again_are_synced_before_they_count(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as disk:
        disk.setattr(os, "fdatasync", fail)
        with pytest.raises(LogUnavailable, match="could not be opened"):
            open_log(folder)
    assert open_log(folder).size == 310


def test_fewer_entries_than_were_signed_for_is_damage(folder: Path) -> None:
    os.truncate(folder / "entries/000.seg", len(encode_bundle(SAVED)) + 5)
    before = snapshot(folder)
    with pytest.raises(HomeDamaged, match="301 were signed for"):
        open_log(folder, least_size=301)
    assert snapshot(folder) == before
    assert open_log(folder, least_size=300).size == 300


def cut_segment(folder: Path) -> None:
    os.truncate(folder / "entries/000.seg", len(encode_bundle(SAVED)) - 1)


def lose_segment(folder: Path) -> None:
    (folder / "entries/000.seg").unlink()


def flip_edge_hash(folder: Path) -> None:
    data = bytearray((folder / "hashes/0").read_bytes())
    data[290 * 32] ^= 1
    (folder / "hashes/0").write_bytes(data)


def flip_tile_hash(folder: Path) -> None:
    data = bytearray((folder / "hashes/1").read_bytes())
    data[0] ^= 1
    (folder / "hashes/1").write_bytes(data)


def other_root(folder: Path) -> None:
    state = json.loads((folder / "state.json").read_bytes())
    (folder / "state.json").write_text(json.dumps(state | {"root": "00" * 32}))


def other_size(folder: Path) -> None:
    state = json.loads((folder / "state.json").read_bytes())
    (folder / "state.json").write_text(json.dumps(state | {"size": 299}))


def segments_that_do_not_fit(folder: Path) -> None:
    state = json.loads((folder / "state.json").read_bytes())
    (folder / "state.json").write_text(json.dumps(state | {"segment_bytes": [5, 5]}))


def newer_state(folder: Path) -> None:
    state = json.loads((folder / "state.json").read_bytes())
    (folder / "state.json").write_text(json.dumps(state | {"version": 2}))


def half_state(folder: Path) -> None:
    os.truncate(folder / "state.json", 20)


def lose_state(folder: Path) -> None:
    (folder / "state.json").unlink()


def alter_entry_and_lose_hashes(folder: Path) -> None:
    data = bytearray((folder / "entries/000.seg").read_bytes())
    data[8] ^= 1
    (folder / "entries/000.seg").write_bytes(data)
    (folder / "hashes/0").unlink()


@pytest.mark.parametrize("read_only", [False, True])
@pytest.mark.parametrize(
    "damage",
    [
        cut_segment,
        lose_segment,
        flip_edge_hash,
        flip_tile_hash,
        other_root,
        other_size,
        segments_that_do_not_fit,
        newer_state,
        half_state,
        lose_state,
        alter_entry_and_lose_hashes,
    ],
)
def test_damage_before_the_state_is_refused_and_nothing_changes(
    folder: Path, damage: Callable[[Path], None], read_only: bool
) -> None:
    damage(folder)
    before = snapshot(folder)
    with pytest.raises(HomeDamaged) as caught:
        open_log(folder, read_only=read_only)
    assert caught.value.hint
    assert snapshot(folder) == before


@pytest.mark.parametrize("lost", ["hashes/0", "hashes/1", "hashes", "entries/000.idx"])
def test_missing_derived_files_are_made_again(folder: Path, lost: str) -> None:
    before = snapshot(folder)
    path = folder / lost
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    log = open_log(folder)
    assert log.root() == root_over(SAVED + LATER)
    assert log.entry(280) == SAVED[280]
    log.release()
    assert snapshot(folder) == before


def test_an_index_that_is_wrong_never_yields_wrong_entries(folder: Path) -> None:
    index = folder / "entries/000.idx"
    right = index.read_bytes()
    for wrong in (b"", right[:9], bytes(16), b"\xff" * 16, right[8:] + right[:8]):
        index.write_bytes(wrong)
        log = open_log(folder)
        assert list(log.entries(270)) == SAVED[270:] + LATER
        log.release()
    index.write_bytes(right[:15] + bytes([right[15] - 1]))
    log = open_log(folder)
    for read in (lambda: log.entry(270), lambda: list(log.entries(270)), lambda: log.entry_bundle(0)):
        with pytest.raises(HomeDamaged, match="does not hold"):
            read()
    log.release()
    Log.rebuild_hashes(folder)
    assert list(open_log(folder).entries(270)) == SAVED[270:] + LATER


def test_rebuild_mends_altered_hashes(folder: Path) -> None:
    flip_tile_hash(folder)
    flip_edge_hash(folder)
    assert Log.rebuild_hashes(folder) == 300
    log = open_log(folder)
    assert (log.root(), log.extra) == (root_over(SAVED + LATER), {"n": 300})


def test_rebuild_refuses_an_altered_entry(folder: Path) -> None:
    data = bytearray((folder / "entries/000.seg").read_bytes())
    data[8] ^= 1
    (folder / "entries/000.seg").write_bytes(data)
    before = snapshot(folder)
    with pytest.raises(HomeDamaged, match="an entry was altered"):
        Log.rebuild_hashes(folder)
    assert snapshot(folder) == before


def test_rebuild_without_a_state_finds_all_entries(folder: Path) -> None:
    lose_state(folder)
    shutil.rmtree(folder / "hashes")
    assert Log.rebuild_hashes(folder) == 0
    log = open_log(folder)
    assert (log.size, log.state_size, log.extra) == (310, 0, None)
    assert log.root() == root_over(SAVED + LATER)


def test_hashes_left_by_entries_that_are_gone_are_cut(folder: Path) -> None:
    os.truncate(folder / "entries/000.seg", len(encode_bundle(SAVED)))
    (folder / "hashes/2").write_bytes(bytes(32))
    open_log(folder).release()
    assert (folder / "hashes/0").stat().st_size == 300 * 32
    assert not (folder / "hashes/2").exists()


def fail(*_: object) -> None:
    raise OSError(errno.EIO, os.strerror(errno.EIO))


def test_after_a_failed_sync_the_batch_is_gone_and_the_log_goes_on(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = open_log(folder)
    real, calls = os.fdatasync, []

    def fail_once(fd: int) -> None:
        calls.append(fd)
        if len(calls) == 1:
            fail()
        real(fd)

    monkeypatch.setattr(os, "fdatasync", fail_once)
    before = (folder / "entries/000.seg").read_bytes()
    with pytest.raises(LogUnavailable, match="2 entries could not be saved"):
        log.append([b'{"lost":1}', b'{"lost":2}'])
    assert (folder / "entries/000.seg").read_bytes() == before
    assert (log.size, log.root()) == (310, root_over(SAVED + LATER))
    assert log.append([b"{}"]) == 310
    log.close(None)
    assert list(open_log(folder).entries(309)) == [LATER[-1], b"{}"]


@pytest.mark.parametrize("broken", ["fdatasync", "ftruncate"])
def test_a_failure_that_cannot_be_undone_stops_the_log_until_it_is_reopened(
    folder: Path, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    log = open_log(folder)
    with monkeypatch.context() as disk:
        disk.setattr(os, "fdatasync", fail)
        disk.setattr(os, broken, fail)
        with pytest.raises(LogUnavailable):
            log.append([b"{}"])
    with pytest.raises(LogUnavailable, match="takes no more entries"):
        log.append([b"{}"])
    assert (log.size, log.entry(309)) == (310, LATER[-1])
    log.release()
    log = open_log(folder)
    first = log.append([b'{"after":1}'])
    assert list(log.entries(0, 310)) == SAVED + LATER
    assert log.entry(first) == b'{"after":1}'


def test_a_failure_in_the_next_segment_takes_the_whole_batch_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "log"
    log = Log.create(folder)
    log.append([b"{}"] * (SEGMENT_ENTRIES - 2))
    real, calls = os.fdatasync, []

    def fail_second(fd: int) -> None:
        calls.append(fd)
        if len(calls) == 2:
            fail()
        real(fd)

    with monkeypatch.context() as disk:
        disk.setattr(os, "fdatasync", fail_second)
        with pytest.raises(LogUnavailable):
            log.append([b'{"lost":1}'] * 5)
    assert log.size == SEGMENT_ENTRIES - 2
    assert not (folder / "entries/001.seg").exists()
    assert (folder / "entries/000.seg").stat().st_size == 4 * (SEGMENT_ENTRIES - 2)
    log.append([b'{"kept":1}'] * 5)
    assert open_log(folder, read_only=True).size == SEGMENT_ENTRIES + 3


def test_an_interrupted_append_leaves_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = open_log(folder)
    real, calls = os.fdatasync, []

    def interrupt_once(fd: int) -> None:
        calls.append(fd)
        if len(calls) == 1:
            raise KeyboardInterrupt
        real(fd)

    monkeypatch.setattr(os, "fdatasync", interrupt_once)
    with pytest.raises(KeyboardInterrupt):
        log.append([b'{"lost":1}'])
    assert log.append([b"{}"]) == 310
    assert list(log.entries(310)) == [b"{}"]


def test_hashes_that_were_not_synced_are_derived_again_before_the_state_is_saved(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = open_log(folder)
    with monkeypatch.context() as disk:
        disk.setattr(os, "fdatasync", fail)
        with pytest.raises(LogUnavailable, match="state could not be saved"):
            log.save_state({"n": 310})
    assert log.state_size == 300
    # What a disk may do after it failed to sync: the pages it dropped come back stale.
    with (folder / "hashes/0").open("r+b") as file:
        file.seek(300 * 32)
        file.write(bytes(320))
    log.save_state({"n": 310})
    log.release()
    log = open_log(folder)
    assert (log.state_size, log.extra, log.root()) == (310, {"n": 310}, root_over(SAVED + LATER))
