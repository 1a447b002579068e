"""What changed between two fingerprints."""

from __future__ import annotations

from pathlib import Path

import pytest

from counterfoil.errors import InvalidInput
from counterfoil.provenance.fingerprints import difference_of, fingerprint_of
from counterfoil.provenance.fingerprints.entry import CHUNK_BYTES, WHOLE_BYTES


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in ("a", "b", "c", "d"):
        (tmp_path / name).write_bytes(name.encode() * 100)
    return tmp_path


def test_two_of_the_same_differ_in_nothing(tree):
    found = difference_of(fingerprint_of(tree), fingerprint_of(tree))
    assert found.is_same
    assert found.changes == ()


def test_every_kind_of_change_is_named(tree):
    before = fingerprint_of(tree)
    (tree / "a").write_bytes(b"changed")
    (tree / "b").unlink()
    (tree / "c").rename(tree / "z")
    (tree / "e").touch()
    found = difference_of(before, fingerprint_of(tree))
    assert [(each.what, each.name, each.was) for each in found.changes] == [
        ("changed", "a", ""),
        ("removed", "b", ""),
        ("added", "e", ""),
        ("renamed", "z", "c"),
    ]
    assert [found.count(what) for what in ("changed", "removed", "added", "renamed")] == [1, 1, 1, 1]


def test_copies_are_renamed_one_by_one(tree):
    for name in ("x1", "x2"):
        (tree / name).write_bytes(b"the same")
    before = fingerprint_of(tree)
    for name in ("x1", "x2"):
        (tree / name).rename(tree / name.replace("x", "y"))
    (tree / "y3").write_bytes(b"the same")
    found = difference_of(before, fingerprint_of(tree))
    assert {(each.name, each.was) for each in found.changes} == {("y1", "x1"), ("y2", "x2"), ("y3", "")}


@pytest.mark.parametrize(
    ("places", "ranges"),
    [
        ([0], [(0, CHUNK_BYTES)]),
        ([CHUNK_BYTES - 1, CHUNK_BYTES], [(0, 2 * CHUNK_BYTES)]),
        ([3 * CHUNK_BYTES, 9 * CHUNK_BYTES], [(3 * CHUNK_BYTES, 4 * CHUNK_BYTES), (9 * CHUNK_BYTES, 10 * CHUNK_BYTES)]),
        ([WHOLE_BYTES + 8], [(WHOLE_BYTES, WHOLE_BYTES + 9)]),
    ],
)
def test_the_changed_part_of_a_large_file_is_named(tmp_path, places, ranges):
    path = tmp_path / "large"
    with path.open("wb") as file:
        file.truncate(WHOLE_BYTES + 9)
    before = fingerprint_of(path)
    with path.open("r+b") as file:
        for place in places:
            file.seek(place)
            file.write(b"!")
    [change] = difference_of(before, fingerprint_of(path)).changes
    assert list(change.ranges) == ranges


def test_what_was_added_at_the_end_of_a_large_file_is_named(tmp_path):
    path = tmp_path / "large"
    with path.open("wb") as file:
        file.truncate(WHOLE_BYTES + 9)
    before = fingerprint_of(path)
    with path.open("r+b") as file:
        file.truncate(WHOLE_BYTES + CHUNK_BYTES + 1)
    [change] = difference_of(before, fingerprint_of(path)).changes
    assert change.ranges == ((WHOLE_BYTES, WHOLE_BYTES + CHUNK_BYTES + 1),)


def test_other_algorithms_cannot_be_compared(tree):
    with pytest.raises(InvalidInput, match="made with sha256") as caught:
        difference_of(fingerprint_of(tree), fingerprint_of(tree, algorithm="blake3"))
    assert "--algorithm sha256" in caught.value.hint
