"""Files that hold the old bytes or the new, however many write them at once."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest
from organisations import full_disk

from counterfoil.store.durable import clear_unfinished, replace_file


def test_many_write_one_file_at_once_and_it_is_one_of_theirs(tmp_path: Path) -> None:
    path, written = tmp_path / "schema.json", [bytes([65 + number]) * 20_000 for number in range(8)]
    barrier, faults = threading.Barrier(len(written)), list[BaseException]()

    def write(data: bytes) -> None:
        for _ in range(20):
            barrier.wait(30)
            try:
                replace_file(path, data)
            except BaseException as error:  # noqa: BLE001 - handed to the test
                faults.append(error)

    threads = [threading.Thread(target=write, args=(data,)) for data in written]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert faults == []
    assert path.read_bytes() in written
    assert [each.name for each in tmp_path.iterdir()] == ["schema.json"]


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    replace_file(path, b"old")
    with full_disk(100), pytest.raises(OSError, match="large"):
        replace_file(path, bytes(1_000))
    assert path.read_bytes() == b"old"
    assert [each.name for each in tmp_path.iterdir()] == ["keys.json"]
    assert path.stat().st_mode & 0o777 == 0o600


def test_only_what_a_killed_writer_left_is_cleared(tmp_path: Path) -> None:
    stale, fresh = tmp_path / f"keys.json.{'0a' * 8}.new", tmp_path / f"keys.json.{'0b' * 8}.new"
    others = [tmp_path / name for name in ("keys.json", "outbox.db.new", f"{'0a' * 8}.json", "hashes.new")]
    for path in (stale, fresh, *others):
        path.write_bytes(b"x")
        if path != fresh:
            os.utime(path, (0, 0))
    clear_unfinished(tmp_path, tmp_path / "missing")
    assert sorted(tmp_path.iterdir()) == sorted([fresh, *others])
