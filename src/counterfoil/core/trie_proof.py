"""Proofs in a ledger's hash trees (Merkle-Patricia tries, Yellow Paper, appendix D).

A proof is the nodes from the root down to a key. Each node is named by the hash in the
one above it, so that it shows what stands at the key under a known root: a value, or
that there is none.

    branch      17 items: a child for each of 16 next half-bytes, and a value
    extension    2 items: half-bytes that all keys below share, and one child
    leaf         2 items: the rest of the key, and the value

A child is the hash of a node, or the node itself where it has fewer than 32 bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from counterfoil.core.keccak import keccak256
from counterfoil.core.rlp import Item, decode
from counterfoil.errors import MalformedEvidence

__all__ = ["EMPTY_TRIE", "proven_value"]

EMPTY_TRIE: Final = bytes.fromhex("56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421")
"""Root of a tree without keys: keccak256 of the RLP of nothing."""

_BRANCH_ITEMS: Final = 17
_HASH_BYTES: Final = 32


def proven_value(root: bytes, key: bytes, nodes: Sequence[bytes]) -> bytes | None:
    """Returns what stands at `key` under `root`, None where the nodes prove that nothing does.

    Args:
        root: 32-byte hash of the tree's first node.
        key: The key as the tree has it: hashed, where the tree hashes its keys.
        nodes: RLP of the nodes from the root down, each used and no others.

    Raises:
        MalformedEvidence: When they prove neither.
    """
    if root == EMPTY_TRIE and not nodes:
        return None
    rest = tuple(half for byte in key for half in (byte >> 4, byte & 15))
    wanted: Item = root
    for place, raw in enumerate(nodes, 1):
        if keccak256(raw) != wanted:
            raise MalformedEvidence("a node is not the one named above it")
        child: Item = decode(raw)
        while isinstance(child, list):  # a small node stands inside the one above it
            child, rest, is_end = _step(child, rest)
            if is_end:
                return _ended(child, is_last=place == len(nodes))
        if len(child) != _HASH_BYTES:
            break
        wanted = child
    raise MalformedEvidence("it breaks off before it shows anything")


def _ended(value: Item, *, is_last: bool) -> bytes | None:
    if not is_last:
        raise MalformedEvidence("it goes on after it has shown everything")
    if not isinstance(value, bytes):
        raise MalformedEvidence("there is no value where one belongs")
    return value or None


def _step(node: list[Item], rest: tuple[int, ...]) -> tuple[Item, tuple[int, ...], bool]:
    """Goes down one node.

    Returns:
        The child (or what was found), what is left of the key, and whether this is the end;
        nothing found is empty bytes.
    """
    if len(node) == _BRANCH_ITEMS:
        if not rest:
            return node[16], rest, True
        child = node[rest[0]]
        return child, rest[1:], child == b""
    if len(node) != 2:
        raise MalformedEvidence(f"a node has {len(node)} items, not 17 or 2")
    shared, is_leaf = _unpacked(node[0])
    if rest[: len(shared)] != shared:
        return b"", rest, True
    rest = rest[len(shared) :]
    if is_leaf:
        return (b"" if rest else node[1]), rest, True
    return node[1], rest, False


def _unpacked(packed: Item) -> tuple[tuple[int, ...], bool]:
    """Returns the half-bytes of an extension or leaf, and whether it is a leaf (hex-prefix encoding)."""
    if not isinstance(packed, bytes) or not packed:
        raise MalformedEvidence("a node names no part of a key")
    halves = tuple(half for byte in packed for half in (byte >> 4, byte & 15))
    is_leaf, is_odd = halves[0] & 2 != 0, halves[0] & 1 != 0
    if halves[0] > 3 or (not is_odd and halves[1]):
        raise MalformedEvidence("a node writes its part of a key in another way")
    shared = halves[1:] if is_odd else halves[2:]
    if not shared and not is_leaf:
        raise MalformedEvidence("a node leads nowhere")
    return shared, is_leaf
