"""The root of a list as Ethereum hashes one: a tree whose keys are the places (Yellow Paper 4.4.3)."""

from __future__ import annotations

from collections.abc import Sequence

from eth_hash.auto import keccak

from counterfoil.core.rlp import encode, encode_number
from counterfoil.core.trie_proof import EMPTY_TRIE

__all__ = ["ordered_root"]

_Pairs = list[tuple[str, bytes]]


def ordered_root(values: Sequence[bytes]) -> bytes:
    """Returns the 32-byte root of the tree that has each value at the RLP of its place."""
    if not values:
        return EMPTY_TRIE
    pairs = sorted((encode(encode_number(place)).hex(), value) for place, value in enumerate(values))
    return keccak(_node(pairs, 0))


def _node(pairs: _Pairs, depth: int) -> bytes:
    """Returns the RLP of the node above `pairs`, whose keys (in half-bytes) are the same up to `depth`."""
    first, value = pairs[0]
    if len(pairs) == 1:
        return encode([_compact(first[depth:], is_leaf=True), value])
    last, shared = pairs[-1][0], depth
    while first[shared] == last[shared]:  # sorted, so what these two share all share; no key begins another
        shared += 1
    branch = b"".join(_child([pair for pair in pairs if pair[0][shared] == half], shared + 1) for half in _HALVES)
    node = _list(branch + b"\x80")
    if shared == depth:
        return node
    return _list(encode(_compact(first[depth:shared], is_leaf=False)) + _reference(node))


_HALVES = "0123456789abcdef"


def _child(pairs: _Pairs, depth: int) -> bytes:
    return _reference(_node(pairs, depth)) if pairs else b"\x80"


def _reference(node: bytes) -> bytes:
    """Returns how the node above names this one: by its hash, or as itself where it is shorter."""
    return node if len(node) < 32 else b"\xa0" + keccak(node)


def _list(content: bytes) -> bytes:
    if len(content) <= 55:
        return bytes([0xC0 + len(content)]) + content
    size = encode_number(len(content))
    return bytes([0xF7 + len(size)]) + size + content


def _compact(halves: str, *, is_leaf: bool) -> bytes:
    """Returns half-bytes packed into bytes, with a flag for a leaf and for an odd count (appendix C)."""
    flag = (2 if is_leaf else 0) + len(halves) % 2
    return bytes.fromhex(f"{flag}{'' if len(halves) % 2 else '0'}{halves}")
