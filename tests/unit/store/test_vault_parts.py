"""A vault part's file: what was written is read, nothing else is taken for a part."""

from __future__ import annotations

import os
import struct
from io import FileIO
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterfoil.errors import HomeDamaged, InvalidInput
from counterfoil.store.vault_parts import PART_RECORDS, part_size_bytes, places_in, read_body, write_part

HEAD = part_size_bytes(0)
TABLE = HEAD - 8 * (PART_RECORDS + 1)
LAST = PART_RECORDS - 1


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "part"


def test_what_was_written_is_read_and_the_rest_is_not_there(path: Path) -> None:
    bodies = {0: b"first", 7: b"x" * 9_000, 8: b"y", 4_000: b"z", LAST: b"last"}
    write_part(path, 3, [(3 * PART_RECORDS + place, body) for place, body in bodies.items()])
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.stat().st_size == part_size_bytes(sum(map(len, bodies.values())))
    with FileIO(path) as file:
        assert places_in(file) == set(bodies)
        for place in (*bodies, 1, 6, 9, LAST - 1):
            assert read_body(file, place) == bodies.get(place, b"")


def test_the_format_is_the_one_of_the_reference(path: Path) -> None:
    write_part(path, 0, [(1, b"one"), (2, b"two!")])
    data = path.read_bytes()
    assert data.startswith(b"counterfoil vault part 1\n")
    assert struct.unpack_from("<5Q", data, 25) == (HEAD, HEAD, HEAD + 3, HEAD + 7, HEAD + 7)
    assert struct.unpack_from("<Q", data, HEAD - 8) == (HEAD + 7,)
    assert data[HEAD:] == b"onetwo!"


@settings(max_examples=20, deadline=None)
@given(st.dictionaries(st.integers(0, LAST), st.binary(min_size=1, max_size=300), max_size=40))
def test_any_bodies_come_back(tmp_path_factory: pytest.TempPathFactory, bodies: dict[int, bytes]) -> None:
    path = tmp_path_factory.mktemp("part") / "part"
    write_part(path, 0, sorted(bodies.items()))
    with FileIO(path) as file:
        assert {place: read_body(file, place) for place in places_in(file)} == bodies


@pytest.mark.parametrize("indices", [[5, 5], [6, 5], [PART_RECORDS], [-1]])
def test_bodies_come_in_order_and_belong_to_the_part(path: Path, indices: list[int]) -> None:
    with pytest.raises(InvalidInput):
        write_part(path, 0, [(index, b"x") for index in indices])


def test_an_existing_file_is_not_written_over(path: Path) -> None:
    path.write_bytes(b"something")
    with pytest.raises(FileExistsError):
        write_part(path, 0, [])
    assert path.read_bytes() == b"something"


@pytest.mark.parametrize(
    ("offset", "change"),
    [
        (0, b"Counterfoil"),
        (23, b"2"),
        (TABLE + 8 * 5, struct.pack("<Q", 1 << 63)),
        (TABLE + 8 * 5, struct.pack("<Q", HEAD - 1)),
        (TABLE + 8 * 6, struct.pack("<Q", HEAD + 1_000)),
    ],
)
def test_an_altered_table_is_damage(path: Path, offset: int, change: bytes) -> None:
    write_part(path, 0, [(5, b"five"), (6, b"six")])
    data = bytearray(path.read_bytes())
    data[offset : offset + len(change)] = change
    path.write_bytes(bytes(data))
    with FileIO(path) as file:
        for read in (lambda: read_body(file, 5), lambda: places_in(file)):
            with pytest.raises(HomeDamaged, match="not whole"):
                read()


@pytest.mark.parametrize("size", [0, 10, TABLE + 8, HEAD - 1, HEAD + 3])
def test_a_file_that_was_cut_short_is_damage(path: Path, size: int) -> None:
    write_part(path, 0, [(5, b"five")])
    os.truncate(path, size)
    with FileIO(path) as file, pytest.raises(HomeDamaged):
        read_body(file, 5)
