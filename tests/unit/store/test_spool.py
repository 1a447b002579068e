from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from organisations import full_disk

from counterfoil.errors import HomeDamaged, LogUnavailable
from counterfoil.store.spool import Spool, SpooledEntry

KEY = bytes(range(32))


def item(number: int, size: int = 10) -> SpooledEntry:
    return SpooledEntry(b'{"n":%d}' % number, f"person {number}", bytes(32), b"sealed" * size, number)


def opened(path: Path) -> Spool:
    return Spool(path / "spool" / "waiting", KEY)


def test_what_waits_comes_back_in_order(tmp_path: Path) -> None:
    spool = opened(tmp_path)
    assert (spool.count, list(spool.entries())) == (0, [])
    spool.append([item(0), item(1)])
    spool.append([item(2), SpooledEntry(b"{}", None, b"", b"", 0)])
    wanted = [item(0), item(1), item(2), SpooledEntry(b"{}", None, b"", b"", 0)]
    assert list(spool.entries()) == wanted
    again = opened(tmp_path)
    assert (again.count, list(again.entries())) == (4, wanted)
    again.append([item(4)])
    assert [each.retain_until_s for each in opened(tmp_path).entries()] == [0, 1, 2, 0, 4]


def test_nothing_in_it_can_be_read_or_stays_behind(tmp_path: Path) -> None:
    spool = opened(tmp_path)
    spool.append([item(number) for number in range(3)])
    path = tmp_path / "spool" / "waiting"
    data = path.read_bytes()
    for text in (b"sealed", b"person 1", b'{"n"'):
        assert text not in data
    assert path.stat().st_mode & 0o077 == 0
    with pytest.raises(HomeDamaged):
        list(Spool(path, bytes(32)).entries())
    spool.clear()
    assert path.stat().st_size == 0
    assert list(opened(tmp_path).entries()) == []
    spool.append([item(7)])
    assert list(opened(tmp_path).entries()) == [item(7)]


def test_a_torn_end_was_never_acknowledged_and_makes_room(tmp_path: Path) -> None:
    path = tmp_path / "spool" / "waiting"
    opened(tmp_path).append([item(0), item(1)])
    whole = path.read_bytes()
    opened(tmp_path).append([item(2)])
    longer = path.read_bytes()
    tails = [longer[: len(whole) + cut] for cut in range(len(longer) - len(whole))]
    for data in [*tails, whole + bytes(100), whole + bytes(5)]:
        path.write_bytes(data)
        spool = opened(tmp_path)
        assert list(spool.entries()) == [item(0), item(1)]
        spool.append([item(3)])
        assert list(opened(tmp_path).entries()) == [item(0), item(1), item(3)]


def test_every_altered_byte_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "spool" / "waiting"
    opened(tmp_path).append([item(0), item(1)])
    whole = path.read_bytes()
    for place in range(len(whole)):
        changed = bytearray(whole)
        changed[place] ^= 0x10
        path.write_bytes(changed)
        with pytest.raises(HomeDamaged):
            list(opened(tmp_path).entries())


def test_moved_doubled_or_dropped_frames_are_noticed(tmp_path: Path) -> None:
    path = tmp_path / "spool" / "waiting"
    ends = [0]
    spool = opened(tmp_path)
    for number in range(3):
        spool.append([item(number)])
        ends.append(path.stat().st_size)
    whole = path.read_bytes()
    frames = [whole[a:b] for a, b in pairwise(ends)]
    for order in ([1, 0, 2], [0, 0, 1], [0, 2], [1, 2]):
        path.write_bytes(b"".join(frames[place] for place in order))
        with pytest.raises(HomeDamaged):
            list(opened(tmp_path).entries())


def test_a_full_disk_keeps_what_was_there(tmp_path: Path) -> None:
    spool = opened(tmp_path)
    spool.append([item(0)])
    with full_disk(1_000), pytest.raises(LogUnavailable, match="neither the log nor"):
        spool.append([item(1, 1_000)])
    assert list(spool.entries()) == list(opened(tmp_path).entries()) == [item(0)]
    spool.append([item(2)])
    assert list(opened(tmp_path).entries()) == [item(0), item(2)]
