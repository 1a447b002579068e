"""The hash tree of RFC 6962 and RFC 9162, over SHA-256.

A leaf is hashed with a 0x00 in front, a node with a 0x01, so that neither can be
passed off as the other. A tree of any size splits at the largest power of two
below its size. Every hash here is 32 bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256

__all__ = [
    "EMPTY_ROOT",
    "HASH_SIZE_BYTES",
    "Frontier",
    "consistency_path",
    "inclusion_path",
    "is_consistent",
    "is_included",
    "leaf_hash",
    "node_hash",
    "root_from_inclusion",
    "root_of",
    "subtrees",
]

HASH_SIZE_BYTES = 32
EMPTY_ROOT = sha256(b"").digest()
"""Root of a tree without leaves (RFC 6962 2.1)."""

SubtreeHash = Callable[[int, int], bytes]
"""(start, end) -> hash of the tree over leaves start..end-1."""


def leaf_hash(data: bytes) -> bytes:
    """Returns SHA-256(0x00 || data) (RFC 6962 2.1)."""
    return sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Returns SHA-256(0x01 || left || right) (RFC 6962 2.1)."""
    return sha256(b"\x01" + left + right).digest()


def root_of(leaves: Sequence[bytes]) -> bytes:
    """Returns the root over leaf hashes, ((n,) of 32 bytes) -> 32 bytes."""
    if not leaves:
        return EMPTY_ROOT
    level = list(leaves)
    # An odd last node moves up unhashed, which yields the same tree as splitting at
    # the largest power of two.
    while (count := len(level)) > 1:
        pairs = iter(level)
        above = [sha256(b"\x01" + left + right).digest() for left, right in zip(pairs, pairs, strict=False)]
        if count & 1:
            above.append(level[-1])
        level = above
    return level[0]


class Frontier:
    """The right edge of a growing tree: enough to extend it and to know its root.

    Holds one hash per set bit of the size, largest subtree first. `push` takes
    complete, aligned subtrees, so a tree can be rebuilt from a mixture of single
    leaves and hashes of large parts.
    """

    __slots__ = ("_hashes", "size")

    def __init__(self, size: int = 0, hashes: Iterable[bytes] = ()) -> None:
        self.size = size
        self._hashes = list(hashes)
        if len(self._hashes) != size.bit_count():
            raise ValueError(f"a tree of {size} leaves has {size.bit_count()} edge hashes")

    def push(self, digest: bytes, leaves: int = 1) -> None:
        """Appends the hash of a complete subtree of `leaves` (a power of two) leaves.

        Raises:
            ValueError: When the size is not a multiple of `leaves`.
        """
        if self.size % leaves or leaves.bit_count() != 1:
            raise ValueError(f"a subtree of {leaves} leaves does not start at {self.size}")
        merged = self.size // leaves
        while merged & 1:
            digest = sha256(b"\x01" + self._hashes.pop() + digest).digest()
            merged >>= 1
        self._hashes.append(digest)
        self.size += leaves

    def root(self) -> bytes:
        """Returns the root over everything pushed so far."""
        if not self._hashes:
            return EMPTY_ROOT
        digest = self._hashes[-1]
        for left in reversed(self._hashes[:-1]):
            digest = sha256(b"\x01" + left + digest).digest()
        return digest

    def hashes(self) -> tuple[bytes, ...]:
        """Returns the edge hashes, largest subtree first."""
        return tuple(self._hashes)

    def copy(self) -> Frontier:
        """Returns an independent copy."""
        return Frontier(self.size, self._hashes)


def subtrees(start: int, end: int) -> Iterable[tuple[int, int]]:
    """Yields the largest complete aligned subtrees that tile leaves start..end-1.

    Each is (first leaf, number of leaves); sizes are powers of two.
    """
    while start < end:
        leaves = start & -start or 1 << (end.bit_length() - 1)
        while start + leaves > end:
            leaves >>= 1
        yield start, leaves
        start += leaves


def inclusion_path(index: int, size: int, subtree: SubtreeHash) -> list[bytes]:
    """Returns the audit path of leaf `index` in a tree of `size` (RFC 9162 2.1.3.1).

    Raises:
        ValueError: When the index is not below the size.
    """
    if not 0 <= index < size:
        raise ValueError(f"leaf {index} is not in a tree of {size}")
    path: list[bytes] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            path.append(subtree(middle, end))
            end = middle
        else:
            path.append(subtree(start, middle))
            start = middle
    path.reverse()
    return path


def root_from_inclusion(leaf: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes | None:
    """Returns the root that a path leads to, None if the path has the wrong shape.

    Follows RFC 9162 2.1.3.2 step by step.
    """
    if not 0 <= index < size:
        return None
    fn, sn, digest = index, size - 1, leaf  # steps 2 and 3
    for step in path:  # step 4
        if sn == 0:
            return None
        if fn & 1 or fn == sn:
            digest = sha256(b"\x01" + step + digest).digest()
            while not fn & 1 and fn:
                fn >>= 1
                sn >>= 1
        else:
            digest = sha256(b"\x01" + digest + step).digest()
        fn >>= 1
        sn >>= 1
    return digest if sn == 0 else None  # step 5


def is_included(leaf: bytes, index: int, size: int, path: Sequence[bytes], root: bytes) -> bool:
    """Whether `path` proves `leaf` at `index` under `root` of a tree of `size`."""
    return root_from_inclusion(leaf, index, size, path) == root


def consistency_path(old_size: int, new_size: int, subtree: SubtreeHash) -> list[bytes]:
    """Returns the proof that the old tree is a prefix of the new (RFC 9162 2.1.4.1).

    Raises:
        ValueError: When the sizes are not 0 < old <= new.
    """
    if not 0 < old_size <= new_size:
        raise ValueError(f"no proof leads from size {old_size} to {new_size}")
    path: list[bytes] = []
    start, end, complete = 0, new_size, True
    while old_size != end:
        middle = start + _split(end - start)
        if old_size <= middle:
            path.append(subtree(middle, end))
            end = middle
        else:
            path.append(subtree(start, middle))
            start, complete = middle, False
    if not complete:
        path.append(subtree(start, end))
    path.reverse()
    return path


def is_consistent(old_size: int, old_root: bytes, new_size: int, new_root: bytes, path: Sequence[bytes]) -> bool:
    """Whether `path` proves that the new tree extends the old (RFC 9162 2.1.4.2)."""
    if not 0 <= old_size <= new_size:
        return False
    if old_size == new_size:
        return not path and old_root == new_root
    if old_size == 0:
        return not path and old_root == EMPTY_ROOT
    steps = list(path)
    if old_size.bit_count() == 1:  # step 2: the old root starts the path by itself
        steps.insert(0, old_root)
    if not steps:
        return False
    fn, sn = old_size - 1, new_size - 1  # step 3
    while fn & 1:  # step 4
        fn >>= 1
        sn >>= 1
    first = second = steps[0]  # step 5
    for step in steps[1:]:  # step 6
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            first = sha256(b"\x01" + step + first).digest()
            second = sha256(b"\x01" + step + second).digest()
            while not fn & 1 and fn:
                fn >>= 1
                sn >>= 1
        else:
            second = sha256(b"\x01" + second + step).digest()
        fn >>= 1
        sn >>= 1
    return sn == 0 and first == old_root and second == new_root  # step 7


def _split(size: int) -> int:
    """Returns the largest power of two below `size` (> 1)."""
    return 1 << ((size - 1).bit_length() - 1)
