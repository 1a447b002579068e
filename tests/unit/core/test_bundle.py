"""Manifests, lines of disclosures, and which tiles a range needs."""

from __future__ import annotations

import pytest
from making import ORIGIN, SCHEMA, BankLog, Members

from counterfoil.core.bundle import (
    Contents,
    Manifest,
    Rebuilt,
    ShownLine,
    entry_tiles,
    hash_tiles,
    parse_line,
    read_schemas,
)
from counterfoil.core.merkle import Frontier, root_of
from counterfoil.core.tiles import cover, tile_path
from counterfoil.errors import MalformedEvidence


@pytest.mark.parametrize(
    "manifest",
    [
        Manifest(ORIGIN),
        Manifest(ORIGIN, 256, 512, None, ("a", "b")),
        Manifest(ORIGIN, 0, 2**53 - 1),
        Manifest(ORIGIN, indices=(0, 3, 2**53 - 1)),
    ],
)
def test_manifests_read_back(manifest: Manifest) -> None:
    assert Manifest.parse(manifest.encode()) == manifest
    assert manifest.is_range == (manifest.indices is None)


def test_lines_read_back() -> None:
    line = ShownLine(7, BankLog().fill(1).trees[0].disclose(["/input/age"]))
    assert line.encode().endswith(b"\n")
    assert parse_line(line.encode().rstrip(b"\n")) == line


@pytest.mark.parametrize(
    "data", [b"", b"[]", b"{}", b'{"index":0,"proof":[],"shown":[1]}', b'{"index":0,"proof":[5],"shown":[]}']
)
def test_other_lines_are_refused(data: bytes) -> None:
    with pytest.raises(MalformedEvidence):
        parse_line(data)


def test_schemas_by_digest() -> None:
    assert read_schemas(Members({f"schemas/{SCHEMA.digest}.json": SCHEMA.encoded})) == {SCHEMA.digest: SCHEMA}
    with pytest.raises(MalformedEvidence):
        read_schemas(Members({"schemas/other.json": SCHEMA.encoded}))


@pytest.mark.parametrize(
    ("start", "end", "names"),
    [
        (0, 0, []),
        (0, 7, [("tile/entries/000.p/7", 7)]),
        (256, 600, [("tile/entries/001", 256), ("tile/entries/002.p/88", 88)]),
    ],
)
def test_entry_tiles(start: int, end: int, names: list[tuple[str, int]]) -> None:
    assert list(entry_tiles(start, end)) == names


@pytest.mark.parametrize(
    ("start", "end", "size"),
    [(0, 512, 600), (256, 512, 132_000), (65_536, 65_792, 132_000), (65_792, 66_048, 200_000)],
)
def test_every_hash_of_the_tiles_is_held_against_the_rest(start: int, end: int, size: int) -> None:
    """Level by level, without the records: leaves are numbers, so that large logs cost nothing."""
    leaves = [b"%032d" % number for number in range(size)]
    members = Members({"bundle.json": Manifest(ORIGIN, start, end).encode()})

    def over(level: int, index: int) -> bytes:
        return root_of(leaves[index * 256**level : (index + 1) * 256**level])

    for level, number, width in hash_tiles(start, end, size):
        hashes = [over(level, index) for index in range(256 * number, 256 * number + width)]
        members[tile_path(level, number, width)] = b"".join(hashes)

    def rebuild(bundle: Members) -> bytes:
        contents = Contents.open(bundle)
        tree = Rebuilt(contents, size)
        for level, index in cover(0, start):
            tree.push(level, contents.subtree(level, index, size))
        for first in range(start, end, 256):
            tree.push(1, root_of(leaves[first : first + 256]))
        for level, index in cover(end, size):
            tree.push(level, contents.subtree(level, index, size))
        return tree.edge.root()

    assert rebuild(members) == root_of(leaves)
    for name, data in members.items():
        if name.startswith("tile/"):
            for place in {0, 32, 64, len(data) // 64 * 32, len(data) - 32} & {*range(0, len(data), 32)}:
                flipped = Members(members | {name: data[:place] + b"x" * 32 + data[place + 32 :]})
                try:
                    root = rebuild(flipped)
                except MalformedEvidence:
                    continue
                assert root != root_of(leaves)


def test_a_mixture_of_tile_hashes_gives_the_root() -> None:
    leaves = [b"%032d" % number for number in range(70_000)]
    for size in (0, 1, 255, 256, 600, 65_536, 70_000):
        tree = Frontier()
        for level, index in cover(0, size):
            tree.push(root_of(leaves[index * 256**level : (index + 1) * 256**level]), 256**level)
        assert tree.root() == root_of(leaves[:size])
