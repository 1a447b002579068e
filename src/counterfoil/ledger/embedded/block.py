"""A block of the embedded ledger: its header in Prague's form, its hash, the next block's base fee.

One party makes all blocks, so most of what a header can say is fixed here: no uncles,
no randomness, no blobs, no withdrawals, tips to the zero address. The first block's
extra data names the chain, so that its id is as hard to change as any other past.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Self

from eth_hash.auto import keccak

from counterfoil.core.rlp import Item, decode, encode, parse_number
from counterfoil.core.trie_proof import EMPTY_TRIE
from counterfoil.errors import HomeDamaged, MalformedEvidence

__all__ = [
    "BLOCK_GAS_LIMIT",
    "FIRST_BASE_FEE_WEI",
    "MAKER",
    "NO_BLOOM",
    "Block",
    "Header",
    "next_base_fee_wei",
]

BLOCK_GAS_LIMIT: Final = 36_000_000
"""Most gas in one block, and so in one transaction."""

FIRST_BASE_FEE_WEI: Final = 10**9
"""What a unit of gas costs in the first block (EIP-1559)."""

MAKER: Final = bytes(20)
"""Who gets the tips: nobody."""

NO_BLOOM: Final = bytes(256)

_ELASTICITY: Final = 2
_BASE_FEE_STEP: Final = 8
_CHAIN_MARK: Final = b"counterfoil chain "
_NO_UNCLES: Final = bytes.fromhex("1dcc4de8dec75d7aab85b567b6ccd41ad312451b948a7413f0a142fd40d49347")
_NO_REQUESTS: Final = bytes.fromhex("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
_ZERO_HASH: Final = bytes(32)


@dataclass(frozen=True, slots=True)
class Header:
    """What differs from block to block.

    Attributes:
        parent_hash: 32 bytes; zeros in the first block.
        state_root, transactions_root, receipts_root: 32 bytes each.
        bloom: 256 bytes that tell which events cannot be in the block.
        number: Height; the first block is 0.
        gas_used: By all its transactions.
        time_s: Unix seconds; never before the parent's, and often the same.
        extra_data: Up to 32 bytes.
        base_fee_wei: What every transaction pays for a unit of gas at least.
    """

    parent_hash: bytes
    state_root: bytes
    transactions_root: bytes
    receipts_root: bytes
    bloom: bytes
    number: int
    gas_used: int
    time_s: int
    extra_data: bytes
    base_fee_wei: int

    def fields(self) -> list[bytes | int]:
        """Returns the 21 fields in Prague's order (Yellow Paper 4.4; EIP-1559, 4895, 4844, 4788, 7685)."""
        return [
            self.parent_hash,
            _NO_UNCLES,
            MAKER,
            self.state_root,
            self.transactions_root,
            self.receipts_root,
            self.bloom,
            0,  # difficulty
            self.number,
            BLOCK_GAS_LIMIT,
            self.gas_used,
            self.time_s,
            self.extra_data,
            _ZERO_HASH,  # randomness
            bytes(8),  # nonce
            self.base_fee_wei,
            EMPTY_TRIE,  # withdrawals
            0,  # blob gas used
            0,  # excess blob gas
            _ZERO_HASH,  # root of the beacon chain
            _NO_REQUESTS,
        ]


@dataclass(frozen=True, slots=True)
class Block:
    """A header with its bytes and hash.

    Attributes:
        header: Its fields.
        raw: RLP of the header.
        hash: 32 bytes.
    """

    header: Header
    raw: bytes
    hash: bytes

    @classmethod
    def of(cls, header: Header) -> Self:
        """Encodes and hashes a header."""
        raw = encode(header.fields())
        return cls(header, raw, keccak(raw))

    @classmethod
    def first(cls, chain_id: int, state_root: bytes, time_s: int) -> Self:
        """Returns the first block of a chain."""
        mark = _CHAIN_MARK + chain_id.to_bytes(8, "big")
        return cls.of(
            Header(
                parent_hash=_ZERO_HASH,
                state_root=state_root,
                transactions_root=EMPTY_TRIE,
                receipts_root=EMPTY_TRIE,
                bloom=NO_BLOOM,
                number=0,
                gas_used=0,
                time_s=time_s,
                extra_data=mark,
                base_fee_wei=FIRST_BASE_FEE_WEI,
            )
        )

    @classmethod
    def parse(cls, raw: bytes) -> Self:
        """Reads a header that this ledger wrote.

        Raises:
            HomeDamaged: When it is something else.
        """
        try:
            block = cls.of(_parse(decode(raw)))
        except MalformedEvidence as error:
            raise HomeDamaged(f"a block's header cannot be read: {error.message}") from error
        if block.raw != raw:
            raise HomeDamaged("a block's header has fields that this ledger does not write")
        return block

    @property
    def number(self) -> int:
        return self.header.number

    @property
    def chain_id(self) -> int:
        """The chain's id, as the first block tells it.

        Raises:
            HomeDamaged: When this is not a first block.
        """
        mark, _, number = self.header.extra_data.rpartition(_CHAIN_MARK)
        if mark or len(number) != 8 or self.number:
            raise HomeDamaged("the first block does not name its chain")
        return int.from_bytes(number, "big")


def next_base_fee_wei(parent: Header) -> int:
    """Returns what a unit of gas costs in the block after `parent` (EIP-1559)."""
    base, target = parent.base_fee_wei, BLOCK_GAS_LIMIT // _ELASTICITY
    if parent.gas_used > target:
        return base + max(base * (parent.gas_used - target) // target // _BASE_FEE_STEP, 1)
    return base - base * (target - parent.gas_used) // target // _BASE_FEE_STEP


def _parse(fields: Item) -> Header:
    if not isinstance(fields, list) or len(fields) != 21:
        raise MalformedEvidence("it has not 21 fields")
    return Header(
        parent_hash=_bytes(fields[0]),
        state_root=_bytes(fields[3]),
        transactions_root=_bytes(fields[4]),
        receipts_root=_bytes(fields[5]),
        bloom=_bytes(fields[6]),
        number=parse_number(fields[8], 8),
        gas_used=parse_number(fields[10], 8),
        time_s=parse_number(fields[11], 8),
        extra_data=_bytes(fields[12]),
        base_fee_wei=parse_number(fields[15]),
    )


def _bytes(field: Item) -> bytes:
    if not isinstance(field, bytes):
        raise MalformedEvidence("a field is a list")
    return field
