"""Cutting a log into tiles and entry bundles."""

from __future__ import annotations

import pytest

from counterfoil.core.tiles import cover, decode_bundle, encode_bundle, entries_path, tile_path, tile_width
from counterfoil.errors import InvalidInput, MalformedEvidence


@pytest.mark.parametrize("entries", [[], [b""], [b"a"], [b"", b"ab", b""], [b"x" * 65_535, b"y"]])
def test_bundles_read_back(entries: list[bytes]) -> None:
    assert decode_bundle(encode_bundle(entries)) == entries


def test_a_bundle_cut_anywhere_is_refused_or_shorter() -> None:
    entries = [b"one", b"", b"three33"]
    data = encode_bundle(entries)
    ends = {0, 5, 7, len(data)}
    for cut in range(len(data)):
        if cut in ends:
            assert decode_bundle(data[:cut]) == entries[: sorted(ends).index(cut)]
        else:
            with pytest.raises(MalformedEvidence):
                decode_bundle(data[:cut])


def test_entries_above_the_limit_are_refused() -> None:
    with pytest.raises(InvalidInput):
        encode_bundle([b"x" * 65_536])


@pytest.mark.parametrize("width", [0, -1, 257])
def test_impossible_widths(width: int) -> None:
    with pytest.raises(InvalidInput):
        tile_path(0, 0, width)
    with pytest.raises(InvalidInput):
        entries_path(0, width)


@pytest.mark.parametrize(
    ("start", "end"), [(0, 0), (0, 1), (0, 255), (0, 256), (0, 70_000), (256, 1_000), (512, 131_072), (65_536, 65_537)]
)
def test_cover_is_exact_and_coarse(start: int, end: int) -> None:
    parts = list(cover(start, end))
    place = start
    for level, index in parts:
        assert index * 256**level == place
        place += 256**level
    assert place == end
    assert len(parts) <= 2 * 255 * 3
    assert all(tile_width(end, level, index // 256) > index % 256 for level, index in parts)


def test_cover_of_hostile_sizes_is_short() -> None:
    assert sum(1 for _ in cover(256, 2**53)) < 255 * 15
