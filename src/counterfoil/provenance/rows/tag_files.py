"""The tree over the tags of a dataset's ids, on disk, ready to be walked.

    ids.tags    of every id, ascending: tag (32) || where its rows begin in ids.rows (8)
    ids.rows    the numbers of the rows (8 each), those of one id beside each other
    ids.parts   of every part of the tree whose tags share their first bits: its first tag (32) || place of that tag
                in ids.tags (8) || its root (32)

Numbers are big-endian. A walk reads all parts, which are some hundred tags each, and the tags of one of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from counterfoil.core.merkle import HASH_SIZE_BYTES, root_of
from counterfoil.core.tag_tree import TAG_BITS, Place, Step, branch_root, branch_walk, tag_number
from counterfoil.errors import HomeDamaged
from counterfoil.provenance.rows.partitions import Tagged

__all__ = ["REBUILD", "Found", "TagFiles", "write_tags"]

_TAG_BYTES: Final = HASH_SIZE_BYTES + 8
_PART_BYTES: Final = 2 * HASH_SIZE_BYTES + 8
_PART_TAGS: Final = 256
"""So many tags a part has at most, on average, and half of that at least."""

REBUILD: Final = "make the files anew from the data: counterfoil rows rebuild"
"""What to do about every damaged file of a commitment but its secret."""


@dataclass(frozen=True, slots=True)
class Found:
    """Where looking for a tag ended.

    Attributes:
        place: The leaf.
        rows: Numbers of its rows.
        steps: From there to the root.
    """

    place: Place
    rows: tuple[int, ...]
    steps: tuple[Step, ...]


def write_tags(folder: Path, tagged: Iterable[Tagged], rows: int) -> tuple[int, bytes]:
    """Writes the files.

    Args:
        folder: Where to.
        tagged: Every id, ascending by tag.
        rows: How many rows there are in all.

    Returns:
        How many ids there are, and the root.
    """
    low = TAG_BITS - max(0, (rows // _PART_TAGS).bit_length())
    branches: list[tuple[int, bytes]] = []  # of the whole tree: a root for each part
    part: list[tuple[int, bytes]] = []
    count = begins = first = 0
    with _new(folder, "tags") as tags, _new(folder, "rows") as numbers, _new(folder, "parts") as parts:
        for each in tagged:
            tag = tag_number(each.tag)
            if part and tag >> low != part[0][0] >> low:
                branches.append(_close(parts, part, first))
                part, first = [], count
            part.append((tag, Place(each.tag, len(each.rows), root_of(each.leaves)).digest))
            tags.write(each.tag + begins.to_bytes(8))
            numbers.write(b"".join([row.to_bytes(8) for row in each.rows]))
            begins += len(each.rows)
            count += 1
        branches.append(_close(parts, part, first))
    return count, branch_root(branches)


class TagFiles:
    """Walks the tree.

    Args:
        folder: Where the files are.
        count: How many ids there are.
        rows: How many rows.
        leaf_of: Returns the leaf of a row, 32 bytes.
    """

    def __init__(self, folder: Path, count: int, rows: int, leaf_of: Callable[[int], bytes]) -> None:
        self._folder = folder
        self._count = count
        self._rows = rows
        self._leaf_of = leaf_of

    def find(self, tag: bytes) -> Found:
        """Returns where looking for a tag ends.

        Raises:
            HomeDamaged: A file is missing, or cut off.
        """
        try:
            return self._find(tag_number(tag))
        except (ValueError, IndexError, OverflowError) as error:
            raise HomeDamaged("the tree over the ids is in disorder", hint=REBUILD) from error

    def _find(self, wanted: int) -> Found:
        branches, firsts = self._parts()
        number, above = branch_walk(branches, wanted)
        end = firsts[number + 1] if number + 1 < len(firsts) else self._count
        places = list(self._places(firsts[number], end))
        leaves = [(tag_number(place.tag), place.digest) for place, _ in places]
        found, below = branch_walk(leaves, wanted)
        return Found(*places[found], (*below, *above))

    def _parts(self) -> tuple[list[tuple[int, bytes]], list[int]]:
        data = self._read("parts", 0, None)
        starts = range(0, len(data), _PART_BYTES)
        branches = [(tag_number(data[at : at + 32]), data[at + 40 : at + 72]) for at in starts]
        firsts = [int.from_bytes(data[at + 32 : at + 40]) for at in starts]
        if not branches or len(data) % _PART_BYTES or sorted({*firsts, self._count}) != [*firsts, self._count]:
            raise HomeDamaged("the file ids.parts was cut off or altered", hint=REBUILD)
        return branches, firsts

    def _places(self, start: int, end: int) -> Iterator[tuple[Place, tuple[int, ...]]]:
        """Yields the leaves of one part, and the rows of each."""
        last = end == self._count
        data = self._read("tags", start * _TAG_BYTES, (end - start + (not last)) * _TAG_BYTES)
        begins = [int.from_bytes(data[at + 32 : at + 40]) for at in range(0, len(data), _TAG_BYTES)]
        begins += [self._rows] if last else []
        numbers = self._read("rows", begins[0] * 8, (begins[-1] - begins[0]) * 8)
        for place in range(end - start):
            at, until = ((begins[place + more] - begins[0]) * 8 for more in (0, 1))
            rows = tuple(int.from_bytes(numbers[each : each + 8]) for each in range(at, until, 8))
            root = root_of([self._leaf_of(row) for row in rows])
            yield Place(data[place * _TAG_BYTES : place * _TAG_BYTES + 32], len(rows), root), rows

    def _read(self, name: str, start: int, size: int | None) -> bytes:
        try:
            with (self._folder / f"ids.{name}").open("rb") as file:
                file.seek(start)
                data = file.read(-1 if size is None else max(size, 0))
        except OSError as error:
            raise HomeDamaged(f"the file ids.{name} cannot be read: {error.strerror}", hint=REBUILD) from error
        if size is not None and len(data) != size:
            raise HomeDamaged(f"the file ids.{name} was cut off or altered", hint=REBUILD)
        return data


def _new(folder: Path, name: str) -> BinaryIO:
    return (folder / f"ids.{name}").open("xb")


def _close(parts: BinaryIO, part: list[tuple[int, bytes]], first: int) -> tuple[int, bytes]:
    """Writes a finished part; returns it as a branch."""
    tag, root = part[0][0], branch_root(part)
    parts.write(tag.to_bytes(32) + first.to_bytes(8) + root)
    return tag, root
