"""What a block's header says about its transactions: the roots of transactions and receipts, and the bloom."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from eth_hash.auto import keccak

from counterfoil.core.rlp import encode
from counterfoil.errors import HomeDamaged
from counterfoil.ledger.embedded.block import NO_BLOOM
from counterfoil.ledger.embedded.mined import FullBlock, Log, Mined
from counterfoil.ledger.embedded.ordered_trie import ordered_root
from counterfoil.ledger.embedded.tables import RESTORE

__all__ = ["Contents", "bloom_of", "contents_of", "encode_receipt", "require_contents"]

_BLOOM_BITS: Final = 2_048


@dataclass(frozen=True, slots=True)
class Contents:
    """What the header says: two roots of 32 bytes, the bloom of 256, and the gas of all."""

    transactions_root: bytes
    receipts_root: bytes
    bloom: bytes
    gas_used: int


def contents_of(mined: Sequence[Mined]) -> Contents:
    """Returns what the header says of transactions."""
    gas_used, bloom, receipts = 0, 0, []
    for each in mined:
        gas_used += each.gas_used
        own = bloom_of(each.logs)
        bloom |= own
        receipts.append(encode_receipt(each, gas_used, own))
    return Contents(
        ordered_root([each.transaction.raw for each in mined]),
        ordered_root(receipts),
        bloom.to_bytes(256, "big") if bloom else NO_BLOOM,
        gas_used,
    )


def require_contents(full: FullBlock) -> None:
    """Raises HomeDamaged unless a block's transactions, receipts and events are those that its header names."""
    header, found = full.block.header, contents_of(full.mined)
    says = (header.transactions_root, header.receipts_root, header.bloom, header.gas_used)
    if says != (found.transactions_root, found.receipts_root, found.bloom, found.gas_used):
        raise HomeDamaged(f"the transactions of block {header.number:,} were altered", hint=RESTORE)


def encode_receipt(mined: Mined, gas_so_far: int, bloom: int) -> bytes:
    """Returns a receipt as its tree holds it (EIP-2718): the type's byte, unless legacy, and the RLP.

    Args:
        mined: The transaction.
        gas_so_far: Used in the block by it and those before.
        bloom: Of its own events.
    """
    fields = encode([int(mined.is_success), gas_so_far, bloom.to_bytes(256, "big"), mined.logs])
    type_id = mined.transaction.type_id
    return (bytes([type_id]) if type_id else b"") + fields


def bloom_of(logs: Iterable[Log]) -> int:
    """Returns 2048 bits, three set for each contract and topic (Yellow Paper 4.3.1)."""
    bloom = 0
    for address, topics, _ in logs:
        for item in (address, *topics):
            bloom |= _bits(item)
    return bloom


@lru_cache(4_096)
def _bits(item: bytes) -> int:
    digest = keccak(item)
    bits = 0
    for at in (0, 2, 4):
        bits |= 1 << int.from_bytes(digest[at : at + 2], "big") % _BLOOM_BITS
    return bits
