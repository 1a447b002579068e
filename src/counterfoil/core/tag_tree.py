"""A hash tree in which every tag has one place, so that one root has one answer for each tag.

A tag is 32 bytes, read as a number of 256 bits. A node names the first bit in which the tags below it differ, and has
those with a 0 there on its left. Whoever looks for a tag goes from the root to the side that the tag's own bit names,
and comes to exactly one leaf: of this tag, or of another, and then no leaf of this tag can be shown under that root,
ever. (A crit-bit tree, hashed; a tree of sorted leaves would leave it to whoever built it whether they are sorted.)

    leaf   SHA-256(0x02 || tag (32) || count (8, big-endian) || root of the count rows (32))
    node   SHA-256(0x03 || bit (1) || left (32) || right (32))
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final, TypeAlias

from counterfoil.core.merkle import HASH_SIZE_BYTES

__all__ = ["TAG_BITS", "Place", "Step", "branch_root", "branch_walk", "has_own_place", "root_from_walk", "tag_number"]

TAG_BITS: Final = 8 * HASH_SIZE_BYTES

Step: TypeAlias = tuple[int, bytes]
"""(bit, hash of the side that was not taken)."""

Branch: TypeAlias = tuple[int, bytes]
"""(a tag below it as a number, hash of what is below it)."""


@dataclass(frozen=True, slots=True)
class Place:
    """A leaf.

    Attributes:
        tag: 32 bytes.
        count: How many rows have it.
        root: 32 bytes, over the leaves of these rows.
    """

    tag: bytes
    count: int
    root: bytes

    @property
    def digest(self) -> bytes:
        """Its 32 bytes in the tree."""
        return sha256(b"\x02" + self.tag + self.count.to_bytes(8) + self.root).digest()


def tag_number(tag: bytes) -> int:
    """Returns a tag as the number whose highest bit is bit 0 of the tree."""
    return int.from_bytes(tag)


def branch_root(branches: Iterable[Branch]) -> bytes:
    """Returns the hash over branches, holding a few hundred at most.

    Args:
        branches: Leaves, or whole parts of the tree that hold all tags of some first bits; ascending by tag.

    Raises:
        ValueError: There is none, or two have one tag, or they do not ascend.
    """
    lefts: list[Step] = []  # (bit at which it meets what is right of it, hash)
    before = -1
    digest = b""
    for tag, found in branches:
        if tag <= before:
            raise ValueError("the tags of a tree ascend")
        if before >= 0:
            bit = TAG_BITS - (before ^ tag).bit_length()
            while lefts and lefts[-1][0] > bit:
                digest = _node(*lefts.pop(), digest)
            lefts.append((bit, digest))
        before, digest = tag, found
    if before < 0:
        raise ValueError("a tree has a leaf at least")
    while lefts:
        digest = _node(*lefts.pop(), digest)
    return digest


def branch_walk(branches: Sequence[Branch], tag: int) -> tuple[int, list[Step]]:
    """Returns where looking for a tag ends among branches, and the way from there to the root.

    Args:
        branches: As `branch_root` takes them.
        tag: Whose place is looked for, be it among them or not.
    """
    steps: list[Step] = []
    start, end = 0, len(branches)
    while end - start > 1:
        bit = TAG_BITS - (branches[start][0] ^ branches[end - 1][0]).bit_length()
        low = TAG_BITS - 1 - bit
        middle = bisect_left(branches, branches[end - 1][0] >> low << low, start, end, key=_tag)
        if tag >> low & 1:
            steps.append((bit, branch_root(branches[start:middle])))
            start = middle
        else:
            steps.append((bit, branch_root(branches[middle:end])))
            end = middle
    steps.reverse()
    return start, steps


def root_from_walk(digest: bytes, tag: int, steps: Sequence[Step]) -> bytes | None:
    """Returns the root that a walk for `tag` leads to from a leaf; None where its bits do not go up.

    Args:
        digest: Of the leaf.
        tag: Who was looked for: its bits say which side every step is on.
        steps: From the leaf to the root.
    """
    last = TAG_BITS
    for bit, other in steps:
        if bit >= last:
            return None
        last = bit
        digest = _node(bit, other, digest) if _bit(tag, bit) else _node(bit, digest, other)
    return digest


def has_own_place(found: int, tag: int, steps: Sequence[Step]) -> bool:
    """Whether the tag that was found is one that this walk leads to, as in every tree that was built by the rule."""
    return all(_bit(found, bit) == _bit(tag, bit) for bit, _ in steps)


def _bit(tag: int, bit: int) -> int:
    return tag >> (TAG_BITS - 1 - bit) & 1


def _tag(branch: Branch) -> int:
    return branch[0]


def _node(bit: int, left: bytes, right: bytes) -> bytes:
    return sha256(b"\x03%c%b%b" % (bit, left, right)).digest()
