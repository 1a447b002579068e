"""Reading the trees of accounts and storage: proofs of single keys, and all that is in them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from counterfoil.core.rlp import Item, decode
from counterfoil.core.trie_proof import EMPTY_TRIE
from counterfoil.errors import HomeDamaged
from counterfoil.ledger.embedded.tables import RESTORE

__all__ = ["leaves", "prove"]

Stored = Callable[[bytes], bytes | None]
"""Returns a node by its hash."""

_BRANCH_ITEMS: Final = 17


def prove(stored: Stored, root: bytes, key: bytes) -> tuple[bytes | None, list[bytes]]:
    """Returns what stands at a key, None for nothing, and the nodes from the root down that prove it (EIP-1186).

    Args:
        stored: Where nodes come from.
        root: 32 bytes that name the tree.
        key: 32 bytes: the hash of an address or of a slot's number.

    Raises:
        HomeDamaged: A node is missing.
    """
    if root == EMPTY_TRIE:
        return None, []
    rest = _halves(key)
    child: Item = root
    proof: list[bytes] = []
    while child:
        if isinstance(child, bytes):
            proof.append(_node(stored, child))
            child = decode(proof[-1])
        elif len(child) == _BRANCH_ITEMS:
            child, rest = child[rest[0]], rest[1:]
        else:
            path, is_leaf = _path(child[0])
            if is_leaf or rest[: len(path)] != path:
                return (_value(child[1]) if is_leaf and path == rest else None), proof
            child, rest = child[1], rest[len(path) :]
    return None, proof


def leaves(stored: Stored, root: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yields every key, 32 bytes, and what stands there.

    Raises:
        HomeDamaged: A node is missing.
    """
    waiting: list[tuple[tuple[int, ...], Item]] = [] if root == EMPTY_TRIE else [((), root)]
    while waiting:
        above, child = waiting.pop()
        node = decode(_node(stored, child)) if isinstance(child, bytes) else child
        assert isinstance(node, list)
        if len(node) == _BRANCH_ITEMS:
            waiting += [((*above, half), each) for half, each in enumerate(node[:16]) if each]
            continue
        path, is_leaf = _path(node[0])
        if is_leaf:
            yield _bytes_of(above + path), _value(node[1])
        else:
            waiting.append((above + path, node[1]))


def _node(stored: Stored, key: bytes) -> bytes:
    found = stored(key)
    if found is None:
        raise HomeDamaged("a part of the ledger's state is missing", hint=RESTORE)
    return found


def _path(item: Item) -> tuple[tuple[int, ...], bool]:
    """Returns the half-bytes that a node packs, and whether it is a leaf (Yellow Paper, appendix C)."""
    halves = _halves(_value(item))
    return halves[1 if halves[0] & 1 else 2 :], bool(halves[0] & 2)


def _value(item: Item) -> bytes:
    assert isinstance(item, bytes)  # py-evm wrote it, and its hash was right
    return item


def _halves(data: bytes) -> tuple[int, ...]:
    return tuple(half for byte in data for half in (byte >> 4, byte & 15))


def _bytes_of(halves: tuple[int, ...]) -> bytes:
    return bytes(high << 4 | low for high, low in zip(halves[::2], halves[1::2], strict=True))
