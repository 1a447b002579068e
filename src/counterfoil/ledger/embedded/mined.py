"""Transactions in blocks, with what became of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from counterfoil.ledger.embedded.block import Block
from counterfoil.ledger.embedded.signed import SignedTransaction

__all__ = ["FullBlock", "Log", "Mined"]

Log = tuple[bytes, tuple[bytes, ...], bytes]
"""An event: the contract's 20 bytes, up to four topics of 32 bytes, its data."""


@dataclass(frozen=True, slots=True)
class Mined:
    """A transaction in a block.

    Attributes:
        transaction: What was sent, and by whom.
        is_success: False when it failed; its fee was paid all the same.
        gas_used: Of this transaction alone.
        logs: Its events, in order.
    """

    transaction: SignedTransaction
    is_success: bool
    gas_used: int
    logs: tuple[Log, ...]


@dataclass(frozen=True, slots=True)
class FullBlock:
    """A block with all that is in it."""

    block: Block
    mined: Sequence[Mined]
